"""Files of the user's own on the command line: in a sweep, and checked."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
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
                   minimum=0.0, minimum_source="closed form", minimizer=np.zeros(1), noise=1e-6)
"""


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_plugin_that_does_not_load_is_bad_input(run):
    Path("broken.py").write_text("import numpy\n\nraise RuntimeError('spoilt')\n")
    told = "optbench: the plug-in broken.py does not load: RuntimeError: spoilt"
    for command in (SMALL, [*SMALL, "--isolate", "never"], ["list", "optimizers"], ["show", "gd"]):
        assert run(*command, "--plugin", "broken.py") == (2, "", told)
    assert not Path("results").exists()
    code, _, err = run("check", "broken.py")
    assert code == 2 and "Traceback" in err and "line 3" in err and told in err


def test_a_broken_contract_is_told_in_a_line_with_the_nearest_name(run):
    Path("mine.py").write_text(OPTIMIZER.replace("lr, drag)", "lr, drog)"))
    code, _, err = run("check", "mine.py")
    assert code == 2 and "optbench: the plug-in mine.py does not load: optimizer mine: 'drog' has no default" in err
    told = "mine.py does not load: optimizer mine: 'drog' has no default in its decorator: did you mean 'drag'?"
    assert told in " ".join(err.split()) and "Traceback" not in err


@pytest.mark.slow
def test_the_reason_why_a_rule_does_not_compile_is_whole_and_names_the_line(run, own_kernels):
    Path("mine.py").write_text(OPTIMIZER.replace("w - lr * drag * g", "w - lr * drag * g, g"))
    _, out, _ = run(*SMALL, "--plugin", "mine.py", "--optimizers", "gd, mine")
    told = " ".join(out.split())
    assert "mine does not compile: a rule returns w and its state: return w" in told
    Path("bowl.py").write_text(PROBLEM.replace("SIGN", "w.nothing"))
    _, _, err = run("sweep", "--plugin", "bowl.py", *SMALL[1:], "--problems", "bowl", "--out", "other")
    assert line(err).startswith("bowl with gd, bowl with momentum: problem bowl: value_and_gradient does not compile: ")
    assert "Unknown attribute 'nothing'" in err and "(bowl.py, line 8)" in err


@pytest.mark.slow
@pytest.mark.parametrize(("line", "seconds", "told"), [
    ("import ctypes; ctypes.string_at(0)", 60, "loading mine.py: its worker process died of SIGSEGV"),
    ("import time; time.sleep(10000)", 2, "timed out after 2 s loading mine.py"),
])  # fmt: skip
def test_a_file_that_crashes_or_hangs_as_it_loads_is_an_error(run, line, seconds, told):
    Path("mine.py").write_text(f"{line}\n")
    code, out, err = run("check", "mine.py", "--check-timeout", f"{seconds}s")
    assert code == 2 and not out and err.startswith(f"optbench: {told}")
    code, out, _ = run("check", "mine.py", "--check-timeout", f"{seconds}s", "--json")
    assert json.loads(out) == {"error": json.loads(out)["error"], "exit_code": 2}
    assert json.loads(out)["error"].startswith(told)


@pytest.mark.slow
def test_a_crash_while_rules_are_compared_is_one_line(run):
    Path("mine.py").write_text(f"{OPTIMIZER}\nimport ctypes\nctypes.string_at(0)\n")
    code, out, err = run("check", "mine.py", "--against", "gd", "--json")
    assert code == 2 and json.loads(out) == {"error": err.removeprefix("optbench: "), "exit_code": 2}
    assert err.startswith("optbench: loading mine.py: its worker process died of SIGSEGV")


@pytest.mark.slow
def test_what_a_worker_printed_before_it_died_is_shown(run):
    last = "import os, sys\nsys.stderr.write('first words\\nlast words\\n')\nsys.stderr.flush()\nos.abort()\n"
    Path("mine.py").write_text(f"{OPTIMIZER}\n{last}")
    for against in ((), ("--against", "gd")):
        code, _, err = run("check", "mine.py", *against)
        assert code == 2 and "first words last words" in err and "SIGABRT" in err


