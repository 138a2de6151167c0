"""Recurrent networks: their sequences, what no memory can do, and who leaves the plateau."""

import numpy as np
import pytest
from harness import gradient, problem_of

from optbench import minimize


@pytest.mark.parametrize("text", ["rnn_add(length=9)", "rnn_xor(length=12)"])
def test_the_target_is_made_of_one_marked_number_of_each_half(text):
    problem = problem_of(text)
    for x, y in (problem.data, problem.validation, problem.test):
        values, marks = np.split(x, 2, axis=1)
        first, second = np.nonzero(marks)[1].reshape(-1, 2).T
        length = values.shape[1]
        assert (first < length // 2).all() and (second >= length // 2).all() and set(np.unique(marks)) == {0, 1}
        assert len(np.unique(first)) == length // 2 and len(np.unique(second)) == length - length // 2
        marked = np.take_along_axis(values, np.column_stack([first, second]), axis=1)
        wanted = marked.sum(axis=1) if "add" in text else marked.prod(axis=1) < 0
        np.testing.assert_array_equal(y, wanted)


@pytest.mark.slow
def test_without_memory_there_is_the_variance_of_the_sum_and_one_bit():
    problem = problem_of("rnn_add")
    (value,), _ = gradient(problem, np.eye(problem.dim)[-1])  # always 1
    assert value == pytest.approx(1 / 6, abs=0.007)  # three standard errors of 8,000 sums: 3 sqrt(7 / 180 / 8000)
    problem = problem_of("rnn_xor")
    (value,), _ = gradient(problem, np.zeros(problem.dim))
    assert value == pytest.approx(np.log(2), rel=1e-12)


@pytest.mark.slow
def test_adam_and_muon_leave_the_plateau_of_xor_and_momentum_stays():
    def foreseen(optimizer, lr):
        made = minimize(problem_of("rnn_xor"), optimizer, lr=lr, steps=2000, batch_size=64)
        return made.curve["test_accuracy"].iloc[-1]

    assert min(foreseen("adam_torch", 0.003), foreseen("muon", 0.01)) > 0.98
    assert max(foreseen("momentum", lr) for lr in (0.01, 0.1, 0.3)) < 0.6
