"""Differences between two sets of results, other than the compared one, are listed line by line."""

from types import SimpleNamespace

import pandas as pd
import pytest
from staged import only, plain_table

from optbench.analysis.differences import list_differences


def side(runs, problems=None, timings=None, **provenance):
    """Return the tables of one side."""
    facts = [{"problem": name, "minimum": 0.0, "dim": 2, "examples": 10, "digest": ""} for name in ("p", "q")]
    problems = pd.DataFrame(facts) if problems is None else problems
    timings = pd.DataFrame({"device": ["cpu"]}) if timings is None else timings
    facts = {"optbench": "1", "plugins": {"optimizer gd": "a", "optimizer other": "a"}, **provenance}
    return SimpleNamespace(runs=runs, timings=timings, problems=problems, provenance=facts)


def test_equal_sides_have_no_differences():
    assert list_differences(side(plain_table()), side(plain_table(factor=2.0))) == []


DATA = pd.DataFrame([{"problem": "p", "minimum": 0.0, "dim": 3, "examples": 10, "digest": "abc"}])
NO_BUDGET = {"status": "ok", "steps": 200}


@pytest.mark.parametrize(
    ("b", "lines"),
    [
        (side(plain_table(), optbench="2"), ["optbench: 1 in A, 2 in B"]),
        (side(plain_table(), choose_by="test_loss"), ["chosen by: log_tail in A, test_loss in B"]),
        (side(plain_table(), plugins={"optimizer gd": "b", "optimizer other": "b"}),
         ["another source: optimizer gd (sha256 a in A, b in B)"]),
        (side(plain_table(), blocks=8, widen=4), []),  # of one side alone: not recorded in the other
        (side(plain_table(), timings=pd.DataFrame({"device": ["cuda"]})), ["device: cpu in A, cuda in B"]),
        (side(plain_table().assign(dtype="float32")), ["dtype: float64 in A, float32 in B"]),
        (side(plain_table(problems=("p",))), ["only A has the problem q"]),
        (side(plain_table(optimizers=("gd", "adam", "lion"))), ["only B has the optimizer lion"]),
        (
            side(only(plain_table(), lambda row: row.problem == "p" or row.optimizer == "gd")),
            ["only A has q with adam"],
        ),
        (side(plain_table(), DATA), ["p: parameters: 2 in A, 3 in B",
                               "p: the content of the data is another one (sha256 none in A, abc in B)"]),
        (side(plain_table().assign(loss_initial=1.1)),
         ["other first losses on the same seeds, so another start or other data: p, q"]),
        (side(plain_table(problems=("p",)).assign(**NO_BUDGET)),
         ["only A has the problem q", "p: 100 steps in A, 200 in B (batch 16)"]),
        (side(plain_table(seeds=8)), ["seeds: 6 in A, 8 in B, 6 in common"]),
        (side(plain_table().assign(drag=0.5)), ["gd: only B has drag", "adam: only B has drag"]),
        (side(plain_table().drop(columns="log_tail")),
         ["B has no log_tail: the logarithm of the final suboptimality stands in for it on both sides"]),
    ],
)  # fmt: skip
def test_every_difference_is_named(b, lines):
    assert list_differences(side(plain_table()), b) == lines


def test_a_tail_of_mini_batch_losses_is_named():
    """Folders of before 0.13.1 have a column that says where log_tail is from; it is no hyperparameter."""
    a, b, now = (
        side(plain_table().assign(**more)) for more in ({"tail_source": "evaluations"}, {"tail_source": "batches"}, {})
    )
    assert list_differences(a, now) == []
    assert list_differences(b, now) == ["A is of an older optbench, which took log_tail from mini-batch losses: p, q"]
