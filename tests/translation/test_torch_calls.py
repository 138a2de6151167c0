"""PyTorch's own words for an optimizer: the rule that they mean has, in PyTorch, these words again."""

import ast
import inspect
import math

import numpy as np
import pytest
from harness import CATALOGUE

import optbench
from optbench.translation.schedule_code import schedule_call
from optbench.translation.setting import Setting, find_equal, rate_code
from optbench.translation.torch_calls import _DEFAULTS, read_torch, read_torch_schedule

DEFAULTS = {"momentum": 0, "dampening": 0, "weight_decay": 0, "betas": (0.9, 0.999), "eps": 1e-8, "alpha": 0.99}
PAIRS = {"betas": ("beta1", "beta2"), "etas": ("eta_minus", "eta_plus"), "step_sizes": ("step_min", "step_max")}


def arguments(code):
    """Return the name of a call and its arguments, without those that say what PyTorch does anyway."""
    call = ast.parse(code, mode="eval").body
    given = {each.arg: eval(ast.unparse(each.value)) for each in call.keywords}
    return call.func.id, {key: value for key, value in given.items() if key == "lr" or DEFAULTS.get(key) != value}


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("SGD(lr=0.1)", "gd"),
        ("SGD(lr=0.01, momentum=0.9)", "heavy_ball"),
        ("SGD(lr=0.01, momentum=0.8, dampening=0.5, weight_decay=0.1)", "coupled_decay(heavy_ball)"),
        ("SGD(lr=0.01, momentum=0.9, nesterov=True)", "nesterov"),
        ("Adam(lr=0.001)", "adam_torch"),
        ("Adam(lr=0.001, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.01)", "coupled_decay(adam_torch)"),
        ("Adam(lr=0.001, amsgrad=True)", "amsgrad"),
        ("AdamW(lr=0.001, weight_decay=0.1)", "adamw"),
        ("AdamW(lr=0.001, amsgrad=True, weight_decay=0.1)", "decoupled_decay(amsgrad)"),
        ("RMSprop(lr=0.001, alpha=0.9)", "rmsprop_torch"),
        ("RMSprop(lr=0.001, eps=1e-6, momentum=0.9)", "rmsprop_momentum"),
        ("RMSprop(lr=0.001, weight_decay=0.1, centered=True)", "coupled_decay(rmsprop_centered)"),
        ("NAdam(lr=0.002, momentum_decay=0.01)", "nadam"),
        ("NAdam(lr=0.002, weight_decay=0.1, momentum_decay=0.004, decoupled_weight_decay=True)", "nadamw"),
        ("RAdam(lr=0.001, betas=(0.8, 0.99), weight_decay=0.1)", "coupled_decay(radam)"),
        ("Adagrad(lr=0.01, eps=1e-6)", "adagrad"),
        ("Adadelta(lr=1.0, rho=0.8, eps=1e-4)", "adadelta"),
        ("Adamax(lr=0.002, eps=1e-6)", "adamax"),
        ("ASGD(lr=0.01, lambd=0.001, alpha=0.75, t0=1000000.0)", "asgd"),
        ("Rprop(lr=0.01, etas=(0.4, 1.3), step_sizes=(1e-5, 10.0))", "rprop"),
    ],
)
def test_the_rule_has_the_same_words_in_torch(code, rule):
    found = read_torch(code, CATALOGUE)
    optimizer, values = CATALOGUE.optimizer(found.optimizer)
    setting = Setting(optimizer, values, found.lr / found.share, CATALOGUE.schedule("constant"), 32, 1)
    again = arguments(rate_code(find_equal(setting, "torch").call, repr(setting.lr)))
    asked = arguments(code)
    assert optimizer.name == rule and again[0] == asked[0]
    assert math.isclose(again[1].pop("lr"), asked[1].pop("lr"), rel_tol=1e-12) and again[1] == asked[1]


def test_decay_that_nobody_names_is_that_of_pytorch():
    assert CATALOGUE.optimizer(read_torch("AdamW(lr=0.001)", CATALOGUE).optimizer)[1]["weight_decay"] == 0.01


