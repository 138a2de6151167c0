"""A minimum that nobody knows: the smallest loss of all runs stands for it, as if that had been stated."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

import optbench
from optbench.analysis.protocol import find_targets
from optbench.contract.columns import TARGETS, target_column
from optbench.store.final_tables import TableReader

pytestmark = pytest.mark.slow

MATRIX = np.array([[3.0, 1.0], [1.0, 2.0]])
START = [1.0, -2.0]
KNOWN = [target_column(share) for share in TARGETS if share >= 0.01]
MEASURED = ["suboptimality_final", "log_tail", *KNOWN]
BLOCKS = {"optimizers": ["gd", "adam"], "learning_rates": "1e-2:10:4", "blocks": 3, "steps": 120,
          "batch_sizes": ["full"], "schedules": ["constant"], "choose_by": ["time", "loss"]}  # fmt: skip


def bowl(w):
    return 0.5 * w @ MATRIX @ w - 1.0


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    """The same sweep of the same function, with its minimum and without."""
    folder = tmp_path_factory.mktemp("minima")
    unknown = optbench.sweep(BLOCKS, problems=[(bowl, START)], out=folder / "unknown")
    lowest = float(unknown.runs["loss_best"].min())
    problem = optbench.function(bowl, START, minimum=lowest)
    return unknown, optbench.sweep(BLOCKS, problems=[problem], out=folder / "known"), lowest


def test_it_is_as_if_the_smallest_loss_had_been_stated(sides):
    unknown, known, lowest = sides
    assert lowest == pytest.approx(-1.0, abs=1e-6) and set(unknown.runs["lowest_loss"]) == {lowest}
    keys = ["stage", "block", "optimizer", "lr", "seed"]
    screens = [each.runs[each.runs["stage"] == "screen"] for each in (unknown, known)]
    first, second = (each.sort_values(keys).reset_index(drop=True) for each in screens)
    assert (first["status"] == "diverged").any()
    pd.testing.assert_frame_equal(first[keys + MEASURED], second[keys + MEASURED], rtol=1e-9)
    assert first[[target_column(share) for share in TARGETS if share < 0.01]].isna().all(axis=None)


def test_no_run_is_measured_against_its_own_last_step(sides):
    """The lowest loss is the end of some run, which so reaches any target by its own last step."""
    unknown, known, _ = sides
    targets = [find_targets(each.runs)["bowl"] for each in (unknown, known)]
    assert targets[0] == 0.01 and targets[1] < 0.01
    (pair,) = unknown.verdicts("loss").itertuples()
    assert pair.verdict == "tie" and pair.known == "both end within 1% of the lowest loss found" and pair.ratio == 1.0


def test_files_keep_that_it_is_unknown(sides):
    unknown, *_ = sides
    table = TableReader(unknown.path).read("runs")
    assert table["suboptimality_final"].isna().all() and table["samples_to_0.5"][table["status"] == "ok"].isna().all()
    assert np.isnan(unknown.problem("bowl")["minimum"])


def test_two_folders_are_measured_from_the_smaller_loss(sides):
    unknown, _, lowest = sides
    short = optbench.sweep(BLOCKS, problems=[(bowl, START)], steps=1)
    assert (short.runs["lowest_loss"] > lowest).all()
    ours = short.measured_from({"bowl": lowest})
    ended = ours.runs["status"] == "ok"
    assert np.allclose((ours.runs["loss_final"] - ours.runs["suboptimality_final"])[ended], lowest)
    table = optbench.compare(unknown, short, judge_by="loss").table
    assert (table["ratio"] > 1.5).all(), "one step ends higher, and is not measured from its own end"


def test_the_answer_says_so(sides):
    from optbench.wording.caveats import describe_smallest_gaps

    (text, *_) = [text for text in describe_smallest_gaps(sides[0].runs, "time") if "not known" in text]
    assert text == (
        "Where the minimum is not known, gaps are those above the lowest loss found: -1 for bowl; below 1% of the "
        "first gap runs count as equal."
    )
    assert text in sides[0].to_latex().replace(r"\%", "%")


def test_each_batch_size_keeps_its_own_samples():
    spec = BLOCKS | {"optimizers": ["gd"], "batch_sizes": [16, "full"], "blocks": 2}
    noisy = optbench.problems()["quadratic"].build({"dim": 3, "noise": 0.1})
    nothing = {"minimum": math.nan, "minimum_source": "unknown", "minimizer": None, "name": "mine", "origins": ()}
    hidden = dataclasses.replace(noisy, **nothing)
    unknown = optbench.sweep(spec, problems=[hidden])
    lowest = float(unknown.runs["loss_best"].min())
    known = optbench.sweep(spec, problems=[dataclasses.replace(hidden, minimum=lowest, minimum_source="stated")])
    keys = ["stage", "block", "optimizer", "batch_size", "lr", "seed"]
    first, second = (each.runs.sort_values(keys).reset_index(drop=True) for each in (unknown, known))
    assert first["samples_to_0.5"].groupby(first["batch_size"]).min().nunique() > 1
    pd.testing.assert_frame_equal(first[keys + MEASURED], second[keys + MEASURED], rtol=1e-9)
