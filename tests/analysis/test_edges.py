"""Choices at an end of what was tried, and the next value or the wider range beyond it."""

import itertools

import numpy as np
import pandas as pd
import pytest
from quick import slow
from synthetic import runs_table

from optbench.analysis import best_configurations
from optbench.analysis.edges import find_edges
from optbench.contract.search import parse_range
from optbench.wording.answers import find_recommended


def rows_of(name, values, best, searched=None, limits=None, optimizer="o"):
    """Return the edges where `best` of the values is the best one."""
    rows = [
        {"optimizer": optimizer, name: value, "seed": seed, "suboptimality_final": 1e-3 + abs(value - best)}
        for value in values for seed in range(4)
    ]  # fmt: skip
    runs = runs_table(rows)
    return find_edges(runs, best_configurations(runs, [0, 1]), searched, lambda name: limits)


def wider(*arguments, **named):
    """Return the only advice; None if there is none."""
    table = rows_of(*arguments, **named)
    assert len(table) <= 1
    return (table["range"][0] or table["wider"][0]) if len(table) else None


@pytest.mark.parametrize(
    ("name", "values", "best", "expected"),
    [
        ("lr", (0.1, 1.0), 1.0, 10.0),
        ("lr", (0.1, 1.0), 0.1, 0.01),
        ("lr", (0.1, 3.162), 3.162, 100.0),  # 99.98, were the rate not one of four digits
        ("beta1", (0.8, 0.9), 0.9, 0.95),
        ("beta1", (0.9, 0.99), 0.99, 0.999),
        ("beta1", (0.8, 0.9), 0.8, 0.6),
        ("beta1", (0.7, 0.9), 0.9, 0.967),  # what lacks to one is a third of the third before
        ("beta1", (0.9, 0.99), 0.9, 0.0),  # and not 1.33e-15
        ("momentum", (0.5, 0.9), 0.9, 0.98),
        ("shift", (-1.0, 0.5), 0.5, 2.0),
    ],
)
def test_the_next_value_goes_on_at_the_ratio_of_the_last_two(name, values, best, expected):
    found = wider(name, values, best)
    assert found == pytest.approx(expected, rel=1e-12, abs=0) and float(f"{found:.4g}") == found


@pytest.mark.parametrize(
    ("name", "values", "best", "limit", "expected"),
    [
        ("k", (1, 5), 1, "[1, inf)", None),  # not 0.2
        ("k", (5, 10), 5, "[1, inf)", 2.0),  # not 2.5
        ("every", (1, 10), 1, None, None),  # of a plug-in, whose limits nobody knows here
        ("every", (2, 6), 2, None, 1.0),
        ("norm", (1, 10), 1, "(0, inf)", 0.1),
        ("alpha", (0.5, 0.8), 0.8, "[0, 1]", None),  # not 1.28
        ("beta1", (0.9, 0.99), 0.9, "(0, 1)", None),
        ("eps", (1e-8, 1e-4), 1e-8, None, 1e-10),
        ("eps", (1e-8, 0.075), 1e-8, None, 1e-10),  # not 1.33e-15
        ("eps", (1e-16, 1e-8), 1e-16, None, None),
        ("rho", (0.9, 0.99), 0.99, None, 0.999),
        ("lr", (1.2345, 2.3456), 2.3456, None, 4.5),
    ],
)  # fmt: skip
def test_nothing_is_advised_that_an_optimizer_refuses(name, values, best, limit, expected):
    assert wider(name, values, best, limits=limit and {name: limit}) == expected


@pytest.mark.parametrize(
    ("name", "text", "best", "limit", "expected"),
    [
        ("norm", "log_uniform(0.1, 10)", 9.9, "(0, inf)", "log_uniform(0.1, 100)"),
        ("norm", "log_uniform(0.1, 10)", 0.11, "(0, inf)", "log_uniform(0.01, 10)"),
        ("nu", "uniform(0, 1)", 0.99, "[0, 1]", None),  # not uniform(0, 2)
        ("nu", "uniform(0.2, 0.8)", 0.79, "[0, 1]", "uniform(0.2, 1)"),
        ("nu", "uniform(0.2, 0.8)", 0.79, "[0, 1)", "uniform(0.2, 0.9)"),
        ("gamma", "log_uniform(0.01, 0.5)", 0.49, "(0, 1]", "log_uniform(0.01, 1)"),
        ("beta1", "one_minus_log_uniform(0.02, 0.5)", 0.979, None, "one_minus_log_uniform(0.002, 0.5)"),
        ("beta1", "one_minus_log_uniform(0.02, 0.5)", 0.51, None, "one_minus_log_uniform(0.02, 1)"),
        ("beta1", "one_minus_log_uniform(0.02, 1)", 0.01, None, None),
    ],
)  # fmt: skip
def test_a_wider_range_stays_within_the_limits(name, text, best, limit, expected):
    low, high = parse_range(text).ends
    values = sorted({best, (low + high) / 2, low + 0.4 * (high - low)})
    limits = limit and {name: limit}
    assert wider(name, values, best, searched={"o": {name: text}}, limits=limits) == expected


