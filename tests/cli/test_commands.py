"""The commands: what they print where, and how they end."""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest

from optbench import __version__
from optbench.cli import app

ROOT = Path(__file__).parents[2]
SMALL = ["sweep", "--problems", "rosenbrock", "--optimizers", "gd,momentum", "--batch-sizes", "100,full", "--schedules",
         "constant", "--lr", "1e-3,10", "--seeds", "3", "--steps", "5", "--no-report"]  # fmt: skip

OPTIMIZER = """
from optbench import optimizer


@optimizer(source="a test", drag=0.5)
def mine(w, g, lr, drag):
    return w - lr * drag * g
"""
PROBLEM = """
import numpy as np
from optbench import Problem, problem


def value_and_gradient(w, g):
    g[0] = w[0]
    return SIGN * 0.5 * w[0] * w[0]


@problem(source="a test")
def bowl():
    return Problem(form="single", dim=1, value_and_gradient=value_and_gradient, start=lambda rng: np.ones(1),
                   minimum=0.0, minimum_source="closed form", minimizer=np.zeros(1))
"""


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """run(*arguments) -> (exit code, standard output, standard error), blanks collapsed: the width does not matter."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["optbench", *map(str, arguments)])
        try:
            app.main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        out, err = capsys.readouterr()
        assert "Traceback" not in err or "plug-in" in err, err
        return code, " ".join(out.split()), " ".join(err.split())

    return call


def line(errors: str) -> str:
    """Standard error, which must be one line of this program's."""
    assert errors.startswith("optbench: ") and errors.count("optbench: ") == 1 and len(errors) < 300, errors
    return errors.removeprefix("optbench: ")


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
        "report": ("--plugin", "finished sweep"),
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
        "names = 'sweep', 'report', 'lecture', 'check', 'ewa', 'list', 'show', 'info'\n"
        "for words in (['--version'], ['--help'], *([name, '--help'] for name in names)):\n"
        "    sys.argv = ['optbench', *words]\n"
        "    try:\n        app.main()\n    except SystemExit as end:\n        assert not end.code\n"
        "heavy = {'numba', 'matplotlib', 'seaborn', 'sklearn', 'pandas', 'scipy', 'numpy', 'pyarrow', 'jinja2'}\n"
        "print('LOADED', sorted(heavy & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_a_sweep_ends_with_its_winners(run):
    code, out, err = run(*SMALL, "--out", "mine")
    assert code == 0 and not err
    said = " ".join(out.split())
    assert "rosenbrock: undecided (a single block: 4 seeds are needed); lowest first: " in said
    assert re.search(r" (gd|momentum): batch (100|full), constant, rate 0.001; ", said)
    assert "12 diverged" in out and "24 runs" in out and re.search(r"evaluation on all data took \d+%", out)
    assert "tables in mine" in out
    runs = pd.read_parquet("mine/runs.parquet")
    assert len(runs) == 24 and (runs["status"] == "diverged").sum() == 12
    command = json.loads(Path("mine/provenance.json").read_text())["command"]
    assert command == " ".join(["optbench", *SMALL, "--out", "mine"])


def test_a_report_is_drawn_at_the_end_and_on_demand(run):
    arguments = [part for part in SMALL if part != "--no-report"]
    code, out, err = run(*arguments, "--out", "mine")
    assert code == 0 and "report: mine/report/index.html" in out
    page = Path("mine/report/index.html")
    page.unlink()
    code, out, err = run("report", "mine")
    assert code == 0 and not err and out == "report: mine/report/index.html" and page.exists()


def test_a_dry_run_counts_and_leaves_nothing(run):
    code, out, err = run(
        *SMALL, "--problems", "rosenbrock, saddle", "--optimizers", "gd, adam(beta1=[0.8,0.9])", "--dry-run"
    )
    assert code == 0 and not err
    # Per problem: 2 batch sizes x 3 seeds; gd has 2 rates, adam 2 rates x 2 values, and each batch size is a trial.
    for problem in ("rosenbrock", "saddle"):
        assert f"{problem} gd 100, full 6 4 12 60" in out and f"{problem} adam 100, full 6 8 24 120" in out
    assert "unequal numbers of trials, and the best of more is better: gd 4, adam 8" in out
    assert "24 cohorts, 72 runs" in out and "about less than a second with" in out
    assert not list(Path().iterdir())


def test_a_dry_run_counts_trials_and_says_where_they_come_from(run):
    flags = ["--problems", "rosenbrock", "--optimizers", "gd, adam(beta1=0.9), lbfgs", "--trials", "12", "--seeds", "3"]
    code, out, err = run(
        "sweep", *flags, "--batch-sizes", "16,64", "--schedules", "constant", "--steps", "5", "--dry-run"
    )
    assert code == 0 and not err
    assert "rosenbrock gd 16, 64 6 12 36 180" in out and "rosenbrock lbfgs full 3 4 12 60" in out
    assert "gd searches lr=log_uniform(0.001, 30)" in out and "lbfgs searches memory=choice(3, 5, 10, 20)" in out
    assert "adam searches lr=log_uniform(0.0001, 1), beta2=one_minus_log_uniform(0.001, 0.2)" in out
    assert "unequal numbers of trials, and the best of more is better: gd 12, adam 12, lbfgs 4" in out


