"""Rules in two parts: which have one, that both together are the rule, and that kernels say the same."""

import ast
import math
from math import sqrt

import numpy as np
import pytest
from harness import CATALOGUE

import optbench
from optbench.compiler.hoisting import hoist, hoist_sum, inline_rules
from optbench.contract.composition import wrap
from optbench.contract.optimizers import Optimizer, arguments
from optbench.kit.scalars import larger

RULES = [name for name, record in CATALOGUE.optimizers.items() if isinstance(record, Optimizer)]
WRAPPED = ["clip(gd)", "clip(adam)", "lookahead(momentum)", "average(nadam)", "lookahead(clip(decoupled_decay(adam)))"]
RULES += WRAPPED
DEAR = {"adabound", "asgd", "nadam", "radam", "lars", "novograd", "prodigy", "mars", *WRAPPED}


def record_of(name):
    return CATALOGUE.optimizer(name)[0]


def arguments_of(record, step):
    rng = np.random.default_rng(step)
    given = {name: rng.uniform(0.1, 1.0) for name in ("w", "g", *record.slots, "lr", *record.scalars)}
    given |= record.hyperparameters | {"t": float(step), "rows": 3.0, "columns": 4.0}
    return [given[name] for name in ("w", "g", *record.slots, "lr", *record.scalars)], given


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("step", [1, 4, 5, 30])
def test_both_parts_together_are_the_rule(name, step):
    record = record_of(name)
    parts = hoist(record)
    assert (parts is not None) or name not in DEAR
    if parts is None:
        return
    values, given = arguments_of(record, step)
    constants = parts.first(*(given[name] for name in parts.names))
    made = constants if parts.count > 1 else (constants,)
    assert len(made) == parts.count and all(isinstance(value, int | float) for value in made)
    # Divisions by a constant are products with its reciprocal, which rounds once more.
    np.testing.assert_allclose(parts.rest(*values, *made), record.rule(*values), rtol=2e-15)


def sums_of(name):
    """Return (record, function) for each sum of a rule."""
    record = record_of(name)
    return [(record, function) for function in (*record.total.values(), *record.block.values())]


@pytest.mark.parametrize("name", [name for name in RULES if sums_of(name)])
@pytest.mark.parametrize("step", [1, 4, 30])
def test_both_parts_together_are_what_is_added_up(name, step):
    for record, function in sums_of(name):
        _, given = arguments_of(record, step)
        values = [given[argument] for argument in arguments(function)]
        if parts := hoist_sum(record, function):
            assert not {"w", "g", *record.own} & set(parts.names)
            constants = parts.first(*(given[name] for name in parts.names))
            made = constants if parts.count > 1 else (constants,)
            assert len(made) == parts.count
            np.testing.assert_allclose(parts.rest(*values, *made), function(*values), rtol=2e-15)


def swapped(w, g, a, lr, beta):
    a, lr = lr * sqrt(beta), larger(lr, 0.5)
    lr = lr / beta
    return w - lr * g if beta % 0.3 > 0.1 else w + lr * a, a + lr


def test_names_that_are_assigned_again():
    record = optbench.optimizer(source="a test", beta=0.7)(swapped)
    parts = hoist(record)
    for beta in (0.2, 0.35, 0.7):
        given = {"lr": 0.3, "beta": beta}
        made = parts.first(*(given[name] for name in parts.names))
        assert parts.rest(1.0, 2.0, 3.0, 0.3, beta, *made) == swapped(1.0, 2.0, 3.0, 0.3, beta)
    assert "%" in ast.unparse(parts.first.tree) and "%" not in ast.unparse(parts.rest.tree)


def in_place(w, g, m, lr, beta, beta_t):
    m *= beta
    m += (1 - beta) * g
    return w - lr * m / (1 - beta_t), m


