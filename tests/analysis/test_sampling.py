"""The sampling error of a test set: against closed forms, and simulations with a planted truth."""

import numpy as np
import pandas as pd
import pytest
from quick import slow
from scipy import stats
from staged import ranking, verdicts

from optbench.analysis import folders
from optbench.analysis.judging import judge
from optbench.analysis.measures import first_gaps, jackknife_values, tail_values
from optbench.analysis.pair_statistics import mean_effects
from optbench.analysis.sampling import (
    Sampling,
    fold_sampling,
    join_errors,
    sample_folds,
    sampling_variance,
    widen_intervals,
)
from optbench.contract.columns import GROUPS
from optbench.contract.errors import OptbenchError
from optbench.datasets.record import split_folds
from optbench.wording.verdict_texts import with_texts


def compare_tables(*arguments, **keywords):
    """Return the rows of a comparison as users get them, in words."""
    return with_texts(folders.compare_tables(*arguments, **keywords).table)


RNG = np.random.default_rng(0)


def without_each(values):
    """Means of the last axis without each of its entries, each of which is a group of one example."""
    count = values.shape[-1]
    return (values.sum(axis=-1, keepdims=True) - values) / (count - 1)


def test_of_a_mean_it_is_the_variance_of_a_mean():
    values = RNG.standard_normal((3, 1, 40))
    found = sampling_variance(without_each(values))
    np.testing.assert_allclose(found.variance, values[:, 0].var(axis=1, ddof=1) / 40, rtol=1e-10)
    assert found.freedom.tolist() == [39.0] * 3


def test_what_blocks_and_examples_do_together_is_counted_once():
    """Two crossed random factors: the variance of the grand mean by the mean squares of Cornfield and Tukey 1956."""
    blocks, examples = 6, 50
    parts = RNG.standard_normal((4, blocks, 1)), RNG.standard_normal((4, 1, examples))
    values = 0.5 * parts[0] + 2 * parts[1] + 3 * RNG.standard_normal((4, blocks, examples))
    sampling = sampling_variance(without_each(values))
    by_block, by_example = values.mean(axis=2), values.mean(axis=1)
    rest = values - by_block[:, :, None] - by_example[:, None] + values.mean(axis=(1, 2), keepdims=True)
    squares = (rest**2).sum(axis=(1, 2)) / ((blocks - 1) * (examples - 1))
    expected = by_example.var(axis=1, ddof=1) / examples - squares / (blocks * examples)
    np.testing.assert_allclose(sampling.variance, np.maximum(expected, 0), rtol=1e-10)


@pytest.mark.parametrize("blocks", [2, 4, 8])
def test_a_small_share_of_true_means_is_refused_at_a_small_level(blocks):
    """A planted mean of 0: what blocks and examples do together makes the degrees of freedom few."""
    rng = np.random.default_rng(0)
    values = 0.1 * rng.standard_normal((4000, blocks, 1)) + 0.2 * rng.standard_normal((4000, 1, 50))
    values = values + rng.standard_normal((4000, blocks, 50))
    means = values.mean(axis=2)
    sampling = sampling_variance(without_each(values))
    error, freedom = join_errors(means.std(axis=1, ddof=1), np.full(4000, blocks), sampling)
    assert np.mean(2 * stats.t.sf(np.abs(means.mean(axis=1)) / error, freedom) < 0.005) <= 0.008


