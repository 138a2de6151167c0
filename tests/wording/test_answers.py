"""A sweep's answer in sentences, on tables with planted winners."""

import numpy as np
import pandas as pd
import pytest
from staged import answer_of, staged_table

from optbench.contract.columns import target_column
from optbench.wording.answers import (
    compare_models,
    describe_levels,
    describe_measure,
    describe_problem,
    split_measure,
)
from optbench.wording.certainty import advise_more_runs
from optbench.wording.judged import describe_order, describe_result, name_unit
from optbench.wording.summary import summarize

WORSE = {"gd": 3.0, "adam": 1.0, "lion": 1.0, "slow": 40.0}
"""The factor by which each optimizer is worse than adam."""


def planted(optimizers, spread=0.05, blocks=8, problems=("p", "q"), failing=()):
    """Return a table in which 0.2 is the best rate, and optimizers differ by their factor in WORSE."""
    rng = np.random.default_rng(1)

    def value(problem, optimizer, rate, stage, block, seed):
        if (optimizer, stage) in failing:
            return np.inf
        return np.log(1e-3 * WORSE[optimizer]) + 10 * abs(rate - 0.2) + spread * rng.standard_normal()

    return staged_table(value, optimizers, blocks=blocks, problems=problems, holdout=3)


def with_costs(runs, target=0.1):
    """Return the table with the samples to a target: e^y times 1e6, the target being reached by every run."""
    samples = np.where(np.isinf(runs["log_tail"]), np.inf, 1e6 * np.exp(runs["log_tail"]))
    return runs.assign(samples=10**9, **{target_column(target): samples})


def test_who_is_first_and_by_how_much():
    answer = answer_of(planted(["gd", "adam", "slow"]), [])
    text = describe_problem(answer, "p")
    assert text.startswith("p: adam is best; behind: gd ") and answer.firsts("p") == ["adam"]
    ratio = float(text.split("gd ")[1].split("× the loss [")[0])
    assert ratio == pytest.approx(3, rel=0.05)
    assert text.count("× the loss") == 1 and ", slow 4" in text
    low, high = map(float, text.split("the loss [97.5% CI ")[1].split("]")[0].split("–"))
    assert low <= 3 <= high
    assert answer.pairs["p", "adam", "gd"].verdict == "wins"
    assert answer.pairs["p", "gd", "adam"].verdict == "loses"


def test_samples_to_the_target_come_first():
    runs = with_costs(planted(["gd", "adam"]))
    answer = answer_of(runs, [])
    assert answer.targets == {"p": 0.1, "q": 0.1}
    text = describe_problem(answer, "p")
    assert text.startswith("p: adam is best; behind: gd ") and "× the samples [" in text
    basis, spoils, text = split_measure(answer)
    assert basis.startswith("Compared by ") and len(basis) < 320 and not spoils
    assert "10% on p and q" in text and "reaches in every block" in text
    missed = runs.assign(**{target_column(0.1): runs[target_column(0.1)].where(runs["optimizer"] == "adam", np.inf)})
    answer = answer_of(missed, [])
    assert describe_problem(answer, "p") == "p: adam is best; behind: gd never"


@pytest.mark.slow
def test_a_target_that_the_leader_reaches_within_ten_steps_gets_a_warning():
    runs = with_costs(planted(["gd", "adam"]))
    column, adam, p = target_column(0.1), runs["optimizer"] == "adam", runs["problem"] == "p"
    ends = {12: "in its first step", 30: "in 1.9 steps", 150: "in 9.4 steps", 170: ""}  # of 16 samples
    for samples, words in ends.items():
        answer = answer_of(runs.assign(**{column: runs[column].mask(adam & p, float(samples))}), [])
        text = describe_problem(answer, "p")
        assert text.endswith(f"; careful: adam reaches the target of 10% {words}") == bool(words)
        assert "careful" not in describe_problem(answer, "q")
        advice = (
            "Within ten steps the leader reaches its target on p, so this compares first steps more than training: "
        )
        assert split_measure(answer)[1] == (f"{advice}more epochs, or --judge-by loss, tell more." if words else "")
    behind = answer_of(runs.assign(**{column: runs[column].mask(~adam & p, 1e7)}), [])
    assert "careful" not in describe_problem(behind, "p"), "of the leader alone it matters"


