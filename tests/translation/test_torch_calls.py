"""PyTorch's own words for an optimizer: the rule that they mean has, in PyTorch, these words again."""

import ast
import inspect
import math

import pytest
from harness import CATALOGUE

import optbench
from optbench.translation.setting import Setting, find_equal, rate_code
from optbench.translation.torch_calls import _DEFAULTS, read_torch

DEFAULTS = {"momentum": 0, "dampening": 0, "weight_decay": 0, "betas": (0.9, 0.999), "eps": 1e-8, "alpha": 0.99}


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
    theirs |= dict(zip(("beta1", "beta2"), theirs.get("betas", ()), strict=False))
    assert {key: theirs[key] for key in _DEFAULTS[name]} == _DEFAULTS[name]


@pytest.mark.parametrize("text", ["SGD", "torch.optim.SGD(fused=True, maximize=False)", "SGD(foreach=None)"])
def test_what_changes_no_step_may_stand_there(text):
    assert read_torch(text, CATALOGUE) == ("gd", None, 1.0)


@pytest.mark.parametrize("text", ["torch:SGD", "sgd", "adam(beta1=0.5)", "SGD(", "Adamax(lr=0.1)"])
def test_what_is_left_to_the_catalogue(text):
    assert read_torch(text, CATALOGUE) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "Adam(eps=1e-6, maximize=True)",
            "Adam(maximize=True) has no equal here: the nearest is adam_torch(eps",
        ),
        ("SGD(momentun=0.9)", "SGD(momentun=0.9) has no equal here: the nearest is gd"),
        (
            "SGD(momentum=0.8, dampening=0.1, nesterov=True)",
            "SGD(dampening=0.1) has no equal here: the nearest is n",
        ),
        ("SGD(nesterov=True)", "SGD(nesterov=True) has no equal here: the nearest is gd"),
        (
            "RMSprop(momentum=0.9, centered=True)",
            "RMSprop(momentum=0.9) has no equal here: the nearest is rmsprop_c",
        ),
        ("SGD(momentum=high)", "SGD: momentum='high' must be a number"),
        ("SGD(model.parameters(), momentum=0.9)", "leave model.parameters() out of 'SGD(model.parameters(), "),
    ],
)
def test_what_no_rule_does(text, said):
    with pytest.raises(optbench.OptbenchError) as error:
        read_torch(text, CATALOGUE)
    assert said in str(error.value)
