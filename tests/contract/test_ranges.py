"""Ranges: their text, their distribution against SciPy's, their limits, and a decorator that states them."""

import numpy as np
import pytest
from scipy import stats
from scipy.stats import qmc

from optbench import optimizer, variant
from optbench.catalogue import loader
from optbench.contract.search import (
    RATES,
    Range,
    check_space,
    choice,
    log_uniform,
    one_minus_log_uniform,
    parse_range,
    uniform,
)

CATALOGUE = loader.load()

RANGES = [
    (uniform(0.5, 2), stats.uniform(0.5, 1.5)),
    (uniform(-3, 5), stats.uniform(-3, 8)),
    (log_uniform(1e-4, 1), stats.loguniform(1e-4, 1)),
    (log_uniform(3e-9, 7e5), stats.loguniform(3e-9, 7e5)),
]


@pytest.mark.parametrize(("made", "expected"), RANGES, ids=lambda each: getattr(each, "text", ""))
def test_draws_have_scipys_distribution(made, expected):
    """KS distance of a scrambled Sobol sequence: at most one point's share, and what four digits move."""
    u = qmc.Sobol(1, seed=np.random.default_rng(5)).random(512)[:, 0]
    drawn = np.array([made.of(each) for each in u])
    assert stats.ks_1samp(drawn, expected.cdf).statistic < 1 / 512 + 5e-4
    assert stats.ks_1samp(drawn, stats.uniform(*expected.interval(1)).cdf).statistic > 0.2 or made.kind == "uniform"


def test_one_minus_a_log_uniform_number():
    u = qmc.Sobol(1, seed=np.random.default_rng(5)).random(512)[:, 0]
    drawn = np.array([one_minus_log_uniform(1e-5, 0.2).of(each) for each in u])
    assert drawn.min() >= 0.8 and drawn.max() < 1
    assert stats.ks_1samp(1 - drawn, stats.loguniform(1e-5, 0.2).cdf).statistic < 1 / 512 + 5e-4


def test_a_choice_is_even():
    u = qmc.Sobol(1, seed=np.random.default_rng(5)).random(512)[:, 0]
    drawn = [choice(2, 5, "full").of(each) for each in u]
    assert [drawn.count(value) for value in (2, 5, "full")] == pytest.approx([512 / 3] * 3, abs=2)


@pytest.mark.parametrize(
    ("made", "u", "value"),
    [
        (log_uniform(1e-4, 1), np.nextafter(1, 0), 1.0),
        (log_uniform(1e-4, 1), 0.3, 0.001585),
        (log_uniform(1.00003e-4, 1), 0.0, 1.00003e-4),
        (one_minus_log_uniform(0.001, 0.5), np.nextafter(1, 0), 0.5),
        (one_minus_log_uniform(1.234e-5, 0.5), 0.0, 0.99998766),
        (choice(3, 4), np.nextafter(1, 0), 4),
    ],
)
def test_values_are_short_and_inside(made, u, value):
    assert made.of(u) == value
    assert min(made.ends) <= value <= max(made.ends)


@pytest.mark.parametrize(
    "made", [uniform(-3, 5), log_uniform(1e-4, 10), one_minus_log_uniform(1e-3, 0.5), choice(2, 5, "full")], ids=repr
)
def test_a_share_is_the_way_back(made):
    for u in np.linspace(0, 1, 100, endpoint=False):
        if made.kind == "choice":
            assert made.of(made.share(made.of(u))) == made.of(u)
        else:
            assert made.share(made.of(u)) == pytest.approx(u, abs=1e-3)
    assert all(0 <= made.share(end) <= 1 for end in made.ends)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("log_uniform(1e-8, 1.0)", log_uniform(1e-8, 1)),
        (" uniform( -1, 2.5) ", uniform(-1, 2.5)),
        ("choice(16, full)", choice(16, "full")),
    ],
)
def test_texts_are_read_and_written(text, made):
    assert parse_range(text) == made == parse_range(made.text) == parse_range(made)


def rule(w, g, m, lr, beta1):
    return w - lr * (beta1 * m + g), m


def test_a_decorator_states_a_search_space():
    stated = {"lr": log_uniform(1e-3, 1), "beta1": one_minus_log_uniform(1e-3, 1)}
    record = optimizer(source="a test", search=stated, search_source="a guess", beta1=0.9)(rule)
    assert record.space == record.search == stated and record.search_source == "a guess"
    bare = optimizer(source="a test", beta1=0.9)(rule)
    assert bare.search == {} and bare.space == {"lr": RATES}
    assert variant(record, "other", source="a test").search == stated
    other = variant(record, "other", source="a test", search={"beta1": uniform(0, 0.5)}, search_source="another")
    assert other.space == {"lr": RATES, "beta1": uniform(0, 0.5)} and other.search_source == "another"


def test_a_wrapper_adds_its_own():
    record, _ = CATALOGUE.optimizer("clip(average(adam))")
    parts = [CATALOGUE.optimizers["adam"], CATALOGUE.wrappers["average"], CATALOGUE.wrappers["clip"]]
    assert record.search == parts[0].search | parts[1].search | parts[2].search


TUNED = [
    (name, record)
    for registry in (CATALOGUE.optimizers, CATALOGUE.wrappers, CATALOGUE.baselines)
    for name, record in registry.items()
]


@pytest.mark.parametrize(("name", "record"), TUNED, ids=[name for name, _ in TUNED])
def test_shipped_spaces_lie_in_the_limits(name, record):
    limits = getattr(record, "all_limits", record.limits)
    check_space(name, record.search, record.hyperparameters, limits)
    assert record.search_source
    assert ("lr" in record.search) == (name in CATALOGUE.optimizers or bool(record.rate_means))
    for key, made in record.search.items():
        assert isinstance(made, Range) and parse_range(made.text) == made
        if key in record.hyperparameters:
            assert min(made.ends) <= record.hyperparameters[key] <= max(made.ends), (
                f"{key}: its default is not searched"
            )


def test_a_rule_may_state_its_search_space_in_texts():
    made = optimizer(source="a test", beta=0.9, search={"lr": "log_uniform(1e-4, 1)", "beta": "uniform(0.8, 0.99)"})(
        _rule
    )
    assert made.search == {"lr": log_uniform(1e-4, 1), "beta": uniform(0.8, 0.99)}


def _rule(w, g, m, lr, beta):
    m = beta * m + (1 - beta) * g
    return w - lr * m, m
