"""Wrappers around optimizers: names, hyperparameters, state, sums, and what does not go together."""

import numpy as np
import pytest
from harness import CATALOGUE, drive_rule, run
from twins import TWINS, WRAPPERS

from optbench import Matrix, OptbenchError, PluginError, optimizer, wrapper
from optbench.contract.composition import wrap
from optbench.contract.names import expand_alternatives, parse

BLOCKS = ((2, 3), (4,))


def walk(text, order="rows", reported=False, steps=60, lr=0.02):
    record, values = CATALOGUE.optimizer(text)
    rng = np.random.default_rng(0)
    gradients, w = rng.standard_normal((steps, 10)), rng.standard_normal((1, 10))
    path = drive_rule(record, order, w, gradients, np.full((steps, 1), lr), [values], blocks=BLOCKS, reported=reported)
    return path[:, 0], w[0], gradients


@pytest.mark.parametrize("order", ["rows", "lanes"])
def test_three_wrappers_nest(order):
    text = "average(clip(decoupled_decay(novograd(beta1=0.8), decay=0.1), norm=0.5), beta=0.9)"
    path, w, gradients = walk(text, order, reported=True)

    class Around:
        """The twin of a wrapper around a twin, with the method that another wrapper's twin calls."""

        def __init__(self, name, base, values, **own):
            self.name, self.base, self.values, self.own = name, base, values, own

        def start(self, w, blocks, _):
            return WRAPPERS[self.name](self.base, self.values, **self.own).start(w, blocks)

    inner = Around("clip", Around("decoupled_decay", TWINS["novograd"], {"beta1": 0.8}, decay=0.1), {}, norm=0.5)
    expected = WRAPPERS["average"](inner, {}, beta=0.9)(w, gradients, 0.02, blocks=BLOCKS, reported=True)
    np.testing.assert_allclose(path, expected, rtol=1e-9, atol=1e-12)


def test_names_and_hyperparameters_of_both_are_there():
    record, values = CATALOGUE.optimizer("lookahead(clip(adam(beta1=0.8), norm=2), k=3)")
    assert record.name == "lookahead(clip(adam))"
    assert values == CATALOGUE.optimizers["adam"].with_values({"beta1": 0.8}) | {"norm": 2.0, "k": 3.0, "alpha": 0.5}
    assert CATALOGUE.optimizer(record.name)[0] is record, "composed anew, it would compile anew"
    assert [origin.key for origin in record.origins] == ["wrapper lookahead", "wrapper clip", "optimizer adam"]


def test_a_list_inside_a_wrapper_stands_for_each():
    assert expand_alternatives("clip(gd, norm=0.1:10:3)") == [
        "clip(gd, norm=0.1)",
        "clip(gd, norm=1.0)",
        "clip(gd, norm=10.0)",
    ]
    with pytest.raises(OptbenchError, match="'1:2' must be from:to:count"):
        expand_alternatives("adam(eps='1:2')")
    assert expand_alternatives("clip(adam(beta1=[0.8, 0.9]), norm=[1, 2])") == [
        "clip(adam(beta1=0.8), norm=1)",
        "clip(adam(beta1=0.8), norm=2)",
        "clip(adam(beta1=0.9), norm=1)",
        "clip(adam(beta1=0.9), norm=2)",
    ]
    with pytest.raises(OptbenchError, match="gives no value for beta1"):
        expand_alternatives("clip(adam(beta1=[]))")
    assert parse("clip( adam )") == ("clip", {"": "adam"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip", r"clip goes around another optimizer: write clip\(adam\)"),
        ("adam(gd)", r"optimizer adam does not go around another one, .*; these do: .*clip"),
        ("clip(clip(adam))", r"optimizer clip\(clip\(adam\)\): both have a hyperparameter 'norm'"),
        ("average(lookahead(gd))", r"lookahead\(gd\) reports an iterate of its own already"),
        ("clip(adm)", "unknown optimizer 'adm': did you mean 'adam'"),
        ("clip(adam, norm=0)", r"optimizer clip\(adam\): norm=0.0 must be in \(0, inf\)"),
        ("clip(adam, size=1)", r"unknown parameter of optimizer clip\(adam\) 'size'"),
        ("clip(adam, gd)", "cannot read"),
    ],
)
def test_what_does_not_go_together_is_told(text, message):
    with pytest.raises(OptbenchError, match=message):
        CATALOGUE.optimizer(text)


def test_in_a_sweep_the_reported_iterate_is_evaluated():
    text = "average(gd, beta=0.9)"
    record, values = CATALOGUE.optimizer(text)
    points = np.array([0, 1, 30])
    for count in (20, 1):  # in lanes and one by one
        from optbench.engine.cohort import Lane

        lanes = [Lane(1e-4, CATALOGUE.schedule("constant"), values)] * count
        made = run("rosenbrock", record, lanes, batch_size=1024, steps=30, points=points)
        plain = run("rosenbrock", "gd", [Lane(1e-4, CATALOGUE.schedule("constant"), {})], batch_size=1024, steps=30,
                    points=np.arange(31))  # fmt: skip
        weights = 0.9 ** np.arange(29, -1, -1)
        average = weights @ plain["positions"][1:, :, 0] / weights.sum()
        np.testing.assert_allclose(made["w"][0], average, rtol=1e-11)
        np.testing.assert_allclose(made["positions"][-1, :, 0], average, rtol=1e-11)
        np.testing.assert_allclose(made["positions"][:2, :, 0], plain["positions"][:2, :, 0], rtol=1e-14)


def twice(step, w, g, lr):
    w = step(w, g)
    w = step(w, g)
    return w


def hidden(step, w, g, lr):
    return step(w, g)


def branched(step, w, g, lr):
    if g > 0:
        w = step(w, g)
    return w


@pytest.mark.parametrize("function", [twice, hidden, branched])
def test_a_wrapper_has_one_plain_step(function):
    with pytest.raises(PluginError, match="must hold one statement 'name = step"):
        wrap(wrapper(source="a test")(function), CATALOGUE.optimizers["gd"])


def square(g):
    return g * g


def strange(g, nothing):
    return g * nothing


def whole(block, memory):
    pass


def halve(block, memory, half):
    block *= half


def unbounded(rows, columns, most):
    return min(rows, most)


def rule(w, g, m, lr, total):
    return w, m


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"total": {"sum": square}}, "'total' has no default|'sum' is computed but is no argument"),
        ({"total": {"total": strange}}, "strange asks for 'nothing', which is not known before it"),
        ({"matrix": {"total": Matrix(square, halve)}}, "halve asks for 'half', which is not known before it"),
        ({"matrix": {"total": Matrix(square, whole, unbounded)}}, "unbounded asks for 'most', which is not known"),
        ({"total": {"total": square}, "report": "x"}, "'x' is no state slot"),
        ({"total": {"total": square}, "shared": ("x",)}, "'x' is no state slot"),
    ],
)
def test_a_rule_whose_parts_do_not_fit_is_refused(parts, message):
    with pytest.raises(PluginError, match=message):
        optimizer(source="a test", **parts)(rule)
