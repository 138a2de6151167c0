"""The commands: what they print where, and how they end."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from optbench import __version__

ROOT = Path(__file__).parents[2]


def test_version(run):
    assert run("--version") == (0, f"optbench {__version__}", "")


def test_help_imports_nothing_heavy():
    """Every package behind the commands is imported when it is used: help and --version answer at once."""
    script = (
        "import sys\nfrom optbench.cli import app\n"
        "names = 'sweep', 'report', 'compare', 'lecture', 'check', 'ewa', 'list', 'show', 'info'\n"
        "for words in (['--version'], ['--help'], *([name, '--help'] for name in names)):\n"
        "    sys.argv = ['optbench', *words]\n"
        "    try:\n        app.main()\n    except SystemExit as end:\n        assert not end.code\n"
        "heavy = {'numba', 'matplotlib', 'seaborn', 'sklearn', 'pandas', 'scipy', 'numpy', 'pyarrow', 'jinja2'}\n"
        "print('LOADED', sorted(heavy & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"


@pytest.mark.parametrize("arguments", [["sweep", "a", "b"], ["sweep", "--seeds"],
                                       ["sweep", "--steps", "x"], ["check"]])  # fmt: skip
def test_an_unknown_option_or_command_is_a_usage_error(run, arguments):
    code, out, err = run(*arguments)
    assert code == 2 and not out and "Error: " in err


def test_info(run, no_gpu):
    code, out, err = run("info")
    assert code == 0 and not err
    for words in (f"optbench {__version__}", f"numpy {version('numpy')}", f"numba {version('numba')}",
                  "kernels /", f"CUDA cannot be used: {no_gpu}", "package numba 1.0", "driver none",
                  "ptxas /bin/ptxas"):  # fmt: skip
        assert words in out
    code, out, err = run("info", "--json")
    facts = json.loads(out)
    assert code == 0 and not err and facts["optbench"] == __version__ and facts["cores"] >= 1
    assert Path(facts["kernels"]) == Path(os.environ["NUMBA_CACHE_DIR"])
    assert facts["cuda"] == {"usable": False, "package": "numba 1.0", "driver": None, "toolkit": None,
                             "ptxas": "/bin/ptxas", "cards": [], "missing": no_gpu}  # fmt: skip


def test_info_names_the_cards(run, monkeypatch):
    from optbench.compiler import cuda

    card = {"name": "a card", "compute_capability": "9.0", "memory": 80 << 30, "multiprocessors": 132}
    monkeypatch.setattr(cuda, "find_parts", lambda: cuda.Found("numba 1.0", "13.0", "/libnvvm.so", None, (card,)))
    code, out, err = run("info")
    assert code == 0 and not err and "CUDA can be used" in out and "driver 13.0" in out
    assert out.endswith("card a card, compute capability 9.0, 80.0 GiB, 132 multiprocessors")
    assert json.loads(run("info", "--json")[1])["cuda"]["cards"] == [card]
