"""Verdicts are right as often as they say: sweeps drawn from recorded runs, in which the truth is known.

Each count stands beside its bound: the share that is allowed, and what a binomial of that share reaches by chance in
one of a thousand tests.
"""

import functools
import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from simulated_sweeps import archive, as_runs, clones, drawn_seeds, finer_grids, shipped, tuned

from optbench.analysis import ranking, verdicts
from optbench.analysis.held_out import held_out, held_out_at
from optbench.analysis.pair_statistics import adjust_by_holm, mean_effects, row_medians, trimmed_means

DESIGNS = {name: shipped(f"{name}.toml") for name in ("default", "thorough")}
SWEEPS = {"default": 1500, "thorough": 600}
NAMES = 5
LEVELS = sorted(archive())
PAIRS = np.array(list(itertools.combinations(range(NAMES), 2)))


@functools.cache
def simulated(name):
    """Return by level the y of clones, (names, sweeps, blocks, report)."""
    rng = np.random.default_rng(11)
    return {level: clones(y, SWEEPS[name], NAMES, DESIGNS[name], rng) for level, y in archive().items()}


@functools.cache
def differences(name):
    """Return by level the D of every pair of clones, (pairs, sweeps, blocks)."""
    return {level: row_medians(y[PAIRS[:, 1]] - y[PAIRS[:, 0]]) for level, y in simulated(name).items()}


def at_most(share, total):
    """Return the 99.9% quantile of a binomial count of `total` with probability `share`."""
    return stats.binom.ppf(0.999, total, share)


def test_a_simulated_sweep_is_what_the_analysis_makes_of_its_table():
    """The protocol in NumPy against `verdicts` and `ranking` of the table of the same runs."""
    y, design, rng = archive()["logistic.adam"][::5], DESIGNS["default"], np.random.default_rng(0)
    size = design.screen + design.race + design.holdout
    parts = {
        name: (y + shift, drawn_seeds(design.blocks, size, y.shape[1], rng)) for name, shift in (("a", 0), ("b", 1))
    }
    runs = as_runs(parts, design)
    a, b = (tuned(*part, design) for part in parts.values())
    effect = mean_effects(row_medians(b - a)[None])
    row = verdicts(runs).iloc[0]
    expected = [np.exp(effect[name][0]) for name in ("mean", "low", "high")]
    assert [row["ratio"], row["low"], row["high"]] == pytest.approx(expected)
    assert row["p"] == pytest.approx(effect["p"][0]) and row["trials"] == len(y)
    value = trimmed_means(row_medians(a)[None])
    first = ranking(runs).iloc[0]
    assert [first["value"], first["low"]] == pytest.approx([np.exp(value["mean"][0]), np.exp(value["low"][0])])


def test_a_planted_factor_of_two_is_found_among_five():
    """From the table to the verdict: five names on one problem, one of them twice as good, which alone is first."""
    y, design, rng = archive()["logistic.adam"][::5], DESIGNS["default"], np.random.default_rng(1)
    size = design.screen + design.race + design.holdout
    seeds = {name: drawn_seeds(design.blocks, size, y.shape[1], rng) for name in "abcde"}
    table = ranking(as_runs({name: (y - np.log(2) * (name == "c"), part) for name, part in seeds.items()}, design))
    assert table.loc[table["first"], "optimizer"].tolist() == ["c"] and (table["beats"][table["first"]] == 4).all()


@pytest.mark.parametrize("name", DESIGNS)
def test_clones_are_not_told_apart(name):
    """At most 5% of problems with five clones have a false verdict "better"."""
    false = []
    for level in LEVELS:
        rows = differences(name)[level]
        p = mean_effects(rows.reshape(-1, rows.shape[2]))["p"].reshape(len(PAIRS), -1)
        false.append(sum(bool((adjust_by_holm(column) < 0.05).any()) for column in p.T))
    assert max(false) <= at_most(0.05, SWEEPS[name]), dict(zip(LEVELS, false, strict=True))
    assert sum(false) <= at_most(0.05, SWEEPS[name] * len(LEVELS)) and sum(false) > 0


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("factor", [1.2, 1.5, 2.0])
def test_planted_effects_are_found_as_often_as_the_formula_says(name, factor):
    """Power within ten points of that of t at each sweep's own spread; the wrong direction in at most 2.5%."""
    count = DESIGNS[name].blocks
    quantile = stats.t.ppf(0.975, count - 1)
    found = []
    for level in LEVELS:
        rows = differences(name)[level].reshape(-1, count)
        effect = mean_effects(rows + np.log(factor))
        shown = effect["p"] < 0.05
        power, wrong = np.mean(shown & (effect["mean"] > 0)), np.sum(shown & (effect["mean"] < 0))
        shift = np.minimum(np.log(factor) * np.sqrt(count) / effect["sd"][:1000], 30)
        assert abs(power - stats.nct.sf(quantile, count - 1, shift).mean()) < 0.1, level
        assert wrong <= 0.025 * len(rows), level
        found.append(power)
    if factor == 2.0:
        assert np.mean(found) > 0.8 and min(found) > {"default": 0.5, "thorough": 0.9}[name], found


