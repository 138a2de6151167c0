"""Signatures of classes and functions of other libraries' kind -> records; no library is needed for that."""

import pytest

from optbench import optax_optimizer, torch_optimizer
from optbench.contract.eager import library_and_name, other_arguments, required_arguments, with_options


class Momentum:
    """Heavy ball, and more."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, k=3, *, nesterov=False, foreach=None):
        """The class's own."""


class Needs:
    def __init__(self, params, lr, rank):
        """No default."""


class Unbounded:
    def __init__(self, params, lr=1.0, growth_rate=float("inf"), d0=1e-6):
        """A bound that bounds nothing is no number to tune."""


def chain(learning_rate, b1=0.9, mask=None):
    """An optimizer of optax as a chain."""


def test_numbers_are_hyperparameters_and_pairs_are_taken_apart():
    record = torch_optimizer(Momentum)
    assert (record.name, record.library, record.rate) == ("torch:Momentum", "torch", "lr")
    assert record.hyperparameters == {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "k": 3.0}
    assert other_arguments(record) == {"nesterov": False, "foreach": None}
    assert (
        set(record.space) == {"lr", "beta1", "beta2"} and record.slots == () and record.doc == "Heavy ball, and more."
    )
    given = record.arguments({"beta1": 0.8, "beta2": 0.99, "eps": 0.0, "k": 4.0})
    assert given == {"betas": (0.8, 0.99), "eps": 0.0, "k": 4} and isinstance(given["k"], int)
    assert record.arguments({**record.hyperparameters, "k": 0.5})["k"] == 0.5  # the class says what is wrong with it


def test_options_and_other_defaults():
    record = torch_optimizer(Momentum, "mine", betas=(0.5, 0.6), nesterov=True, k=7)
    assert record.hyperparameters == {"beta1": 0.5, "beta2": 0.6, "eps": 1e-8, "k": 7.0}
    assert record.arguments(record.hyperparameters)["nesterov"] is True
    other = with_options(record, "mine(foreach=True)", {"foreach": True})
    assert other.arguments(other.hyperparameters) == {**record.arguments(record.hyperparameters), "foreach": True}


def test_an_infinite_default_is_left_to_the_class():
    record = torch_optimizer(Unbounded)
    assert record.hyperparameters == record.arguments(record.hyperparameters) == {"d0": 1e-6}
    bounded = with_options(record, "torch:Unbounded(growth_rate=1.5)", {"growth_rate": 1.5})
    assert bounded.hyperparameters == {"growth_rate": 1.5, "d0": 1e-6}


def test_functions_have_their_rate_by_the_other_name():
    record = optax_optimizer(chain)
    assert (record.name, record.rate, record.hyperparameters) == ("optax:chain", "learning_rate", {"b1": 0.9})
    assert required_arguments("it", "optax", chain) == [] and required_arguments("it", "torch", Needs) == ["rank"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("torch:AdamW", ("torch", "AdamW")),
        ("torch:optim.AdamW", ("torch", "AdamW")),
        ("optax:contrib.prodigy", ("optax", "contrib.prodigy")),
        ("adam", None),
        ("keras:Adam", None),
        ("torch:", None),
    ],
)
def test_names_of_libraries(text, found):
    assert library_and_name(text) == found
