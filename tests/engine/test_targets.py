"""Samples to targets: outcomes with planted losses, and runs of every kind against a loop over their points."""

import math

import numpy as np
import pytest
from harness import CATALOGUE, lane, problem_of
from quick import slow

from optbench.contract.columns import PER_STEP, TARGETS, target_column
from optbench.engine.cohort import Cohort
from optbench.engine.outcome import Outcome, samples_to_targets
from optbench.engine.run_cohorts import run

POINTS = np.array([0, 1, 2, 4, 8])


def planted(losses, steps=8, minimum=0.0, diverged_at=0):
    """Return {share: samples} of a run of 2 examples a step whose losses stand in POINTS; it should make 8 steps."""
    problem = problem_of("quadratic(dim=4)")
    object.__setattr__(problem, "minimum", minimum)
    cohort = Cohort(problem, CATALOGUE.optimizer("gd")[0], [lane("gd", 0.1)], batch_size=2, steps=8)
    train = np.array(losses, dtype=np.float64).reshape(-1, 1, 1)
    points = POINTS[: len(losses)]
    measures = dict.fromkeys(PER_STEP, train[:, 0])
    ends = np.zeros((1, 4)), np.array([diverged_at]), 0.0
    part = Outcome(steps, points, measures, train, train, train, train[:, :0], *ends)
    values = samples_to_targets(cohort, part, 2 * points)
    assert values.shape == (len(TARGETS), 1)
    return dict(zip(TARGETS, values[:, 0].tolist(), strict=True))


def test_a_target_is_reached_where_the_loss_comes_below_it_to_stay():
    found = planted([10, 10, 4, 0.5, 0.5])
    assert found[0.2] == pytest.approx(2 * (2 + 2 * math.log(4 / 2) / math.log(4 / 0.5)))
    assert found[0.05] == 8 and found[0.02] == math.inf
    assert planted([10, 0.5, 10, 10, 0.5])[0.1] == pytest.approx(2 * (4 + 4 * math.log(10) / math.log(20)))
    assert planted([10, 0.5, 0.5, 0.5, 10])[0.5] == math.inf
    assert planted([10, 0.5, 0.5, math.nan, 0.5])[0.5] == 16
    assert planted([10, 0.5, 0.5, 0.5, 0.5])[0.5] == 2  # nothing is known within the first step


def test_shares_are_of_the_first_suboptimality():
    """From 10 to 4 above a minimum of -7 and of 5: half of the way down to it, not to 0."""
    for minimum in (-7.0, 5.0):
        found = planted([minimum + 10, minimum + 10, minimum + 10, minimum + 4, minimum + 4], minimum=minimum)
        assert found[0.5] == pytest.approx(2 * (2 + 2 * math.log(2) / math.log(10 / 4))) and found[0.2] == math.inf


def test_without_a_minimum_a_run_alone_reaches_no_target():
    assert all(math.isnan(value) for value in planted([10, 10, 10, 5, 1], minimum=math.nan).values())


def test_runs_that_do_not_end():
    """Divergence loses all targets, a deadline only those that had not been reached."""
    assert set(planted([10, 1e-9, 1e-9, 1e-9], diverged_at=5).values()) == {math.inf}
    found = planted([10, 10, 0.5, 0.5], steps=4)
    assert found[0.1] < 4 and found[0.05] == 4 and math.isnan(found[0.02])


def looped(points, samples, losses, minimum):
    """Return the samples to each target, one at a time."""
    found = []
    for share in TARGETS:
        level = minimum + share * (losses[0] - minimum)
        at = len(losses)
        while at and losses[at - 1] <= level:
            at -= 1
        if at == len(losses):
            found.append(math.inf)
        elif at == 0 or points[at] <= 1:
            found.append(samples[at])
        else:
            high, low, aim = (math.log(max(f - minimum, 1e-14)) for f in (losses[at - 1], losses[at], level))
            found.append(samples[at - 1] + (high - aim) / (high - low) * (samples[at] - samples[at - 1]))
    return found


@pytest.mark.parametrize("rule", ["gd", slow("lookahead(adam)"), "lbfgs"])
@pytest.mark.parametrize("text", ["rosenbrock", "logistic(data=gaussian(examples=150, features=4))"])
def test_runs_agree_with_a_loop_over_their_points(text, rule):
    rates = (1e-3, 0.1) if rule == "lbfgs" else tuple(np.geomspace(1e-4, 1e3, 12))
    lanes = [lane(rule, rate) for rate in rates]
    cohort = Cohort(problem_of(text), CATALOGUE.optimizer(rule)[0], lanes, batch_size=150, steps=300, seed=3)
    count, reached = 0, 0
    for part in run(cohort).parts:
        samples = 150 * part.points
        found = samples_to_targets(cohort, part, samples)
        for place, diverged in enumerate(part.diverged_at):
            losses = part.train[:, 0, place].tolist()
            expected = [math.inf] * len(TARGETS)
            if not diverged:
                expected = looped(part.points.tolist(), samples.tolist(), losses, cohort.problem.minimum)
            np.testing.assert_allclose(found[:, place], expected, rtol=1e-9)
            count, reached = count + 1, reached + np.isfinite(expected).sum()
    assert count == len(lanes) and reached > 3


def test_columns_are_named_by_their_share():
    assert [target_column(share) for share in (0.5, 1e-4, 1e-8)] == [
        "samples_to_0.5", "samples_to_0.0001", "samples_to_1e-08"]  # fmt: skip
