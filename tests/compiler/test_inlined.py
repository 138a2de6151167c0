"""Wrapped rules whose call is taken apart: names that both files use keep what they mean in each."""

import ast
from math import sqrt

import pytest

import optbench
from optbench.compiler.inlined import inlined
from optbench.contract.composition import wrap

decay, last, moved = 0.5, 0.25, 0.75  # of this file; in the wrapper they are its own


def power(x):
    return x * x


def inner(w, g, m, lr, beta):
    g = power(abs(g)) - 1  # what the rule calls g is its own: the wrapper goes on with another
    kept = beta * m
    m = kept + g * decay - last * moved
    return w - lr * m / (1 - beta), m


def branched(w, g, lr, beta):
    if g > beta:
        return w
    return w - lr * g


def outer(step, w, g, last, lr, decay):
    kept = abs(w - last) / 3
    moved = step(power(w), g + decay * w)
    return moved - power(decay) * g - kept, w


def record(function=inner):
    return optbench.optimizer(source="a test", beta=0.7)(function)


def around(function):
    return optbench.wrapper(source="a test", decay=0.1)(function)


OTHER = {"power": sqrt, "abs": lambda x: x + 5}
VALUES = {"w": 0.3, "g": 1.7, "last": 0.2, "_inner_m": 0.4, "lr": 0.1, "decay": 0.2, "beta": 0.6}


def elsewhere(function, names):
    """The function as if it stood in a file where these names mean something else."""
    made = type(function)(function.__code__, {**function.__globals__, **names}, function.__name__)
    made.__module__ = function.__module__
    return made


def run(rule, values):
    tree, scope = inlined(rule, "a test")
    assert not any(isinstance(node, ast.Name) and node.id == "_inner" for node in ast.walk(tree))
    exec(compile(ast.fix_missing_locations(ast.Module([tree], [])), "a test", "exec"), scope)
    return scope[tree.name](*values)


@pytest.mark.parametrize("names", [{}, OTHER, {"abs": OTHER["abs"]}])
@pytest.mark.parametrize("names_inside", [{}, {"decay": 7.0}, {"last": 3.0, "moved": 2.0}])
def test_one_list_of_statements_is_both_rules(names, names_inside):
    wrapped = wrap(around(elsewhere(outer, names)), record(elsewhere(inner, names_inside)))
    values = [VALUES[name] for name in ("w", "g", *wrapped.slots, "lr", *wrapped.scalars)]
    assert run(wrapped.rule, values) == wrapped.rule(*values)


def test_a_rule_that_is_wrapped_twice():
    twice = wrap(optbench.wrapper(source="a test")(outermost), wrap(around(elsewhere(outer, OTHER)), record()))
    values = {**VALUES, "_inner_last": 0.2, "_inner__inner_m": 0.4}
    values = [values[name] for name in ("w", "g", *twice.slots, "lr", *twice.scalars)]
    assert run(twice.rule, values) == twice.rule(*values)


def outermost(step, w, g, lr):
    g = power(g)
    w = step(w, g)
    return w


def test_a_rule_that_branches_is_called():
    tree, scope = inlined(wrap(around(outer), record(branched)).rule, "a test")
    assert "_inner(" in ast.unparse(tree) and "_inner" in scope
