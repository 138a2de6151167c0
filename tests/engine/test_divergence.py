"""Runs that diverge: found at their step, kept as data, and nothing to do with their neighbours."""

import math

import noise_twin
import numpy as np
import pytest
from harness import CATALOGUE, CURVES, lane, problem_of, run, run_cohort
from quick import slow
from toy_problems import blind, bowl, quartic, raised, undefined

from optbench.contract.errors import OptbenchError
from optbench.contract.problems import DIVERGENCE_FACTOR
from optbench.engine.batches import start_point

ENDS = np.array([0, 200])
MLP = "mlp(data=gaussian(examples=150, features=4, classes=3), hidden=(5,))"


def first_step_over(problem, value, slope, lr, steps=200, batch_size=100):
    """Return the step after which plain descent exceeds the stated multiple of the first suboptimality."""
    sizes = [batch_size] * (1023 // batch_size) + [1024 - 1023 // batch_size * batch_size]
    pulls, weights = noise_twin.noise(3, steps, sizes, np.full(3, problem.noise), weights=0.5 * (problem.noise > 0))
    w = start_point(problem, 3)
    limit = problem.minimum + DIVERGENCE_FACTOR * (value(w) - problem.minimum)
    for t in range(1, steps + 1):
        w = w - lr * (weights[t - 1] * slope(w) + pulls[t - 1])
        if not value(w) <= limit:
            return t
    return None


@pytest.mark.parametrize("noise", [0.0, 0.5])
@pytest.mark.parametrize("form", ["lanes", "one by one", "single"])
def test_a_run_is_marked_with_its_step(form, noise):
    """Evaluated after each step: the step that went too far. Else: the next one, which sees its loss."""
    name = f"saddle(dim=3, noise={noise})"
    problem = bowl(noise=noise) if form == "single" else problem_of(name)
    if form == "single":
        value, slope = lambda w: w @ w / 2, lambda w: w
    else:
        value, slope = (
            lambda w: w[0] ** 4 / 4 - w[0] ** 2 / 2 + w[1:] @ w[1:] / 2,
            lambda w: np.r_[w[0] ** 3 - w[0], w[1:]],
        )
    lanes = [lane("gd", lr) for lr in [3.5, 0.1, 4.5, *[0.1] * (15 if form == "lanes" else 0)]]
    each = run(problem, "gd", lanes, batch_size=100, points=np.arange(31), steps=30)
    ends = run(problem, "gd", lanes, batch_size=100, points=np.array([0, 30]), steps=30)
    for r in (0, 2):
        step = first_step_over(problem, value, slope, lanes[r].lr)
        assert 1 < step < 29
        assert each["diverged_at"][r] == step
        assert ends["diverged_at"][r] == step + 1
    assert not np.delete(each["diverged_at"], [0, 2]).any() and not np.delete(ends["diverged_at"], [0, 2]).any()


@pytest.mark.parametrize("optimizer", ["adam", "gd", "schedule_free_adamw", slow("shampoo")])
@pytest.mark.parametrize("lr", [50.0, 1e200])
@pytest.mark.parametrize(("problem", "count"), [("rosenbrock", 17), ("logistic", 17), (MLP, 3), ("quartic", 3)])
def test_neighbours_of_a_diverged_run_do_not_notice(problem, count, lr, optimizer):
    """Bit by bit what they are beside a run that behaves."""
    problem = quartic() if problem == "quartic" else problem_of(problem)
    calm = [lane(optimizer, 1e-4) for _ in range(count)]
    wild = [*calm[:1], lane(optimizer, lr), *calm[2:]]
    more = {"batch_size": 32, "steps": 60, "points": np.array([0, 1, 7, 60])}
    expected, made = run(problem, optimizer, calm, **more), run(problem, optimizer, wild, **more)
    others = np.arange(count) != 1
    for name in CURVES:
        np.testing.assert_array_equal(made[name][..., others], expected[name][..., others], err_msg=name)
    np.testing.assert_array_equal(made["w"][others], expected["w"][others])
    assert not made["diverged_at"][others].any()
    if lr == 1e200 and optimizer in ("gd", "adam"):  # others bound their steps
        assert made["diverged_at"][1] > 0


@pytest.mark.parametrize(("problem", "count"), [("rosenbrock", 17), ("rosenbrock", 2), (MLP, 2)])
def test_the_curve_ends_at_the_last_good_point(problem, count):
    lanes = [lane("gd", 1e-4)] * (count - 1) + [lane("gd", 3e3)]
    made = run(problem, "gd", lanes, steps=200)
    at = made["diverged_at"][-1]
    assert at > 0 and not made["diverged_at"][:-1].any()
    gone = made["points"] >= at
    assert gone.any() and not gone[0]
    for name in ("lr", "batch_loss", "gradient_norm", "train", "positions"):
        curve = made[name][..., -1].reshape(len(gone), -1)
        if curve.size:
            assert np.isnan(curve[gone]).all(), name
            assert np.isfinite(curve[~gone][1:]).all(), name
        assert np.isfinite(made[name][1:, ..., :-1]).all(), name


@pytest.mark.parametrize(("problem", "count"), [("rosenbrock", 17), ("rosenbrock", 2), (MLP, 2)])
def test_the_last_weights_of_a_diverged_run_are_not_the_start(problem, count):
    """It must not look like a run that never moved."""
    made = run(problem, "gd", [lane("gd", 1e-4)] * (count - 1) + [lane("gd", 1e200)])
    assert made["diverged_at"][-1] > 0
    assert not np.array_equal(made["w"][-1], start_point(problem_of(problem), 3))


@pytest.mark.parametrize("count", [16, 2], ids=["lanes", "one by one"])
def test_weights_that_are_not_finite_are_found_where_the_loss_is_blind(count):
    lanes = [lane("gd", 1.0)] * (count - 1) + [lane("gd", 0.01)]
    made = run(blind(), "gd", lanes, batch_size=1024, steps=1200, points=np.array([0, 500, 1100, 1200]))
    # 2^1024 is beyond float64; 1.01^1200 is not.
    assert made["diverged_at"].tolist() == [1100] * (count - 1) + [0]
    assert made["w"][-1, 1] == pytest.approx(1.01**1200, rel=1e-12)


@pytest.mark.parametrize("count", [17, 2])
def test_a_cohort_without_survivors_ends_early(count):
    progress = []
    lanes = [lane("gd", lr) for lr in np.geomspace(3.5, 1e5, count)]
    problem = problem_of("quadratic(noise=0.0)")
    cohort = run_cohort(
        problem, CATALOGUE.optimizers["gd"], lanes, seed=3, batch_size=32, steps=10**9, points=np.array([0, 10**9]),
        progress=progress.append,
    )  # fmt: skip
    assert sum(progress) == count * 10**9, "the steps that need not be made are done, too"
    for part in cohort.parts:
        assert (part.diverged_at > 0).all() and part.steps < 1000
        assert part.points.tolist() == [0] and np.isfinite(part.train).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("lr", [0.3, 10.0, 1e4, 1e10, 1e30])
def test_explosions_raise_no_warning(lr, dtype):
    """Gradients whose squares overflow, among others; pytest makes warnings errors."""
    made = run(quartic(), "gd", [lane("gd", lr), lane("gd", 1e-3)], batch_size=32, steps=200, points=ENDS, dtype=dtype)
    assert made["diverged_at"][0] > 0 and made["diverged_at"][1] == 0
    assert np.isnan(made["gradient_norm"][1, 0]) and np.isfinite(made["gradient_norm"][1, 1])


@pytest.mark.parametrize(("form", "count"), [("lanes", 16), ("lanes", 2), ("single", 2)])
def test_a_loss_that_is_no_number_is_found_at_its_step(form, count):
    """No evaluation comes by: the second step sees it, though NaN exceeds no limit."""
    lanes = [lane("gd", 3.0)] + [lane("gd", 1e-3)] * (count - 1)
    made = run(undefined(1.0, form), "gd", lanes, batch_size=1024, points=np.array([0, 40]))
    assert made["diverged_at"].tolist() == [2] + [0] * (count - 1)


@pytest.mark.parametrize("count", [16, 1])
def test_a_start_without_a_loss_is_refused(count):
    with pytest.raises(OptbenchError, match="problem undefined: the loss at the start point is nan"):
        run(undefined(-1.0), "gd", [lane("gd", 0.1)] * count, batch_size=1024)


@pytest.mark.parametrize("count", [16, 1])
def test_a_run_that_rises_but_stays_below_the_limit_has_not_diverged(count):
    """|w|^2 grows by 1.21 a step: 60 steps are 0.9e5 times the first loss, and 80 are 4e6 times."""
    problem = problem_of("quadratic(dim=3, condition=1.0, noise=0.0)")
    lanes = [lane("gd", 2.1)] * count
    assert not run(problem, "gd", lanes, steps=60, points=np.array([0, 60]))["diverged_at"].any()
    at = run(problem, "gd", lanes, steps=80, points=np.arange(81))["diverged_at"]
    assert (at == int(np.floor(np.log(DIVERGENCE_FACTOR) / np.log(1.21))) + 1).all()


def test_a_large_minimum_raises_the_limit():
    """|w|^2 grows by 1.21 a step, and a suboptimality of 1e6 is but a hundredth of the minimum 1e8."""
    at = run(raised(), "gd", [lane("gd", 2.1)], batch_size=1024, steps=110, points=np.arange(111))["diverged_at"]
    assert at.tolist() == [math.floor(math.log(1e8) / math.log(1.21)) + 1]


# One that reports another iterate, and one of which a call takes a single lane, among them.
@pytest.mark.parametrize("optimizer", ["gd", "schedule_free_adamw", "average(momentum)", slow("shampoo")])
@pytest.mark.parametrize("problem", ["rosenbrock", "quadratic", "quartic", "logistic", MLP])
def test_points_passed_in_one_call_see_what_they_see_one_by_one(problem, optimizer, monkeypatch):
    """Bit by bit, beside lanes that diverge between two of them, at one of them, and one after the other."""
    problem = quartic() if problem == "quartic" else problem_of(problem)
    lanes = [
        lane(optimizer, lr, schedule) for lr in np.geomspace(1e-4, 1e6, 11) for schedule in ("constant", "sqrt_step")
    ]
    together = run(problem, optimizer, lanes, batch_size=100, steps=120)
    monkeypatch.setattr("optbench.engine.cpu.lanes._SNAPSHOT_BYTES", 0)
    alone = run(problem, optimizer, lanes, batch_size=100, steps=120)
    assert (alone["diverged_at"] > 0).any() and (alone["diverged_at"] == 0).any()
    for name in ("points", "diverged_at", "w", *CURVES):
        np.testing.assert_array_equal(together[name], alone[name], name)
