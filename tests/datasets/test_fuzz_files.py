"""Data files of any kind, as problems read them: a set of examples, or one line that names the file."""

import io
from pathlib import Path

import pandas as pd
import pytest
from fuzzing import ODD, ODD_TEXTS, cases, refusal
from hypothesis import given
from hypothesis import strategies as st

from optbench import datasets
from optbench.contract.names import canonical
from optbench.datasets.files import PARAMETERS

pytestmark = pytest.mark.slow

CELLS = st.one_of(
    st.integers(-3, 3).map(str),
    st.floats(width=32).map(repr),
    ODD_TEXTS,
    st.sampled_from(["", "NA", "true", "2020-01-01", "1e400", '"a', "1;2", "a b"]),
)
HEADS = st.sampled_from(
    ["a,b,c\n", "a,a,b\n", "", "1,2,3\n", "a,b\n", "\ufeffa,b,c\n", ",,\n", "a;b;c\n", "kind_x,kind_y,c\n"]
)
NUMBERS = st.lists(st.lists(st.integers(-3, 3).map(str), min_size=3, max_size=3), max_size=20)
TEXTS = st.builds(
    lambda head, rows: head + "\n".join(map(",".join, rows)),
    HEADS,
    st.one_of(NUMBERS, st.lists(st.lists(CELLS, max_size=4), max_size=12)),
)


def csv(text):
    return "any.csv", text.encode("utf-8", "surrogatepass")


def parquet(columns):
    file = io.BytesIO()
    pd.DataFrame(columns).to_parquet(file)
    return "any.parquet", file.getvalue()


COLUMN = st.sampled_from(
    [list("xyxyxyx"), list(range(7)), [0.5] * 7, [None] * 7, [True] * 7, [1, None] * 3 + [2], [[1]] * 7, [b"x"] * 7,
     pd.date_range("2024-01-01", periods=7), pd.Categorical(list("xyxyxyx")), pd.array([1, None] * 3 + [2], "Int64"),
     [1e308, -1e308] * 3 + [0.0], ["1,5"] * 7, ["?", "1", "2"] * 2 + ["3"]]
)  # fmt: skip
FILES = st.one_of(
    TEXTS.map(csv),
    TEXTS.map(csv),
    st.dictionaries(st.sampled_from(["a", "b", "c", ""]), COLUMN).map(parquet),
    st.tuples(st.sampled_from(["any.csv", "any.parquet", "any.tsv", "any.npz"]), st.binary(max_size=80)),
)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


WORDS = st.one_of(st.sampled_from(["a", "b", "c", "drop", "mean", "x", 1, 0.0, True]), ODD)


@cases(330)
@given(
    FILES,
    st.sampled_from([None, True, False, 2]),
    st.one_of(st.just({}), st.dictionaries(st.sampled_from(list(PARAMETERS)[1:]), WORDS)),
)
def test_any_file_with_any_parameters(file, classes, parameters):
    name, data = file
    Path(name).write_bytes(data)
    text = canonical("file", {"path": name, **parameters}) if parameters else name
    said = refusal(lambda: datasets.load(text, classes))
    assert not said or "data set" in said


@cases(150)
@given(
    st.one_of(ODD_TEXTS, st.text(max_size=20)),
    st.sampled_from(["", ".csv", "/x.npz", ".parquet", "(dim=3)", "(path=x)"]),
)
def test_any_name(text, ending):
    said = refusal(lambda: datasets.load(text + ending))
    assert "data set" in said
