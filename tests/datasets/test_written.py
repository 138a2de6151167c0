"""Numbers and dates that are written as no reader expects: refused by name, never taken for levels or other numbers."""

import numpy as np
import pandas as pd
import pytest

from optbench import datasets
from optbench.contract.errors import OptbenchError

ROWS = range(24)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def loaded(texts, more=""):
    pd.DataFrame({"a": [texts[i % len(texts)] for i in ROWS], "b": [i * i % 7 for i in ROWS],
                  "y": [i % 2 for i in ROWS]}).to_csv("d.csv", index=False, sep=";")  # fmt: skip
    return datasets.load(f"file(path=d.csv, sep=';'{more})", True)


COMMA = ", decimal=','"
PLAIN = "write plain numbers, such as 1234,5, or leave it out"
REFUSED = [
    (["999", "1.234", "12.500", "87"], COMMA, f"numbers written as '1.234': {PLAIN}"),
    ([f"{i},5" for i in range(15)] + ["-"], COMMA, "holds numbers, and '-': write plain numbers, such as 1234,5"),
    (["13%", "9 %", "-"], "", "holds numbers written as '13%', and '-': write plain numbers"),
    (["1.500,00 €", "7.100,50 €"], COMMA, f"holds numbers written as '1.500,00 €': {PLAIN}"),
    ([f"${i},000" for i in range(1, 24)] + ["call us"], "", "written as '$1,000', and 'call us': write plain numbers"),
    (["1,5", "2,5", "-"], "", "holds numbers written as '1,5', and '-': write plain numbers, such as 1234.5, say "
     "file(path='d.csv', sep=';', decimal=',') if the comma is the decimal point, leave the fields empty where"),
    (["2020-01", "2020-12"], "", "holds dates or times, such as '2020-01'"),
    (["Jan 2020", "02/2021"], "", "holds dates"),
]  # fmt: skip


@pytest.mark.parametrize(("texts", "more", "words"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused(texts, more, words):
    with pytest.raises(OptbenchError, match="^data set d.csv: feature 'a' holds ") as told:
        loaded(texts, more)
    assert words in str(told.value)


@pytest.mark.parametrize(
    "texts", [["1.2.3", "1.10.0"], ["1", "2", "3+"], ["<3", "3-5"], ["10%", "20%", "none"], ["10:1", "v1.5"]]
)
def test_levels_that_look_a_little_like_numbers_are_levels(texts):
    assert f"a ({len(texts)})" in loaded(texts).text


def test_a_comma_in_quotes_is_a_decimal_point_if_that_is_said():
    numbers = np.array([i / 2 + 0.25 for i in ROWS])
    lines = [f'"{each}",{i * i % 7},{i % 2}\n'.replace(".", ",") for i, each in enumerate(numbers)]
    with open("d.csv", "w") as file:
        file.write("a,b,y\n" + "".join(lines))
    with pytest.raises(OptbenchError, match=r"file\(path='d.csv', decimal=','\)"):
        datasets.load("d.csv", True)
    train = numbers[np.random.default_rng(0).permutation(24)[:19]]
    found = datasets.load("file(path='d.csv', decimal=',')", True).x[:, 0]
    np.testing.assert_allclose(found, (train - train.mean()) / train.std(), rtol=1e-12)
    pd.DataFrame({"a": ["1,5", "2,5"] * 12, "y": [0, 1] * 12}).to_parquet("d.parquet")
    with pytest.raises(OptbenchError, match="write plain numbers, such as 1234.5, or leave it out"):
        datasets.load("d.parquet", True)
