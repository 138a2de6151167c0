"""Records of optimizers, schedules, ranges and problems: what is read from a signature, and what is refused."""

import re

import numpy as np
import pytest
from harness import CATALOGUE, OPTIMIZERS, PROBLEMS, SCHEDULES

from optbench import (
    Baseline,
    Matrix,
    OptbenchError,
    PluginError,
    Range,
    minimize,
    optimizer,
    problem,
    schedule,
    variant,
    wrapper,
)
from optbench.checks.interpreter import Interpreter
from optbench.contract.optimizers import Optimizer, explain_return


def rule(w, g, m, lr, beta1):
    return w - lr * (beta1 * m + g), m


def summed(w, g, m, lr, beta1, s):
    return w - lr * (beta1 * m + g * s), m


def around(step, w, g, lr, beta1):
    w = step(w, beta1 * g)
    return w


def factor(step, epoch, total_steps, k):
    return k * step


RULES = [
    ({"source": 3}, "source=3 must be a text"),
    ({"beta1": "a"}, "beta1='a' must be a finite number"),
    ({"beta1": 10**400}, r"beta1=10+\.\.\. must be a finite number"),
    ({"beta1": 1.5}, r"beta1=1.5 must be in \[0, 1\)"),
    ({"limits": "x"}, "limits='x' must be a dictionary"),
    ({"limits": {"beta9": "(0, 1)"}}, "limits name 'beta9', which is none of beta1"),
    *[
        ({"limits": {"beta1": limit}}, r"limits\['beta1'\]=.* must be an interval such as")
        for limit in (3, "(0, 1", "(a, b)", "(1, 0)", ())
    ],
    ({"limits": {"beta1": "(0, 0.5]"}}, r"beta1=0.9 must be in \(0, 0.5\]"),
    ({"search": 3}, "search=3 must be a dictionary"),
    ({"search": {"lr": [1]}}, r"search\['lr'\]=\[1\] must be a range"),
    ({"report": 3}, "report=3 must be a text"),
]


@pytest.mark.parametrize(("changes", "words"), RULES)
def test_rules_and_wrappers(changes, words):
    for make, function in ((optimizer, rule), (wrapper, around)):
        with pytest.raises(PluginError, match=words) as told:
            make(**{"source": "a test", "beta1": 0.9} | changes)(function)
        assert "\n" not in str(told.value) and function.__name__ in str(told.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "two words"}, "name='two words' must be a word such as my_name"),
        ({"name": "a\nb"}, "must be a word"),
        ({"shared": "m"}, "shared='m' must be a tuple of names"),
        ({"total": {"s": 3}}, r"total\['s'\]=3 must be a function"),
        ({"block": {"s": np.sin}}, r"block\['s'\]=.* must be a function written with def"),
        ({"matrix": {"s": 3}}, r"matrix\['s'\]=3 must be an optbench.Matrix"),
    ],
)
def test_what_only_rules_have(changes, words):
    function = summed if {"total", "block", "matrix"} & set(changes) else rule
    with pytest.raises(PluginError, match=words):
        optimizer(**{"source": "a test", "beta1": 0.9} | changes)(function)


@pytest.mark.parametrize("made", [optimizer, wrapper, schedule])
@pytest.mark.parametrize("function", [3, np.sin])
def test_what_is_no_function_is_not_decorated(made, function):
    with pytest.raises(PluginError, match="must be a function written with def"):
        made(source="a test")(function)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"term": 3}, "term=3 must be a function"),
        ({"memory": 3}, "memory=3 must be a function"),
        ({"memory": lambda rows: 0}, "memory=<lambda> must be a function of 2 arguments or more"),
    ],
)
def test_matrix_stages(fields, words):
    with pytest.raises(PluginError, match=f"Matrix: {words}"):
        Matrix(**{"term": lambda g: g, "transform": lambda block, memory: None} | fields)


