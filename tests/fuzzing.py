"""Shared code of the fuzz tests: the number of cases, their ingredients, and the form of a refusal."""

import os
import warnings
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from optbench.contract.errors import OptbenchError


def cases(count: int) -> Callable:
    """Return a decorator: so many cases, the same ones whenever and wherever they run."""
    return settings(
        max_examples=int(os.environ.get("FUZZ", count)),
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def refusal(call: Callable[[], Any]) -> str:
    """Return the line in which a call is refused; "" if it is accepted. Any other outcome fails the test."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            call()
    except OptbenchError as error:
        said = str(error)
        assert said and said.isprintable() and len(said) < 1000, said
        return said
    return ""


ODD_TEXTS = st.sampled_from(
    [
        "",
        " ",
        "x",
        "0",
        "-1",
        "1e400",
        "nan",
        "a,b",
        "a b",
        "a(",
        "a)",
        "[/x]",
        "\x00",
        "\n",
        "é",
        "函数",
        "\ud800",
        "'",
        '"',
        "..",
        "/",
        "~",
        "#",
        "=",
        "adam(",
        "adam()",
        "x" * 3000,
        "(" * 300,
        "None",
        "True",
    ]
)
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    ODD_TEXTS,
    st.text(max_size=8),
    st.binary(max_size=3),
    st.sampled_from([10**400, -(2**63), 2**64, 1e-320, -0.0, 0.1, 3, 2]),
    st.lists(st.one_of(st.integers(-2, 5), ODD_TEXTS, st.floats()), max_size=4),
    st.dictionaries(
        st.sampled_from(["name", "epochs", "steps", "lr", "x"]), st.one_of(st.integers(-1, 3), ODD_TEXTS), max_size=3
    ),
)
"""Values of any kind."""
