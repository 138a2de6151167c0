"""By which measure results are judged: as a sweep was told, and told anew."""

import json

import pandas as pd
import pytest

import optbench
from optbench.contract.errors import OptbenchError
from optbench.plan.spec_files import read_spec

SPEC = {"problems": ["logistic", "softmax", "rosenbrock"], "optimizers": ["gd", "momentum"], "steps": 4,
        "learning_rates": [0.001], "seeds": 4, "tuning_seeds": 1, "batch_sizes": [64]}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of a sweep."""
    place = tmp_path_factory.mktemp("judged") / "out"
    optbench.sweep(SPEC, out=place, workers=1, isolate="never")
    return place


@pytest.mark.slow
def test_results_are_judged_by_another_measure_that_was_chosen_by(folder):
    results = optbench.load(folder)
    other = results.ask("loss")
    assert (results.judge_by, other.judge_by) == ("time", "loss") and other.runs is results.runs
    assert results.ask("loss") is other and results.ask().judge_by == "time"
    pd.testing.assert_frame_equal(other.ranking[results.ranking("loss").columns], results.ranking("loss"))
    pd.testing.assert_frame_equal(other.winners, results.winners("loss"))
    results.provenance["choose_by"] = ["loss"]
    with pytest.raises(OptbenchError, match="not for a target: sweep anew with --choose-by time,loss, or choose_by="):
        results.ask("time")


def test_folders_of_before_that_weighed_problems_are_read(folder, tmp_path):
    """Those that weighed kinds as one are judged by problems now; only the spec that asks for it runs no more."""
    results, old = optbench.load(folder), tmp_path / "old"
    results.problems["kind"] = ["linear", "linear", "rosenbrock"]
    old.mkdir()
    for name in ("runs", "curves", "timings", "problems"):
        getattr(results, name).to_parquet(old / f"{name}.parquet")
    (old / "provenance.json").write_text(json.dumps({**results.provenance, "weigh_by": "kind"}))
    pd.testing.assert_frame_equal(optbench.load(old).ranking(), optbench.load(folder).ranking())
    spec = tmp_path / "spec.toml"
    for word in ("problem", "kind"):
        spec.write_text(f'weigh_by = "{word}"\n' + (folder / "spec.toml").read_text())
        if word == "problem":
            assert read_spec(spec) == read_spec(folder / "spec.toml")
        else:
            with pytest.raises(OptbenchError, match="unknown key in .* 'weigh_by'"):
                read_spec(spec)
