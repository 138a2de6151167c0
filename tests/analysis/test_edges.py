"""Choices at an end of what was tried, and the next value or the wider range beyond it."""

import pytest
from synthetic import runs_table

from optbench.analysis import best_configurations
from optbench.analysis.edges import find_edges
from optbench.contract.search import parse_range


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
        ("beta1", (0.7, 0.9), 0.9, 0.9667),  # what lacks to one is a third of the third before
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
        ("eps", (1e-8, 1e-4), 1e-8, None, 1e-12),
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


@pytest.mark.parametrize(
    ("name", "values", "best"),
    [("lr", (0.1, 1.0, 10.0), 1.0), ("batch_size", (1, 4), 1), ("beta1", (0.0, 0.9), 0.0), ("beta1", (0.9,), 0.9)],
)
def test_what_has_nothing_beyond_it_is_no_edge(name, values, best):
    assert rows_of(name, values, best).empty
