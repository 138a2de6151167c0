"""The temperatures of section B: the lecture's five of London, four years of Seattle, and years like those."""

from collections.abc import Sequence
from functools import cache
from importlib import resources

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from optbench import EWA

LONDON = {1: 40.0, 2: 49.0, 3: 45.0, 180: 60.0, 181: 56.0}
"""day -> degrees Fahrenheit: all the values that the lecture prints."""
YEAR = 365.25


@cache
def read_seattle() -> pd.DataFrame:
    """Return Seattle's highest temperatures, date and temp_max (degrees Celsius), a row a day, 2012 to 2015.

    Source: NOAA (public domain), as seattle-weather.csv of the package vega_datasets 0.9 (MIT); see data/README.md.
    """
    with resources.files("optbench.lecture").joinpath("data/seattle_temperature.csv").open() as file:
        return pd.read_csv(file, parse_dates=["date"])


def average_london(betas: Sequence[float] = (0.9, 0.5)) -> pd.DataFrame:
    """Return the lecture's five values from London with each intermediate number of v_t, a row for each value and beta.

    v_t = carried + added with carried = beta v_{t-1} and added = (1 - beta) theta_t; corrected = v_t / (1 - beta^t).
    The days between 3 and 180 are not printed, so t counts the values, not the days.
    """
    rows = []
    for beta in betas:
        plain, corrected = EWA(beta), EWA(beta, bias_correction=True)
        for t, (day, theta) in enumerate(LONDON.items(), start=1):
            parts = beta * plain.value, (1 - beta) * theta
            rows.append((beta, t, day, theta, *parts, plain.update(theta), corrected.update(theta)))
    return pd.DataFrame(rows, columns=["beta", "t", "day", "theta", "carried", "added", "v", "corrected"])


@cache
def fit_climate() -> tuple[np.ndarray, float, float]:
    """Fit Seattle's series: the coefficients of the year's course, and an AR(1) model of the residuals.

    Returns the coefficients, the AR(1) coefficient, and the standard deviation of its shocks in degrees Celsius.
    """
    temperature = read_seattle()["temp_max"].to_numpy()
    basis = _harmonics(np.arange(len(temperature)))
    coefficients = np.linalg.lstsq(basis, temperature, rcond=None)[0]
    rest = temperature - basis @ coefficients
    persistence = float(rest[1:] @ rest[:-1] / (rest[:-1] @ rest[:-1]))
    return coefficients, persistence, float(np.std(rest[1:] - persistence * rest[:-1]))


def yearly_course(day: ArrayLike) -> np.ndarray:
    """Return the smooth course of Seattle's year, degrees Celsius; day: numbers of any shape, fractions too."""
    return _harmonics(np.asarray(day)) @ fit_climate()[0]


def random_series(seed: int, days: int = 1461) -> np.ndarray:
    """Return a random series like Seattle's, (days,): the course of its year plus AR(1) noise as fitted."""
    _, persistence, deviation = fit_climate()
    shocks = deviation * np.random.default_rng(seed).standard_normal(days)
    shocks[0] /= np.sqrt(1 - persistence**2)
    noise = np.empty(days)
    rest = 0.0
    for t, shock in enumerate(shocks):
        noise[t] = rest = persistence * rest + shock
    return yearly_course(np.arange(days)) + noise


def _harmonics(day: ArrayLike) -> np.ndarray:
    """Return the constant, and cosine and sine of one and two periods a year, (..., 5); day: numbers (...)."""
    angle = 2 * np.pi * np.asarray(day)[..., None] / YEAR * np.array([1.0, 2.0])
    return np.concatenate([np.ones((*np.shape(day), 1)), np.cos(angle), np.sin(angle)], axis=-1)
