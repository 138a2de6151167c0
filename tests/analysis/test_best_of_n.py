"""Best-of-n curves against all subsets of trials, counted one by one."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from staged import shuffled
from synthetic import failure, runs_table

from optbench.analysis import best_of_n

RATES = (0.1, 0.2, 0.3, 0.4, 0.5)


def grid(seeds=9, seed=0):
    """Return two optimizers of five and two rates on a plain grid."""
    rng = np.random.default_rng(seed)
    rows = []
    for name, rates in (("gd", RATES), ("adam", RATES[:2])):
        for rate, number in itertools.product(rates, range(seeds)):
            y = 5 * abs(rate - 0.3) + rng.normal()
            rows.append({"optimizer": name, "lr": rate, "seed": number, "suboptimality_final": math.exp(y)})
    return runs_table(rows)


def by_hand(runs, optimizer, n):
    """y expected in each block: nine seeds are four blocks, of 3, 2, 2 and 2 seeds, whose first tunes."""
    mine = runs[runs["optimizer"] == optimizer]
    y = np.log(mine.pivot(index="lr", columns="seed", values="suboptimality_final"))
    blocks = []
    for seeds in ([0, 1, 2], [3, 4], [5, 6], [7, 8]):
        each = []
        for draw in itertools.combinations(y.index, n):
            best = y.loc[list(draw), seeds[0]].idxmin()
            each.append(y.loc[best, seeds[1:]].to_numpy())
        blocks.append(np.mean(each))
    return blocks


def test_a_curve_equals_a_count_of_all_subsets():
    runs = grid()
    table = best_of_n(shuffled(runs), counts=(1, 2, 4, 10)).set_index(["optimizer", "n"])
    assert sorted(table.index) == [("adam", 1), ("adam", 2), ("gd", 1), ("gd", 2), ("gd", 4), ("gd", 5)]
    assert (table["kind"] == "trials").all() and (table["blocks"] == 4).all()
    for (name, n), row in table.iterrows():
        blocks = by_hand(runs, name, n)
        interval = stats.ttest_1samp(blocks, 0.0).confidence_interval(0.95)
        expected = np.exp([np.mean(blocks), *interval])
        assert row[["value", "low", "high"]].to_numpy(dtype=float) == pytest.approx(expected)
        assert row["trials"] == {"gd": 5, "adam": 2}[name]


def test_of_a_staged_sweep_each_block_has_its_screen():
    """Its race and report ran on the best settings only, and stay out: results are the scores of the screen."""
    runs = grid(seeds=8)
    staged = runs.assign(stage="screen", block=runs["seed"])
    other = staged[staged["lr"] == 0.3].assign(
        stage="holdout", seed=lambda rows: rows["seed"] + 100, suboptimality_final=9
    )
    table = best_of_n(pd.concat([staged, other]), counts=(1, 2, 5)).set_index(["optimizer", "n"])
    y = np.log(runs.pivot(index=["optimizer", "seed"], columns="lr", values="suboptimality_final"))
    for (name, n), row in table.iterrows():
        each = y.loc[name].dropna(axis=1).to_numpy()
        blocks = [np.mean([min(draw) for draw in itertools.combinations(block, n)]) for block in each]
        interval = stats.ttest_1samp(blocks, 0.0).confidence_interval(0.95)
        expected = np.exp([np.mean(blocks), *interval])
        assert row[["value", "low", "high"]].to_numpy(dtype=float) == pytest.approx(expected)
        assert (row["trials"], row["blocks"]) == ({"gd": 5, "adam": 2}[name], 8)


def test_times_are_measured_by_the_target_of_the_sweep():
    """The defaults, too: both optimizers reach a tenth, at all rates."""
    runs = grid()
    runs["samples_to_0.1"] = 100.0 * (1 + runs["seed"] % 2) * runs["lr"]
    defaults = pd.DataFrame({"optimizer": ["gd"], "lr": [0.2]})
    table = best_of_n(runs, (1,), "time", defaults=defaults).set_index(["optimizer", "kind", "n"])
    spent = 10 * (1 + np.arange(9) % 2)  # at the rate 0.1, which every block chooses
    blocks = [np.log(spent[[1, 2]]).mean(), *np.log(spent[[4, 6, 8]])]
    assert table.loc[("gd", "trials", 5), "value"] == pytest.approx(math.exp(np.mean(blocks)))
    assert table.loc[("gd", "defaults", 0), "value"] == pytest.approx(2 * math.exp(np.log(spent).mean()))


def test_failures_are_expected_too():
    rows = [{"lr": lr, "seed": seed} for lr in (1, 2, 3) for seed in range(8)]
    rows += [failure(lr=lr, seed=seed) for lr in (4, 5) for seed in range(8)]
    table = best_of_n(runs_table(rows), counts=(1, 2)).set_index("n")
    assert table["failures"].to_dict() == pytest.approx({1: 2 / 5, 2: 1 / 10, 5: 0.0})
    worst = 0.4 * math.log(1e6) + 0.6 * math.log(0.5)
    assert table.loc[1, "value"] == pytest.approx(math.exp(worst))


def test_the_defaults_stand_beside_it():
    runs = grid()
    defaults = pd.DataFrame({"optimizer": ["gd", "adam"], "lr": [0.1, 0.9]})
    table = best_of_n(runs, counts=(1,), defaults=defaults)
    row = table[table["kind"] == "defaults"]
    y = np.log(runs[(runs["optimizer"] == "gd") & (runs["lr"] == 0.1)]["suboptimality_final"])
    interval = stats.ttest_1samp(y, 0.0).confidence_interval(0.95)
    assert row[["optimizer", "n", "blocks"]].values.tolist() == [["gd", 0, 9]]
    assert row[["value", "low", "high"]].to_numpy()[0] == pytest.approx(np.exp([y.mean(), *interval]))


def test_nothing_to_tune():
    alone = best_of_n(runs_table([{"seed": seed} for seed in range(5)]))
    assert alone[["n", "trials", "blocks"]].values.tolist() == [[1, 1, 5]] and alone["value"][0] == pytest.approx(0.5)
