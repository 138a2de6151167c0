"""``optbench check RULE --against OTHER``: its table, its verdict in words, its exit codes, and its one-line errors."""

import importlib
import json
from pathlib import Path

import pytest
from command_cases import line

from optbench.checks.rollouts import problem_streams

RULES = """
from math import sqrt
from optbench import optimizer


@optimizer(source="a test", b1=0.9, b2=0.999, epsilon=1e-8)
def mine(w, g, m, v, lr, b1, b2, epsilon, b1_t, b2_t):
    m = b1 * m + (1 - b1) * g
    v = b2 * v + (1 - b2) * g * g
    return w - lr * (m / (1 - b1_t)) / (sqrt(v / (1 - b2_t)) + EPSILON), m, v
"""


@pytest.fixture
def problems(catalogue):
    """Compiled before the kernels get a cache of their own."""
    return list(problem_streams(catalogue))


@pytest.mark.slow
def test_a_rule_of_a_file_against_one_of_the_catalogue(problems, run, own_kernels):
    Path("mine.py").write_text(RULES.replace("EPSILON", "epsilon"))
    code, out, err = run("check", "mine.py", "--against", "adam_torch")
    assert code == 0 and not err and "mine against adam_torch" in out
    assert "equal to 1" in out and "over 200 steps on each" in out and "mlp(hidden=(8,))" in out
    Path("mine.py").write_text(RULES.replace("EPSILON", "0.1"))
    code, out, err = run("check", "mine.py", "--against", "adam_torch")
    assert code == 1 and not err and "different: above 1e-09 from step 1 on, in 10 of 10" in out
    assert "Where their steps part, for the weight that differs most:" in out


def test_json_and_names(run):
    code, out, err = run("check", "momentum", "--against", "heavy_ball", "--json")
    found = json.loads(out)[0]
    assert code == 1 and not err and not found["equal"] and not found["failure"] and found["steps"]
    assert len(found["comparisons"]) == 10 and found["comparisons"][0]["step"] == 1


def test_it_is_shown_where_steps_part(run):
    code, out, _ = run("check", "lookahead(gd)", "--against", "gd")
    assert code == 1 and "different: above 1e-09 from step 1 on" in out  # of what is evaluated
    assert "step gradient lookahead(gd) gd 4 " in out  # the fifth is the first step that differs


@pytest.mark.parametrize("library", ["torch", "optax"])
def test_a_library_that_is_missing_is_one_line(run, monkeypatch, library):
    def missing(name):
        raise ImportError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(importlib, "import_module", lambda name, real=importlib.import_module: (
        missing(name) if name == library else real(name)
    ))  # fmt: skip
    code, out, err = run("check", "adam", "--against", f"{library}:adam")
    assert code == 2 and not out and f"need the extra {library!r}: pip install -e '.[{library}]'" in line(err)
