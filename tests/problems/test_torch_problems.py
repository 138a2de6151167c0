"""Networks of PyTorch on compiled kernels and by autograd: against PyTorch itself, in float64."""

import copy

import numpy as np
import pytest
from guest_calls import changed, state
from harness import batch, evaluate, gradient
from test_wrong_values import refuse_all
from wrong_values import Call

import optbench
from optbench.engine.batches import start_point

pytestmark = [pytest.mark.torch, pytest.mark.slow]
RNG = np.random.default_rng(5)
X = RNG.standard_normal((60, 6))
CLASSES = RNG.integers(0, 3, 60)
ONE, MANY = RNG.standard_normal(60), RNG.standard_normal((60, 3))


def network(widths, activations, biases=None, seed=0):
    """Return a Sequential of Linear layers; an activation "" is none."""
    from torch import manual_seed, nn

    manual_seed(seed)
    kinds = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
    biases = biases or [True] * len(activations)
    parts = []
    for wide, tall, kind, bias in zip(widths[:-1], widths[1:], activations, biases, strict=True):
        parts += [nn.Linear(wide, tall, bias=bias), *([kinds[kind]()] if kind else [])]
    return nn.Sequential(*parts)


def by_autograd(module, x, y, loss):
    """Return (value, gradient with weights (in, out)) in float64."""
    import torch

    module = copy.deepcopy(module).double()
    target = torch.tensor(y).long() if loss == "cross_entropy" else torch.tensor(y)
    made = module(torch.tensor(x))
    made = made[:, 0] if target.ndim == 1 and loss == "mse" else made
    value = {"cross_entropy": torch.nn.functional.cross_entropy, "mse": torch.nn.functional.mse_loss}[loss](
        made, target
    )
    value.backward()
    parts = [each.grad.numpy() for each in module.parameters()]
    return value.item(), np.concatenate([(part.T if part.ndim == 2 else part).ravel() for part in parts])


NETWORKS = [
    ((6, 3), [""], None),
    ((6, 5, 3), ["tanh", ""], [False, True]),
    ((6, 7, 5, 3), ["tanh", "", "sigmoid"], [False, False, False]),
    ((6, 4, 7, 5, 3), ["sigmoid", "relu", "tanh", ""], [True, False, True, True]),
]


@pytest.mark.parametrize(("number", "target"), [(0, "one"), (1, "classes"), (2, "many"), (3, "classes"), (3, "one")])
def test_kernels_say_what_autograd_says(number, target):
    widths, activations, biases = NETWORKS[number]
    y, loss = {"classes": (CLASSES, "cross_entropy"), "one": (ONE, "mse"), "many": (MANY, "mse")}[target]
    module = network(widths if target != "one" else (*widths[:-1], 1), activations, biases)
    problem = optbench.torch_problem(module, X, y)
    assert not problem.eager and "compiled" in problem.data_text
    w = start_point(problem, 0)
    rows, _ = batch(problem)
    for part in (slice(None), slice(0, 17)):
        given = tuple(each[part] for each in problem.data)
        targets = rows[part, 6:] if target == "many" else given[1]
        value, slope = by_autograd(module, rows[part, :6], targets, loss)
        values, slopes = gradient(problem, w, given)
        assert values[0] == pytest.approx(value, rel=1e-12)
        np.testing.assert_allclose(slopes[0], slope, rtol=1e-12, atol=1e-12 * np.abs(slope).max())
        assert evaluate(problem, w, given)[0][0] == pytest.approx(value, rel=1e-12)
    eager = optbench.torch_problem(module, X, y, eager=True)
    assert eager.eager and "eager: autograd (asked for)" in eager.data_text
    value, slope = optbench.objective(eager)(start_point(eager, 0))
    assert value == pytest.approx(
        by_autograd(module, rows[:, :6], rows[:, 6:] if target == "many" else problem.data[1], loss)[0], rel=1e-12
    )


