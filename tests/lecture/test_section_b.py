"""Section B: averages by their formulas, and verdicts that turn with their tables."""

import math

import numpy as np
import pytest
from lecture_claims import bend, tables, verdict

from optbench import ewa
from optbench.lecture import b_averages, temperature


def test_b1_turns():
    assert verdict("B1", tables("B1")) == "holds"
    assert verdict("B1", bend("B1", "memory", differ=1)) == "does not hold"
    grown = bend("B1", "memory", ewa_bytes=lambda rows: rows["ewa_bytes"] * np.log(rows["window"] + 1))
    assert verdict("B1", grown) == "does not hold"
    later = bend(
        "B1", "memory", ewa_bytes=lambda rows: rows["ewa_bytes"] * (1 + 100 * (rows["step"] == rows["step"].min()))
    )
    assert verdict("B1", later) == "does not hold"
    assert verdict("B1", bend("B1", "memory", ewa_bytes=300.0)) == "depends"
    assert verdict("B1", bend("B1", "memory", ewa_bytes=3000.0)) == "does not hold"


def test_b2_the_weight_inside_the_window_and_the_noise_that_is_left():
    """The mass is 1 - beta^n exactly; var v / var theta is (1-beta)/(1+beta) for white noise."""
    made = tables("B2.1")
    np.testing.assert_allclose(made["mass"]["mass"], 1 - made["mass"]["beta"] ** made["mass"]["window"], rtol=1e-12)
    for beta, rows in made["noise"].groupby("beta"):
        assert rows["variance"].mean() == pytest.approx((1 - beta) / (1 + beta), rel=0.1)


def test_b2_window_turns():
    same = {"equal": lambda rows: rows["window"] * (1 + 0.01 * rows["seed"] / 12)}
    assert verdict("B2.1", tables("B2.1")) == "depends"
    assert verdict("B2.1", bend("B2.1", "noise", **same)) == "holds"
    light = bend("B2.1", "mass", mass=0.4)
    assert verdict("B2.1", light) == "does not hold"
    assert verdict("B2.1", bend("B2.1", "noise", **same) | {"mass": light["mass"]}) == "depends"


def test_b2_best_beta_turns():
    def least_at(*betas):
        best = dict(zip((1, 7, 30), betas, strict=True))
        return bend("B2.2", "errors", squares=lambda rows: 1 + 10 * (rows["beta"] - rows["ahead"].map(best)) ** 2)

    assert verdict("B2.2", least_at(0.9, 0.9, 0.9)) == "holds"
    assert verdict("B2.2", least_at(0.2, 0.9, 0.9)) == "depends"
    assert verdict("B2.2", least_at(0.2, 0.2, 0.2)) == "does not hold"


def test_b3_the_weights_are_the_formulas():
    weights = tables("B3")["weights"]
    np.testing.assert_allclose(weights["weight"], (1 - weights["beta"]) * weights["beta"] ** weights["age"], rtol=1e-12)
    assert weights.groupby("beta")["weight"].sum().to_dict() == pytest.approx({b: 1 - b**100 for b in (0.5, 0.9, 0.98)})


def test_b3_turns():
    assert verdict("B3", tables("B3")) == "holds"
    linear = bend("B3", "weights", weight=lambda rows: (1 - rows["beta"]) * (1 - rows["age"] / 200))
    assert verdict("B3", linear) == "does not hold"
    assert verdict("B3", bend("B3", "weights", weight=np.nan)) == "does not hold"


def test_b4_the_horizon_is_the_logarithms():
    horizon = tables("B4")["horizon"]
    np.testing.assert_allclose(horizon["n"], -1 / np.log(1 - horizon["eps"]), rtol=1e-9)
    np.testing.assert_allclose((1 - horizon["eps"]) ** horizon["n"], 1 / math.e, rtol=1e-9)


def test_b4_turns():
    assert verdict("B4", tables("B4")) == "holds"
    far = bend("B4", "horizon", n_eps=lambda rows: 1 - 2 * rows["eps"])
    assert verdict("B4", far) == "depends"
    assert verdict("B4", bend("B4", "horizon", n_eps=1.05)) == "depends"
    assert verdict("B4", bend("B4", "horizon", n_eps=1.5)) == "does not hold"


def test_b5_the_bias_is_beta_to_the_t():
    bias = tables("B5.1")["bias"]
    np.testing.assert_allclose(bias["plain"], 1 - bias["beta"] ** bias["t"], rtol=1e-12)
    np.testing.assert_allclose(bias["corrected"], 1.0, rtol=1e-12)
    assert sorted(bias["t"].unique()) == list(range(1, 51))


def test_b5_start_turns():
    plain = {"corrected": lambda rows: rows["plain"]}
    assert verdict("B5.1", tables("B5.1")) == "holds"
    unmended, wrong = bend("B5.1", "starts", **plain), bend("B5.1", "bias", **plain)
    assert verdict("B5.1", unmended) == "depends"
    assert verdict("B5.1", wrong) == "depends"
    assert verdict("B5.1", wrong | {"starts": unmended["starts"]}) == "depends"
    off = bend("B5.1", "bias", plain=0.5, corrected=0.5)
    assert verdict("B5.1", off | {"starts": unmended["starts"]}) == "does not hold"
    half = bend("B5.1", "starts", corrected=lambda rows: 1 + (rows["plain"] - 1) * (0.4 + 0.2 * (rows["seed"] % 2)))
    assert verdict("B5.1", half) == "undecided"


def test_b5_mended_is_how_far_single_series_are_off():
    """Averages over series hide what each is off by: half of them too high and half too low is not mended."""
    either = bend("B5.1", "starts", corrected=lambda rows: 1 + 0.9 * (-1.0) ** rows["seed"])
    assert verdict("B5.1", either) == "depends"


def test_b5_fading_turns():
    assert verdict("B5.2", tables("B5.2")) == "depends"
    assert verdict("B5.2", bend("B5.2", "bias", plain=1.0)) == "holds"
    assert verdict("B5.2", bend("B5.2", "bias", plain=0.9)) == "does not hold"


def test_b6_oscillation_and_lag_are_those_of_a_pure_sine(monkeypatch):
    """For a slow sine of frequency w the lag is atan(beta sin w / (1 - beta cos w)) / w, and v is damped alike."""
    w = 2 * np.pi / temperature.YEAR
    monkeypatch.setattr(temperature, "yearly_course", lambda day: np.sin(w * np.asarray(day)))
    monkeypatch.setattr(b_averages, "_shifted_courses", b_averages._shifted_courses.__wrapped__)
    series = np.sin(w * np.arange(1461))
    for beta in (0.5, 0.9, 0.98):
        both = np.stack([series, ewa(series, beta, True)])[:, 365:]
        start, end = b_averages.find_lags(both)
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
