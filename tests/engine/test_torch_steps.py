"""PyTorch's optimizers as members of a cohort, against PyTorch's own loop written by hand."""

import numpy as np
import pytest
from by_role import by_role
from eager_problems import TARGET, X, learned, one_matrix

import optbench
from optbench.catalogue import loader
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.run_cohorts import run

pytestmark = [pytest.mark.torch, pytest.mark.slow]
STEPS, SIZE, SEED, RATE = 12, 16, 3, 0.01
FITTING = {
    "Adadelta": {}, "Adafactor": {"weight_decay": 0.1}, "Adagrad": {"lr_decay": 0.1}, "Adam": {"amsgrad": True},
    "AdamW": {"maximize": True}, "Adamax": {}, "ASGD": {}, "NAdam": {}, "RAdam": {}, "RMSprop": {"centered": True},
    "Rprop": {}, "SGD": {"momentum": 0.9, "nesterov": True},
}  # fmt: skip
"""Every class of torch.optim that steps along one dense gradient, with what is given besides the rate."""
REFUSED = {
    "LBFGS": "evaluates its closure more than once",
    "SparseAdam": "does not support dense gradients",
    "Muon": "only supports 2D parameters",
}


def start(matrix):
    return np.random.default_rng(1).standard_normal(6 if matrix else 8)


