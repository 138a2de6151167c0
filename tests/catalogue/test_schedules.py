"""The schedules against the factors that PyTorch and optax recorded, or against twins where neither has them."""

import json
from pathlib import Path

import numpy as np
import pytest
import schedule_twins as twins
from harness import CATALOGUE, SCHEDULES

from optbench.contract.names import parse
from optbench.contract.schedules import schedule

RECORDED = np.load(Path(__file__).parents[1] / "reference" / "schedules.npz")
INDEX = [json.loads(entry) for entry in RECORDED["index"]]
WRAPPERS = sorted(CATALOGUE.schedule_wrappers)
EVERY_DEFAULT = [*SCHEDULES, *(f"{name}(cosine)" for name in WRAPPERS)]
SETTINGS = [
    "inverse(decay_rate=0.5)", "exponential(base=1.01)", "exponential(base=0.5)", "sqrt_epoch(k=0.5)",
    "sqrt_step(k=2)", "staircase(factor=0.9, epochs=2.5)", "staircase(steps=7, factor=0.8)",
    "step(factor=2, every=0.07)", "step(every=1)", "multi_step(milestones=(0.1, 0.3, 0.7), factor=0.5)",
    "multi_step(milestones=())",
    "table(factors=(0, 2, 1.5))", "table(factors=(3,))", "table(factors=(1, 0.3, 0), at=(0.3, 0.6))",
    "linear(start=0, end=2)", "linear(start=0.5, end=1, fraction=0.3)", "polynomial(power=3, final=0.2)",
    "cosine(final=0.3)", "cosine(final=1.5)", "cosine_restarts(cycles=5, multiplier=1, final=0.1)",
    "cosine_restarts(cycles=4)", "cosine_restarts(cycles=12, multiplier=1)", "cosine_restarts(cycles=0.5)",
    "cosine_restarts(cycles=2.5, multiplier=1.5)", "triangular(cycles=2.5, low=0)", "triangular(cycles=7, shrink=0.5)",
    "exp_range(cycles=3, low=0, final=0.01)",
    "one_cycle(peak=0.5, start=0, final=0)", "one_cycle(anneal=linear)", "one_cycle(peak=0.45, tail=0.1)",
    "one_cycle(peak=0.4, tail=0.2, anneal=linear, final=0.001)", "inverse_sqrt(steps=30)", "inverse_sqrt(fraction=0)",
    "warmup_stable_decay(warmup=0, decay=1)", "warmup_stable_decay(power=0.5, decay=0.5, warmup=0.5, final=0.1)",
    "warmup(constant, fraction=0)", "warmup(constant, fraction=1, start=0.5)",
    "warmup(exponential(base=0.9), steps=12)",
    "warmup(table(factors=(1, 2), at=(0.5,)), fraction=0.25)", "warmup(linear, steps=200)",
    "warmup(warmup(sqrt_step, steps=5), steps=5)", "warmup(inverse_sqrt(fraction=0.2), start=0.1)",
]  # fmt: skip
"""Parameters that are not the defaults, the ends of their ranges among them."""


NOT_AT_THE_BASE_RATE = {"triangular", "exp_range", "one_cycle", "inverse_sqrt", "warmup_stable_decay", "warmup(cosine)"}
"""They begin below it; all others run their first step at the base rate."""


def clock(total, per_epoch=7):
    return np.arange(1, total + 1), np.array(twins.completed_epochs(total, per_epoch))


@pytest.mark.parametrize("total", [1, 2, 10, 99, 100])
@pytest.mark.parametrize("text", EVERY_DEFAULT + SETTINGS)
def test_factors_are_finite_and_those_of_a_twin(text, total):
    made, (name, given) = CATALOGUE.schedule(text), parse(text)
    for per_epoch in (1, 7):
        steps, epochs = clock(total, per_epoch)
        factors = made(steps, epochs, total)
        assert factors.shape == (total,) and np.isfinite(factors).all() and (factors >= 0).all()
        if name in twins.SCHEDULES:
            expected = twins.factors(name, steps.tolist(), epochs.tolist(), total, **given)
            np.testing.assert_allclose(factors, expected, rtol=1e-11, atol=1e-14)


def test_every_schedule_is_recorded_or_has_a_twin():
    recorded = {parse(entry["schedule"])[0] for entry in INDEX}
    assert {*SCHEDULES, *WRAPPERS} == recorded | twins.SCHEDULES.keys()


@pytest.mark.parametrize("text", EVERY_DEFAULT + SETTINGS)
def test_a_stretch_of_steps_equals_the_steps_one_by_one(text):
    """The engine tabulates the factors in pieces."""
    made, (steps, epochs) = CATALOGUE.schedule(text), clock(40, 3)
    whole = made(steps, epochs, 40)
    np.testing.assert_array_equal(whole, [made(steps[i : i + 1], epochs[i : i + 1], 40)[0] for i in range(40)])
    np.testing.assert_array_equal(whole[11:30], made(steps[11:30], epochs[11:30], 40))


@pytest.mark.parametrize("text", EVERY_DEFAULT)
def test_no_factor_of_the_defaults_is_above_1_and_most_begin_there(text):
    factors = CATALOGUE.schedule(text)(*clock(100), 100)
    assert factors.max() <= 1.0
    assert (factors[0] == 1.0) == (text not in NOT_AT_THE_BASE_RATE)


@pytest.mark.parametrize("entry", INDEX, ids=lambda entry: f"{entry['library']} {entry['schedule']}")
def test_factors_equal_the_recorded_ones(entry):
    expected = RECORDED[f"{entry['key']}.factors"]
    factors = CATALOGUE.schedule(entry["schedule"])(*clock(len(expected), int(RECORDED["per_epoch"])), len(expected))
    # PyTorch multiplies step by step; optax computes a power of its integer counter in single precision.
    np.testing.assert_allclose(factors, expected, rtol=1e-6 if entry["library"] == "optax" else 1e-11, atol=1e-15)


@pytest.mark.parametrize("text", EVERY_DEFAULT + SETTINGS)
def test_the_text_is_read_back(text):
    made = CATALOGUE.schedule(text)
    again = CATALOGUE.schedule(made.text)
    assert again == made and again.text == made.text


def test_a_plugin_that_states_no_limits_takes_any_number():
    @schedule(source="a test", shape=0.0)
    def mine(step, epoch, total_steps, shape):
        return np.full(len(step), shape * shape)

    assert mine.with_values({"shape": -3})(np.array([1, 2]), np.array([0, 0]), 2).tolist() == [9.0, 9.0]