@pytest.mark.parametrize(
    ("base", "fields", "words"),
    [
        (3, {}, "base=3 must be an optimizer's record"),
        ("adam", {"source": None}, "source=None must be a text"),
        ("adam", {"search": 3}, "search=3 must be a dictionary"),
    ],
)
def test_variants(base, fields, words):
    base = CATALOGUE.optimizers.get(base, base)
    with pytest.raises(OptbenchError, match=words):
        variant(base, **{"name": "other", "source": "a test"} | fields)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"method": 3}, "method=3 must be a text"),
        ({"options": 3}, "options=3 must be a function"),
        ({"options": lambda values: {}}, "options=<lambda> must be a function of 2 arguments"),
        ({"hyperparameters": {"memory": "five"}}, "memory='five' must be a finite number"),
        ({"source": None}, "source=None must be a text"),
    ],
)
def test_methods_of_scipy(fields, words):
    sound = {"name": "mine", "method": "CG", "hyperparameters": {}, "source": "a test", "doc": ""}
    sound["options"] = lambda values, evaluations: {}
    assert Baseline(**sound).space == {}
    with pytest.raises(PluginError, match=words):
        Baseline(**sound | fields)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"source": None}, "source=None must be a text"),
        ({"k": object()}, "k=<object .* must be a finite number, a tuple of them, or a word"),
        ({"k": [1, 2]}, r"k=\[1, 2\] must be"),
        ({"check": 3}, "check=3 must be a function"),
        ({"limits": {"k": "(2, 3)"}}, r"k=1.0 must be in \(2, 3\)"),
        ({"limits": {"k": ("a", "b")}}, "k=1.0 must be 'a' or 'b'"),
    ],
)
def test_schedules(fields, words):
    with pytest.raises(PluginError, match=f"schedule factor: {words}"):
        schedule(**{"source": "a test", "k": 1.0} | fields)(factor)


@pytest.mark.parametrize(
    ("text", "given", "words"),
    [
        ("inverse", {"decay_rate": 10**400}, "decay_rate=1.* must be a number"),
        ("inverse", {"decay_rate": "fast"}, "decay_rate='fast' must be a number, like 1.0"),
        ("multi_step", {"milestones": (1, "x")}, r"milestones=\(1, 'x'\): a tuple must hold numbers that are finite"),
        ("inverse", 3, "its parameters must be a dictionary, not 3"),
    ],
)
def test_parameters_of_schedules(text, given, words):
    with pytest.raises(OptbenchError, match=words) as told:
        CATALOGUE.schedules[text].with_values(given)
    assert "\n" not in str(told.value) and len(str(told.value)) < 250


def test_a_check_that_fails_is_told():
    record = schedule(source="a test", k=1.0, check=lambda k: 1 / 0)(factor)
    with pytest.raises(PluginError, match="schedule factor: its check fails: ZeroDivisionError"):
        record.with_values({})


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        *[("log_uniform", values, "log_uniform") for values in ((0, 1), (1,), ("a", "b"), (2, 1))],
        ("unifrom", (1, 2), "unknown range 'unifrom': did you mean 'uniform'"),
        ("uniform", 3, "uniform: 3 must hold two numbers"),
    ],
)
def test_ranges_made_by_hand(kind, values, words):
    with pytest.raises(OptbenchError, match=words):
        Range(kind, values)


def test_records_made_by_hand_are_looked_at():
    with pytest.raises(PluginError, match="optimizer mine: slots='m' must be a tuple of names"):
        Optimizer("mine", rule, "m", ("beta1",), {"beta1": 0.9}, "a test")
    with pytest.raises(PluginError, match="optimizer mine: hyperparameters=0.9 must be a dictionary"):
        Optimizer("mine", rule, ("m",), ("beta1",), 0.9, "a test")


def no_gradient(w, lr):
    return w


def no_rate(w, g, m, beta1):
    return w, m


def heavy(w, g, m, lr, beta1, beta1_t, t):
    return w - lr * t * beta1 * beta1_t * g, m


@pytest.mark.parametrize(
    ("function", "defaults", "message"),
    [
        (no_gradient, {}, r"optimizer no_gradient: arguments must be \(w, g, slots\.\.\., lr, hyperparameters\.\.\.\)"),
        (no_rate, {"beta1": 0.9}, r"optimizer no_rate: arguments must be \(w, g, .*lr"),
        (heavy, {}, "optimizer heavy: 'beta1' has no default in its decorator"),
        (heavy, {"beta1": 0.9, "beta2": 0.9}, "optimizer heavy: 'beta2' has a default but is no argument of the rule"),
    ],
)
def test_broken_rules_are_refused(function, defaults, message):
    with pytest.raises(PluginError, match=message):
        optimizer(source="a test", **defaults)(function)


def test_rule_is_read_from_its_signature():
    record = optimizer(source="a test", beta1=0.5)(heavy)
    assert (record.name, record.slots, record.scalars) == ("heavy", ("m",), ("beta1", "beta1_t", "t"))
    assert record.powers == ("beta1",) and record.hyperparameters == {"beta1": 0.5}
    other = variant(record, "other", source="another", beta1=0.25)
    assert (other.name, other.source, other.hyperparameters) == ("other", "another", {"beta1": 0.25})
    assert other.rule is record.rule and record.hyperparameters == {"beta1": 0.5}
    with pytest.raises(OptbenchError, match="unknown parameter of optimizer heavy 'beta2': did you mean 'beta1'"):
        variant(record, "third", source="a test", beta2=0.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("adam(beta1=1.5)", r"optimizer adam: beta1=1\.5 must be in \[0, 1\)"),
        ("adam(eps=1e999)", "eps=inf must be finite"),
        ("adam(beta1='high')", "beta1='high' must be a number, like 0.9"),
        ("adam(beta_1=0.9)", "unknown parameter of optimizer adam 'beta_1': did you mean 'beta1'"),
    ],
)
def test_hyperparameters_that_make_no_sense_are_refused(text, message):
    with pytest.raises(OptbenchError, match=message):
        CATALOGUE.optimizer(text)


