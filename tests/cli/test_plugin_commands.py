"""Files of the user's own on the command line: in a sweep, and checked."""

from pathlib import Path

import pandas as pd
from command_cases import SMALL, line

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
