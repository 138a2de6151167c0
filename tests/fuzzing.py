"""Shared code of the fuzz tests: the number of cases, their ingredients, and the form of a refusal."""

import os
import warnings
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from optbench.contract.errors import OptbenchError


def cases(count: int) -> Callable:
    """Return a decorator: so many cases, the same ones whenever and wherever they run.

    A failure prints its case, and the decorator that repeats it alone.
    """
    return settings(
        max_examples=int(os.environ.get("FUZZ", count)),
        derandomize=True,
        print_blob=True,
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
    ["", " ", "x", "0", "-1", "1e400", "nan", "a,b", "a b", "a(", "a)", "[/x]", "\x00", "\n", "é", "函数", "\ud800",
     "'", '"', "..", "/", "~", "#", "=", "adam(", "adam()", "x" * 3000, "(" * 300, "None", "True"]
)  # fmt: skip
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
NUMBERS = st.one_of(
    st.integers(-5, 5).map(str), st.floats(width=32).map(repr), st.sampled_from(["", "nan", "1e400", "1e-320", "1e308"])
)
DAYS = st.sampled_from(["2020-01-01", "2020/01/05", "0001-01-01", "9999-12-31", "2020-01-01T10:00:00", "", "x"])
CELLS = st.one_of(NUMBERS, DAYS, ODD_TEXTS, st.sampled_from(["NA", "true", '"a', "1,5", "1;2", "0x10", "9" * 400]))
HEADS = st.sampled_from(
    ["a,b,c", "date,b", "a[,b", "a,a,b", "", "1,2,3", "a,b", "\ufeffa,b,c", ",,", "a;b;c", "kind_x,c"]
)
ROWS = st.one_of(
    st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), max_size=20),
    st.lists(st.tuples(st.one_of(NUMBERS, DAYS), NUMBERS), max_size=8),
    st.lists(st.lists(CELLS, max_size=4), max_size=12),
)
CSV = st.builds(
    lambda head, rows, separator, end: end.join([head, *map(separator.join, rows)]),
    HEADS, ROWS, st.sampled_from([",", ",", ",", ";", "\t", "|"]), st.sampled_from(["\n", "\n", "\r\n", "\r"]),
)  # fmt: skip
"""Texts of tables: most are read."""