@pytest.mark.torch
@pytest.mark.parametrize("name", _DEFAULTS)
def test_defaults_are_those_of_pytorch(name):
    signature = inspect.signature(getattr(pytest.importorskip("torch").optim, name))
    theirs = {key: each.default for key, each in signature.parameters.items()}
    for pair, parts in PAIRS.items():
        theirs |= dict(zip(parts, theirs.get(pair, ()), strict=False))
    assert {key: theirs[key] for key in _DEFAULTS[name]} == _DEFAULTS[name]


@pytest.mark.parametrize(
    "text",
    ["SGD", "torch.optim.SGD(params, fused=True, maximize=False)", "SGD(foreach=None)", "optim.SGD(net.parameters())"],
)
def test_what_changes_no_step_may_stand_there(text):
    assert read_torch(text, CATALOGUE) == ("gd", None, 1.0)


@pytest.mark.parametrize("text", ["torch:SGD", "sgd", "adam(beta1=0.5)", "SGD(", "Adafactor(lr=0.1)"])
def test_what_is_left_to_the_catalogue(text):
    assert read_torch(text, CATALOGUE) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Adam(eps=1e-6, maximize=True)", "Adam(maximize=True) has no equal here: the nearest is adam_torch(eps"),
        ("SGD(momentun=0.9)", "SGD(momentun=0.9) has no equal here: the nearest is gd"),
        ("SGD(momentum=0.8, dampening=0.1, nesterov=True)", "SGD(dampening=0.1) has no equal here: the nearest is n"),
        ("SGD(nesterov=True)", "SGD(nesterov=True) has no equal here: the nearest is gd"),
        ("RMSprop(momentum=0.9, centered=True)", "RMSprop(momentum=0.9) has no equal here: the nearest is rmsprop_c"),
        ("SGD(momentum=high)", "SGD: momentum='high' must be a number"),
        ("Adagrad(lr_decay=0.1)", "Adagrad(lr_decay=0.1) has no equal here: the nearest is adagrad"),
    ],
)
def test_what_no_rule_does(text, said):
    with pytest.raises(optbench.OptbenchError) as error:
        read_torch(text, CATALOGUE)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("text", "in_torch"),
    [
        ("torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=5)", "CosineAnnealingLR(T_max=total_steps)"),
        ("CosineAnnealingLR(eta_min=1e-4)", "CosineAnnealingLR(T_max=total_steps, eta_min=0.1 * 0.001)"),
        ("PolynomialLR(total_iters=8, power=2)", "PolynomialLR(total_iters=total_steps, power=2.0)"),
        ("lr_scheduler.ExponentialLR(gamma=0.9)", "StepLR(step_size=steps_per_epoch, gamma=0.9)"),
        ("StepLR(opt, step_size=30, gamma=0.5)", "StepLR(step_size=30 * steps_per_epoch, gamma=0.5)"),
        ("cosine(final=0.1)", "CosineAnnealingLR(T_max=total_steps, eta_min=0.1 * 0.1)"),
    ],
)
def test_a_schedule_has_the_same_words_in_torch(text, in_torch):
    assert schedule_call(CATALOGUE.schedule(read_torch_schedule(text, 0.1, None)), "torch", "0.1") == in_torch


def test_milestones_are_epochs_of_the_run():
    found = CATALOGUE.schedule(read_torch_schedule("MultiStepLR(milestones=[2, 4, 9], gamma=0.5)", 0.1, 8))
    factors = found(np.arange(80) + 1, np.arange(80) // 10, 80)
    assert factors[::10].tolist() == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25] and factors[19] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("MultiStepLR(milestones=[2, 4])", "MultiStepLR counts epochs: say how many the run has, epochs 30"),
        ("StepLR(gamma=0.1)", "StepLR needs step_size"),
        ("StepLR(step_size=3, warmup=2)", "StepLR(warmup=2) has no equal here"),
        ("torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1)", "did you mean 'one_cycle'"),
    ],
)
def test_what_no_schedule_does(text, said):
    with pytest.raises(optbench.OptbenchError) as error:
        CATALOGUE.schedule(read_torch_schedule(text, 0.1, None))
    assert said in str(error.value)
