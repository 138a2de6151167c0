"""Figures in Jupyter: each is shown once, and the user's own plots and settings are as without optbench."""

import base64

import matplotlib
import pytest
from IPython.core.pylabtools import print_figure
from matplotlib import pyplot
from notebooks import pictures, run_cells

pytestmark = pytest.mark.slow

DRAW = "weights = optbench.figures.ewa_weights()"
MINE = "lines = plt.plot([1, 2])"
READ = "now = dict(plt.rcParams)"
CHECK = "assert dict(plt.rcParams) == now and not plt.get_fignums()"


def test_every_figure_is_shown_and_the_users_own_are_unchanged(tmp_path):
    cells = {
        "%config InlineBackend.rc = {'lines.linewidth': 5}": 0,  # applied when the backend is loaded
        f"import optbench\n{DRAW}": 1,
        DRAW: 1,
        f"import matplotlib.pyplot as plt\n{MINE}": 1,
        f"{READ}; switch = plt.ioff()": 0,
        f"{DRAW}  # although it is off": 1,
        f"{DRAW}; plt.show()": 1,
        f"{DRAW}; plt.close()": 0,
        f"{MINE}; plt.close()  # is off": 0,
        f"switch = plt.ion(); {CHECK}": 0,
        f"{DRAW}  # and none of those before": 1,
        f"{MINE}; {DRAW}  # each in its own": 2,
    }
    shown = [pictures(outputs) for outputs in run_cells(tmp_path, cells)]
    assert [len(found) for found in shown] == list(cells.values())
    first, mine, off, both = shown[1], shown[3], shown[5], shown[-1]
    assert first == shown[2] == off == shown[6] == shown[-2] == both[1:] and both[0] == mine[0]

    with matplotlib.rc_context({**matplotlib.rcParamsDefault, "backend": "agg", "lines.linewidth": 5}):
        figure, ax = pyplot.subplots()
        ax.plot([1, 2])
        assert base64.b64decode(mine[0]) == print_figure(figure, "png")
    pyplot.close(figure)


def test_figures_are_shown_by_backends_without_windows_and_by_widgets(tmp_path):
    cells = {
        "%matplotlib agg\nimport optbench, matplotlib.pyplot as plt": 0,
        READ: 0,
        DRAW: 1,
        f"{DRAW}  # again": 1,
        f"{CHECK}; {MINE}; plt.close()": 0,
        f"with optbench.figures.styled('paper'):\n    {DRAW}\n    switch = plt.ioff()": 1,
        "assert not plt.isinteractive(); switch = plt.ion()\nassert dict(plt.rcParams) == now": 0,
        "%matplotlib notebook": 0,
        f"{DRAW}  # by a widget": 1,
        f"{DRAW}  # by one more": 1,
        "assert len(plt.get_fignums()) == 2": 0,
    }
    found = run_cells(tmp_path, cells)
    widgets = [sum("application/javascript" in output.get("data", {}) for output in outputs) for outputs in found]
    assert [len(pictures(outputs)) for outputs in found[:7]] == list(cells.values())[:7]
    assert widgets == [0] * 7 + list(cells.values())[7:] and not any(map(pictures, found[7:]))
