"""PyTorch's optimizers whose step evaluates its closure at other weights, as people write SAM, against the rule."""

import re

import numpy as np
import pytest

import optbench
from optbench import OptbenchError
from optbench.catalogue import loader
from optbench.plan.planned_cohorts import expand
from optbench.plan.spec_files import make_spec

pytestmark = [pytest.mark.torch, pytest.mark.slow]

FILE = '''
import torch

class SAM(torch.optim.Optimizer):
    """As its best known class has it: the gradients are there, and the closure computes them anew, uphill."""
    def __init__(self, params, base_optimizer, rho=0.05, **kwargs):
        super().__init__(params, dict(rho=rho, **kwargs))
        self.base_optimizer = base_optimizer(self.param_groups, **kwargs)
        self.param_groups = self.base_optimizer.param_groups

    def each(self):
        return [p for group in self.param_groups for p in group["params"]]

    @torch.no_grad()
    def first_step(self):
        norm = torch.norm(torch.stack([p.grad.norm(p=2) for p in self.each()]), p=2)
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["old_p"] = p.data.clone()
                p.add_(p.grad * (group["rho"] / (norm + 1e-12)))
        self.zero_grad()

    @torch.no_grad()
    def second_step(self):
        for p in self.each():
            p.data = self.state[p]["old_p"]
        self.base_optimizer.step()

    @torch.no_grad()
    def step(self, closure=None):
        self.first_step()
        torch.enable_grad()(closure)()
        self.second_step()

class Twice(torch.optim.SGD):
    """The closure computes both gradients."""
    gradients = 2

    def __init__(self, params, lr, rho=0.05):
        super().__init__(params, lr=lr)
        self.rho = rho

    @torch.no_grad()
    def step(self, closure):
        every = self.param_groups[0]["params"]
        self.zero_grad()
        closure()
        norm = torch.cat([p.grad.reshape(-1) for p in every]).norm()
        moves = [self.rho / (norm + 1e-12) * p.grad for p in every]
        torch._foreach_add_(every, moves)
        self.zero_grad()
        loss = closure()
        torch._foreach_sub_(every, moves)
        super().step()
        return loss

class Unsaid(Twice):
    gradients = 1

class Thrice(Twice):
    def step(self, closure):
        super().step(closure)
        closure()
'''


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("classes") / "ways.py"
    path.write_text(FILE)
    return path


@pytest.mark.parametrize(
    "problem",
    [
        "rosenbrock",
        "sparse(noisy(moving(rosenbrock)))",
        "logistic",
        "mlp(data=gaussian(examples=60, features=5))",
        "noisy(moving(mlp(data=gaussian(examples=60, features=5))), scale=0.1)",
    ],
)
def test_it_is_the_gradient_of_the_same_mini_batch(file, problem):
    settings = {"lr": 1e-4 if "rosenbrock" in problem else 0.1, "batch_size": 16, "steps": 30, "seed": 1}
    wanted = optbench.minimize(problem, "sam(gd, rho=0.02)", **settings)
    for text in (f"torch:SAM(torch:SGD, file={str(file)!r}, rho=0.02)", f"torch:Twice(file={str(file)!r}, rho=0.02)"):
        found = optbench.minimize(problem, text, **settings)
        np.testing.assert_allclose(found.w, wanted.w, rtol=1e-12, atol=1e-14)
        assert found.nfev == wanted.nfev == 60


def test_check_tells_that_they_are_equal(file):
    text = f"torch:SAM(torch:SGD(momentum=0.9), file={str(file)!r}, rho=0.1)"
    assert optbench.agreement("sam(heavy_ball(dampening=0), rho=0.1)", text, tolerance=1e-9).equal
    assert not optbench.agreement("sam(gd, rho=0.1)", f"torch:Twice(file={str(file)!r}, rho=0.2)").equal


def test_its_name_says_what_is_inside_and_both_can_be_tuned(file):
    catalogue = loader.load((file,))
    record, values = catalogue.optimizer("torch:SAM(torch:SGD(momentum=0.8, nesterov=True), rho=0.3)")
    assert record.name == "torch:SAM(torch:SGD(nesterov=True))" and record.gradients == 2
    assert (values["rho"], values["momentum"]) == (0.3, 0.8)
    again, _ = catalogue.optimizer(record.name)
    assert again.arguments(again.hyperparameters) == record.arguments(record.hyperparameters)
    spec = {"problems": ["logistic"], "batch_sizes": [300], "epochs": 2, "blocks": 2, "schedules": ["constant"]}
    texts = ["gd", "torch:SAM(torch:SGD(momentum=[0.5, 0.9], nesterov=True), rho=0.1)"]
    for more in ({"learning_rates": [0.1]}, {"trials": 4}):
        plan = expand(make_spec({**spec, "optimizers": texts, "plugins": [str(file)], **more}, {}), catalogue)
        once, twice = ([each.cohort for each in plan.series if each.cohort.optimizer is one] for one in plan.optimizers)
        assert twice[0].optimizer.name == record.name and {2 * each.steps for each in twice} == {once[0].steps}
        values = [lane.hyperparameters for each in twice for lane in each.lanes]
        assert {each["momentum"] for each in values} == {0.5, 0.9} and {each["rho"] for each in values} == {0.1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("torch:Unsaid", "evaluates its closure more than once; here a step has one gradient, or two of a class with"),
        ("torch:Thrice", "evaluates its closure more than once; here a step has two gradients"),
        ("torch:SAM", "it goes around another one, its 'base_optimizer': write torch:SAM(torch:SGD)"),
        (
            "torch:SAM(gd)",
            "torch:SAM cannot go around gd: a class of PyTorch goes around another one, such as torch:SGD",
        ),
        ("torch:Twice(torch:SGD)", "torch:Twice does not go around another one: for that a class takes one argument"),
    ],
)
def test_what_cannot_be_is_said(file, text, message):
    with pytest.raises(OptbenchError, match=re.escape(message)):
        optbench.minimize("rosenbrock", text, lr=1e-3, steps=3, plugin=str(file))
