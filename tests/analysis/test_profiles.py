"""Performance profiles against plain counting, resample by resample, and by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from optbench.analysis import performance_profiles, statistics

RATIOS = np.array([1.0, 1.5, 2.0, 4.0, 10.0])


def random_times(optimizers="abc", problems=("p", "q", "r"), seeds=6, random_seed=0):
    """Lognormal times that end at 1,000; problem q has two targets, the others three."""
    rng = np.random.default_rng(random_seed)
    rows = []
    for problem in problems:
        for place, name in enumerate(optimizers):
            for target in (0.1, 0.01, 0.001)[: 2 if problem == "q" else 3]:
                for seed in range(seeds):
                    time = rng.lognormal(4 - math.log10(target) + 0.3 * place, 1.5)
                    rows.append((problem, name, target, seed, min(time, 1000.0), time < 1000))
    return pd.DataFrame(rows, columns=["problem", "optimizer", "target", "seed", "samples", "reached"])


TIMES = random_times()


def ert_of(rows, weights):
    hits = sum(weights[row.seed] for row in rows if row.reached)
    return sum(weights[row.seed] * row.samples for row in rows) / hits if hits else math.inf


def weights_of(times, monkeypatch, over, resamples=12):
    """Return for each of a few resamples how often it contains each problem and each of its seeds."""
    monkeypatch.setattr(statistics, "RESAMPLES", resamples)
    problems = list(times["problem"].unique())
    seeds = times["seed"].nunique()
    ones = np.ones((1 + resamples, 1))
    by_problem = statistics.resample_counts(len(problems), 0) if "problems" in over else ones * np.ones(len(problems))
    by_seed = [statistics.resample_counts(seeds, 1 + place) if "seeds" in over else ones * np.ones(seeds)
               for place in range(len(problems))]  # fmt: skip
    return problems, by_problem, by_seed


def naive(times, monkeypatch, over, marks, share):
    """Return (resamples, names, marks), the weighted share of pairs, one resample, pair and mark at a time."""
    problems, by_problem, by_seed = weights_of(times, monkeypatch, over)
    names = list(times["optimizer"].unique())
    cells = {key: list(rows.itertuples()) for key, rows in times.groupby(["problem", "target", "optimizer"])}
    pairs = list(times[["problem", "target"]].drop_duplicates().itertuples(index=False, name=None))
    out = np.zeros((len(by_problem), len(names), len(marks)))
    for b in range(len(by_problem)):
        total = 0.0
        for problem, target in pairs:
            k = problems.index(problem)
            weight, seeds = by_problem[b][k], by_seed[k][b]
            total += weight
            rows = {name: cells[problem, target, name] for name in names}
            for i, name in enumerate(names):
                out[b, i] += weight * np.array([share(rows, name, seeds, mark) for mark in marks])
        out[b] /= total
    return out


def within(rows, name, weights, ratio):
    each = {key: ert_of(part, weights) for key, part in rows.items()}
    return math.isfinite(each[name]) and each[name] <= ratio * min(each.values()) * (1 + 1e-12)


@pytest.mark.parametrize("over", [("problems", "seeds"), ("problems",), ("seeds",), ()])
def test_shares_and_bands_agree_with_counting(over, monkeypatch):
    expected = naive(TIMES, monkeypatch, over, RATIOS, within)
    found = performance_profiles(TIMES, over=over, ratios=RATIOS)
    assert found["optimizer"].tolist() == [name for name in "abc" for _ in RATIOS]
    np.testing.assert_allclose(found["share"], expected[0].ravel(), atol=1e-12)
    low, high = np.quantile(expected[1:], [0.025, 0.975], axis=0, method="inverted_cdf")
    np.testing.assert_allclose(found["low"], np.minimum(low, expected[0]).ravel(), atol=1e-12)
    np.testing.assert_allclose(found["high"], np.maximum(high, expected[0]).ravel(), atol=1e-12)
    assert (found["low"] < found["high"]).any() == bool(over)


def test_a_profile_by_hand():
    """Times 10, 20 on one problem, 30, 10 on the next, nobody on the last: a wins one of three, and so does b."""
    rows = [("p", "a", 10, True), ("p", "b", 20, True), ("q", "a", 30, True), ("q", "b", 10, True),
            ("r", "a", 50, False), ("r", "b", 50, False)]  # fmt: skip
    times = pd.DataFrame(rows, columns=["problem", "optimizer", "samples", "reached"]).assign(target=0.1, seed=0)
    found = performance_profiles(times, ratios=[1, 2, 3]).set_index(["optimizer", "ratio"])["share"]
    assert found["a"].tolist() == pytest.approx([1 / 3, 1 / 3, 2 / 3])
    assert found["b"].tolist() == pytest.approx([1 / 3, 2 / 3, 2 / 3])


def test_targets_that_the_start_fulfils_are_ties():
    times = pd.DataFrame({"problem": "p", "optimizer": ["a", "b", "c"], "samples": [0.0, 0.0, 5.0], "reached": True})
    found = performance_profiles(times.assign(target=0.1, seed=0), ratios=[1, 1e9]).set_index("optimizer")["share"]
    assert found["a"].tolist() == found["b"].tolist() == [1, 1] and found["c"].tolist() == [0, 0]


def test_leaving_one_out_compares_the_others_anew():
    without = TIMES[TIMES["optimizer"] != "a"]
    found = performance_profiles(without, ratios=RATIOS)
    assert found.equals(performance_profiles(random_times()[TIMES["optimizer"] != "a"], ratios=RATIOS))
    both = performance_profiles(TIMES, ratios=RATIOS)
    rest = both[both["optimizer"] != "a"].reset_index(drop=True)
    assert (found["share"] >= rest["share"]).all() and (found["share"] > rest["share"]).any()
