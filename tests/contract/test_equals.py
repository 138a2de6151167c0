"""The ``equals`` texts of records, which name equal optimizers of other libraries: parsed, refused and combined."""

import ast

import pytest
from harness import CATALOGUE

from optbench import PluginError, optimizer, wrapper
from optbench.contract.composition import wrap
from optbench.contract.equals import LIBRARIES, combine_equals, equal_text, parse_equal


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


MOMENTUM = {"torch": "SGD(lr=lr * (1 - beta1), momentum=beta1)"}
ADAM = {"torch": "Adam(lr=lr, eps=eps) if eps_root == 0 # inside"}


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        ("inner(weight_decay=decay)", MOMENTUM, "SGD(lr=lr * (1 - beta1), momentum=beta1, weight_decay=decay)"),
        ("AdamW(**inner, weight_decay=decay) if inner is Adam", ADAM,
         "AdamW(lr=lr, eps=eps, weight_decay=decay) if eps_root == 0 # inside"),
        ("AdamW(**inner, weight_decay=decay) if inner is Adam", MOMENTUM, None),
        ("helper(inner, decay / share)", MOMENTUM,
         "helper(SGD(lr=lr * (1 - beta1), momentum=beta1), decay / (1 - beta1))"),
        ("helper(inner, decay / share)", ADAM, "helper(Adam(lr=lr, eps=eps), decay) if eps_root == 0 # inside"),
        ("inner(eps=decay) else helper(inner)", ADAM, None),  # a text that cannot be read is no equal
        ("inner(eps=decay) if k == 1 else helper(inner)", ADAM,
         "helper(Adam(lr=lr, eps=eps)) if eps_root == 0 # inside"),
        ("helper(inner) if SGD not in inner # no", MOMENTUM, "# no"),
        ("helper(inner) if Adam not in inner # no", MOMENTUM, "helper(SGD(lr=lr * (1 - beta1), momentum=beta1))"),
        ("helper(inner) if inner in (SGD, Adam) and k == 2", MOMENTUM,
         "helper(SGD(lr=lr * (1 - beta1), momentum=beta1)) if k == 2"),
        ("A(inner) if k == 1 else B(inner)", {"torch": "X(lr=lr) if eps == 0 else Y(lr=lr)"},
         "A(X(lr=lr)) if eps == 0 and k == 1 else B(X(lr=lr)) if eps == 0 "
         "else A(Y(lr=lr)) if not eps == 0 and k == 1 else B(Y(lr=lr)) if not eps == 0"),
    ],
)  # fmt: skip
def test_combined(outer, inner, expected):
    if expected is None and "else helper" in outer:
        with pytest.raises(PluginError):
            combine_equals({"torch": outer}, inner)
    else:
        assert combine_equals({"torch": outer}, inner).get("torch") == expected


def test_where_the_rule_has_no_equal_the_wrapped_one_has_none_and_says_why():
    assert combine_equals({"keras": "inner(norm=norm)"}, {"keras": "# another form"}) == {"keras": "# another form"}


@pytest.mark.parametrize("name", [*CATALOGUE.optimizers, *CATALOGUE.wrappers])
def test_what_ships_is_for_known_libraries(name):
    record = (CATALOGUE.optimizers | CATALOGUE.wrappers)[name]
    assert set(record.equals) <= set(LIBRARIES)
