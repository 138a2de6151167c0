"""Section B of the lecture: identities, hand-made numbers, and verdicts that turn with their tables."""

import math

import numpy as np
import pandas as pd
import pytest

from optbench import ewa, lecture
from optbench.claims.record import Budget
from optbench.lecture import temperature
from optbench.report import style

CLAIMS = {claim.id: claim for claim in lecture.select("B")}
QUICK = Budget(quick=True)


def tables(name):
    """Copies of the tables of a quick experiment, for a test to bend."""
    return {key: table.copy() for key, table in CLAIMS[name].experiment(QUICK).items()}


def verdict(name, made):
    return CLAIMS[name].judged(made).verdict


def test_every_part_of_the_section_has_a_claim():
    assert list(CLAIMS) == ["B1", "B2.1", "B2.2", "B3", "B4", "B5.1", "B5.2", "B6"]


@pytest.mark.parametrize("name", CLAIMS)
def test_a_quick_run_gives_a_verdict_and_a_picture(name):
    made = tables(name)
    found = CLAIMS[name].judged(made)
    assert np.isfinite([found.effect, found.low, found.high]).all() and found.measure and found.detail
    figure = CLAIMS[name].figure(made, found)
    width, height = figure.get_size_inches()
    assert width <= 7.2 and height <= 4.2
    with style.theme():
        figure.canvas.draw()


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_changes_no_table(name):
    made = tables(name)
    found = CLAIMS[name].judged(made)
    CLAIMS[name].figure(made, found)
    for key, table in tables(name).items():
        pd.testing.assert_frame_equal(made[key], table)


def test_seattle_is_complete():
    days = temperature.seattle()
    assert len(days) == 1461 and not days.isna().any().any()
    assert (days["date"].diff().dropna() == pd.Timedelta(days=1)).all()
    assert days["temp_max"].between(-2, 36).all()


def test_seattle_is_the_packages_file():
    data = pytest.importorskip("vega_datasets").data
    pd.testing.assert_series_equal(data.seattle_weather()["temp_max"], temperature.seattle()["temp_max"])


def test_londons_five_values_by_hand():
    """Every v_t of 40, 49, 45, 60 and 56 degrees, worked out on paper."""
    table = temperature.london().set_index(["beta", "t"])
    np.testing.assert_allclose(table["v"].loc[0.9], [4, 8.5, 12.15, 16.935, 20.8415], rtol=1e-13)
    np.testing.assert_allclose(table["carried"].loc[0.9], [0, 3.6, 7.65, 10.935, 15.2415], rtol=1e-13)
    np.testing.assert_allclose(table["added"].loc[0.9], [4, 4.9, 4.5, 6, 5.6], rtol=1e-13)
    np.testing.assert_allclose(table["v"].loc[0.5], [20, 34.5, 39.75, 49.875, 52.9375], rtol=1e-13)
    np.testing.assert_allclose(
        table["corrected"].loc[0.5], [40, 46, 39.75 / 0.875, 53.2, 52.9375 / 0.96875], rtol=1e-13
    )
    assert table["day"].loc[0.9].tolist() == [1, 2, 3, 180, 181]


def test_synthetic_years_are_like_seattles():
    """The same course, and about the spread and persistence of the real rest."""
    days = np.arange(1461)
    real = temperature.seattle()["temp_max"].to_numpy() - temperature.course(days)
    made = np.stack([temperature.synthetic(seed) - temperature.course(days) for seed in range(20)])
    assert abs(real.mean()) < 1e-9
    assert made.std() == pytest.approx(real.std(), rel=0.05)
    assert np.mean(made[:, 1:] * made[:, :-1]) / made.var() == pytest.approx(0.67, abs=0.03)
    assert not np.array_equal(made[0], made[1])


def test_b3_the_weights_are_the_formulas():
    weights = tables("B3")["weights"]
    np.testing.assert_allclose(weights["weight"], (1 - weights["beta"]) * weights["beta"] ** weights["age"], rtol=1e-12)
    assert weights.groupby("beta")["weight"].sum().to_dict() == pytest.approx({b: 1 - b**100 for b in (0.5, 0.9, 0.98)})


