"""The schedules against their twins, and against the factors that PyTorch and optax recorded."""

import inspect
import json
from pathlib import Path

import numpy as np
import pytest
from harness import CATALOGUE, SCHEDULES
from twins import SCHEDULES as TWINS
from twins import completed_epochs

RECORDED = np.load(Path(__file__).parent / "reference" / "trajectories.npz")
FACTORS = {entry["key"]: entry for entry in map(json.loads, RECORDED["schedules"])}
EVERY_SCHEDULE = pytest.mark.parametrize("name", SCHEDULES)


def factors(name, step, epoch, total=100, **parameters):
    schedule = CATALOGUE.schedules[name].with_values(parameters)
    return schedule.function(np.asarray(step), np.asarray(epoch), total, **schedule.parameters)


def twin_of(name):
    if name not in TWINS:
        pytest.fail(f"schedule {name} has no twin: write it in tests/twins.py, in plain NumPy")
    return TWINS[name]


@EVERY_SCHEDULE
@pytest.mark.parametrize("scale", [1.0, 0.5])
@pytest.mark.parametrize("per_epoch", [1, 7])
def test_schedule_equals_its_twin(name, scale, per_epoch):
    steps, epochs = np.arange(1, 101), np.array(completed_epochs(100, per_epoch))
    parameters = {key: scale * default for key, default in CATALOGUE.schedules[name].parameters.items()}
    made = factors(name, steps, epochs, **parameters)
    assert made.shape == (100,) and np.isfinite(made).all()
    np.testing.assert_allclose(made, twin_of(name)(steps, epochs, **parameters), rtol=1e-14)


@EVERY_SCHEDULE
def test_a_stretch_of_steps_equals_the_steps_one_by_one(name):
    """The engine tabulates the factors in pieces."""
    steps, epochs = np.arange(1, 41), np.array(completed_epochs(40, 3))
    whole = factors(name, steps, epochs)
    single = [factors(name, steps[i : i + 1], epochs[i : i + 1])[0] for i in range(40)]
    np.testing.assert_array_equal(whole, single)


@EVERY_SCHEDULE
def test_the_first_step_runs_at_the_base_rate(name):
    assert factors(name, [1], [0]) == 1.0


@EVERY_SCHEDULE
def test_defaults_are_those_of_the_twin(name):
    stated = inspect.signature(twin_of(name)).parameters.values()
    stated = {p.name: p.default for p in stated if p.kind is p.KEYWORD_ONLY}
    assert CATALOGUE.schedules[name].parameters == stated


@pytest.mark.parametrize("key", FACTORS)
def test_factors_equal_the_recorded_ones(key):
    entry, (steps, epochs, expected) = (
        FACTORS[key],
        (RECORDED[f"{key}.{part}"] for part in ("steps", "epochs", "factors")),
    )
    made = factors(entry["schedule"], steps, epochs, **entry["parameters"])
    # optax computes in the precision of its step counter's power; PyTorch multiplies epoch by epoch.
    np.testing.assert_allclose(made, expected, rtol=1e-6 if entry["library"] == "optax" else 1e-13)


def test_the_lectures_numbers():
    """D2, at the fourth step of the third epoch (two passes completed) of three steps each: t = 10."""
    assert factors("constant", [10], [2]) == 1.0
    assert factors("inverse", [10], [2]) == pytest.approx(1 / 3)
    assert factors("inverse", [10], [2], decay_rate=0.25) == pytest.approx(1 / 1.5)
    assert factors("exponential", [10], [2]) == pytest.approx(0.9025)
    assert factors("sqrt_epoch", [10], [2], k=3) == pytest.approx(3 / 2**0.5)
    assert factors("sqrt_step", [10], [2], k=3) == pytest.approx(3 / 10**0.5)


def test_epoch_0_of_sqrt_epoch_runs_at_k_like_epoch_1():
    made = factors("sqrt_epoch", [1, 2, 3, 4], [0, 1, 2, 4], k=2.0)
    np.testing.assert_allclose(made, [2.0, 2.0, 2.0 / 2**0.5, 1.0], rtol=1e-15)
