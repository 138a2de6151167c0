"""Settings are chosen on validation data and judged on test data: planted tables where the two contradict."""

import pandas as pd
import pytest

from optbench.analysis import best_configurations, choose_settings, ranking, recommend_settings, select_finalists
from optbench.analysis.measures import find_unvalidated, validation_column
from optbench.analysis.selection import best_configurations as best_of_groups
from optbench.wording.answers import answer_of, describe_measure

MEASURES = ("test_loss", "test_accuracy", "early_test_loss")


def planted(validated=True, staged=True):
    """Two rates of an optimizer: validation data prefer 0.1, test data 0.2, on all seeds of four blocks."""
    rows = []
    for block in range(4):
        for rate, validation, test in ((0.1, 0.3, 0.6), (0.2, 0.4, 0.5)):
            for seed in range(4):
                stage = ("screen" if seed < 2 else "holdout") if staged else "grid"
                size = 1 + 0.01 * seed
                values = {"validation_loss_final": validation * size, "test_loss_final": test * size,
                          "validation_accuracy": 1 - validation * size, "test_accuracy": 1 - test * size,
                          "early_validation_loss": validation * size / 2, "early_test_loss": test * size / 2,
                          "early_step": 4.0}  # fmt: skip
                place = {"seed": 4 * block + seed, "stage": stage, "block": block if staged else -1}
                rows.append({"lr": rate, **place, **values})
    runs = pd.DataFrame(rows).assign(
        problem="p", optimizer="gd", schedule="constant", batch_size=1, dtype="float64", status="ok", steps=10,
        epochs=1.0, samples=10, loss_initial=1.0, loss_final=0.5, loss_best=0.5, suboptimality_final=0.5, log_tail=-1.0,
    )  # fmt: skip
    runs["run_id"] = [str(each) for each in range(len(runs))]
    return runs if validated else runs.drop(columns=[name for name in runs if "validation" in name])


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("staged", [True, False])
def test_settings_are_chosen_on_validation_data_and_judged_on_test_data(measure, staged):
    runs = planted(staged=staged)
    assert set(select_finalists(runs, 1, measure)["lr"]) == set(choose_settings(runs, measure)["lr"]) == {0.1}
    best = recommend_settings(runs, measure)
    assert best["lr"].tolist() == [0.1]
    half = 0.5 if measure.startswith("early") else 1.0
    assert best["median"][0] == pytest.approx(0.6 * half, rel=0.05)
    assert ranking(runs, measure)["value"][0] == pytest.approx(0.6 * half, rel=0.05)
    found = best_configurations(runs, [0, 1, 4, 5, 8, 9, 12, 13], choose_by=measure)
    assert found["lr"].tolist() == [0.1] and found["median"][0] == pytest.approx(0.6 * half, rel=0.05)
    assert best_of_groups(runs, [0, 1], by=["problem", "batch_size"], choose_by=measure)["lr"].tolist() == [0.1]


@pytest.mark.parametrize("measure", ["test_loss", "test_accuracy"])
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


def test_a_validation_loss_that_has_risen_gets_a_sentence():
    told = describe_measure(answer_of(planted(), [], "test_loss", choose_by=("test_loss",)))
    assert (
        "Overfitting: the validation loss of recommended settings has risen, of gd on p by 100% since epoch 0.4. "
        "Fewer epochs would do; early_test_loss judges runs that are stopped at their lowest validation loss."
    ) in told
    told = describe_measure(answer_of(planted(), [], "early_test_loss", choose_by=("early_test_loss",)))
    assert "by 100% since epoch 0.4." in told and "Fewer epochs" not in told
    assert told.startswith("Compared by the test loss, of runs stopped at their lowest validation loss.")
    level = planted().assign(early_validation_loss=lambda runs: runs["validation_loss_final"] / 1.05)
    assert "Overfitting" not in describe_measure(answer_of(level, [], "test_loss", choose_by=("test_loss",)))
    late = planted().assign(early_step=lambda runs: 0.9 * runs["steps"])  # the noise of mini-batches
    assert "Overfitting" not in describe_measure(answer_of(late, [], "test_loss", choose_by=("test_loss",)))


@pytest.mark.parametrize(
    ("column", "twin"),
    [("test_loss_final", "validation_loss_final"), ("test_accuracy", "validation_accuracy"), ("log_tail", "log_tail"),
     ("early_test_loss", "early_validation_loss"), ("train_accuracy", "train_accuracy"), ("time", "time")],
)  # fmt: skip
def test_the_column_to_choose_by(column, twin):
    assert validation_column(column) == twin


@pytest.mark.parametrize("measure", ["loss", "test_loss"])
def test_folds_that_were_only_screened_have_a_setting_without_fresh_results(measure):
    runs = planted()
    runs = runs[runs["stage"] == "screen"].reset_index(drop=True).assign(fold=lambda each: each["block"] % 2 + 1)
    best = recommend_settings(runs, measure)
    assert best["lr"].tolist() == [0.1] and best[["median", "low", "high"]].isna().all(axis=None)
    found = best_configurations(runs, [0, 1, 4, 5], choose_by=measure)
    assert found["lr"].tolist() == [0.1] and not found["held_out"].any()