@pytest.mark.slow
@pytest.mark.parametrize(("line", "seconds", "told"), [
    ("if drag: raise ValueError('no')", 60, "mine.py: comparing mine with gd: ValueError: no"),
    ("drag = w.nothing", 60, "mine.py: comparing mine with gd: optimizer mine: mine does not compile: "),
    ("while drag: pass", 5, "mine.py: timed out after 5 s comparing mine with gd"),
])  # fmt: skip
def test_a_rule_that_raises_or_hangs_as_it_is_compared_is_a_fault(run, line, seconds, told):
    Path("mine.py").write_text(OPTIMIZER.replace("    return", f"    {line}\n    return"))
    code, out, err = run("check", "mine.py", "--against", "gd", "--check-timeout", f"{seconds}s")
    assert code == 1 and not err and f"FAIL {told}" in out
    code, out, _ = run("check", "mine.py", "--against", "gd", "--check-timeout", f"{seconds}s", "--json")
    (found,) = json.loads(out)
    assert code == 1 and not found["equal"] and not found["comparisons"]
    assert found["failure"].startswith(told)


@pytest.mark.slow
def test_a_file_that_hangs_as_it_loads_ends_a_comparison(run):
    Path("mine.py").write_text("import time; time.sleep(10000)\n")
    code, out, err = run("check", "mine.py", "--against", "gd", "--check-timeout", "2s")
    assert code == 2 and not out and err.startswith("optbench: timed out after 2 s loading mine.py")


def test_a_check_names_the_error_of_a_file_in_its_json(run):
    Path("mine.py").write_text("def f(:\n")
    code, out, _ = run("check", "mine.py", "--json")
    assert code == 2 and json.loads(out)["error"] == "the plug-in mine.py does not load: SyntaxError: invalid syntax"


@pytest.mark.slow
def test_a_check_of_a_loop_for_ever_ends(tmp_path):
    (tmp_path / "mine.py").write_text(OPTIMIZER.replace("    return", "    while g == g:\n        w += lr\n    return"))
    command = [sys.executable, "-m", "optbench", "check", str(tmp_path / "mine.py"), "--check-timeout", "5s"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1 and not done.stderr
    assert done.stdout.splitlines()[-1].startswith("  FAIL timed out after 5 s")
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=120, check=False)
    (record,) = json.loads(done.stdout)
    assert done.returncode == 1 and (record["kind"], record["name"]) == ("optimizer", "mine")
    assert [each["ok"] for each in record["checks"]] == [False]
    assert record["checks"][0]["message"].startswith("timed out after 5 s checking optimizer mine")


@pytest.mark.slow
def test_a_problem_that_cannot_run_is_told_at_the_end(run, own_kernels):
    Path("bowl.py").write_text(PROBLEM.replace("SIGN", "w.nothing"))
    code, out, err = run(*SMALL, "--plugin", "bowl.py", "--problems", "rosenbrock, bowl")
    assert (
        code == 2 and "24 runs" in out and "some cohorts could not run: bowl with gd, bowl with momentum: " in line(err)
    )


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize(("name", "hint"), [("t", True), ("beta1_t", True), ("other_t", False)])
def test_a_check_says_which_argument_a_rule_lacks(run, name, hint):
    head = "from optbench import optimizer\n\n\n@optimizer(source='a test', beta1=0.9)\ndef mine(w, g, lr, beta1):\n"
    Path("mine.py").write_text(f"{head}    return w - lr * g * beta1 / {name}\n")
    code, out, _ = run("check", "mine.py")
    assert code == 1 and (f"name '{name}' is not defined: add {name} to the rule's arguments" in out) is hint