@pytest.mark.slow
def test_every_other_measure_has_a_sentence():
    def errors(runs, worse):
        factor = runs["optimizer"].map(worse)
        return runs.assign(test_accuracy=1 - 0.04 * factor * np.exp(0.01 * np.sin(17 * runs["seed"])))

    runs = errors(planted(["gd", "adam"]), {"gd": 1.0, "adam": 2.0})
    text = describe_result(answer_of(runs, []).others["test_accuracy"], "p")
    assert text.startswith("gd is best (errors 0.04); behind: adam ") and "× the errors [" in text
    swapped = with_costs(planted(["gd", "adam"])).assign(
        log_tail=lambda each: each["log_tail"] + 5 * (each["optimizer"] == "adam")
    )
    assert describe_result(answer_of(swapped, []).others["loss"], "p").startswith("gd is best; behind: adam ")


@pytest.mark.slow
def test_labels_of_a_coin_are_not_learned_and_need_no_more_runs():
    runs = planted(["gd", "adam"], problems=("p",))
    rng = np.random.default_rng(0)
    runs["test_accuracy"] = 0.52 + 0.02 * rng.standard_normal(len(runs))
    facts = pd.DataFrame({"problem": ["p"], "constant_answer": ["active"], "constant_accuracy": [0.54]})
    answer = answer_of(runs, [0], "test_accuracy", problems=facts)
    words = "by accuracy, as far as the test data tell, no better than a constant answer (0.54)"
    assert describe_problem(answer, "p").endswith(words) and "would" not in describe_problem(answer, "p")
    assert advise_more_runs(answer, pd.DataFrame(), ".", {}) == [] and answer.promising_edges.empty
    losses = runs.assign(test_loss_final=0.5), facts.assign(constant_loss=1.0)
    assert describe_problem(answer_of(losses[0], [0], "test_accuracy", problems=losses[1]), "p").endswith(
        f"{words}; its test loss is better than that answer's: --judge-by test_loss"
    )
    answer = answer_of(runs, [0], "test_accuracy", problems=facts.assign(constant_accuracy=0.3))
    assert not answer.unlearned and "constant" not in describe_problem(answer, "p")
    assert "Judged by errors (=: equal within 10%). Always the most frequent class: 0.7." in " ".join(summarize(answer))
    assert len(answer_of(runs, [0], "test_accuracy").edges) == len(answer.promising_edges)


def test_measures_that_were_asked_for_are_told_and_values_stand_where_the_ranking_does():
    runs = planted(["gd", "adam"], problems=("p",))
    loss = np.exp(runs["log_tail"])
    runs = runs.assign(test_f1=1 - loss, test_loss_final=loss, test_accuracy=1 - loss)
    three = {"constant_answer": "a", "constant_balanced_accuracy": 1 / 3}  # of one class, and none of the two others
    facts = pd.DataFrame([{"problem": "p", **three}])
    answer = answer_of(runs, [], "f1", choose_by=("f1", "test_loss"), problems=facts)
    assert [name_unit(other, "p") for other in answer.others.values()] == ["test loss"]
    value = answer.ranking.loc[answer.ranking["optimizer"] == "adam", "value"].iloc[0]
    assert f"adam is best (1 - macro F1 {value:.3g})" in describe_problem(answer, "p")
    assert "× the 1 - macro F1" in describe_problem(answer, "p")
    assert describe_measure(answer).startswith("Compared by 1 - macro F1 on test data.")


@pytest.mark.parametrize(("shift", "words"), [(0.0, "Neither model is shown to be better"), (0.3, "p is better")])
def test_models_of_one_table_are_compared_and_not_ranked(shift, words):
    runs = planted(["gd", "adam"])
    noise = 0.01 * np.random.default_rng(0).standard_normal(len(runs))
    runs["test_accuracy"] = 0.9 + noise - shift * (runs["problem"] == "q")
    facts = pd.DataFrame({"problem": ["p", "q"], "constant_answer": "yes", "digest": "d", "data": "mine.csv: 9 rows"})
    text = compare_models(answer_of(runs, [], "test_accuracy", problems=facts))
    assert text.startswith(f"{words} on this table (errors: ") and "rank" not in text
    other = answer_of(runs, [], "test_accuracy", problems=facts.assign(digest=["d", "e"]))
    assert describe_order(other) == ""


