"""A sweep that repeats the split of its data: which blocks see which rows, and the same bytes however it is run."""

import json

import numpy as np
import pytest
from harness import CATALOGUE
from staged import answer_of

import optbench
from optbench.analysis import best_configurations
from optbench.catalogue import loader
from optbench.plan.joined_specs import find_differences
from optbench.plan.planned_cohorts import expand
from optbench.plan.spec_files import make_spec
from optbench.run import session
from optbench.run.isolation import Isolation
from optbench.run.merging import merge_folders, select_shard
from optbench.run.serialization import cohort_from_json, cohort_to_json
from optbench.wording.answers import describe_measure

SPEC = {"problems": ["logistic(data=breast_cancer)"], "optimizers": ["gd", "momentum"], "learning_rates": [0.03, 0.3],
        "choose_by": "test_loss", "steps": 12, "blocks": 4, "folds": 3, "screen": 1, "race": 0, "holdout": 2,
        "widen": 0, "final": 2, "report": 4}  # fmt: skip


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folds") / "whole"
    return folder, optbench.sweep(SPEC, out=folder, workers=1)


def same_bytes(folder, other):
    for name in ("runs.parquet", "curves.parquet", "problems.parquet"):
        assert (folder / name).read_bytes() == (other / name).read_bytes(), name


def test_blocks_take_the_folds_in_turn_under_one_name(swept):
    runs = swept[1].runs
    assert set(runs["problem"]) == {"logistic"} and runs["samples"].nunique() == 1
    blocks = runs[runs["block"] >= 0]
    assert (blocks["fold"] == 1 + blocks["block"] % 3).all()
    assert set(runs.loc[runs["stage"] == "report", "fold"]) == {1, 2, 3}
    assert set(runs.loc[runs["stage"] == "final", "fold"]) == {1, 2}
    minima = (runs["loss_final"] - runs["suboptimality_final"]).round(9).groupby(runs["fold"])
    assert minima.nunique().tolist() == [1, 1, 1] and minima.first().nunique() == 3
    stated = swept[1].problems.iloc[0]
    assert stated["minimum"] == pytest.approx(minima.first().min()) and "bound" in stated["minimum_source"]


@pytest.mark.slow
def test_the_answer_says_that_the_split_is_repeated(swept):
    answer = answer_of(swept[1].runs, [], "test_loss", choose_by=("test_loss",))
    told = describe_measure(answer)
    assert "The split is repeated in 3 folds, and its variance is in every interval. The number" in told
    table = swept[1].verdicts()
    assert table["blocks"].tolist() == [3] and np.isfinite(table["low"]).all()


@pytest.mark.slow
def test_workers_of_their_own_make_the_same_bytes(swept, tmp_path):
    options = session.Options(2, isolation=Isolation("always"))
    session.execute(session.plan(make_spec(SPEC), CATALOGUE), tmp_path, options)
    same_bytes(tmp_path, swept[0])


@pytest.mark.slow
def test_parts_end_and_resume_as_the_whole_would(swept, tmp_path):
    plan = session.plan(make_spec(SPEC), CATALOGUE)
    parts = [tmp_path / name for name in "12"]
    for number, each in enumerate(parts, start=1):
        session.execute(select_shard(plan, f"{number}/2"), each, session.Options(workers=1))
    merge_folders(parts, tmp_path / "all", (), "a test", print)
    optbench.sweep(SPEC, out=tmp_path / "all", workers=1)
    same_bytes(tmp_path / "all", swept[0])


def test_a_fold_is_a_part_of_a_cohort_as_json_and_of_its_id():
    plan = expand(make_spec(SPEC), CATALOGUE)
    cohorts = [*plan.cohorts]
    assert {each.cohort.problem.fold for each in cohorts} == {(0, 3), (1, 3), (2, 3)}
    for each in cohorts:
        made = cohort_from_json(json.loads(json.dumps(cohort_to_json(each))), CATALOGUE)
        assert made.cohort_id == each.cohort_id and made.cohort.problem.fold == each.cohort.problem.fold
        np.testing.assert_array_equal(made.cohort.problem.test[1], each.cohort.problem.test[1])
    other = expand(make_spec(SPEC, {"folds": 4}), CATALOGUE)
    assert not {each.cohort_id for each in other.cohorts} & {each.cohort_id for each in cohorts}
    assert find_differences(plan.spec, other.spec) == ["folds"]


PLUGIN = """
from optbench import datasets, problem
from optbench.kit.networks import dense, network, tanh


@problem(source="a test")
def deep(data="spirals(examples=60)"):
    d = datasets.load_for("deep", data, classes=True)
    return network("deep", [dense(3), tanh, dense(d.classes)], d)
"""


def test_folds_of_a_plug_in_go_to_another_process_and_back(tmp_path):
    (tmp_path / "mine.py").write_text(PLUGIN)
    catalogue = loader.load_all(tmp_path / "mine.py")
    plan = expand(make_spec(SPEC, {"problems": "deep"}), catalogue)
    for each in plan.cohorts:
        made = cohort_from_json(json.loads(json.dumps(cohort_to_json(each))), catalogue)
        assert each.cohort_id == made.cohort_id
        assert each.cohort.problem.fold == made.cohort.problem.fold
        np.testing.assert_array_equal(each.cohort.problem.test[0], made.cohort.problem.test[0])


def test_one_fold_is_the_split_of_always():
    plain = make_spec({key: value for key, value in SPEC.items() if key != "folds"})
    assert make_spec(SPEC, {"folds": 1}) == plain and "folds" not in plain.to_dict()
    assert make_spec(SPEC).to_dict()["folds"] == 3
    assert {each.cohort.problem.fold for each in expand(plain, CATALOGUE).cohorts} == {(0, 1)}


def test_a_recommended_setting_has_the_score_of_nested_cross_validation(swept):
    runs = swept[1].runs
    best = best_configurations(runs, swept[1].tuning_seeds, choose_by="test_loss").set_index("optimizer")
    for optimizer, own in runs.groupby("optimizer"):
        tuned = own[own["stage"] == "screen"]
        chosen = tuned.loc[tuned.groupby("block")["validation_loss_final"].idxmin(), ["block", "lr"]]
        nested = own[own["stage"] == "holdout"].merge(chosen, on=["block", "lr"])
        assert set(nested["fold"]) == {1, 2, 3} and best.loc[optimizer, "n"] == len(nested) == 8
        assert best.loc[optimizer, "test_accuracy"] == nested["test_accuracy"].median()
        assert best.loc[optimizer, "median"] == pytest.approx(nested["test_loss_final"].median())
