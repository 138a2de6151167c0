"""Loss and metrics on whole data sets: of runs that share a point, of runs that diverged, in pieces of the data."""

import numpy as np
from harness import evaluate, lane, problem_of, run

from optbench.engine.batches import start_point
from optbench.engine.cpu.code import ProblemCode
from optbench.engine.cpu.evaluation import Evaluator

MLP = "mlp(data=gaussian(examples=1500, features=4, classes=3), hidden=(5,))"


def test_pieces_of_the_data_give_the_mean_of_all():
    problem = problem_of(MLP)
    w = np.stack([start_point(problem, seed) for seed in range(3)])
    evaluator = Evaluator(problem, ProblemCode(problem, "float64"), "float64")
    assert len(problem.data[0]) > 1024  # three pieces, the last of them smaller
    np.testing.assert_allclose(evaluator.train(w[None])[0], evaluate(problem, w).T, rtol=1e-12)
    np.testing.assert_allclose(evaluator.test(w[None])[0], evaluate(problem, w, problem.test).T, rtol=1e-12)


def test_runs_that_diverged_are_passed_over(monkeypatch):
    """The others have the bytes that they have without them."""
    problem = problem_of(MLP)
    evaluated, real = [], Evaluator.train
    monkeypatch.setattr(Evaluator, "train", lambda self, w: evaluated.append(w.shape[1]) or real(self, w))
    lanes, points = [lane("gd", lr) for lr in (0.1, 1e9, 0.2)], np.array([0, 1, 2, 20, 40])
    every = run(problem, "gd", lanes, points=points)
    diverged = every["diverged_at"]
    assert 0 < diverged[1] < 20 and not diverged[[0, 2]].any()
    assert evaluated == [2 if 0 < diverged[1] < point else 3 for point in points]
    assert np.isnan(every["train"][points >= diverged[1], :, 1]).all()
    alone = run(problem, "gd", lanes[::2], points=points)
    for name in ("train", "test"):
        np.testing.assert_array_equal(every[name][:, :, ::2], alone[name])
