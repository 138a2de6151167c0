"""Figures of runs of ``optbench.minimize``: their paths over the loss, and their losses."""

import numpy as np
import pytest

import optbench


def bowl(w):
    return w[0] ** 2 + 20 * w[1] ** 2


@pytest.fixture(scope="module")
def runs():
    return [optbench.minimize(bowl, [10, 1], each, lr=0.02, steps=30) for each in ("gd", "momentum", "adam")]


def test_every_step_of_a_path_is_drawn(runs):
    ax = optbench.figures.paths(runs)
    assert ax.figure.texts[0].get_text() == "Paths over the loss: bowl"
    lines = [line for line in ax.lines if line.get_label() == "gd, lr=0.02"]
    steps = np.arange(31)
    w = np.stack([10 * (1 - 2 * 0.02) ** steps, (1 - 40 * 0.02) ** steps], axis=1)  # by hand
    np.testing.assert_allclose(lines[0].get_xydata(), w, atol=1e-6)
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert left < w[-1, 0] and right > 10 and bottom < 0 and top > 1 and len(ax.collections)


def test_losses_are_drawn_of_any_dimension():
    many = optbench.minimize(lambda w: (w**2).sum(), np.ones(5), "gd", lr=0.1, steps=20)
    ax = optbench.figures.curves({"plain": many})
    assert ax.get_xlabel() == "steps" and ax.get_ylabel() == "loss"
    (line,) = (line for line in ax.lines if line.get_label() == "plain")
    np.testing.assert_allclose(line.get_ydata(), 5 * 0.64 ** line.get_xdata(), rtol=1e-6)


def test_shipped_problems_have_their_minimum():
    run = optbench.minimize("rosenbrock", "adam", lr=0.05, steps=100)
    assert "suboptimality" in optbench.figures.curves(run).get_ylabel()
    assert "minimum" in [text.get_text() for text in optbench.figures.paths([run, run]).figure.legends[0].get_texts()]


def test_a_function_that_fails_beside_its_path_has_a_path():
    def half(w):
        if w[0] < 5:
            raise ValueError("no value there")
        return w[0] ** 2 + w[1] ** 2

    assert len(optbench.figures.paths(optbench.minimize(half, [10, 1], "gd", lr=0.01, steps=5)).lines)