def test_groups_that_are_missing_do_not_count():
    values = without_each(RNG.standard_normal((2, 3, 20)))
    padded = np.full((2, 5, GROUPS), np.nan)
    padded[:, :3, :20] = values
    for found, expected in zip(sampling_variance(padded), sampling_variance(values), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    nothing = sampling_variance(np.full((1, 2, GROUPS), np.nan))
    assert nothing.variance.tolist() == [0.0]


def test_errors_are_joined_with_the_freedom_of_welch():
    """Two variances of independent means: the degrees of freedom of Welch's t test, by SciPy."""
    a, b = RNG.standard_normal(8), 3 * RNG.standard_normal(30) + 1
    other = Sampling(np.array([b.var(ddof=1) / 30]), np.array([29.0]))
    error, freedom = join_errors(np.array([a.std(ddof=1)]), np.array([8]), other)
    welch = stats.ttest_ind(a, b, equal_var=False)
    assert freedom[0] == pytest.approx(welch.df) and (a.mean() - b.mean()) / error[0] == pytest.approx(welch.statistic)
    effect = mean_effects((a - b.mean())[None], sampling=other)
    assert effect["p"][0] == pytest.approx(welch.pvalue)
    assert judge((a - b.mean())[None], sampling=other)["p"][0] == pytest.approx(welch.pvalue)


def test_without_sampling_error_nothing_changes():
    rows, none = RNG.standard_normal((5, 8)), Sampling(np.zeros(5), np.full(5, 49.0))
    pd.testing.assert_frame_equal(judge(rows, sampling=none), judge(rows))
    for found, expected in zip(mean_effects(rows, sampling=none).values(), mean_effects(rows).values(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    low, high = widen_intervals(rows[:, 0], rows[:, 0] - 1, rows[:, 0] + 2, none)
    np.testing.assert_array_equal([low, high], [rows[:, 0] - 1, rows[:, 0] + 2])


def test_blocks_that_agree_are_not_sure_about_other_examples():
    rows = np.full((2, 8), [[0.3], [0.0]])
    table = judge(rows, sampling=Sampling(np.full(2, 0.04), np.full(2, 49.0)))
    half = stats.t.ppf(1 - (1 - 0.95**0.5) / 2, 49) * 0.2
    np.testing.assert_allclose(table["high"] - table["mean"], half, rtol=1e-9)
    assert table["verdict"].tolist() == ["open", "open"]
    assert judge(rows)["verdict"].tolist() == ["wins", "tie"]


def simulated(errors, shared, draws=1, blocks=8, seeds=4, examples=40):
    """Errors of two sides on each test example, (draws, 2, blocks, seeds, examples) of 0 and 1, and their logarithms.

    errors: the share of errors of each side; shared: the probability that an error depends on the example alone, and so
    is the same one in all runs. Returns errors, y (draws, 2, blocks) and y without each example.
    """
    own = RNG.random((draws, 1, 1, 1, examples))
    mixed = RNG.random((draws, 2, blocks, seeds, examples)) < shared
    wrong = np.where(mixed, own, RNG.random(mixed.shape)) < np.reshape(errors, (2, 1, 1, 1))
    least = 0.5 / examples
    y, left = (
        np.log(np.maximum(each, least)).mean(axis=3) for each in (wrong.mean(axis=-1), without_each(wrong * 1.0))
    )
    return wrong, y, left


@pytest.mark.parametrize("shared", [0.0, 0.5, 0.9])
def test_coin_flips_are_seldom_told_from_a_half_and_a_planted_difference_is_found(shared):
    """All blocks are judged on the same 40 test examples; without their sampling error, up to 88% would be wrong."""
    _, y, left = simulated((0.5, 0.5), shared, draws=500)
    table = mean_effects(y[:, 0], sampling=sampling_variance(left[:, 0]))
    assert np.mean((table["low"] > np.log(0.5)) | (table["high"] < np.log(0.5))) <= 0.08  # 0.05, and its own error
    blind = mean_effects(y[:, 0])
    assert np.mean((blind["low"] > np.log(0.5)) | (blind["high"] < np.log(0.5))) >= (0.25 if shared else 0.0)

    def judged(errors):
        _, y, left = simulated(errors, shared, draws=500)
        sampling = sampling_variance(left[:, 1] - left[:, 0])
        return judge(y[:, 1] - y[:, 0], family=np.arange(500), sampling=sampling)

    assert np.mean(judged((0.5, 0.5))["p"] < 0.05) <= 0.08
    assert np.mean(judged((0.2, 0.4))["verdict"] == "wins") >= 0.8


def runs_of(wrong):
    """A table of reported runs from errors (2, blocks, seeds, examples), every seed a block of its own."""
    rows = [
        (name, seed, 1 - own.mean(), (1 - without_each(own * 1.0)).astype(np.float32).tobytes())
        for name, part in zip("ab", wrong, strict=True)
        for seed, own in enumerate(part.reshape(-1, part.shape[-1]))
    ]
    runs = pd.DataFrame(rows, columns=["optimizer", "seed", "test_accuracy", "jackknife_test_accuracy"])
    fixed = {
        "problem": "p", "schedule": "constant", "lr": 0.1, "batch_size": 1, "dtype": "float64", "status": "ok",
        "steps": 10, "epochs": 1.0, "samples": 10, "loss_initial": 1.0, "loss_final": 0.5, "loss_best": 0.5,
        "suboptimality_final": 0.5, "test_loss_final": 0.5, "log_tail": -1.0, "stage": "grid", "block": -1,
    }  # fmt: skip
    return runs.assign(**fixed)


@pytest.mark.slow
def test_it_is_in_the_intervals_of_rankings_and_verdicts():
    """Where all errors are the examples' own, all blocks agree, and only the examples' number makes an interval."""
    runs = runs_of(simulated((0.3, 0.6), 1.0)[0][0])
    table = ranking(runs, "test_accuracy")
    share = 1 - runs.groupby("optimizer")["test_accuracy"].first().to_numpy()
    deviation = np.sqrt((1 - share) / share / 39)  # of the logarithm of a share of 40 examples
    np.testing.assert_allclose(np.log(table["high"] / table["value"]) / stats.t.ppf(0.975, 39), deviation, rtol=0.1)
    blind = ranking(runs.drop(columns="jackknife_test_accuracy"), "test_accuracy")
    np.testing.assert_allclose(blind["high"], blind["value"])
    pair, alone = (verdicts(each, "test_accuracy").iloc[0] for each in (runs, runs.drop(columns=list(runs)[3])))
    assert (
        pair["ratio"] == alone["ratio"] and alone["low"] == alone["high"] and pair["low"] < pair["ratio"] < pair["high"]
    )


def test_fewer_than_30_test_rows_give_no_verdict_and_say_why():
    """However clear it looks: of one row all say the same, and six optimizers tie."""
    for rows, reason in (
        (29, "only 29 test rows: a verdict needs 30"),
        (30, ""),
        (1, "a single test row: a verdict needs 30"),
    ):
        wrong = np.zeros((2, 8, 4, rows))
        wrong[1] = 1.0
        runs = runs_of(wrong) if rows > 1 else runs_of(np.ones((2, 8, 4, 2)))
        if rows == 1:
            runs["jackknife_test_accuracy"] = b""
        row = verdicts(runs, "test_accuracy").iloc[0]
        assert (row["verdict"] == "open", row["reason"]) == (bool(reason), reason)
        assert verdicts(runs, "loss")["reason"][0] == "", "the training loss has rows enough"
        if rows == 1:
            continue  # two folders with the same runs are the same
        sides = [runs[runs["optimizer"] == name].assign(optimizer="gd") for name in "ab"]
        row = compare_tables(*sides, judge_by="test_accuracy", above=0.05).iloc[0]
        assert (row["verdict"] == "open", row["regression"], row["reason"]) == (
            bool(reason), "open" if reason else "shown", reason,
        )  # fmt: skip
    folds = runs_of(np.zeros((2, 8, 4, 29))).assign(fold=lambda each: 1 + each["seed"] % 2)
    assert "test rows" not in verdicts(folds, "test_accuracy")["reason"][0], "the rows of all folds count"


@pytest.mark.slow
@pytest.mark.parametrize("by", ["settings", "tuned"])
def test_it_is_in_the_intervals_of_two_folders(by):
    wrong, _, left = simulated((0.3, 0.6), 1.0)
    runs = runs_of(wrong[0])
    sides = [runs[runs["optimizer"] == name].assign(optimizer="gd") for name in "ab"]
    row = folders.compare_tables(*sides, by=by, judge_by="test_accuracy").table.iloc[0]
    without = (left[0, 1] - left[0, 0])[0]
    deviation = np.sqrt(39 / 40 * np.sum((without - without.mean()) ** 2))
    half = stats.t.ppf(1 - 0.025 / 2, 39) * deviation
    assert np.log(row["high"] / row["ratio"]) == pytest.approx(half, rel=1e-4)
    assert np.log(row["ratio"] / row["low"]) == pytest.approx(half, rel=1e-4)
    same = folders.compare_tables(sides[0], sides[0], by=by, judge_by="test_accuracy").table.iloc[0]
    assert (same["low"], same["high"], same["verdict"]) == (1.0, 1.0, "tie")


@pytest.mark.parametrize("content", [b"abc", slow(b"\xff" * 160), slow(None)])
def test_what_is_no_jackknife_in_a_folder_is_none(content):
    runs = runs_of(simulated((0.3, 0.6), 0.5, blocks=2)[0][0])
    runs["jackknife_test_accuracy"] = [content] * len(runs)
    blind = runs.drop(columns="jackknife_test_accuracy")
    pd.testing.assert_frame_equal(verdicts(runs, "test_accuracy"), verdicts(blind, "test_accuracy"))


def test_values_without_a_group_are_logarithms_as_those_of_runs():
    runs = runs_of(simulated((0.3, 0.6), 0.5, blocks=2)[0][0])
    y, values = tail_values(runs, "test_accuracy"), jackknife_values(runs, "test_accuracy")
    assert values.shape == (len(runs), GROUPS) and np.isnan(values[:, 40:]).all()
    np.testing.assert_allclose(np.exp(values[:, :40]).mean(axis=1), np.exp(y), rtol=1e-6)  # errors, which average
    assert jackknife_values(runs, "time") is None and jackknife_values(runs, "loss") is None


def test_folds_have_the_corrected_t_test_of_nadeau_and_bengio():
    """Five folds: a fifth tests, three fifths train, so the variance of the mean is 1/5 + 1/3 times that of folds."""
    rows = RNG.standard_normal((3, 5)) + 1
    error = np.sqrt((1 / 5 + (1 / 5) / (3 / 5)) * rows.var(axis=1, ddof=1))
    sampling = fold_sampling(5, 3)
    effect, half = mean_effects(rows, sampling=sampling), stats.t.ppf(0.975, 4) * error
    np.testing.assert_allclose(effect["p"], 2 * stats.t.sf(np.abs(rows.mean(axis=1)) / error, 4))
    np.testing.assert_allclose([effect["low"], effect["high"]], [rows.mean(axis=1) - half, rows.mean(axis=1) + half])
    np.testing.assert_allclose(judge(rows, family=range(3), sampling=sampling)["p_adjusted"], effect["p"])
    runs = np.repeat(rows, 2, axis=1).ravel() + np.tile([-1.0, 1.0], 15)  # two runs a fold
    found = sample_folds(runs, np.tile(np.repeat(np.arange(1, 6), 2), 3), np.repeat(np.arange(3), 10), 3)
    np.testing.assert_allclose([found.variance, found.freedom], [error**2, [4, 4, 4]])


@pytest.mark.parametrize(("features", "folds"), [(6, 5), (50, 5), slow(65, 10)])
def test_folds_cover_the_mean_over_redrawn_data_sets(features, folds):
    """Ridge regressions with two penalties on 1,000 data sets of 100 rows: their test losses, and the ratio of these.

    With almost as many features as training rows the losses of folds go together, as the correction has it, and without
    it intervals are too short; with few features, and for ratios, it is conservative.
    """
    rng, rows, draws = np.random.default_rng(1), 100, 1000
    x = rng.standard_normal((draws, rows, features))
    y = x.mean(axis=2) * np.sqrt(features) + rng.standard_normal((draws, rows))
    loss = np.empty((2, draws, folds))
    for fold in range(folds):
        parts = split_folds(rows, fold, folds)
        given, target, tested = x[:, parts.training], y[:, parts.training, None], x[:, parts.test]
        turned = np.swapaxes(given, 1, 2)
        for side, penalty in enumerate((0.1, 5.0)):
            weights = np.linalg.solve(turned @ given + penalty * np.eye(features), turned @ target)
            loss[side, :, fold] = np.log(np.mean((y[:, parts.test, None] - tested @ weights) ** 2, axis=(1, 2)))

    def coverage(values, sampling=None):
        effect = mean_effects(values, sampling=sampling)
        return np.mean((effect["low"] <= values.mean()) & (values.mean() <= effect["high"]))

    for values in (*loss, loss[1] - loss[0]):
        assert coverage(values, fold_sampling(folds, draws)) >= 0.93  # 0.95, and its own error
    assert features == 6 or coverage(loss[1]) <= 0.9


def folded(runs, folds=3):
    """The same runs as those of a sweep in eight blocks, each with one setting, that take the folds in turn."""
    block = runs["seed"] // 4
    return runs.assign(stage="holdout", block=block, fold=1 + block % folds)


@pytest.mark.slow
def test_the_blocks_of_a_fold_are_one_observation():
    runs = folded(runs_of(simulated((0.3, 0.6), 0.5)[0][0]))
    y = np.log(1 - runs["test_accuracy"]).groupby([runs["optimizer"], runs["fold"]]).mean().unstack()
    share = 1 / 3 + (1 / 3) / (4 / 5 - 1 / 3)
    table = ranking(runs, "test_accuracy")
    half = stats.t.ppf(0.975, 2) * np.sqrt(share * y.var(axis=1, ddof=1))
    np.testing.assert_allclose(np.log(table["value"]), y.mean(axis=1))
    np.testing.assert_allclose(np.log(table["high"] / table["value"]), half)
    difference = y.loc["b"] - y.loc["a"]
    half = stats.t.ppf(1 - 0.025 / 2, 2) * np.sqrt(share * difference.var(ddof=1))
    row = verdicts(runs, "test_accuracy").iloc[0]
    assert np.log(row[["ratio", "high"]].astype(float)).tolist() == pytest.approx([d := difference.mean(), d + half])
    assert row["blocks"] == 3 and np.isnan(row["blocks_needed"])
    sides = [runs[runs["optimizer"] == name].assign(optimizer="gd") for name in "ab"]
    for parts in (sides, [side.assign(stage="grid", block=-1) for side in sides]):  # as they are tuned, and settings
        row = compare_tables(*parts, judge_by="test_accuracy").iloc[0]
        assert np.log(row[["ratio", "high"]].astype(float)).tolist() == pytest.approx([d, d + half])
        assert (row["reason"], row["blocks"], row["seeds"]) == ("", 3, 32)
    with pytest.raises(OptbenchError, match="on other test rows: .* A have 3 and .* B have 1 folds"):
        folders.compare_tables(sides[0], sides[1].drop(columns="fold"), judge_by="test_accuracy")


def test_each_fold_has_a_minimum_and_accuracies_of_its_own():
    """Fold 2 has a higher minimum and one test example more: neither changes the values of fold 1."""
    first = runs_of(simulated((0.3, 0.6), 0.5, blocks=2)[0][0]).assign(fold=1, seed=0, block=0)
    second = first.assign(fold=2, loss_final=5.5, loss_initial=6.0, test_accuracy=1 - 1 / 41)
    both = pd.concat([first, second], ignore_index=True)
    for measure in ("loss", "test_accuracy"):
        np.testing.assert_allclose(
            tail_values(both.drop(columns="log_tail"), measure)[: len(first)],
            tail_values(first.drop(columns="log_tail"), measure),
        )
    gaps = first_gaps(both)
    np.testing.assert_allclose(gaps, np.repeat([1.0, 1.0], len(first)))
