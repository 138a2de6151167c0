"""The physics-informed network: its data solve the equation, and PyTorch's autograd finds the same gradient."""

import numpy as np
import pytest
from harness import evaluate, gradient, problem_of
from problem_cases.physics import network

from optbench import minimize


def test_the_data_are_points_of_the_solution():
    x, y = problem_of("pinn").data
    u = np.sin(2 * np.pi * x[:, 0])
    np.testing.assert_allclose(x[:, 1], u, atol=1e-14)
    np.testing.assert_allclose(y, 4 * np.pi**2 * u, rtol=1e-13)
    assert np.abs(x[:, 0]).max() <= 1


@pytest.mark.slow  # it compiles, as the next one does
def test_the_metric_is_the_distance_from_the_solution():
    problem = problem_of("pinn")
    w = np.random.default_rng(0).standard_normal(problem.dim)
    u, _ = network(w, problem.test[0][:, 0], problem.layout)
    assert evaluate(problem, w, problem.test)[0, 1] == pytest.approx(np.mean((u - problem.test[0][:, 1]) ** 2))


@pytest.mark.slow
def test_a_solved_equation_is_the_closed_form():
    found = minimize("pinn(frequency=1)", "lbfgs", steps=3000)
    assert found.fun < 1e-3 and found.curve["test_solution_loss"].iloc[-1] < 1e-6


@pytest.mark.torch
@pytest.mark.slow
@pytest.mark.parametrize("text", ["pinn", "pinn(hidden=(4, 6, 3), points=60, seed=1)"])
def test_autograd_finds_the_same_gradient(text):
    """There the second derivative is that of a backward pass through a backward pass."""
    import torch

    problem = problem_of(text)
    start = np.random.default_rng(0).standard_normal(problem.dim)
    w = torch.tensor(start, requires_grad=True)
    shapes = [torch.Size(block) for block in problem.blocks]
    parts = [part.reshape(shape) for part, shape in zip(w.split([s.numel() for s in shapes]), shapes, strict=True)]

    def apply(x):
        a = x[:, None]
        for k in range(0, len(parts), 2):
            a = a @ parts[k] + parts[k + 1]
            a = torch.tanh(a) if k < len(parts) - 2 else a
        return a[:, 0]

    x = torch.tensor(problem.data[0][:, 0], requires_grad=True)
    (first,) = torch.autograd.grad(apply(x).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
    border = 100.0 * (apply(torch.tensor([-1.0, 1.0], dtype=torch.float64)) ** 2).mean()
    loss = ((second + torch.tensor(problem.data[1])) ** 2).mean() + border
    loss.backward()
    value, slope = gradient(problem, start)
    assert value[0] == pytest.approx(loss.item(), rel=1e-12)
    np.testing.assert_allclose(slope[0], w.grad.numpy(), atol=1e-10 * np.abs(slope).max())
