"""Records of optimizers, schedules and problems: what is read from a signature, and how they are called."""

import re

import numpy as np
import pytest
from harness import CATALOGUE, OPTIMIZERS, PROBLEMS, SCHEDULES

from optbench import OptbenchError, minimize, optimizer, variant
from optbench.checks.interpreter import Interpreter
from optbench.contract.optimizers import explain_return


def heavy(w, g, m, lr, beta1, beta1_t, t):
    return w - lr * t * beta1 * beta1_t * g, m


def test_rule_is_read_from_its_signature():
    record = optimizer(source="a test", beta1=0.5)(heavy)
    assert (record.name, record.slots, record.scalars) == ("heavy", ("m",), ("beta1", "beta1_t", "t"))
    assert record.powers == ("beta1",) and record.hyperparameters == {"beta1": 0.5}
    other = variant(record, "other", source="another", beta1=0.25)
    assert (other.name, other.source, other.hyperparameters) == ("other", "another", {"beta1": 0.25})
    assert other.rule is record.rule and record.hyperparameters == {"beta1": 0.5}


def test_given_hyperparameters_stand_beside_the_defaults():
    record, values = CATALOGUE.optimizer("adam(beta2=0.99, eps=1)")
    assert record.name == "adam"
    assert values == {"beta1": 0.9, "beta2": 0.99, "eps": 1.0, "eps_root": 1e-8}
    assert all(type(value) is float for value in values.values())
    assert record.hyperparameters["beta2"] == 0.999


def test_schedules_are_called_by_what_differs_from_the_defaults():
    assert CATALOGUE.schedule("inverse(decay_rate=2)").text == "inverse(decay_rate=2.0)"
    assert CATALOGUE.schedule("constant").text == "constant"


def test_names_keep_only_what_differs_from_the_defaults():
    assert CATALOGUE.problem("quadratic(dim=100, condition=1e4)").name == "quadratic(dim=100, condition=10000.0)"
    assert CATALOGUE.problem("quadratic(noise=0.1, dim=20)").name == "quadratic"


def test_everything_shipped_has_a_source_and_a_description():
    shipped = [CATALOGUE.optimizers[name] for name in OPTIMIZERS]
    shipped += [CATALOGUE.schedules[name] for name in SCHEDULES] + [CATALOGUE.problems[name] for name in PROBLEMS]
    assert [record.name for record in shipped if record.source in ("", "not stated") or not record.doc] == []


def test_a_source_may_be_left_out():
    assert optimizer(beta1=0.9)(heavy).source == "not stated"


def test_a_rule_that_returns_no_state_is_told_in_words():
    def forgetful(w, g, m, lr, beta):
        m = beta * m + g
        return w - lr * m

    text = "optimizer forgetful: forgetful does not compile: a rule returns w and its state: return w, m"
    with pytest.raises(OptbenchError, match=text):
        minimize("rosenbrock", optimizer(beta=0.9)(forgetful), lr=0.1, steps=1)


def test_a_rule_that_returns_no_number_is_told_in_words():
    @optimizer(source="test")
    def vectors(w, g, lr):
        return np.array([w - lr * g, w, w])

    words = "returns w of shape (3,), expected a number: a rule is written for one weight"
    assert explain_return(vectors) == words
    with pytest.raises(TypeError, match=re.escape(words)):
        Interpreter(vectors, ((2,),)).step(np.ones(2), np.ones(2), 0.1)