def test_given_hyperparameters_stand_beside_the_defaults():
    record, values = CATALOGUE.optimizer("adam(beta2=0.99, eps=1)")
    assert record.name == "adam"
    assert values == {"beta1": 0.9, "beta2": 0.99, "eps": 1.0, "eps_root": 1e-8}
    assert all(type(value) is float for value in values.values())
    assert record.hyperparameters["beta2"] == 0.999


def test_schedules_are_checked():
    def halved(step, epoch, decay):
        return step

    with pytest.raises(PluginError, match=r"schedule halved: arguments must be \(step, epoch, total_steps, decay\)"):
        schedule(source="a test", decay=1.0)(halved)
    with pytest.raises(OptbenchError, match="unknown schedule 'exponentail': did you mean 'exponential'"):
        CATALOGUE.schedule("exponentail")
    with pytest.raises(OptbenchError, match="unknown parameter of schedule inverse 'rate': did you mean 'decay_rate'"):
        CATALOGUE.schedule("inverse(rate=2)")
    assert CATALOGUE.schedule("inverse(decay_rate=2)").text == "inverse(decay_rate=2.0)"
    assert CATALOGUE.schedule("constant").text == "constant"


def test_problems_are_checked():
    def needy(dim):
        return None

    def wrong(dim=2):
        return dim

    with pytest.raises(PluginError, match="problem needy: parameter 'dim' needs a default"):
        problem(source="a test")(needy)
    with pytest.raises(PluginError, match="problem wrong must return an optbench.Problem, not int"):
        problem(source="a test")(wrong).build()
    with pytest.raises(OptbenchError, match="unknown problem 'rosenbrok': did you mean 'rosenbrock'"):
        CATALOGUE.problem("rosenbrok")
    with pytest.raises(OptbenchError, match="problem quadratic: dim=2.5 must be a whole number, like 20"):
        CATALOGUE.problem("quadratic(dim=2.5)")


def test_names_keep_only_what_differs_from_the_defaults():
    assert CATALOGUE.problem("quadratic(dim=100, condition=1e4)").name == "quadratic(dim=100, condition=10000.0)"
    assert CATALOGUE.problem("quadratic(noise=0.1, dim=20)").name == "quadratic"


def test_everything_shipped_has_a_source_and_a_description():
    shipped = [CATALOGUE.optimizers[name] for name in OPTIMIZERS]
    shipped += [CATALOGUE.schedules[name] for name in SCHEDULES] + [CATALOGUE.problems[name] for name in PROBLEMS]
    assert [record.name for record in shipped if not record.source or not record.doc] == []


def test_the_decorator_says_what_it_lacks():
    def heavy(w, g, m, lr, beta):
        """m = beta m + g;  w = w - lr m."""
        m = beta * m + g
        return w - lr * m, m

    def forgetful(w, g, m, lr, beta):
        """m = beta m + g;  w = w - lr m."""
        m = beta * m + g
        return w - lr * m

    assert optimizer(beta=0.9)(heavy).source == "not stated"
    with pytest.raises(OptbenchError, match=r"needs brackets: @optbench.optimizer\(beta=0.9\)"):
        optimizer(heavy)
    text = "optimizer forgetful: forgetful does not compile: a rule returns w and its state: return w, m"
    with pytest.raises(OptbenchError, match=text):
        minimize("rosenbrock", optimizer(beta=0.9)(forgetful), lr=0.1, steps=1)


def test_every_shipped_rule_states_its_source():
    assert all(
        record.source and record.source != "not stated"
        for record in (CATALOGUE.optimizers[name] for name in OPTIMIZERS)
    )


def test_a_rule_that_returns_no_number_is_told_in_words():
    @optimizer(source="test")
    def vectors(w, g, lr):
        return np.array([w - lr * g, w, w])

    words = "returns w of shape (3,), expected a number: a rule is written for one weight"
    assert explain_return(vectors) == words
    with pytest.raises(TypeError, match=re.escape(words)):
        Interpreter(vectors, ((2,),)).step(np.ones(2), np.ones(2), 0.1)