def test_assignments_in_place_are_assignments():
    parts = hoist(optbench.optimizer(source="a test", beta=0.7)(in_place))
    made = parts.first(0.49)
    assert parts.names == ("beta_t",) and parts.count == 1
    np.testing.assert_allclose(parts.rest(1.0, 2.0, 3.0, 0.3, 0.7, 0.49, made), in_place(1.0, 2.0, 3.0, 0.3, 0.7, 0.49))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["asgd(alpha=0.6)", "nadam", "lookahead(radam, k=3)", "clip(prodigy(d0=0.1), norm=0.1)", "lamb", "mars(gamma=0.5)"],
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_lanes_of_other_settings_are_their_rows(name, dtype):
    """Each lane has constants of its own, and so has a run that steps by itself."""
    settings = [{"lr": rate} for rate in np.geomspace(1e-5, 1e-4, 5)]
    given = {"steps": 12, "batch_size": "full", "seed": 0, "dtype": dtype, "points": [12]}
    together = optbench.cohort("rosenbrock(dim=4)", name, settings, **given)
    alone = [optbench.cohort("rosenbrock(dim=4)", name, [each], **given).w[0] for each in settings]
    assert np.allclose(together.w, np.stack(alone), rtol=1e-12 if dtype == "float64" else 1e-4, atol=0)
    assert math.isfinite(float(together.w.sum())) and len(np.unique(together.w[:, 0])) == 5


decay, last, moved = 0.5, 0.25, 0.75  # of this file; in the wrapper they are its own


def power(x):
    return x * x


def inner(w, g, m, lr, beta):
    g = power(abs(g)) - 1  # what the rule calls g is its own: the wrapper goes on with another
    kept = beta * m
    m = kept + g * decay - last * moved
    return w - lr * m / (1 - beta), m


def branching(w, g, lr, beta):
    if g > beta:
        return w
    return w - lr * g


def outer(step, w, g, last, lr, decay):
    kept = abs(w - last) / 3
    moved = step(power(w), g + decay * w)
    return moved - power(decay) * g - kept, w


def made_record(function=inner):
    return optbench.optimizer(source="a test", beta=0.7)(function)


def around(function):
    return optbench.wrapper(source="a test", decay=0.1)(function)


OTHER = {"power": sqrt, "abs": lambda x: x + 5}
VALUES = {"w": 0.3, "g": 1.7, "last": 0.2, "_inner_m": 0.4, "lr": 0.1, "decay": 0.2, "beta": 0.6}


def elsewhere(function, names):
    """Return the function as if it stood in a file where these names mean something else."""
    made = type(function)(function.__code__, {**function.__globals__, **names}, function.__name__)
    made.__module__ = function.__module__
    return made


def run(rule, values):
    tree, scope = inline_rules(rule, "a test")
    assert not any(isinstance(node, ast.Name) and node.id == "_inner" for node in ast.walk(tree))
    exec(compile(ast.fix_missing_locations(ast.Module([tree], [])), "a test", "exec"), scope)
    return scope[tree.name](*values)


@pytest.mark.parametrize("names", [{}, OTHER, {"abs": OTHER["abs"]}])
@pytest.mark.parametrize("names_inside", [{}, {"decay": 7.0}, {"last": 3.0, "moved": 2.0}])
def test_one_list_of_statements_is_both_rules(names, names_inside):
    wrapped = wrap(around(elsewhere(outer, names)), made_record(elsewhere(inner, names_inside)))
    values = [VALUES[name] for name in ("w", "g", *wrapped.slots, "lr", *wrapped.scalars)]
    assert run(wrapped.rule, values) == wrapped.rule(*values)


def test_a_rule_that_is_wrapped_twice():
    twice = wrap(optbench.wrapper(source="a test")(outermost), wrap(around(elsewhere(outer, OTHER)), made_record()))
    values = {**VALUES, "_inner_last": 0.2, "_inner__inner_m": 0.4}
    values = [values[name] for name in ("w", "g", *twice.slots, "lr", *twice.scalars)]
    assert run(twice.rule, values) == twice.rule(*values)


def outermost(step, w, g, lr):
    g = power(g)
    w = step(w, g)
    return w


def test_a_rule_that_branches_is_called():
    tree, scope = inline_rules(wrap(around(outer), made_record(branching)).rule, "a test")
    assert "_inner(" in ast.unparse(tree) and "_inner" in scope
