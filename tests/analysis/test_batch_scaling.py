"""The critical batch size: SciPy's curve_fit, planted laws, and how often the interval holds what was planted."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import curve_fit
from synthetic import runs_table

from optbench.analysis import batch_times, critical_batch_size, statistics, targets_of, tuned_times
from optbench.analysis.sweep_tables import Tables
from optbench.contract.columns import TARGETS
from optbench.contract.errors import OptbenchError

SIZES = np.array([1, 4, 16, 64, 256, 1024])


def law(size, least, critical):
    return least * (1 + critical / size)


def planted(critical=100.0, least=50.0, spread=0.2, seeds=9, random_seed=0, sizes=SIZES):
    """Steps with a lognormal scatter around the law."""
    rng = np.random.default_rng(random_seed)
    steps = law(sizes, least, critical) * rng.lognormal(0, spread, (seeds, len(sizes)))
    table = pd.DataFrame(steps, columns=sizes).rename_axis("seed").reset_index()
    return table.melt("seed", var_name="batch_size", value_name="steps").astype({"batch_size": int})


@pytest.mark.parametrize("random_seed", range(4))
def test_the_fit_is_that_of_scipy(random_seed):
    table = planted(spread=0.5, random_seed=random_seed)
    found = critical_batch_size(table)
    median = table.groupby("batch_size")["steps"].median()
    best, _ = curve_fit(law, SIZES, median, p0=(50, 100), sigma=median.to_numpy(), bounds=(0, np.inf))
    np.testing.assert_allclose((found.least_steps[0], found.critical[0]), best, rtol=1e-4)
    assert found.least_examples[0] == pytest.approx(best[0] * best[1], rel=1e-4)
    assert found.sizes == 6


def test_bootstrap_samples_are_fitted_as_the_whole_is(monkeypatch):
    """Twenty resamples, each written out as a table of its own."""
    monkeypatch.setattr(statistics, "RESAMPLES", 20)
    table = planted(spread=0.5, seeds=6)
    counts = statistics.resample_counts(6)
    wide = table.pivot(index="seed", columns="batch_size", values="steps").to_numpy()
    fits = []
    for row in counts:
        drawn = np.repeat(wide, row.astype(int), axis=0)
        one = pd.DataFrame(np.median(drawn, axis=0)[None], columns=SIZES).rename_axis("seed").reset_index()
        fits.append(critical_batch_size(one.melt("seed", var_name="batch_size", value_name="steps")).critical[0])
    low, high = np.quantile(fits[1:], [0.025, 0.975], method="inverted_cdf")
    np.testing.assert_allclose(critical_batch_size(table).critical, (fits[0], min(low, fits[0]), max(high, fits[0])))


def test_a_planted_size_is_found_and_its_interval_holds_it():
    exact = critical_batch_size(planted(spread=0.0))
    np.testing.assert_allclose(exact.critical, 100)
    np.testing.assert_allclose(exact.least_steps, 50)
    found = [critical_batch_size(planted(random_seed=seed, seeds=12)) for seed in range(200)]
    hits = np.mean([low <= 100 <= high for _, low, high in (each.critical for each in found)])
    middle = np.median([each.critical[0] for each in found])
    assert 0.88 <= hits <= 0.99 and middle == pytest.approx(100, rel=0.05)


def test_laws_without_a_knee():
    steps = {"falls as 1 / B": (1000 / SIZES, math.inf), "never falls": (np.full(6, 70.0), 0.0),
             "rises": (70.0 * SIZES, 0.0), "falls faster": (1000 / SIZES**1.2, math.inf)}  # fmt: skip
    for name, (values, critical) in steps.items():
        table = pd.DataFrame({"seed": 0, "batch_size": SIZES, "steps": values})
        found = critical_batch_size(table).critical[0]
        assert found == critical or (found > 1e9 and critical == math.inf) or (found < 1e-9 and critical == 0), name


def test_sizes_whose_median_run_does_not_arrive_are_left_out():
    table = planted(spread=0.0, seeds=5).assign(reached=True)
    table.loc[(table["batch_size"] == 1) & (table["seed"] < 3), "reached"] = False
    table.loc[(table["batch_size"] == 4) & (table["seed"] < 2), "reached"] = False
    found = critical_batch_size(table)
    assert found.sizes == 5 and found.critical[0] == pytest.approx(100)
    few = critical_batch_size(table[table["batch_size"].isin([1, 4])])
    assert few.sizes == 1 and np.isnan(few.critical).all()


def test_unpaired_seeds_are_refused():
    with pytest.raises(OptbenchError, match="each of the same seeds"):
        critical_batch_size(planted().iloc[1:])


def test_each_size_takes_its_fastest_rate_on_other_seeds():
    """0.3 is quickest when it arrives, on one seed of two; on the reporting seeds it would always be quicker."""
    rows = []
    for size in (8, 64):
        for seed in range(5):
            rows += [(size, 0.1, seed, 100.0 / size, True), (size, 0.2, seed, 100.0 / size, True)]
            arrives = seed > 0 or size == 64
            rows.append((size, 0.3, seed, 40.0 / size if arrives else 900.0, arrives))
    times = pd.DataFrame(rows, columns=["batch_size", "lr", "seed", "steps", "reached"])
    times = times.assign(problem="p", optimizer="gd", schedule="constant", dtype="float64", target=0.1)
    found = tuned_times(times, [0, 1])
    assert found.groupby("batch_size")["lr"].unique().map(list).to_dict() == {8: [0.1], 64: [0.3]}
    assert set(found["seed"]) == {2, 3, 4} and len(found) == 6
    assert set(tuned_times(times, range(5))["seed"]) == set(range(5))
    with pytest.raises(OptbenchError, match="none of the tuning seeds"):
        tuned_times(times, [9])


def in_blocks(optimizers=("gd",), blocks=4, sizes=(8, 64), best=lambda block, size: "gd"):
    """A sweep in blocks, each of which drew a good and a bad rate a size, and holds out the good one of the best.

    The good rate of block b arrives after 800 / size + b steps, the bad one and those of other optimizers never.
    """
    rows, curves = [], []
    for block, size, name, bad in itertools.product(range(blocks), sizes, optimizers, (False, True)):
        leads = best(block, size) == name and not bad
        arrival = 800 // size + block
        for stage, seed in (("screen", 10 * block), ("holdout", 10 * block + 1), ("holdout", 10 * block + 2)):
            if stage == "screen" or leads:
                end = 1e-3 if leads else 0.5
                curves += [{"run_id": f"r{len(rows)}", "step": step, "samples": size * step, "train_loss": loss}
                           for step, loss in ((0, 1.0), (arrival - 1, 1.0), (arrival, end), (200, end))]  # fmt: skip
                rows.append({"optimizer": name, "lr": 0.1 + block + 0.5 * bad, "batch_size": size, "seed": seed,
                             "stage": stage, "block": block, "steps": 200, "samples": 200 * size, "epochs": 0.2 * size,
                             "suboptimality_final": end,
                             **{f"samples_to_{share:g}": size * arrival if leads and share >= 1e-3 else np.inf
                                for share in TARGETS}})  # fmt: skip
    timings = pd.DataFrame([{"cohort_id": "c", "ns_per_run_step": 1e9, "steps": 200}])
    problems = pd.DataFrame([{"problem": "p", "minimum": 0.0, "minimum_source": "closed form", "examples": 1000}])
    return Tables(runs=runs_table(rows), curves=pd.DataFrame(curves), timings=timings, problems=problems)


def test_of_a_sweep_with_blocks_fresh_seeds_of_their_choices_count():
    results = in_blocks()
    times = batch_times(results, results.runs, targets=targets_of(results.runs, results.problems, [0.01]))
    assert times.groupby(["batch_size", "block"])["seed"].apply(list).to_dict() == {
        (size, block): [10 * block + 1, 10 * block + 2] for size in (8, 64) for block in range(4)
    }
    assert times["reached"].all() and (times["lr"] == 0.1 + times["block"]).all()
    np.testing.assert_allclose(times["steps"], 800 / times["batch_size"] + times["block"], atol=1)
    assert critical_batch_size(times).sizes == 2


def test_sizes_at_which_another_optimizer_was_chosen_are_left_out():
    """adam is the best of block 2 at size 64: of gd there are three blocks of that size, and all of two others."""
    results = in_blocks(
        ("gd", "adam"), sizes=(8, 16, 64), best=lambda block, size: "adam" if (block, size) == (2, 64) else "gd"
    )
    times = batch_times(results, results.runs, targets=targets_of(results.runs, results.problems, [0.01]))
    assert set(times["batch_size"]) == {8, 16} and set(times["optimizer"]) == {"gd"}
    with pytest.raises(OptbenchError, match="sweep one optimizer at a time, or a plain grid"):
        batch_times(results, results.runs[results.runs["optimizer"] == "adam"])
