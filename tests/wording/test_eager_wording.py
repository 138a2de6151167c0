"""Sentences about eager optimizers and problems, from made-up tables."""

import pandas as pd
import pytest

from optbench.wording.eager import describe_eager, find_eager_optimizers


def tables(*rows):
    """rows: problem, optimizer, who took the steps, nanoseconds a run-step, steps."""
    ids = [str(i) for i in range(len(rows))]
    problem, optimizer, eager, cost, steps = zip(*rows, strict=True)
    runs = pd.DataFrame({"cohort_id": ids, "problem": problem, "optimizer": optimizer})
    timings = pd.DataFrame(
        {"cohort_id": ids, "lanes": 1, "steps": steps, "ns_per_run_step": cost, "eager": eager, "device": "cpu"}
    )
    return pd.concat([runs, runs]), timings


def test_who_was_eager_and_what_a_step_took():
    runs, timings = tables(
        ("a", "torch:Adam", "PyTorch", 60e3, 100), ("b", "torch:Adam", "PyTorch", 120e3, 300),
        ("a", "optax:adam", "optax", 2e6, 10), ("c", "gd", "Python", 7e3, 10), ("a", "gd", "", 250.0, 10),
    )  # fmt: skip
    assert describe_eager(runs, timings) == (
        "eager, stepped from Python: torch:Adam (PyTorch, 90 us a step), optax:adam (optax, 2 ms a step), c (plain "
        "Python, 7 us a step); compiled steps took 250 ns; so seconds compare implementations, and steps and samples "
        "the methods"
    )
    assert find_eager_optimizers(runs, timings) == {"torch:Adam": "PyTorch", "optax:adam": "optax"}


def test_nothing_is_said_of_compiled_ones_of_failures_and_of_older_folders():
    runs, timings = tables(("a", "gd", "", 250.0, 10))
    assert describe_eager(runs, timings) == "" and find_eager_optimizers(runs, timings) == {}
    assert describe_eager(runs, timings.drop(columns="eager")) == ""
    runs, timings = tables(("a", "torch:Adam", "PyTorch", 0.0, 10))
    assert describe_eager(runs, timings) == ""


@pytest.mark.parametrize("count", [3, 5])
def test_many_names_are_counted(count):
    runs, timings = tables(*((f"p{i}", f"torch:X{i}", "PyTorch", 60e3, 1) for i in range(count)))
    text = describe_eager(runs, timings)
    assert ("and 2 more" in text) == (count == 5) and "torch:X2" in text and "compiled" not in text
