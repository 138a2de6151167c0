"""Data files of any kind, as problems read them: a set of examples, or one line that names the file."""

import io
from pathlib import Path

import pandas as pd
import pytest
from fuzzing import CSV, ODD, ODD_TEXTS, cases, refusal
from hypothesis import given
from hypothesis import strategies as st

from optbench import datasets
from optbench.contract.names import canonical
from optbench.datasets.files import PARAMETERS

pytestmark = pytest.mark.slow


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
    CSV.map(csv),
    CSV.map(csv),
    st.dictionaries(st.sampled_from(["a", "b", "c", ""]), COLUMN).map(parquet),
    st.tuples(st.sampled_from(["any.csv", "any.parquet", "any.tsv", "any.npz"]), st.binary(max_size=80)),
)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


WORDS = st.one_of(st.sampled_from(["a", "b", "c", "drop", "mean", "x", 1, 0.0, True]), ODD)


@cases(120)
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


@cases(60)
@given(
    st.one_of(ODD_TEXTS, st.text(max_size=20)),
    st.sampled_from(["", ".csv", "/x.npz", ".parquet", "(dim=3)", "(path=x)"]),
)
def test_any_name(text, ending):
    said = refusal(lambda: datasets.load(text + ending))
    assert "data set" in said