@pytest.mark.parametrize("target", ["classes", "many"])
@pytest.mark.parametrize("eager", [False, True])
def test_a_run_is_a_loop_of_torch(target, eager):
    import torch

    module = network((6, 8, 3), ["tanh", ""])
    y = CLASSES if target == "classes" else MANY
    problem = optbench.torch_problem(module, X, y, eager=eager)
    found = optbench.minimize(problem, "adamw(eps=1e-8, weight_decay=0.01)", lr=0.01, epochs=20, batch_size=16)
    loop = copy.deepcopy(module).double()
    optimizer = torch.optim.AdamW(loop.parameters(), lr=0.01, weight_decay=0.01)
    loss = torch.nn.CrossEntropyLoss() if target == "classes" else torch.nn.MSELoss()
    x, y = (torch.tensor(part) for part in problem.data)
    if target == "many":
        x, y = x[:, :6], x[:, 6:]
    for rows in optbench.mini_batches(problem, batch_size=16, steps=60):
        optimizer.zero_grad()
        loss(loop(x[rows]), y[rows].long() if target == "classes" else y[rows]).backward()
        optimizer.step()
    back = optbench.to_torch(problem, found.w, copy.deepcopy(module).double())
    for ours, theirs in zip(back.parameters(), loop.parameters(), strict=True):
        np.testing.assert_allclose(ours.detach(), theirs.detach(), rtol=1e-9, atol=1e-11)
    value = loss(back(x), y.long() if target == "classes" else y).item()
    assert found.loss == pytest.approx(value, rel=1e-12)


def test_seeds_start_as_torch_draws():
    import torch
    from torch import nn

    module = network((6, 4, 3), ["relu", ""], seed=3)
    problem = optbench.torch_problem(module, X, CLASSES)
    first = start_point(problem, 0)
    np.testing.assert_array_equal(first[:24].reshape(6, 4), module[0].weight.detach().numpy().T)
    state = torch.random.get_rng_state()
    torch.manual_seed(7)
    by_hand = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3))
    torch.random.set_rng_state(state)
    for made in (problem, optbench.torch_problem(lambda: copy_of(by_hand), X, CLASSES)):
        np.testing.assert_array_equal(start_point(made, 7)[24:28], by_hand[0].bias.detach())
    assert torch.equal(state, torch.random.get_rng_state())
    assert (start_point(problem, 1) != start_point(problem, 2)).any()


def copy_of(module):
    """Return a module of the same kind with weights of its own."""
    fresh = copy.deepcopy(module)
    for part in fresh:
        getattr(part, "reset_parameters", lambda: None)()
    return fresh


def test_wrong_values_are_refused_and_the_process_stays_as_it_was():
    import torch

    module = network((6, 4, 3), ["relu", ""])
    problem = optbench.torch_problem(module, X, CLASSES)
    before, drawn = state(), torch.random.get_rng_state()
    make = Call(optbench.torch_problem, {"module": module, "X": X, "y": CLASSES})
    back = Call(optbench.to_torch, {"problem": problem, "w": start_point(problem, 0), "module": module})
    with np.errstate(all="raise"):
        for call in (make, back):
            call.function(**call.given)
            refuse_all(call)
        start_point(problem, 1)
    assert changed(before, state()) == [] and torch.equal(drawn, torch.random.get_rng_state())


def test_the_digest_is_of_all_that_numbers_depend_on():
    import torch
    from torch import nn

    class Scaled(nn.Module):
        def __init__(self, scale):
            super().__init__()
            torch.manual_seed(0)
            self.inner = nn.Linear(4, 3)
            self.register_buffer("scale", torch.tensor(float(scale)))

        def forward(self, x):
            return self.inner(x) * self.scale

    def power(exponent):
        return eval(f"lambda output, target: (output - target[:, None]).abs().pow({exponent}).mean()")

    x, y = np.random.default_rng(0).normal(size=(60, 4)), np.arange(60) % 3
    digests = [optbench.torch_problem(Scaled(scale), x, y).digest for scale in (1, 1, 9)]
    assert digests[0] == digests[1] != digests[2]
    digests = [optbench.torch_problem(Scaled(1), x, y, loss=power(each)).digest for each in (2, 2, 4)]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize(("outputs", "target"), [(3, CLASSES), (1, ONE)])
def test_predictions_have_the_loss_of_the_test_rows(eager, outputs, target):
    from sklearn.metrics import accuracy_score, log_loss, mean_squared_error

    problem = optbench.torch_problem(network((6, 5, outputs), ["tanh", ""]), X, target, eager=eager)
    assert [len(part[0]) for part in (problem.data, problem.validation, problem.test)] == [36, 12, 12]
    result = optbench.minimize(problem, "gd", lr=0.1, steps=5, batch_size=12)
    x, y = problem.test
    made, last = problem.predict(result.w, x), result.curve.iloc[-1]
    if outputs == 1:
        assert mean_squared_error(y, made) == pytest.approx(last["test_loss"], rel=1e-9)
        return
    assert log_loss(y, made, labels=[0, 1, 2]) == pytest.approx(last["test_loss"], rel=1e-9)
    assert accuracy_score(y, made.argmax(axis=1)) == pytest.approx(last["test_accuracy"])
