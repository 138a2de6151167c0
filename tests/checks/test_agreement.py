"""Two optimizers side by side: in how many digits they agree, from which step on they differ, and what is refused."""

from dataclasses import dataclass

import numpy as np
import pytest

import optbench
from optbench import OptbenchError
from optbench.checks import rollouts
from optbench.checks.agreement import compare_all
from optbench.checks.rollouts import STEPS, Implementation, digits, distance
from optbench.cli.check_against import _print_agreement, print_agreement


@dataclass
class Momentum:
    """m = beta1 m + g;  w = w - rate m. What is evaluated may be another point than the weights."""

    beta1: float = 0.9
    from_step: int = 1
    """The step from which on beta1 counts."""
    last_number: int = STEPS
    """The last step whose weights are numbers."""
    averages: bool = False

    m = t = 0.0
    before = None

    def step(self, w, g, rate):
        self.t, self.before = self.t + 1, w
        self.m = (self.beta1 if self.t >= self.from_step else 0.9) * self.m + g
        return w - rate * self.m if self.t <= self.last_number else np.full_like(w, np.nan)

    def reported(self):
        return self.before if self.averages else None


def plant(name="mine", refuse=None, **how):
    """An optimizer that is written here. refuse: what a shape must not have, the number of its sides."""

    def start(shapes):
        if any(len(shape) == refuse for shape in shapes):
            raise OptbenchError(f"{name}: no such blocks")
        return Momentum(**how)

    return Implementation(name, start)


def test_equal_ones_are_equal_and_the_first_step_that_differs_is_found(catalogue):
    same = compare_all(plant(), plant("theirs"), catalogue, 1e-9)
    assert same.equal and same.digits == 15 and not same.steps and len(same.comparisons) == 10
    found = compare_all(plant(), plant("theirs", beta1=0.5, from_step=7), catalogue, 1e-9)
    assert not found.equal and {each.step for each in found.comparisons} == {7}
    (before, _, *same), (step, _, one, other) = found.steps[:2]
    assert (before, step) == (6, 7) and same[0] == same[1] and one != other


def test_one_that_takes_vectors_only_is_still_asked(catalogue, capsys):
    found = compare_all(plant(), plant("theirs", refuse=2, beta1=0.5), catalogue, 1e-9)
    assert found.table["refused"].ne("").sum() < 5 and not found.equal
    _print_agreement(found)
    out = " ".join(capsys.readouterr().out.split())
    assert "in 8 of 8 compared (2 of 10 were not)" in out and "not on" in out


def test_what_is_evaluated_is_compared_as_well(catalogue):
    assert not compare_all(plant(), plant("theirs", averages=True), catalogue, 1e-9).equal


def test_two_that_give_no_number_are_not_equal(catalogue):
    with pytest.raises(OptbenchError, match="neither mine nor theirs is finite, from step 1 on"):
        compare_all(plant(last_number=0), plant("theirs", last_number=0), catalogue, 1e-9)


def test_steps_that_are_no_numbers_are_not_counted(catalogue, capsys):
    _print_agreement(compare_all(plant(last_number=7), plant("theirs", last_number=7), catalogue, 1e-9))
    assert "over 7 steps" in capsys.readouterr().out
    found = compare_all(plant(last_number=7), plant("theirs", last_number=8), catalogue, 1e-9)
    assert not found.equal and min(each.step for each in found.comparisons) == 8


def test_the_difference_is_relative_to_the_way_and_knows_rounding():
    start = np.ones(2)
    a = start - 1e-3 * np.arange(1, STEPS + 1)[:, None]
    assert distance(a, a, start).max() == 0 and digits(0.0) == 15
    b = a.copy()
    b[9:] += 1e-8
    gaps = distance(a, b, start)
    assert gaps[8] == 0 and gaps[9] == pytest.approx(1e-8 / 1e-2, rel=1e-2)
    b[5], a[7] = np.nan, np.inf
    gaps = distance(a, b, start)
    assert np.isinf(gaps[5]) and np.isinf(gaps[7]) and np.isfinite(gaps[6])
    assert distance(a, np.where(np.isfinite(a), a, np.nan), start).max() == 0
    a[:, 0] = b[:, 0] = np.nan  # a weight that is no number hides no other
    assert distance(a, b + 0.5, start).min() > 0.5


@pytest.fixture
def one_problem(monkeypatch):
    """Matrices, vectors and mini-batches: the others show nothing more of a library, and cost as much each."""
    monkeypatch.setattr(rollouts, "PROBLEMS", rollouts.PROBLEMS[-1:])


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize(("rule", "other"), [
    ("heavy_ball(dampening=0.5)", "torch:SGD(momentum=0.9, dampening=0.5)"),
    ("amsgrad", "torch:Adam(amsgrad=True)"),
    ("adamw", "torch:AdamW"),
    ("rmsprop_centered", "torch:RMSprop(centered=True)"),
    ("rprop", "torch:Rprop"),
    ("adafactor", "torch:Adafactor"),
    ("coupled_decay(adam_torch, decay=0.01)", "torch:Adam(weight_decay=0.01)"),
])  # fmt: skip
def test_rules_are_pytorchs(rule, other, one_problem):
    found = optbench.agreement(rule, other)
    assert found.equal and found.digits >= 11


@pytest.mark.slow
@pytest.mark.optax
def test_a_rule_is_optaxs(one_problem):
    found = optbench.agreement("rmsprop", "optax:rmsprop")
    assert found.equal and found.digits >= 12


@pytest.mark.slow
@pytest.mark.torch
def test_one_that_takes_matrices_only(one_problem):
    found = optbench.agreement("muon", "torch:Muon")
    refused = found.table.query("refused != ''")
    assert len(refused) == 1 and refused["refused"].str.contains("Muon only supports 2D parameters").all()
    assert not found.equal


MINE = """
import torch


class Mine(torch.optim.Optimizer):
    def __init__(self, params, lr=0.1, momentum=0.9):
        super().__init__(params, dict(lr=lr, momentum=momentum))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                m.mul_(group["momentum"]).add_(p.grad, alpha=1 - group["momentum"])
                p.sub_(group["lr"] * m)
                FAILS
"""


@pytest.mark.slow
@pytest.mark.torch
def test_a_class_in_a_file_of_theirs(tmp_path, capsys, one_problem):
    (tmp_path / "theirs.py").write_text(MINE.replace("FAILS", ""))
    assert not optbench.agreement("heavy_ball", f'torch:Mine(file="{tmp_path / "theirs.py"}")').equal
    assert print_agreement(str(tmp_path / "theirs.py"), "momentum", 1e-9, (), 60, False)
    assert "torch:Mine against momentum" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.torch
def test_one_that_fails_is_one_line(tmp_path, one_problem):
    (tmp_path / "failing.py").write_text(MINE.replace("FAILS", "raise RuntimeError('spoilt')"))
    with pytest.raises(optbench.OptbenchError, match="RuntimeError: spoilt"):
        optbench.agreement("momentum", f'torch:Mine(file="{tmp_path / "failing.py"}")')