def by_hand(kind, given, factor=lambda t: 1.0, matrix=False):
    """Return the weights after PyTorch's own loop, with autograd's gradients."""
    import torch

    w = start(matrix)
    parts = [w.reshape(3, 2)] if matrix else [w[:6].reshape(3, 2), w[6:]]
    parameters = [torch.nn.Parameter(torch.tensor(part)) for part in parts]
    optimizer = kind(parameters, lr=RATE, **given)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: factor(t + 1))
    for rows in optbench.mini_batches(learned(), batch_size=SIZE, steps=STEPS, seed=SEED):
        x, y = torch.tensor(X[rows]), torch.tensor(TARGET[rows])
        optimizer.zero_grad()
        if matrix:
            loss = 0.5 * ((x @ parameters[0] - y[:, None]) ** 2).sum() / len(rows)
        else:
            loss = 0.5 * ((torch.tanh(x @ parameters[0]) @ parameters[1] - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        scheduler.step()
    return np.concatenate([part.detach().numpy().ravel() for part in parameters])


def ours(optimizer, matrix=False, **more):
    """Return the last weights of the same run here."""
    problem = learned(one_matrix, ((3, 2),)) if matrix else learned()
    settings = {"lr": RATE, "steps": STEPS, "batch_size": SIZE, "seed": SEED, "start": start(matrix)}
    return optbench.minimize(problem, optimizer, **settings | more).w


def name(kind, given):
    return f"torch:{kind}({', '.join(f'{key}={value}' for key, value in given.items())})"


@pytest.mark.parametrize("kind", FITTING)
def test_every_class_that_fits_is_the_same_as_in_its_own_loop(kind):
    import torch

    for given in ({}, FITTING[kind]):
        expected = by_hand(getattr(torch.optim, kind), given)
        np.testing.assert_allclose(ours(name(kind, given)), expected, rtol=1e-12, atol=1e-14)


def test_muon_on_a_matrix():
    import torch

    given = {"momentum": 0.8, "nesterov": False}
    expected = by_hand(torch.optim.Muon, given, matrix=True)
    np.testing.assert_allclose(ours(name("Muon", given), matrix=True), expected, rtol=1e-12, atol=1e-14)


def test_no_class_of_the_library_is_forgotten():
    import torch

    every = [kind for kind, value in vars(torch.optim).items() if isinstance(value, type)]
    assert {kind for kind in every if kind[0].isupper()} == {*FITTING, *REFUSED, "Optimizer"}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_does_not_fit_is_a_failed_run_with_its_reason(kind):
    with pytest.raises(optbench.OptbenchError) as error:
        ours(f"torch:{kind}")
    assert str(error.value).startswith(f"torch:{kind}: ") and REFUSED[kind] in str(error.value)


@pytest.mark.parametrize("given", [{"foreach": True}, {"fused": True}, {"foreach": False, "amsgrad": True}])
def test_implementations_and_schedules(given):
    import torch

    expected = by_hand(torch.optim.AdamW, given, lambda t: 0.5 ** ((t - 1) // 4))
    found = ours(name("AdamW", given), schedule="staircase(factor=0.5, steps=4)")
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


FILE = r"""
import random
import numpy as np
import torch

class Base(torch.optim.Optimizer):
    def __init__(self, params, lr, at=0):
        super().__init__(params, dict(lr=lr))
        self.at, self.t = at, 0

    def each(self):
        self.t += 1
        for group in self.param_groups:
            for p in group["params"]:
                yield group["lr"], p

class Plain(Base):
    @torch.no_grad()
    def step(self):
        for lr, p in self.each():
            p.sub_(lr * p.grad)

class Replaces(Base):
    def step(self):
        for lr, p in self.each():
            p.data = p.data - lr * p.grad

class Single(Base):
    def step(self):
        for lr, p in self.each():
            p.data = p.data.float() - lr * p.grad.float()

class WritesOver(Base):
    @torch.no_grad()
    def step(self):
        for lr, p in self.each():
            p.sub_(p.grad.mul_(lr))
        self.zero_grad()

class Asks(Base):
    @torch.no_grad()
    def step(self, closure):
        assert closure() >= 0
        for lr, p in self.each():
            p.sub_(lr * p.grad)

class AsksLate(Base):
    @torch.no_grad()
    def step(self, closure=None):
        if closure is None:
            raise ValueError("it requires a closure")
        assert closure() >= 0
        for lr, p in self.each():
            p.sub_(lr * p.grad)

class Differentiates(Base):
    def step(self):
        for lr, p in self.each():
            torch.autograd.grad(p.grad.sum(), p)

class Waits(Base):
    def step(self):
        raise NotImplementedError

class Keeps(Base):
    "Extrapolates: lr (2 g - the last g), which it keeps without a copy."
    @torch.no_grad()
    def step(self):
        for lr, p in self.each():
            last = self.state[p].get("g", p.grad)
            p.sub_(lr * (2 * p.grad - last))
            self.state[p]["g"] = p.grad

class Rated(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, dict(lr=torch.tensor(lr, dtype=torch.float64)))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(group["lr"] * p.grad)

class Averages(Base):
    "Evaluates the mean of its points, like schedule-free ones."
    def train(self):
        for lr, p in self.each():
            if "z" in self.state[p]:
                p.data.copy_(self.state[p]["z"])

    def eval(self):
        for lr, p in self.each():
            self.state[p]["z"] = p.data.clone()
            p.data.copy_((self.state[p]["sum"] / self.state[p]["n"]))

    @torch.no_grad()
    def step(self):
        for lr, p in self.each():
            p.sub_(lr * p.grad)
            self.state[p]["sum"] = self.state[p].get("sum", 0) + p
            self.state[p]["n"] = self.state[p].get("n", 0) + 1

class Draws(Base):
    @torch.no_grad()
    def step(self):
        for lr, p in self.each():
            p.sub_(lr * (p.grad + torch.rand_like(p) + random.random() + float(np.random.rand())))

class Raises(Base):
    def step(self):
        self.t += 1
        if self.t == self.at:
            raise ValueError("enough\nof this")

class Grows(Base):
    def step(self):
        for lr, p in self.each():
            p.data = torch.cat([p.data, p.data])

class Groups(Base):
    def __init__(self, params, lr):
        params = list(params)
        factors = {"vector": 2.0, "last": 0.5}
        groups = [{"params": [p for p in params if p.role == role], "lr": lr * factors[role]} for role in factors]
        super().__init__(groups, lr)

    @torch.no_grad()
    def step(self):
        for lr, p in self.each():
            p.sub_(lr * p.grad)

class Named(Base):
    def __init__(self, named_parameters, lr):
        groups = []
        for name, p in named_parameters:
            assert p.shape == ((2, 3) if "output" in name else (2,))
            groups.append({"params": [p], "lr": lr * (2.0 if name.endswith("bias") else 0.5)})
        super().__init__(groups, lr)

    step = Groups.step

class OfModel(Named):
    def __init__(self, model, lr):
        super().__init__(model.named_parameters(), lr)

class Flagged(Base):
    def __init__(self, params, lr):
        for group in params:
            group["lr"] = lr * (0.5 if group["use_muon"] else 2.0)
            assert all(p.shape == (2, 3) for p in group["params"] if group["use_muon"])
        super().__init__(params, lr)

    step = Groups.step

class Splits(Flagged):
    def __init__(self, params, lr):
        params = list(params)
        groups = [{"params": [p for p in params if p.ndim == sides], "use_muon": sides > 1} for sides in (1, 2)]
        for group in groups:
            group["lr"] = lr * (0.5 if group["use_muon"] else 2.0)
        Base.__init__(self, groups, lr)

class NoRate(torch.optim.Optimizer):
    def __init__(self, params, k=1):
        super().__init__(params, {})
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("torch") / "mine.py"
    path.write_text(FILE)
    return path


@pytest.mark.parametrize("kind", ["Plain", "Replaces", "WritesOver", "Asks", "AsksLate", "Rated", "Single"])
def test_other_ways_to_write_gradient_descent(kind, file):
    found, schedule = {}, "staircase(factor=0.5, steps=4)"
    for optimizer in ("gd", f"torch:{kind}(file='{file}')"):
        found[optimizer] = ours(optimizer, schedule=schedule)
    tolerance = 1e-5 if kind == "Single" else 1e-12
    np.testing.assert_allclose(*found.values(), rtol=tolerance)


@pytest.mark.parametrize("kind", ["Groups", "Named", "OfModel", "Flagged", "Splits"])
def test_groups_by_role_by_name_or_as_given_keep_their_rates_under_a_schedule(file, kind):
    found = [ours(each, schedule="inverse(decay_rate=0.1)") for each in (by_role, f"torch:{kind}(file='{file}')")]
    np.testing.assert_allclose(*found, rtol=1e-12)


def test_a_gradient_that_is_kept_stays_what_it_was(file):
    problem = learned()
    w, last = start(False), None
    for rows in optbench.mini_batches(problem, batch_size=SIZE, steps=STEPS, seed=SEED):
        g = np.zeros(8)
        problem.value_and_gradient(w, g, X[rows], TARGET[rows])
        w, last = w - RATE * (2 * g - (g if last is None else last)), g
    np.testing.assert_allclose(ours(f"torch:Keeps(file='{file}')"), w, rtol=1e-12)


def test_two_points_and_that_to_look_at_them_changes_nothing(file):
    text = f"torch:Averages(file='{file}')"
    path = np.array([ours("gd", steps=t) for t in range(1, STEPS + 1)])
    for points in (None, "every", [3]):
        np.testing.assert_allclose(ours(text, points=points), path.mean(0), rtol=1e-12)


def test_what_is_drawn_depends_on_the_seed_alone(file):
    import torch

    text, settings = f"torch:Draws(file='{file}')", [{"lr": rate} for rate in (0.1, 0.01, 0.001)]
    given = {"steps": 5, "batch_size": SIZE, "start": start(False)}
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    together = optbench.cohort(learned(), text, settings, seed=1, **given).w
    for row, setting in zip(together, settings, strict=True):
        alone = optbench.minimize(learned(), text, seed=1, **setting, **given).w
        np.testing.assert_array_equal(alone, row)
    assert not np.array_equal(optbench.minimize(learned(), text, lr=0.1, seed=2, **given).w, together[0])
    assert torch.equal(torch.get_rng_state(), before) and np.array_equal(np.random.get_state()[1], numpy_before)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("Raises(at=4, {})", "ValueError: enough of this"),
        ("Grows({})", "a step turns a block of (3, 2) into (6, 2)"),
        ("NoRate({})", "optimizer torch:NoRate: it has no learning rate, an argument lr or learning_rate"),
        ("Differentiates({})", "torch:Differentiates: it differentiates the gradient, which has no graph here"),
        ("Waits({})", "torch:Waits: it has no step() that can be called after a gradient"),
        ("Plian({})", "'Plian': did you mean 'Plain'?"),
        ("plain({})", "'plain': did you mean 'Plain'?"),
        ("Plain({}, momentum=0.9)", "unknown parameter of optimizer torch:Plain 'momentum': valid names: at"),
        ("Plain({}, lr=0.9)", "unknown parameter of optimizer torch:Plain 'lr'"),
    ],
)
def test_what_breaks_is_one_line(kind, message, file):
    with pytest.raises(optbench.OptbenchError) as error:
        ours("torch:" + kind.format(f"file='{file}'"))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_one_lane_that_fails_takes_no_other_down(file):
    catalogue = loader.load((file,))
    record, values = catalogue.optimizer("torch:Raises")
    lanes = [Lane(RATE, catalogue.schedule("constant"), {**values, "at": at}) for at in (3.0, 99.0)]
    outcome = run(Cohort(learned(), record, lanes, SIZE, STEPS, start=start(False)))
    assert outcome.parts[0].failures == ("torch:Raises: ValueError: enough of this", "")
    assert (outcome.eager, outcome.device, outcome.device_note) == ("PyTorch", "cpu", "")
    assert outcome.compile_seconds > 0 and outcome.seconds > 0


def test_a_class_serves_where_records_do(file):
    import torch

    record = optbench.torch_optimizer(torch.optim.SGD, "mine", momentum=0.9)
    np.testing.assert_array_equal(ours(record), ours("torch:SGD(momentum=0.9)"))
    assert record.name == "mine"
