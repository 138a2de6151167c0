"""Progress, deadlines, interruption, and kernels that are compiled once."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from harness import CATALOGUE, lane, problem_of, run, run_cohort
from numba.core import event
from quick import slow

from optbench.catalogue import loader
from optbench.engine import runner as runner_module
from optbench.engine.cpu import cohort_kernels as code_module
from optbench.engine.cpu import cpu_cohorts as cohort_module
from optbench.engine.runner import Cancelled

LOGISTIC = "logistic(data=gaussian(examples=150, features=4, classes=2), l2=0.05)"
MLP = "mlp(data=gaussian(examples=150, features=4, classes=3), hidden=(5,))"


@pytest.fixture
def ticking(monkeypatch):
    """A clock that moves on by one second whenever it is read."""
    count = itertools.count()
    for module in (runner_module, cohort_module):
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: float(next(count))))


def cohort(text, lanes, steps=300, **more):
    gd = CATALOGUE.optimizers["gd"]
    return run_cohort(problem_of(text), gd, lanes, seed=3, batch_size=32, steps=steps, **more)


@pytest.mark.parametrize(("text", "count"), [(LOGISTIC, 20), (LOGISTIC, 3), slow(MLP, 3)])
def test_progress_adds_up_to_all_steps_of_all_lanes(text, count):
    progress = []
    lanes = [lane("gd", 0.01)] * (count - 1) + [lane("gd", 1e200)]
    cohort(text, lanes, steps=3000, progress=progress.append)
    assert sum(progress) == count * 3000 and min(progress) > 0 and len(progress) > 3


@pytest.fixture
def one_by_one(monkeypatch):
    """Each lane is a call of its own, as those of a rule on matrices are."""
    monkeypatch.setattr(code_module, "_MIN_LANES", 100)


@pytest.mark.parametrize("text", [LOGISTIC, slow(MLP), "rosenbrock"])
@pytest.mark.parametrize("deadline", [0.5, 20.0, 200.0])
def test_a_deadline_ends_the_run_where_it_is(text, deadline, ticking):
    """The curve up to there is that of the whole run, and ends with an evaluation of the last weights."""
    points = np.array([0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512])
    whole = cohort(text, [lane("gd", 1e-3)], steps=512, points=points).parts[0]
    cut = cohort(text, [lane("gd", 1e-3)], steps=512, points=points, deadline=deadline).parts[0]
    assert cut.steps < 512 and cut.points[-1] == cut.steps
    assert (np.diff(cut.points) > 0).all(), "a point stands in the curve twice"
    assert not cut.diverged_at.any()
    shared = np.isin(cut.points, whole.points)
    assert shared[:-1].all()
    for name in ("train", "batch_loss", "lr", "gradient_norm"):
        expected, found = (each.measures.get(name, each.train) for each in (whole, cut))
        np.testing.assert_array_equal(found[shared], expected[np.isin(whole.points, cut.points)])
    assert np.isfinite(cut.train).all()


def test_every_run_has_the_whole_deadline(one_by_one, ticking):
    """Of three calls of a lane each, none spends the time of those behind it, nor leaves any to them."""
    lanes = [lane("gd", 0.01)] * 3
    made = cohort(LOGISTIC, lanes, deadline=40.0, points=np.array([0, 100, 300]))
    alone = cohort(LOGISTIC, lanes[:1], deadline=40.0, points=np.array([0, 100, 300])).parts[0].steps
    assert [part.steps for part in made.parts] == [alone] * 3 and 0 < alone < 300
    early = [lane("gd", 1e200), lane("gd", 0.01)]  # the first one ends at once
    assert cohort(LOGISTIC, early, deadline=40.0, points=np.array([0, 100, 300])).parts[-1].steps == alone


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_request_to_stop_is_followed(after, ticking):
    asked, progress = itertools.count(), []
    with pytest.raises(Cancelled):
        cohort(LOGISTIC, [lane("gd", 0.01)] * 20, progress=progress.append, stop=lambda: next(asked) >= after)
    assert len(progress) == after, "it is asked before each chunk"


RULE = """
from optbench import Problem, optimizer, problem
import numpy as np

@optimizer(source="a test", beta1=0.5)
def {name}(w, g, m, lr, beta1, beta1_t):
    m = beta1 * m + (1 - beta1) * g
    return w - lr * m / (1 - beta1_t), m

def value_and_gradient(w, g, f):
    for r in range(w.shape[1]):
        f[r] = 0.5 * w[0, r] * w[0, r]
        g[0, r] = w[0, r]

@problem(source="a test")
def parabola():
    return Problem("lanes", 1, lambda rng: np.ones(1), value_and_gradient, 0.0, "closed form", noise=0.1)
"""


def test_nothing_is_compiled_twice(own_kernels):
    """Not for other lanes, hyperparameters, schedules, seeds, batch sizes or lengths."""
    path = own_kernels / "counted.py"
    path.write_text(RULE.format(name="counted"))
    catalogue = loader.load([path])
    problem, rule = catalogue.problem("parabola"), catalogue.optimizers["counted"]

    def both_shapes(lr, schedule="constant", **more):
        for count in (16, 1):
            run(problem, rule, [lane(rule, lr, schedule, beta1=more.pop("beta1", 0.5))] * count, **more)

    with event.install_recorder("numba:compile") as first:
        both_shapes(0.1)
    with event.install_recorder("numba:compile") as second:
        both_shapes(0.1)
        both_shapes(0.2, "inverse", beta1=0.9, seed=5, batch_size=1024, steps=7)
        run(problem, rule, [lane(rule, 0.1)] * 40, steps=3)
        run(problem, rule, [lane(rule, 0.1)] * 5, steps=3)
    assert len(first.buffer) > 0, "the recorder does not see compilations"
    assert len(second.buffer) == 0
