"""The ``equals`` texts of records, which name equal optimizers of other libraries: parsed, refused and combined."""

import ast

import pytest
from harness import CATALOGUE

from optbench import optimizer, wrapper
from optbench.contract.composition import wrap
from optbench.contract.equals import LIBRARIES, equal_text, parse_equal


def bare(w, g, lr):
    return w


def made(**equals):
    @optimizer(source="an example", equals=equals, beta1=0.9, eps=0.0)
    def rule(w, g, lr, beta1, eps):
        return w - lr * g * beta1 + eps

    return rule


def test_conditions_and_the_reason_are_read_and_written_again():
    text = "A(lr=lr) if eps == 0 else b.C(lr, beta1=beta1) if constant # elsewhere"
    read_ = parse_equal("", "torch", text)
    assert [ast.unparse(each.call) for each in read_.branches] == ["A(lr=lr)", "b.C(lr, beta1=beta1)"]
    assert [ast.unparse(each.condition) for each in read_.branches] == ["eps == 0", "constant"]
    assert read_.why == "elsewhere" and equal_text(read_) == text
    assert (
        parse_equal("", "torch", "# none at all") == parse_equal("", "torch", "#none at all")
        and not parse_equal("", "x", "# a").branches
    )


def test_a_wrapper_names_what_it_goes_around():
    @wrapper(source="an example", equals={"torch": "outer(inner, factor)"}, factor=0.5)
    def gentle(step, w, g, lr, factor):
        w = step(w, factor * g)
        return w

    around = wrap(gentle, made(torch="SGD(lr=lr)", optax="sgd(lr)"))
    assert around.equals == {"torch": "outer(SGD(lr=lr), factor)"}  # the wrapper says nothing of optax


@pytest.mark.parametrize("name", [*CATALOGUE.optimizers, *CATALOGUE.wrappers])
def test_what_ships_is_for_known_libraries(name):
    record = (CATALOGUE.optimizers | CATALOGUE.wrappers)[name]
    assert set(record.equals) <= set(LIBRARIES)