def test_a_wider_range_of_rates_holds_those_of_all_optimizers():
    """The option is one for all of a sweep: 1 would take a decade from those that searched up to 10."""
    searched = {"o": {"lr": "log_uniform(0.0001, 1)"}, "cautious": {"lr": "log_uniform(0.0001, 10)"},
                "slow": {"lr": "log_uniform(0.001, 30)"}, "lbfgs": {}}  # fmt: skip
    assert wider("lr", (0.001, 0.1, 0.99), 0.99, searched=searched) == "log_uniform(0.0001, 30)"
    assert wider("lr", (0.00011, 0.1, 0.5), 0.00011, searched=searched) == "log_uniform(1e-5, 30)"
    even = {"o": {"lr": "uniform(0, 1)"}, "other": {"lr": "uniform(0, 3)"}}
    assert wider("lr", (0.1, 0.2, 0.99), 0.99, searched=even) == "uniform(0, 3)"
    mixed = {"o": {"lr": "log_uniform(0.1, 1)"}, "other": {"lr": "uniform(0, 3)"}}
    assert wider("lr", (0.11, 0.2, 0.99), 0.99, searched=mixed) == "uniform(0, 10)"


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
    return find_recommended(runs, range(5), "loss", {"o": RANGES})[1]


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


@pytest.mark.parametrize(
    ("name", "values", "best"),
    [("lr", (0.1, 1.0, 10.0), 1.0), ("batch_size", (1, 4), 1), ("beta1", (0.0, 0.9), 0.0), ("beta1", (0.9,), 0.9)],
)
def test_what_has_nothing_beyond_it_is_no_edge(name, values, best):
    assert rows_of(name, values, best).empty


def in_block(tried, name, chosen, searched=None, **more):
    """Return (side, wider) of the edges where block 0 chose one of the values that it tried; None inside.

    tried: {stage: values}. Another block tried a hundred times these values.
    """
    rows = [
        {"optimizer": "o", "block": block, "stage": stage, name: value * 100**block, **more}
        for stage, values in tried.items() for value in values for block in (0, 1)
    ]  # fmt: skip
    best = runs_table([{"optimizer": "o", "block": 0, name: chosen, **more}]).assign(full_batch=False)
    table = find_edges(runs_table(rows), best, searched and {"o": {name: searched}})
    assert len(table) <= 1 and (table["block"] == 0).all()
    return (table["side"][0], table["wider"][0]) if len(table) else None


@pytest.mark.parametrize(
    ("name", "tried", "chosen", "expected"),
    [
        ("lr", {"screen": (0.1, 0.2, 0.4)}, 0.4, ("high", 0.8)),
        ("lr", {"screen": (0.1, 0.2, 0.4)}, 0.1, ("low", 0.05)),
        ("lr", {"screen": (0.1, 0.2, 0.4)}, 0.2, None),
        ("lr", {"screen": (0.1, 0.2, 0.4), "widen": (0.8,)}, 0.4, None),
        ("lr", {"screen": (0.1, 0.2, 0.4), "widen": (0.8,)}, 0.8, ("high", 1.6)),
        ("lr", {"screen": (0.1, 0.2, 0.4), "race": (0.8,), "holdout": (0.8,)}, 0.4, ("high", 0.8)),
        ("batch_size", {"screen": (16, 64)}, 16, ("low", 4)),
        ("batch_size", {"screen": (16, 64), "widen": (4,)}, 4, ("low", 1)),
        ("batch_size", {"screen": (16, 64), "widen": (4, 1)}, 1, None),
        ("batch_size", {"screen": (16, 64)}, 64, ("high", 256)),
        ("beta1", {"screen": (0.8, 0.9)}, 0.9, ("high", 0.95)),
    ],
)
def test_an_edge_is_that_of_what_the_block_tried(name, tried, chosen, expected):
    assert in_block(tried, name, chosen) == expected


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


@pytest.mark.parametrize(
    ("tried", "chosen", "expected"),
    [
        ({"screen": (0.0012, 0.1, 0.9)}, 0.9, ("high", 1.995)),  # a tenth of three decades beyond 1
        ({"screen": (0.0012, 0.1, 0.9)}, 0.0012, ("low", 0.0005012)),
        ({"screen": (0.01, 0.1, 0.5)}, 0.5, None),  # of what was drawn no end
        ({"screen": (0.0012, 0.1, 0.9), "widen": (1.995,)}, 1.995, ("high", 3.981)),
        ({"screen": (0.0012, 0.1, 0.9), "widen": (1.995, 3.981)}, 1.995, None),
    ],
)
def test_a_range_is_left_by_a_tenth_of_it(tried, chosen, expected):
    assert in_block(tried, "lr", chosen, "log_uniform(0.001, 1)") == expected
