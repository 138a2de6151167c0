"""Words that name several optimizers of the catalogue."""

import pytest

import optbench
from optbench.plan.spec_files import make_spec

KEYS = {"problems": ["rosenbrock"], "learning_rates": [0.1], "seeds": 3, "steps": 3}


def named(text):
    return list(make_spec({**KEYS, "optimizers": text}).optimizers)


def test_all_are_those_of_the_catalogue():
    assert named("all") == [
        name for name, record in optbench.optimizers().items() if type(record).__name__ == "Optimizer"
    ]


def test_patterns_and_families():
    assert named("gd, family:signs") == ["gd", "lion", "signsgd", "signum", "rprop"]
    assert {"adam", "adamw", "adam_torch"} <= {*named("adam*")} and all(
        name.startswith("adam") for name in named("adam*")
    )
    assert named("lion, family:signs") == ["lion", "signsgd", "signum", "rprop"], "none comes twice"
    assert named(["adam(beta1=0.5)", "gd"]) == ["adam(beta1=0.5)", "gd"]


@pytest.mark.parametrize(
    ("text", "said"),
    [("zz*", "no name fits zz*"), ("family:sings", "did you mean 'signs'"), ("family:", "family of optimizers")],
)
def test_what_fits_nothing_is_refused(text, said):
    with pytest.raises(optbench.OptbenchError) as error:
        named(text)
    assert said in str(error.value)
