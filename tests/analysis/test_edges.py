"""Choices at an end of what was tried, and the next value or the wider range beyond it."""

import itertools

import numpy as np
import pandas as pd
import pytest
from quick import slow
from staged import answer_of
from synthetic import runs_table

from optbench.analysis.edges import find_edges
from optbench.contract.search import parse_range


def test_a_wider_range_holds_what_was_tried_beyond_it():
    """A block's screen had gone on to 25.12 from a range up to 1."""
    same = {"optimizer": "o", "block": 0}
    tried = {"screen": (0.0012, 0.1, 0.9), "widen": (2.0, 5.0, 10.0, 25.12)}
    runs = runs_table({**same, "stage": stage, "lr": lr} for stage, values in tried.items() for lr in values)
    best = runs_table([{**same, "lr": 25.12}]).assign(full_batch=False)
    table = find_edges(runs, best, {"o": {"lr": "log_uniform(0.001, 1)"}})
    assert table["range"].tolist() == ["log_uniform(0.001, 260)"]


def test_no_end_is_left_where_what_lies_beyond_was_tried():
    same = {"optimizer": "o", "block": 0}
    tried = {"screen": (0.0012, 0.1, 0.99), "widen": (2.0,)}
    runs = runs_table({**same, "stage": stage, "lr": lr} for stage, values in tried.items() for lr in values)
    best = runs_table([{**same, "lr": 0.99}]).assign(full_batch=False)
    assert find_edges(runs, best, {"o": {"lr": "log_uniform(0.001, 1)"}}).empty


SWEEPS = 120
RANGES = {"lr": "log_uniform(0.001, 1)", "beta1": "one_minus_log_uniform(0.01, 0.5)", "nu": "uniform(0, 1)"}


def draw_sweeps(blocks, trials, optimum, weight=3.0):
    """Return runs and advice of simulated sweeps, each on a problem of its own, of one optimizer with three ranges.

    y is (the share of the rate - optimum)^2, times the weight, and noise; the other parameters do not matter. blocks: 0
    for 5 seeds that share their trials.
    """
    rng, rows, seeds = np.random.default_rng(blocks + 1), [], 1 if blocks else 5
    parsed = {key: parse_range(text) for key, text in RANGES.items()}
    for sweep, block, _trial in itertools.product(range(SWEEPS), range(max(blocks, 1)), range(trials)):
        shares = rng.random(3)
        values = {key: made.of(u) for (key, made), u in zip(parsed.items(), shares, strict=True)}
        where = {"block": block, "stage": "screen"} if blocks else {}
        for seed in range(seeds):
            y = weight * (shares[0] - optimum) ** 2 + rng.normal(0, 0.3)
            same = {"problem": f"p{sweep}", "optimizer": "o", "seed": 100 * block + seed, **values, **where}
            rows.append({**same, "suboptimality_final": np.exp(y), "log_tail": y})
    runs = runs_table(rows)
    if blocks:  # what a block chose is what it screened as the best, and it reports
        best = runs.loc[runs.groupby(["problem", "block"])["log_tail"].idxmin()]
        more = best.assign(stage="holdout", seed=best["seed"] + 50, run_id=best["run_id"] + "h")
        runs = pd.concat([runs, more], ignore_index=True)
    return answer_of(runs, range(5), "loss", {"o": RANGES}).edges


@pytest.mark.slow
@pytest.mark.parametrize(("blocks", "trials"), [(0, 24), (6, 12)])
def test_chance_puts_few_optimizers_at_the_end_of_a_range(blocks, trials):
    """Of sweeps whose best rate lies in the middle, and whose other parameters do not matter, 5% get false advice."""
    for optimum, weight in ((0.5, 3.0), (0.5, 0.0)):
        table = draw_sweeps(blocks, trials, optimum, weight)
        share = table["problem"].nunique() / SWEEPS
        assert share <= 0.05 + 1.64 * np.sqrt(0.05 * 0.95 / SWEEPS), (optimum, weight, share)


@pytest.mark.parametrize(("blocks", "trials", "power"), [(0, 24, 0.4), slow(10, 12, 0.8)])
def test_an_optimum_beyond_the_range_is_told(blocks, trials, power):
    table = draw_sweeps(blocks, trials, 1.3)
    rates = table[(table["parameter"] == "lr") & (table["side"] == "high")]
    assert rates["problem"].nunique() / SWEEPS >= power, rates["problem"].nunique() / SWEEPS
    assert set(rates["range"]) == {"log_uniform(0.001, 10)"}


def test_rates_are_compared_at_the_same_batch_size_and_schedule():
    """A full batch of 4 and the schedule were tried at other rates than a batch of 1."""
    factors = {(1, "constant"): 1, (4, "constant"): 4, (4, "inverse"): 16}
    same = {"optimizer": "o", "block": 0, "stage": "screen"}
    runs = runs_table(
        {**same, "lr": rate * factor, "batch_size": size, "schedule": schedule}
        for rate, ((size, schedule), factor) in itertools.product((0.1, 0.2, 0.4), factors.items())
    )

    def edges(**chosen):
        best = runs_table([{**same, **chosen}]).assign(full_batch=chosen["batch_size"] == 4)
        return find_edges(runs, best)[["parameter", "side", "wider"]].values.tolist()

    assert edges(lr=0.4, batch_size=1) == [["lr", "high", 0.8]]
    assert edges(lr=0.4, batch_size=4) == [["lr", "low", 0.2]] and edges(lr=0.8, batch_size=4) == []
    assert edges(lr=1.6, batch_size=4, schedule="inverse") == [["lr", "low", 0.8]]
