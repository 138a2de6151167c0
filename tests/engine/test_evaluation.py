"""Loss and metrics on whole data sets, which are computed in pieces of the data."""

import numpy as np
from harness import evaluate, problem_of

from optbench.engine.batches import start_point
from optbench.engine.cpu.cohort_kernels import ProblemCode
from optbench.engine.cpu.evaluation import Evaluator

MLP = "mlp(data=gaussian(examples=1500, features=4, classes=3), hidden=(5,))"


def test_pieces_of_the_data_give_the_mean_of_all():
    problem = problem_of(MLP)
    w = np.stack([start_point(problem, seed) for seed in range(3)])
    evaluator = Evaluator(problem, ProblemCode(problem, "float64"), "float64")
    assert len(problem.data[0]) > 1024  # three pieces, the last of them smaller
    np.testing.assert_allclose(evaluator.train(w[None])[0], evaluate(problem, w).T, rtol=1e-12)
    held_out = evaluate(problem, w, problem.validation).T
    np.testing.assert_allclose(evaluator.validation(w[None])[0], held_out, rtol=1e-12)
    np.testing.assert_allclose(evaluator.test(w[None])[0], evaluate(problem, w, problem.test).T, rtol=1e-12)
