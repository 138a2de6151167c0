"""The temperatures of section B: complete, as published, and worked out on paper."""

import numpy as np
import pandas as pd
import pytest

from optbench.lecture import temperature


def test_seattle_is_complete():
    days = temperature.read_seattle()
    assert len(days) == 1461 and not days.isna().any().any()
    assert (days["date"].diff().dropna() == pd.Timedelta(days=1)).all()
    assert days["temp_max"].between(-2, 36).all()


def test_seattle_is_the_packages_file():
    data = pytest.importorskip("vega_datasets").data
    pd.testing.assert_series_equal(data.seattle_weather()["temp_max"], temperature.read_seattle()["temp_max"])


def test_londons_five_values_by_hand():
    """Every v_t of 40, 49, 45, 60 and 56 degrees, worked out on paper."""
    table = temperature.average_london().set_index(["beta", "t"])
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
    real = temperature.read_seattle()["temp_max"].to_numpy() - temperature.yearly_course(days)
    made = np.stack([temperature.random_series(seed) - temperature.yearly_course(days) for seed in range(20)])
    assert abs(real.mean()) < 1e-9
    assert made.std() == pytest.approx(real.std(), rel=0.05)
    assert np.mean(made[:, 1:] * made[:, :-1]) / made.var() == pytest.approx(0.67, abs=0.03)
    assert not np.array_equal(made[0], made[1])
