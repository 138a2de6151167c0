"""Settings are chosen on validation data and judged on test data: planted tables where the two contradict."""

import numpy as np
import pandas as pd
import pytest
from quick import slow
from staged import answer_of, ranking
from synthetic import make_tables, write_folder

from optbench.analysis import best_configurations, choose_settings, recommend_settings, select_finalists
from optbench.analysis.measures import find_unvalidated, validation_column
from optbench.analysis.selection import best_configurations as best_of_groups
from optbench.analysis.selection import measure_overfitting
from optbench.figures.data import report_data
from optbench.results.results import load
from optbench.wording.answers import describe_measure
from optbench.wording.caveats import warn_of_overfitting

MEASURES = ("test_loss", "test_accuracy")


def planted(validated=True, staged=True):
    """Two rates of an optimizer: validation data prefer 0.1, test data 0.2, on all seeds of four blocks."""
    rows = []
    for block in range(4):
        for rate, validation, test in ((0.1, 0.3, 0.6), (0.2, 0.4, 0.5)):
            for seed in range(4):
                stage = ("screen" if seed < 2 else "holdout") if staged else "grid"
                size = 1 + 0.01 * seed
                values = {"validation_loss_final": validation * size, "test_loss_final": test * size,
                          "validation_accuracy": 1 - validation * size, "test_accuracy": 1 - test * size}  # fmt: skip
                place = {"seed": 4 * block + seed, "stage": stage, "block": block if staged else -1}
                rows.append({"lr": rate, **place, **values})
    runs = pd.DataFrame(rows).assign(
        problem="p", optimizer="gd", schedule="constant", batch_size=1, dtype="float64", status="ok", steps=10,
        epochs=1.0, samples=10, loss_initial=1.0, loss_final=0.5, loss_best=0.5, suboptimality_final=0.5, log_tail=-1.0,
    )  # fmt: skip
    runs["run_id"] = [str(each) for each in range(len(runs))]
    return runs if validated else runs.drop(columns=[name for name in runs if "validation" in name])


@pytest.mark.parametrize(("measure", "staged"), [("test_loss", True), ("test_accuracy", False)])
def test_settings_are_chosen_on_validation_data_and_judged_on_test_data(measure, staged):
    runs = planted(staged=staged)
    assert set(select_finalists(runs, 1, measure)["lr"]) == set(choose_settings(runs, measure)["lr"]) == {0.1}
    assert recommend_settings(runs, measure)["lr"].tolist() == [0.1]
    assert ranking(runs, measure)["value"][0] == pytest.approx(0.6, rel=0.05)
    found = best_configurations(runs, [0, 1, 4, 5, 8, 9, 12, 13], choose_by=measure)
    assert found["lr"].tolist() == [0.1] and found["median"][0] == pytest.approx(0.6, rel=0.05)
    assert best_of_groups(runs, [0, 1], by=["problem", "batch_size"], choose_by=measure)["lr"].tolist() == [0.1]


@pytest.mark.parametrize("measure", [slow("test_loss"), "test_accuracy"])
def test_without_validation_data_the_choice_is_on_test_data_and_is_said(measure):
    runs = planted(validated=False)
    assert choose_settings(runs, measure)["lr"].tolist() == [0.2] * 4
    assert find_unvalidated(runs, measure) == ["p"] and find_unvalidated(planted(), measure) == []
    assert find_unvalidated(runs, "time") == find_unvalidated(runs, "loss") == []
    told = describe_measure(answer_of(runs, [], measure, choose_by=(measure,)))
    assert "Settings of p were chosen on the test data that judge them, as there are no validation data" in told
    told = describe_measure(answer_of(planted(), [], measure, choose_by=(measure,)))
    assert "Settings were chosen on validation data, and are judged on test data." in told and "too good" not in told


def test_a_problem_without_validation_data_is_beside_one_with():
    runs = pd.concat([planted(), planted(validated=False).assign(problem="q")], ignore_index=True)
    runs["run_id"] = [str(each) for each in range(len(runs))]
    assert find_unvalidated(runs, "test_loss") == ["q"]
    best = recommend_settings(runs, "test_loss").set_index("problem")["lr"]
    assert best.to_dict() == {"p": 0.1, "q": 0.2}


@pytest.mark.slow
@pytest.mark.parametrize(("step", "rise", "told"), [(4, 2.0, "by 100% since epoch 0.4"), (4, 1.05, ""), (9, 2.0, "")])
def test_a_validation_loss_that_has_risen_gets_a_sentence(step, rise, told):
    """A rise below a tenth is none, nor one from the last fifth of the run, which is the noise of mini-batches."""
    runs = planted()
    last = runs["validation_loss_final"]
    points = ((0, 3 * last), (step, last / rise), (10, last))
    curves = pd.concat(
        pd.DataFrame({"run_id": runs["run_id"], "step": at, "epoch": at / 10, "validation_loss": loss})
        for at, loss in points
    )
    known = measure_overfitting(runs, curves)
    assert known[["problem", "optimizer", "lowest_epoch"]].values.tolist() == [["p", "gd", step / 10]]
    sentences = list(warn_of_overfitting(known))
    assert bool(told) == bool(sentences)
    for text in sentences:
        begin = "Overfitting: the validation loss of recommended settings has risen, of"
        assert text == f"{begin} gd on p {told}. Fewer epochs would do."
    assert measure_overfitting(runs, curves.drop(columns="validation_loss")).empty


def test_a_folder_says_which_of_its_settings_overfit(tmp_path):
    tables = make_tables(problems=["breast_cancer"], optimizers=["gd"], seeds=range(4))
    tables["runs"]["validation_loss_final"] = 2.0
    tables["curves"]["validation_loss"] = np.where(tables["curves"]["step"].between(1, 3), 1.0, 2.0)
    text = describe_measure(report_data(load(write_folder(tmp_path, tables))).answer)
    assert "Overfitting: the validation loss of recommended settings has risen, of gd on breast_cancer by 100%" in text


def test_a_folder_says_where_a_third_of_the_units_are_dead(tmp_path):
    tables = make_tables(problems=["breast_cancer"], optimizers=["gd", "adam"], seeds=range(4))
    before = describe_measure(report_data(load(write_folder(tmp_path / "before", tables))).answer)
    assert "Dead units" not in before
    tables["runs"]["train_dead_units"] = np.where(tables["runs"]["optimizer"] == "gd", 0.5, 0.3)
    text = describe_measure(report_data(load(write_folder(tmp_path / "after", tables))).answer)
    assert "end up at 0 on every training row, 50% with gd on breast_cancer. A smaller rate" in text


@pytest.mark.parametrize(
    ("column", "twin"),
    [("test_loss_final", "validation_loss_final"), ("test_accuracy", "validation_accuracy"), ("log_tail", "log_tail"),
     ("train_accuracy", "train_accuracy"), ("time", "time")],
)  # fmt: skip
def test_the_column_to_choose_by(column, twin):
    assert validation_column(column) == twin


@pytest.mark.parametrize("measure", ["loss", "test_loss"])
def test_folds_that_were_only_screened_have_a_setting_without_fresh_results(measure):
    runs = planted()
    runs = runs[runs["stage"] == "screen"].reset_index(drop=True).assign(fold=lambda each: each["block"] % 2 + 1)
    assert recommend_settings(runs, measure)["lr"].tolist() == [0.1]
    found = best_configurations(runs, [0, 1, 4, 5], choose_by=measure)
    assert found["lr"].tolist() == [0.1] and not found["held_out"].any()