def test_b4_the_horizon_is_the_logarithms():
    horizon = tables("B4")["horizon"]
    np.testing.assert_allclose(horizon["n"], -1 / np.log(1 - horizon["eps"]), rtol=1e-9)
    np.testing.assert_allclose((1 - horizon["eps"]) ** horizon["n"], 1 / math.e, rtol=1e-9)


def test_b5_the_bias_is_beta_to_the_t():
    bias = tables("B5.1")["bias"]
    np.testing.assert_allclose(bias["plain"], 1 - bias["beta"] ** bias["t"], rtol=1e-12)
    np.testing.assert_allclose(bias["corrected"], 1.0, rtol=1e-12)
    assert sorted(bias["t"].unique()) == list(range(1, 51))


def test_b2_the_weight_inside_the_window_and_the_noise_that_is_left():
    """The mass is 1 - beta^n exactly; var v / var theta is (1-beta)/(1+beta) for white noise."""
    made = tables("B2.1")
    np.testing.assert_allclose(made["mass"]["mass"], 1 - made["mass"]["beta"] ** made["mass"]["window"], rtol=1e-12)
    for beta, rows in made["noise"].groupby("beta"):
        assert rows["variance"].mean() == pytest.approx((1 - beta) / (1 + beta), rel=0.1)


def test_b6_oscillation_and_lag_are_those_of_a_pure_sine(monkeypatch):
    """For a slow sine of frequency w the lag is atan(beta sin w / (1 - beta cos w)) / w, and v is damped alike."""
    from optbench.lecture import b6_shape as shape

    w = 2 * np.pi / temperature.YEAR
    monkeypatch.setattr(temperature, "course", lambda day: np.sin(w * np.asarray(day)))
    monkeypatch.setattr(shape, "_moved", shape._moved.__wrapped__)
    series = np.sin(w * np.arange(1461))
    for beta in (0.5, 0.9, 0.98):
        both = np.stack([series, ewa(series, beta, True)])[:, 365:]
        start, end = shape._places(both)
        expected = math.atan2(beta * math.sin(w), 1 - beta * math.cos(w)) / w
        assert start == 0.0 and end == pytest.approx(expected, abs=0.5)


def bend(name, table, **columns):
    """The quick tables with some columns of one changed by functions of it."""
    made = tables(name)
    made[table] = made[table].assign(**columns)
    return made


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


def test_b3_turns():
    assert verdict("B3", tables("B3")) == "holds"
    linear = bend("B3", "weights", weight=lambda rows: (1 - rows["beta"]) * (1 - rows["age"] / 200))
    assert verdict("B3", linear) == "does not hold"
    assert verdict("B3", bend("B3", "weights", weight=np.nan)) == "does not hold"


def test_b4_turns():
    assert verdict("B4", tables("B4")) == "holds"
    far = bend("B4", "horizon", n_eps=lambda rows: 1 - 2 * rows["eps"])
    assert verdict("B4", far) == "depends"
    assert verdict("B4", bend("B4", "horizon", n_eps=1.05)) == "depends"
    assert verdict("B4", bend("B4", "horizon", n_eps=1.5)) == "does not hold"


def test_b5_start_turns():
    plain = {"corrected": lambda rows: rows["plain"]}
    assert verdict("B5.1", tables("B5.1")) == "holds"
    unmended, wrong = bend("B5.1", "starts", **plain), bend("B5.1", "bias", **plain)
    assert verdict("B5.1", unmended) == "depends"
    assert verdict("B5.1", wrong) == "depends"
    assert verdict("B5.1", wrong | {"starts": unmended["starts"]}) == "does not hold"


def test_b5_fading_turns():
    assert verdict("B5.2", tables("B5.2")) == "depends"
    assert verdict("B5.2", bend("B5.2", "bias", plain=1.0)) == "holds"
    assert verdict("B5.2", bend("B5.2", "bias", plain=0.9)) == "does not hold"


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
    assert verdict("B6", third) == "depends"
