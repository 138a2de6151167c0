"""Figures in Jupyter: each is shown, and the user's own plots look as they do without optbench."""

import base64

import matplotlib
import nbformat
from IPython.core.pylabtools import print_figure
from matplotlib import pyplot
from nbclient import NotebookClient

CELLS = (
    "%config InlineBackend.rc = {'lines.linewidth': 5}",  # applied when the backend is loaded
    "import optbench\nweights = optbench.figures.ewa_weights()",
    "weights = optbench.figures.ewa_weights()",
    "import matplotlib.pyplot as plt\nlines = plt.plot([1, 2])",
)


def test_every_figure_is_shown_and_the_users_own_are_unchanged(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))  # not the user's start-up files
    monkeypatch.delenv("MPLBACKEND", raising=False)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    shown = [[output["data"]["image/png"] for output in cell.outputs] for cell in notebook.cells]
    assert [len(pictures) for pictures in shown] == [0, 1, 1, 1]
    assert shown[1] == shown[2]

    with matplotlib.rc_context({**matplotlib.rcParamsDefault, "backend": "agg", "lines.linewidth": 5}):
        figure, ax = pyplot.subplots()
        ax.plot([1, 2])
        assert base64.b64decode(shown[3][0]) == print_figure(figure, "png")
    pyplot.close(figure)
