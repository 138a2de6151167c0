"""Code of optimizers that are another library's own: it runs for all of them, or says in one line why it cannot."""

import ast
import functools
import inspect

import pytest

import optbench

pytestmark = [pytest.mark.slow]
MINE = """
import torch


class Mine(torch.optim.Optimizer):
    \"\"\"Gradient descent that looks at the loss, and whose weights for evaluation are twice those it trains.\"\"\"

    def __init__(self, params, lr=0.1):
        super().__init__(params, {"lr": lr})
        self.calls = []

    @torch.no_grad()
    def step(self, closure):
        self.calls.append(float(closure()))
        for group in self.param_groups:
            for p in group["params"]:
                p -= group["lr"] * p.grad

    def train(self):
        self.calls.append("train")

    @torch.no_grad()
    def eval(self):
        for p in self.param_groups[0]["params"]:
            p *= 2
"""


@pytest.mark.torch
def test_every_optimizer_of_torch_runs_or_is_refused(capsys):
    import torch

    refused = []
    for name in sorted(name for name, value in vars(torch.optim).items() if inspect.isclass(value)):
        if name == "Optimizer":
            continue
        try:
            code = optbench.training_code(f"torch:{name}", epochs=1)
        except optbench.OptbenchError as error:
            assert "\n" not in str(error) and f"torch:{name} cannot be said in code" in str(error)
            refused.append(name)
        else:
            exec(compile(code, name, "exec"), {"__name__": "__main__"})
            assert " 1 epoch," in code.replace("\n#", "") and float(capsys.readouterr().out.split()[-1]) < 1
    assert refused == ["LBFGS", "SparseAdam"]
    with pytest.raises(optbench.OptbenchError, match="lbfgs"):
        optbench.training_code("torch:LBFGS")


@pytest.mark.torch
@pytest.mark.parametrize("file", ["mine.py", "my-rule.py", "class.py"])
def test_a_class_of_the_users_own(file, tmp_path, monkeypatch):
    """It wants a closure, and has two points; and its file may have a name that no import can say."""
    import torch

    path = tmp_path / file
    path.write_text(MINE, encoding="utf-8")
    code = optbench.training_code(f"torch:Mine(file='{path}')", lr=0.5, epochs=2)
    assert "Mine itself takes the same steps" in code.replace("\n# ", " ")
    monkeypatch.syspath_prepend(tmp_path)
    scope = {"__name__": "snippet"}
    exec(compile(code, "<code>", "exec"), scope)
    made = []

    class Noted(scope["Mine"]):
        def __init__(self, *given, **named):
            super().__init__(*given, **named)
            made.append(self)

    scope["Mine"] = Noted
    model = torch.nn.Linear(1, 1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        model.weight.fill_(3.0)
    loader = [(torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64))]
    scope["train"](model, lambda outputs, targets: (outputs - targets).pow(2).sum() / 2, loader)
    # w = 3, 1.5, 0.75 of losses 4.5, 1.125; and doubled at the end.
    assert made[0].calls == ["train", 4.5, 1.125] and model.weight.item() == 1.5


@pytest.mark.optax
def test_every_optimizer_of_optax_gives_code_or_is_refused():
    import optax

    functions = (type(_has_rate), functools.partial)
    found = [name for name, value in vars(optax).items() if name[0] != "_" and isinstance(value, functions)]
    rated = [name for name in found if _has_rate(vars(optax)[name])]
    refused = []
    assert {"nadam", "adamw", "lbfgs"} <= {*rated}
    for name in [*rated, "contrib.momo", "contrib.sophia"]:
        try:
            code = optbench.training_code(f"optax:{name}", "optax", epochs=1)
        except optbench.OptbenchError as error:
            assert "\n" not in str(error) and "cannot be said in code: it asks for more than" in str(error)
            refused.append(name)
        else:
            ast.parse(code)
            assert f"\noptimizer = optax.{name}(learning_rate=0.01" in code.replace("(\n", "(")
            assert ("value=loss" in code) == (name == "contrib.momo")
    assert refused == ["lbfgs", "contrib.sophia"]


def _has_rate(function):
    return "learning_rate" in inspect.signature(function).parameters
