"""Steppers of tensors against torch.optim, and in the training loop of a module: the same weights."""

import numpy as np
import pytest
from reference.optimizer_rows import TORCH

from optbench import stepper

pytestmark = [pytest.mark.torch, pytest.mark.slow]
SHAPES = ((4, 3), (7,), (), (2, 3, 2, 2), (0, 5))


def tensors(seed, dtype, shapes):
    import torch

    rng = np.random.default_rng(seed)
    return [torch.tensor(rng.standard_normal(shape), dtype=getattr(torch, dtype)) for shape in shapes]


ALONE = [row for row in TORCH if "groups" not in row[2]]  # without Muon, which takes matrices only
ROWS = [(*row[1:6], "float64") for row in ALONE] + [(*row[1:6], "float32") for row in ALONE if "adam" in row[0]]
LOOSE = {"ASGD": 1e-6}  # it keeps its own rate in float32


@pytest.mark.parametrize(("name", "settings", "text", "lr", "hyper", "dtype"), ROWS)
def test_a_list_of_tensors_steps_as_in_torch_optim(name, settings, text, lr, hyper, dtype):
    """Thirty steps with a falling rate, where now and then a tensor has no gradient."""
    import torch

    shapes = SHAPES[:2] if name == "Adafactor" else SHAPES  # whose matrices are the last two axes, and never empty
    theirs, ours = ([torch.nn.Parameter(x) for x in tensors(0, dtype, shapes)] for _ in range(2))
    places = [p.data_ptr() for p in ours]
    optimizer = getattr(torch.optim, name)(theirs, **({"lr": lr} | settings))
    rule, rate = stepper(text, iter(ours), lr=lr, **hyper), optimizer.param_groups[0]["lr"]
    for t in range(30):
        for k, g in enumerate(tensors(t + 1, dtype, shapes)):
            theirs[k].grad = ours[k].grad = None if (t + k) % 5 == 0 else g
        factor = 1 if name == "ASGD" else 0.97**t  # ASGD's own rate is set at the end of the step before
        optimizer.param_groups[0]["lr"] = rate * factor
        optimizer.step()
        rule.step([p.grad for p in ours], lr=lr * factor)
    assert places == [p.data_ptr() for p in ours]
    tolerance = LOOSE.get(name, 1e-9) if dtype == "float64" else 3e-4
    for one, other, start in zip(ours, theirs, tensors(0, dtype, shapes), strict=True):
        np.testing.assert_allclose(one.detach(), other.detach(), rtol=tolerance, atol=tolerance)
        assert not one.numel() or not torch.equal(one, start)


def network(seed=0):
    import torch

    torch.manual_seed(seed)
    layers = torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(4 * 6 * 6, 10)
    return torch.nn.Sequential(*layers).double()


def batches(count):
    import torch

    generator = torch.Generator().manual_seed(1)
    for _ in range(count):
        x = torch.randn(16, 1, 8, 8, generator=generator, dtype=torch.float64)
        yield x, torch.randint(10, (16,), generator=generator)


def train(module, step, count=25):
    import torch

    for x, y in batches(count):
        module.zero_grad()
        torch.nn.functional.cross_entropy(module(x), y).backward()
        step()
    return [p.detach() for p in module.parameters()]


def ours(text, module, **options):
    rule = stepper(text, module.parameters(), **options)
    return train(module, lambda: rule.step([p.grad for p in module.parameters()])), rule


def test_the_training_loop_of_a_module_ends_at_the_same_weights():
    import torch

    module = network()
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.01, weight_decay=0.1)
    wanted = train(module, optimizer.step)
    found, rule = ours("adamw", network(), lr=0.01, weight_decay=0.1)
    assert rule.steps == 25
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_reported_weights_are_tensors_that_a_module_takes():
    import torch

    module = network()
    _, rule = ours("average(adamw, beta=0.9)", module, lr=0.01)
    before = [p.detach().clone() for p in module.parameters()]
    average = torch.optim.swa_utils.AveragedModel(network())
    with torch.no_grad():
        for p, mean in zip(average.module.parameters(), rule.reported, strict=True):
            p.copy_(mean)
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(before, rule.reported, strict=True))
