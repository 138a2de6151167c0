"""The checks of eager problems, and of PyTorch's optimizers, each with one that breaks it."""

import pytest

from optbench import checks
from optbench.catalogue import loader

PROBLEM = """
import numpy as np
from optbench import Problem, problem

@problem(source="a test")
def bowl(dim=3, slope=1.0):
    def gradient(w, g):
        g[:] = slope * w
        return 0.5 * float(w @ w)
    return Problem(form="single", dim=dim, value_and_gradient=gradient, start=lambda rng: rng.standard_normal(dim),
                   minimum=0.0, minimum_source="closed form", minimizer=np.zeros(dim), eager=True)
"""
OPTIMIZERS = """
import torch

class Fine(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, dict(lr=lr))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                self.change(p, group["lr"])

    def change(self, p, lr):
        p.sub_(lr * p.grad)

class Deaf(Fine):
    def change(self, p, lr):
        p.sub_(0.01 * p.grad)

class Idle(Fine):
    def change(self, p, lr):
        pass

class Hides(Fine):
    def change(self, p, lr):
        p.sub_(lr * p.grad.nan_to_num())

class Divides(Fine):
    def change(self, p, lr):
        p.sub_(lr * p.grad / p.grad.abs())

class Raises(Fine):
    def change(self, p, lr):
        raise ValueError("no")

class Counts(Fine):
    steps = 0

    def change(self, p, lr):
        Counts.steps += 1
        p.sub_(lr * p.grad / Counts.steps)
"""


def found(kind, name, file):
    return {
        finding.name: finding.message
        for finding in checks.check_record(kind, name, loader.load((file,)))
        if not finding.ok
    }


def test_an_eager_problem(tmp_path):
    file = tmp_path / "bowl.py"
    file.write_text(PROBLEM)
    assert found("problem", "bowl", file) == {}
    file.write_text(PROBLEM.replace("slope=1.0", "slope=1.1"))
    assert "finite differences" in found("problem", "bowl", file)["the gradient agrees with finite differences"]


@pytest.mark.torch
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "check", "told"),
    [
        ("Deaf", "moves at the rate that it is given: not at all at a rate of next to nothing", "not use its rate"),
        ("Idle", "is made with its defaults, and steps on a matrix and a vector", "three steps change no weight"),
        ("Hides", "passes a NaN gradient on to w, so that divergence is seen", "w stays finite after a NaN gradient"),
        ("Divides", "stays finite on bounded gradients, zero and large ones among them", "a division by zero?"),
        ("Raises", "is made with its defaults, and steps on a matrix and a vector", "torch:Raises: ValueError: no"),
        ("Counts", "does the same again, alone and beside other runs", "a second instance differs by"),
        ("Fine", "", ""),
    ],
)
def test_an_optimizer(name, check, told, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(OPTIMIZERS)
    wrong = found("eager", f"torch:{name}", file)
    assert told in wrong.get(check, "") and bool(wrong) == bool(told)
    assert len(wrong) == 1 or name in ("Fine", "Counts")
