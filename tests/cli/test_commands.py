"""The commands: what they print where, and how they end."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from command_cases import SMALL, line

from optbench import __version__

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "command", [[], ["sweep"], ["report"], ["check"], ["info"]], ids=["optbench", "sweep", "report", "check", "info"]
)
def test_help(run, command):
    code, out, err = run(*command, "--help")
    assert code == 0 and not err and "Usage: " in out
    words = {
        "sweep": (
            "--lr",
            "--tuning-seeds",
            "--dry-run",
            "--plugin",
            "built-in default",
            "--workers",
            "--out",
            "--device",
        ),
        "report": ("--static", "finished sweep"),
        "check": ("--plugin", "contract"),
        "info": ("--json", "GPU"),
    }.get(*command or ["none"], ("sweep", "report", "check", "--version", "how sure are we?"))
    assert all(word in out for word in words)


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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sweep", "none.toml"], "cannot read the spec 'none.toml': No such file or directory"),
        (["sweep", "."], "cannot read the spec '.': Is a directory"),
        ([*SMALL, "--problems", "rosenbrok"], "unknown problem 'rosenbrok': did you mean 'rosenbrock'?"),
        ([*SMALL, "--optimizers", "adm"], "unknown optimizer 'adm': did you mean 'adam'?"),
        ([*SMALL, "--schedules", "warm"], "unknown schedule 'warm': did you mean 'warmup'?"),
        ([*SMALL, "--lr", "0"], "learning_rates: 0.0 must be a positive finite number"),
        ([*SMALL, "--batch-sizes", "ful"], "batch_sizes: 'ful' must be a positive whole number or 'full'"),
        ([*SMALL, "--seeds", "0"], "seeds: 0 must be between 1 and"),
        ([*SMALL, "--epochs", "1"], "give one budget: epochs or steps"),
        ([*SMALL, "--steps", "0"], "a budget of 0 must be positive"),
        ([*SMALL, "--steps", str(10**30)], "must be positive, and finite"),
        ([*SMALL, "--dtype", "float16"], "dtypes: unknown dtype 'float16': did you mean 'float64'?"),
        ([*SMALL, "--device", "gpu"], "device: unknown device 'gpu': did you mean 'cuda'?"),
        ([*SMALL, "--workers", "0"], "workers=0 must be at least 1"),
        ([*SMALL, "--workers", "0", "--dry-run"], "workers=0 must be at least 1"),
        ([*SMALL, "--plugin", "none.py"], "no plug-in file"),
        ([*SMALL, "--problems", "quadratic(condition=1e400)"], "condition"),
        ([*SMALL, "--out", ""], "--out"),
        ([*SMALL, "--budget", "1h"], "no option --budget: since 0.14 it is --time-limit"),
        ([*SMALL, "--deadline=1m"], "no option --deadline: since 0.14 it is --run-timeout"),
        ([*SMALL, "--stall", "1m"], "no option --stall: since 0.14 it is --worker-timeout"),
        (["check", "mine.py", "--stall", "1m"], "no option --stall: since 0.14 it is --check-timeout"),
        (["report", "--asv"], "no option --asv: since 0.14 it is the script benchmarks/history.py of the repository"),
        (["report", "none"], "none"),
        (["check", "none.py"], "no plug-in file 'none.py'"),
        (["check", "."], "no plug-in file '.'"),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line_on_standard_error(run, arguments, words):
    code, out, err = run(*arguments)
    assert code == 2 and not out and words in line(err)
    assert not Path("runs.parquet").exists()


@pytest.mark.parametrize("arguments", [["sweep", "--lrr", "1"], ["swep"], ["sweep", "a", "b"], ["sweep", "--seeds"],
                                       ["sweep", "--steps", "x"], ["report", "--nope"], ["check"]])  # fmt: skip
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
    monkeypatch.setattr(cuda, "found", lambda: cuda.Found("numba 1.0", "13.0", "/libnvvm.so", None, (card,)))
    code, out, err = run("info")
    assert code == 0 and "CUDA can be used" in out and "driver 13.0" in out and "toolkit /libnvvm.so" in out
    assert out.endswith("card a card, compute capability 9.0, 80.0 GiB, 132 multiprocessors")
    assert json.loads(run("info", "--json")[1])["cuda"]["cards"] == [card]