@pytest.mark.slow
def test_no_sentence_compares_batch_sizes_that_no_optimizer_shares():
    """L-BFGS has the full batch alone, and the others 64: their difference is that of the optimizers."""
    runs = planted(["gd", "adam"])
    apart = runs.assign(batch_size=np.where(runs["optimizer"] == "gd", 64, 16))
    assert describe_levels(answer_of(apart, []), "p") == []
    both = pd.concat([apart, apart[apart["optimizer"] == "gd"].assign(batch_size=16)], ignore_index=True)
    assert describe_levels(answer_of(both, []), "p")[0].startswith("batch size on p: 16 ")


def test_batch_sizes_and_schedules_have_a_sentence_each():
    runs = planted(["gd", "adam"])
    larger = runs.assign(batch_size=64, log_tail=runs["log_tail"] + 1.0)
    both = pd.concat([runs, larger], ignore_index=True)
    both["run_id"] = [f"r{place}" for place in range(len(both))]
    (text,) = describe_levels(answer_of(both, []), "p")
    assert text.startswith("batch size on p: 16 is best; behind: 64 2.")
    assert describe_levels(answer_of(runs, []), "p") == []


@pytest.mark.slow
def test_intervals_of_shares_end_at_what_is_possible():
    """With a share of errors of 0.6 to 0.9 in few blocks, a t interval of its logarithm reaches beyond 1."""
    runs = planted(["gd", "adam"], problems=("p",), blocks=3)
    accuracy = runs["block"].map({0: 0.4, 1: 0.1, 2: 0.02}).fillna(0.1) + 0.001 * (runs["optimizer"] == "gd")
    runs = runs.assign(test_accuracy=accuracy, validation_accuracy=accuracy)
    rows = answer_of(runs, [], "test_accuracy", choose_by=("test_accuracy",)).rows("p")
    assert rows["high"].tolist() == [1.0, 1.0] and (rows["value"] < 1).all() and (rows["low"] < rows["value"]).all()


@pytest.mark.slow
def test_a_rule_that_diverges_at_one_step_whatever_the_rate_is_to_be_checked_and_not_searched_wider():
    runs = planted(["adam", "slow"])
    mine = runs["optimizer"] == "slow"
    lost = {"status": "diverged", "loss_final": np.nan, "suboptimality_final": np.nan, "log_tail": np.inf}
    for name, value in lost.items():
        runs.loc[mine, name] = value
    runs["diverged_at"] = pd.array(np.where(mine, 3, None), dtype="Int64")
    answer = answer_of(runs, [])
    assert describe_problem(answer, "p").endswith(
        "slow diverged; slow diverges at step 3 at any rate (optbench check tests rules)"
    )
    assert "slow" not in set(answer.promising_edges["optimizer"])
    runs.loc[mine & (runs["lr"] == runs["lr"].max()), "diverged_at"] = 2
    assert "at step" not in describe_problem(answer_of(runs, []), "p")


@pytest.mark.parametrize(
    ("losses", "r2", "told"), [((0.5, 1.0), 0.0, 1), ((1.0, 1.0), 0.0, 0), ((0.7, 1.0), np.nan, 0)]
)
def test_losses_on_two_scales_are_not_to_be_compared(losses, r2, told):
    """Of least squares the loss is half the mean squared error, of an MLP all of it; classes have no R2."""
    names = ["least_squares(data=t)", "mlp(data=t)"]
    runs = planted(["gd", "adam"], problems=tuple(names)).assign(test_loss_final=0.1)
    facts = {"problem": names, "digest": "d", "constant_answer": "0", "constant_loss": losses, "constant_r2": r2}
    answer = answer_of(runs, [0], "test_loss", problems=pd.DataFrame(facts))
    assert split_measure(answer)[1].count("a sweep with --judge-by r2 compares them") == told
    assert "r2" not in split_measure(answer_of(runs, [0], "loss"))[1]
