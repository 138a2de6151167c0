"""B6: oscillation and lag of a pure sine, and verdicts that turn with their tables."""

import math

import numpy as np
import pytest
from lecture_claims import bend, tables, verdict

from optbench import ewa
from optbench.lecture import temperature


def test_b6_oscillation_and_lag_are_those_of_a_pure_sine(monkeypatch):
    """For a slow sine of frequency w the lag is atan(beta sin w / (1 - beta cos w)) / w, and v is damped alike."""
    from optbench.lecture import b6_shape as shape

    w = 2 * np.pi / temperature.YEAR
    monkeypatch.setattr(temperature, "course", lambda day: np.sin(w * np.asarray(day)))
    monkeypatch.setattr(shape, "_moved", shape._moved.__wrapped__)
    series = np.sin(w * np.arange(1461))
    for beta in (0.5, 0.9, 0.98):
        both = np.stack([series, ewa(series, beta, True)])[:, 365:]
        start, end = shape._best_lags(both)
        expected = math.atan2(beta * math.sin(w), 1 - beta * math.cos(w)) / w
        assert start == 0.0 and end == pytest.approx(expected, abs=0.5)


def test_b6_turns():
    assert verdict("B6", tables("B6")) == "holds"
    rough = {"oscillation": lambda rows: rows["beta"]}
    early = {"lag": lambda rows: -rows["beta"]}
    assert verdict("B6", bend("B6", "shape", **rough)) == "depends"
    assert verdict("B6", bend("B6", "shape", **early)) == "depends"
    assert verdict("B6", bend("B6", "shape", **rough, **early)) == "does not hold"
    real = bend("B6", "shape", lag=lambda rows: rows["lag"].where(rows["seed"] >= 0, 5.0))
    assert verdict("B6", real) == "depends"
    third = bend("B6", "shape", lag=lambda rows: rows["lag"].where(rows["seed"] % 3 != 0, 5.0))
    assert verdict("B6", third) == "undecided"  # 10 of 15 series: above or below three quarters?
    most = bend("B6", "shape", lag=lambda rows: rows["lag"].where((rows["seed"] < 0) | (rows["seed"] % 3 == 0), 5.0))
    assert verdict("B6", most) == "depends"
