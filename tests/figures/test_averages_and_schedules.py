"""Schedules, averages and their weights: what the axes hold, against the lecture's formulas and pandas."""

import math

import numpy as np
import pandas as pd
import pytest
from synthetic import lines_by_label

from optbench import figures


def test_the_lecture_s_schedules_over_epochs():
    names = ["inverse(decay_rate=0.5)", "exponential(base=0.9)", "sqrt_epoch(k=0.7)", "sqrt_step(k=0.7)"]
    ax = figures.schedules(names, epochs=4, steps_per_epoch=5)
    step = np.arange(1, 21)
    epoch = (step - 1) // 5
    wanted = [1 / (1 + 0.5 * epoch), 0.9**epoch, 0.7 / np.sqrt(np.maximum(epoch, 1)), 0.7 / np.sqrt(step)]
    for line, values in zip(lines_by_label(ax).values(), wanted, strict=True):
        assert line[:, 0] == pytest.approx((step - 1) / 5) and line[:, 1] == pytest.approx(values)


def test_wrappers_texts_and_rates_over_steps():
    ax = figures.schedules({"warmup(constant, fraction=0.5)": "slow <start>"}, steps=10, along="steps", lr=0.2)
    (line,) = lines_by_label(ax).values()
    assert list(lines_by_label(ax)) == ["slow <start>"] and line[:, 0].tolist() == list(range(1, 11))
    assert line[-5:, 1] == pytest.approx(0.2) and (np.diff(line[:5, 1]) > 0).all()
    assert ax.get_ylabel() == "learning rate" and ax.get_xlabel() == "steps"


def test_a_factor_that_goes_to_zero_does_not_flatten_a_logarithmic_axis():
    low, high = figures.schedules(["linear", "cosine", "exponential(base=0.1)"], epochs=30, log=True).get_ylim()
    assert 1e-5 < low < 1 < high < 2


@pytest.mark.parametrize("bias_correction", [False, True])
def test_averages_are_those_of_pandas(bias_correction):
    days = pd.date_range("2024-01-01", periods=90)
    series = pd.Series(np.random.default_rng(0).normal(10, 5, 90), days, name="я <°C>")
    ax = figures.ewa(series, [0.5, 0.9], bias_correction=bias_correction, window="days")
    for beta, label in ((0.5, "β = 0.5 (2 days)"), (0.9, "β = 0.9 (10 days)")):
        average = series.ewm(alpha=1 - beta, adjust=True).mean()
        if not bias_correction:  # v_t = corrected times 1 - beta^t
            average *= 1 - beta ** np.arange(1, 91)
        (line,) = [line for line in ax.lines if line.get_label() == label]
        assert np.asarray(line.get_ydata()) == pytest.approx(average.to_numpy())
    assert ax.get_ylabel() == "я <°C>" and next(iter(lines_by_label(ax))) == "values"


def test_averages_plain_and_corrected_in_one_picture():
    series = [40.0, 49.0, 45.0, 60.0]
    ax = figures.ewa(series, [0.5, 0.9], bias_correction="both")
    shown = [np.asarray(line.get_ydata()) for line in ax.lines]
    for place, beta in enumerate((0.5, 0.9)):
        corrected = pd.Series(series).ewm(alpha=1 - beta, adjust=True).mean().to_numpy()
        plain = corrected * (1 - beta ** np.arange(1, 5))
        assert shown[1 + place] == pytest.approx(plain) and shown[3 + place] == pytest.approx(corrected)
        assert ax.lines[1 + place].get_color() == ax.lines[3 + place].get_color()
    assert list(lines_by_label(ax)) == ["values", "β = 0.5", "β = 0.9", "corrected"]


def test_weights_and_what_is_marked():
    ax = figures.ewa_weights([0.5, 0.9], ages=40)
    for beta in (0.5, 0.9):
        assert lines_by_label(ax)[f"β = {beta}"][:, 1] == pytest.approx((1 - beta) * beta ** np.arange(41))
    marks = [line.get_xydata() for line in ax.lines if line.get_gid() == "1/e"]
    assert [mark[1].tolist() for mark in marks] == [
        [2.0, 0.5 / math.e],
        [pytest.approx(10), pytest.approx(0.1 / math.e)],
    ]
    assert figures.ewa_weights(0.98).get_xlim()[1] == 60