@pytest.mark.parametrize("name", DESIGNS)
def test_intervals_cover_what_a_tuned_optimizer_gives(name):
    """93 to 97% of the intervals of a tuned value hold it; the truth is the mean over many more sweeps."""
    design, hits = DESIGNS[name], []
    for level, y in archive().items():
        rng = np.random.default_rng(5)
        many = row_medians(clones(y, 2500, 1, design, rng)[0])
        truth = trimmed_means(rng.choice(many.ravel(), (40_000, design.blocks)))["mean"].mean()
        value = trimmed_means(row_medians(simulated(name)[level]).reshape(-1, design.blocks))
        hits.append(np.mean((value["low"] <= truth) & (truth <= value["high"])))
    assert 0.93 <= np.mean(hits) <= 0.97 and min(hits) > 0.91 and max(hits) < 0.98, dict(
        zip(archive(), hits, strict=True)
    )


@pytest.mark.parametrize("name", DESIGNS)
def test_intervals_cover_the_ratio_of_two_optimizers(name):
    """On shared seeds, as in a sweep: 93 to 97%."""
    design, rng, hits = DESIGNS[name], np.random.default_rng(6), []
    size = design.screen + design.race + design.holdout
    for problem in sorted({level.split(".")[0] for level in LEVELS}):
        a, b = (y for level, y in archive().items() if level.startswith(f"{problem}."))
        seeds = drawn_seeds(6000, size, a.shape[1], rng)
        all_blocks = row_medians(tuned(b, seeds, design) - tuned(a, seeds, design))
        effect = mean_effects(rng.choice(all_blocks, (4000, design.blocks)))
        hits.append(np.mean((effect["low"] <= all_blocks.mean()) & (all_blocks.mean() <= effect["high"])))
    assert 0.93 <= np.mean(hits) <= 0.97 and min(hits) > 0.91, hits


@pytest.mark.parametrize(("seeds", "blocks"), [(8, 4), (36, 8)])
def test_four_times_the_trials_gain_no_first_place(seeds, blocks):
    """At equal n a clone with all settings stands alone before one with a quarter of them in at most 5% of sweeps."""
    sweeps = 150 if seeds == 8 else 60
    alone, behind = [], []
    for y in archive().values():
        table = finer_grids(y, sweeps, seeds, blocks, np.random.default_rng(7))
        fewer = held_out_at(table, len(y) // 4)
        few, everything = np.arange(0, 2 * sweeps, 2), np.arange(1, 2 * sweeps, 2)
        whole = mean_effects(held_out(table).differences(few, everything)[0])
        stands = np.sum((whole["mean"] > 0) & (whole["p"] < 0.05))  # with fewer trials ahead of all
        rows, _ = fewer.differences(everything, few)
        effect = mean_effects(rows, common=fewer.draw[everything] + fewer.draw[few])
        shown = effect["p"] < 0.05
        alone.append(np.sum(shown & (effect["mean"] > 0)))
        behind.append(stands + np.sum(shown & (effect["mean"] < 0) & (whole["mean"] <= 0)))
    assert sum(alone) <= at_most(0.05, sweeps * len(LEVELS)) and max(alone) <= at_most(0.05, sweeps), alone
    assert sum(behind) <= at_most(0.05, sweeps * len(LEVELS)), behind


def test_the_readme_says_what_was_measured():
    """Of five equal optimizers, the share of problems with a false verdict; and how often a factor of 2 is found."""
    told = []
    for name in DESIGNS:
        families = [rows.reshape(-1, rows.shape[2]) for rows in (differences(name)[level] for level in LEVELS)]
        p = [mean_effects(rows)["p"].reshape(len(PAIRS), -1) for rows in families]
        false = [np.mean([(adjust_by_holm(column) < 0.05).any() for column in each.T]) for each in p]
        shifted = [mean_effects(rows + np.log(2)) for rows in families]
        found = [np.mean((effect["p"] < 0.05) & (effect["mean"] > 0)) for effect in shifted]
        told.append((np.mean(false), np.mean(found)))
    (false, found), (sharp_false, sharp_found) = told
    text = " ".join((Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8").split())
    assert f"{100 * false:.1f}% of problems with five equal optimizers had a false *better*" in text
    assert f"found in {100 * found:.0f}% (`thorough`: {100 * sharp_false:.1f}%, {100 * sharp_found:.1f}%)" in text
