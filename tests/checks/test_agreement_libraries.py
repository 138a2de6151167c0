"""Rules against the libraries that they claim to be: they agree, and what differs by one argument is named."""

import pytest

import optbench
from optbench.checks.against import fixes, rollouts
from optbench.checks.against.agreement import implementation
from optbench.checks.against.findings import find_differences
from optbench.checks.against.measurements import measure_both
from optbench.cli.agreement import print_agreement

pytestmark = pytest.mark.slow
TORCH = {
    "heavy_ball(dampening=0.5)": "torch:SGD(momentum=0.9, dampening=0.5)",
    "amsgrad": "torch:Adam(amsgrad=True)",
    "adamw": "torch:AdamW",
    "rmsprop_centered": "torch:RMSprop(centered=True)",
    "rprop": "torch:Rprop",
    "adafactor": "torch:Adafactor",
    "coupled_decay(adam_torch, decay=0.01)": "torch:Adam(weight_decay=0.01)",
}
PLANTED = [
    ("adam", "torch:Adam", ["eps"], "inside the root in adam, outside the root in torch:Adam"),
    ("adamw", "torch:Adam(weight_decay=0.01)", ["weight decay"], "coupled in torch:Adam(weight_decay=0.01)"),
    ("adam_torch", "torch:Adam(maximize=True)", ["sign"], "torch:Adam(maximize=True) climbs"),
    ("adam_torch", "torch:NAdam", ["Nesterov"], "torch:NAdam looks ahead"),
    ("nadam", "torch:NAdam", ["precision"], "float32"),
    ("asgd", "torch:ASGD", ["rate in the state"], "torch:ASGD keeps the rate"),
]


@pytest.fixture(autouse=True)
def one_problem(monkeypatch):
    """Matrices, vectors and mini-batches: the others show nothing more of a library, and cost as much each."""
    monkeypatch.setattr(rollouts, "PROBLEMS", rollouts.PROBLEMS[-1:])


@pytest.mark.torch
@pytest.mark.parametrize(("rule", "other"), TORCH.items())
def test_rules_are_pytorchs(rule, other, catalogue):
    found = optbench.agreement(rule, other)
    assert found.equal and found.digits >= 11 and not found.findings and not found.remedy
    if rule != "adafactor":  # its eps differs in float64, below 1e-15, where no gradient of a rollout is
        measured = measure_both(implementation(rule, catalogue), implementation(other, catalogue))
        assert find_differences(*measured) == []


@pytest.mark.optax
def test_a_rule_is_optaxs():
    found = optbench.agreement("rmsprop", "optax:rmsprop")
    assert found.equal and found.digits >= 12 and not found.findings


@pytest.mark.torch
@pytest.mark.parametrize(("rule", "other", "names", "words"), PLANTED)
def test_what_differs_from_pytorch_is_named_and_nothing_else(rule, other, names, words):
    found = optbench.agreement(rule, other)
    assert [each.name for each in found.findings] == names and words in found.findings[0].text


@pytest.mark.torch
def test_one_that_takes_matrices_only(monkeypatch):
    monkeypatch.setattr(fixes, "_TRIES", 0)  # no value would make them equal: it computes in bfloat16
    found = optbench.agreement("muon", "torch:Muon")
    refused = found.table.query("refused != ''")
    assert len(refused) == 1 and refused["refused"].str.contains("Muon only supports 2D parameters").all()
    assert not found.equal and "weight decay" in [each.name for each in found.findings]
    assert "differ still" in found.remedy


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


@pytest.mark.torch
def test_a_class_in_a_file_of_theirs(tmp_path, capsys):
    (tmp_path / "theirs.py").write_text(MINE.replace("FAILS", ""))
    text = f'torch:Mine(file="{tmp_path / "theirs.py"}")'
    assert [each.name for each in optbench.agreement("heavy_ball", text).findings] == ["rate"]
    assert print_agreement(str(tmp_path / "theirs.py"), "momentum", 1e-9, (), 60, False)
    assert "torch:Mine against momentum" in capsys.readouterr().out


@pytest.mark.torch
def test_one_that_fails_is_one_line(tmp_path):
    (tmp_path / "failing.py").write_text(MINE.replace("FAILS", "raise RuntimeError('spoilt')"))
    with pytest.raises(optbench.OptbenchError, match="RuntimeError: spoilt"):
        optbench.agreement("momentum", f'torch:Mine(file="{tmp_path / "failing.py"}")')