def test_flags_reach_the_spec_over_the_file(run):
    Path("my.toml").write_text('problems = ["rosenbrock"]\noptimizers = ["gd"]\nlearning_rates = [0.001]\nepochs = 1\n')
    flags = ["--problems", "saddle", "--optimizers", "momentum(beta1=0.5)", "--batch-sizes", "512", "--schedules",
             "inverse(decay_rate=2)", "--lr", "0.01:0.1:2", "--seeds", "3,4", "--tuning-seeds", "1", "--steps", "3",
             "--dtype", "float32", "--deadline", "60", "--out", "mine", "--workers", "1", "--no-report"]  # fmt: skip
    assert run("sweep", "my.toml", *flags)[0] == 0
    runs = pd.read_parquet("mine/runs.parquet")
    columns = ["problem", "optimizer", "beta1", "batch_size", "schedule", "lr", "seed", "steps", "dtype"]
    values = {name: sorted(set(runs[name])) for name in columns}
    assert values == {
        "problem": ["saddle"], "optimizer": ["momentum"], "beta1": [0.5], "batch_size": [512],
        "schedule": ["inverse(decay_rate=2.0)"], "lr": [0.01, 0.1], "seed": [3, 4], "steps": [3], "dtype": ["float32"],
    }  # fmt: skip
    assert json.loads(Path("mine/provenance.json").read_text())["tuning_seeds"] == [3]


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
                                       ["sweep", "--steps", "x"], ["report", "a", "b"], ["check"]])  # fmt: skip
def test_an_unknown_option_or_command_is_a_usage_error(run, arguments):
    code, out, err = run(*arguments)
    assert code == 2 and not out and "Error: " in err


@pytest.fixture
def no_gpu(monkeypatch):
    """What is said to be missing."""
    from optbench.compiler import cuda

    monkeypatch.setattr(
        cuda, "found", lambda: cuda.Found("numba 1.0", ptxas="/bin/ptxas", missing="there is no driver")
    )
    return "there is no driver"


def test_cuda_without_a_gpu_is_a_mistake_and_auto_takes_the_cpu(run, no_gpu):
    for more in ([], ["--dry-run"]):
        code, out, err = run(*SMALL, "--device", "cuda", *more)
        assert code == 2 and not out
        assert line(err) == f"--device cuda cannot run here: {no_gpu}; --device cpu or auto works"
        code, out, err = run(*SMALL, "--device", "auto", *more)
        assert code == 0 and "24 runs" in out and err == f"on the CPU: {no_gpu}"
    assert pd.read_parquet("results/timings.parquet")["device"].eq("cpu").all()
    assert pd.read_parquet("results/timings.parquet")["device_note"].eq("").all()
    assert "device" in Path("results/spec.toml").read_text()


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


def test_another_sweep_in_the_folder_is_refused(run):
    assert run(*SMALL, "--out", "mine")[0] == 0
    code, _, err = run(*SMALL, "--out", "mine", "--lr", "0.5")
    assert code == 2 and "'mine' holds another sweep (different: learning_rates)" in line(err)


def test_a_damaged_folder_is_named(run):
    assert run(*SMALL, "--out", "mine")[0] == 0
    Path("mine/runs.parquet").write_bytes(b"no")
    code, _, err = run("report", "mine")
    assert code == 2 and "mine" in line(err)


def test_a_plugin_of_each_kind_in_a_sweep(run, own_kernels):
    Path("mine.py").write_text(OPTIMIZER)
    Path("bowl.py").write_text(PROBLEM.replace("SIGN", "1"))
    flags = [
        "--plugin",
        "mine.py",
        "--plugin",
        "bowl.py",
        "--optimizers",
        "mine(drag=[0.5, 1]), gd",
        "--problems",
        "bowl",
    ]
    code, out, err = run(*SMALL, *flags, "--batch-sizes", "full", "--lr", "0.5", "--steps", "2")
    assert code == 0 and not err and "bowl" in out
    runs = pd.read_parquet("results/runs.parquet").groupby(["optimizer", "drag"], dropna=False)["loss_final"].unique()
    # w = 1, and every step multiplies it by 1 - lr drag.
    assert runs["mine", 0.5].tolist() == [0.5 * 0.75**4] and runs["mine", 1.0].tolist() == [0.5 * 0.5**4]
    assert runs["gd"].iloc[0].tolist() == [0.5 * 0.5**4]


def test_a_broken_plugin_is_shown_and_the_rest_goes_on(run):
    Path("broken.py").write_text("import numpy\n\nraise RuntimeError('spoilt')\n")
    code, out, err = run(*SMALL, "--plugin", "broken.py")
    assert code == 0 and "24 runs" in out
    assert "broken.py does not load" in err and "Traceback" in err and "RuntimeError: spoilt" in err and "line 3" in err
    code, out, err = run("check", "broken.py")
    assert code == 2 and "RuntimeError: spoilt" in err and "optbench: broken.py does not load" in err


def test_a_problem_that_cannot_run_is_told_at_the_end(run, own_kernels):
    Path("bowl.py").write_text(PROBLEM.replace("SIGN", "w.nothing"))
    code, out, err = run(*SMALL, "--plugin", "bowl.py", "--problems", "rosenbrock, bowl")
    assert code == 2 and "24 runs" in out and "some cohorts could not run: bowl with gd: " in line(err)


def test_check_says_what_is_wrong(run, own_kernels):
    Path("bowl.py").write_text(PROBLEM.replace("SIGN", "1") + OPTIMIZER)
    code, out, err = run("check", "bowl.py")
    assert code == 0 and not err and "problem bowl" in out and "optimizer mine" in out and "FAIL" not in out
    Path("wrong.py").write_text(PROBLEM.replace("SIGN", "-1"))
    code, out, err = run("check", "wrong.py")
    assert code == 1 and not err
    assert "FAIL the gradient agrees with finite differences: along a random direction the gradient says" in out
    assert "ok compiles in float64 and float32" in out
    Path("empty.py").write_text("x = 1\n")
    code, out, err = run("check", "empty.py")
    assert code == 2 and "empty.py registers nothing" in line(err)
