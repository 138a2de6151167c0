"""Mistakes in a decorator or a hyperparameter are told in words."""

import re

import numpy as np
import pytest
from harness import CATALOGUE, OPTIMIZERS, PROBLEMS, SCHEDULES

from optbench import OptbenchError, PluginError, Problem, optimizer, problem, schedule, variant


def no_gradient(w, lr):
    return w


def swapped(g, w, lr):
    return w


def no_rate(w, g, m, beta1):
    return w, m


def heavy(w, g, m, lr, beta1, beta1_t, t):
    return w - lr * t * beta1 * beta1_t * g, m


BROKEN_RULES = [
    (no_gradient, {}, r"optimizer no_gradient: arguments must be \(w, g, slots\.\.\., lr, hyperparameters\.\.\.\)"),
    (swapped, {}, r"optimizer swapped: arguments must be \(w, g,"),
    (no_rate, {"beta1": 0.9}, r"optimizer no_rate: arguments must be \(w, g, .*lr"),
    (heavy, {}, "optimizer heavy: 'beta1' has no default in its decorator"),
    (heavy, {"beta1": 0.9, "beta2": 0.9}, "optimizer heavy: 'beta2' has a default but is no argument of the rule"),
]


@pytest.mark.parametrize(("rule", "hyperparameters", "message"), BROKEN_RULES)
def test_broken_rules_are_refused(rule, hyperparameters, message):
    with pytest.raises(PluginError, match=message):
        optimizer(source="a test", **hyperparameters)(rule)


def test_a_power_without_its_hyperparameter_is_refused():
    def rule(w, g, lr, beta1_t):
        return w

    with pytest.raises(PluginError, match="'beta1_t' has no default"):
        optimizer(source="a test")(rule)


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
        ("adam(eps=-1e-8)", r"eps=-1e-08 must be in \[0, inf\)"),
        ("adam(eps=1e999)", "eps=inf must be finite"),
        ("adam(beta1='high')", "beta1='high' must be a number, like 0.9"),
        ("adam(beta_1=0.9)", "unknown parameter of optimizer adam 'beta_1': did you mean 'beta1'"),
        ("adm", "unknown optimizer 'adm': did you mean 'adam'"),
        ("zzz", "unknown optimizer 'zzz': 'optbench list' shows what there is"),
    ],
)
def test_hyperparameters_that_make_no_sense_are_refused(text, message):
    with pytest.raises(OptbenchError, match=message):
        CATALOGUE.optimizer(text)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_hyperparameters_must_be_finite(value):
    with pytest.raises(OptbenchError, match=re.escape(f"beta1={value!r} must be finite")):
        CATALOGUE.optimizers["momentum"].with_values({"beta1": value})


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


def test_the_number_of_examples_is_that_of_the_data():
    data = np.ones((7, 1)), np.ones(7)
    made = Problem("single", 2, lambda rng: np.zeros(2), heavy, 0.0, "a test", data=data, examples=1000)
    assert made.examples == 7


def test_names_keep_only_what_differs_from_the_defaults():
    assert CATALOGUE.problem("quadratic(dim=100, condition=1e4)").name == "quadratic(dim=100, condition=10000.0)"
    assert CATALOGUE.problem("quadratic(noise=0.1, dim=20)").name == "quadratic"


def test_everything_shipped_has_a_source_and_a_description():
    shipped = [CATALOGUE.optimizers[name] for name in OPTIMIZERS]
    shipped += [CATALOGUE.schedules[name] for name in SCHEDULES] + [CATALOGUE.problems[name] for name in PROBLEMS]
    assert [record.name for record in shipped if not record.source or not record.doc] == []
