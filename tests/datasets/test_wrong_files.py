"""One line for each thing that is wrong with a file of the user's: it names the file and column, and what to do."""

import pandas as pd
import pytest
from harness import CATALOGUE

from optbench import datasets
from optbench.contract import resources
from optbench.contract.errors import OptbenchError

ROWS = range(24)
NUMBERS = pd.DataFrame({"a": [i * i % 7 for i in ROWS], "b": [i / 3 for i in ROWS]})
YES = [("no", "yes")[i % 2] for i in ROWS]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def table(**columns):
    return NUMBERS.assign(**columns, y=YES)


NAMES = [f"n{i}" for i in ROWS]
MANY = pd.concat([NUMBERS] * 6, ignore_index=True).assign(word=[f"w{i % 120}" for i in range(144)], y=range(144))


def refusal(text):
    with pytest.raises(OptbenchError) as told:
        CATALOGUE.problem(f"softmax(data={text})")
    said = str(told.value)
    assert "\n" not in said and said.isprintable() and len(said) < 900
    return said


COMMAS = "a,b,y\n" + "".join(f"{i % 5},{i},{i % 2}\n" for i in ROWS)


def test_signs_in_names_and_texts_are_no_separators():
    with open("d.csv", "w") as file:
        file.write("a|c,b,y\n" + "".join(f"{('u', 'v|w', 'u|v')[i % 3]},{i * i % 7},{i % 2}\n" for i in ROWS))
    assert datasets.load("d.csv", True).x.shape[1] == 4


def test_a_table_larger_than_the_memory_is_not_read(monkeypatch):
    with open("d.csv", "w") as file:
        file.write(COMMAS + "0,0,0\n" * 100_000)
    monkeypatch.setattr(resources, "available_memory", lambda: 2 << 20)
    assert "d.csv: its table needs 2.29 MiB of memory" in refusal("d.csv")


def loaded(texts):
    pd.DataFrame({"a": [texts[i % len(texts)] for i in ROWS], "b": [i * i % 7 for i in ROWS],
                  "y": [i % 2 for i in ROWS]}).to_csv("d.csv", index=False)  # fmt: skip
    return datasets.load("d.csv", True)


LEFT_OUT = [
    (["13%", "9 %", "-"], "13%"),
    (["1.500,00 €", "7.100,50 €"], "1.500,00 €"),
    ([f"${i},000" for i in range(1, 24)] + ["call us"], "$1,000"),
    (["1,5", "2,5", "-"], "1,5"),
    (["1,009.00", "87.50", "-12,500.00"], "-12,500.00"),
    (["1,009", "87", "", "n/a"], "1,009"),
    (["0,125", "1,250"], "0,125"),
    (["1.009,00", "2.500,00"], "1.009,00"),
]


@pytest.mark.parametrize(("texts", "one"), LEFT_OUT, ids=range(len(LEFT_OUT)))
def test_columns_that_are_left_out_with_a_warning(texts, one):
    data = loaded(texts)
    words = f"numbers written as {one!r}, and is left out: write plain numbers, such as 1234.5"
    assert data.warning == f"data set d.csv: 'a' holds {words}" and data.x.shape[1] == 1
    assert "columns left out: a (" in data.text


@pytest.mark.parametrize(
    "texts",
    [["2024-01-01", "2024-01-02"], ["2020-01", "2020-12"], ["Jan 2020", "02/2021"], ["Jun 12 1998", "May 1, 2001"],
     ["12:30", "12:45"]],
)  # fmt: skip
def test_dates_and_times_are_left_out(texts):
    data = loaded(texts)
    assert f"columns left out: a (dates or times, such as {sorted(texts)[0]!r})" in data.text and not data.warning


@pytest.mark.parametrize(
    ("column", "why"),
    [
        (NAMES, "24 different texts"),
        (["u", "v", None] * 8, ""),
        (None, "no values"),
        ([0.1] * 24, "constant"),
        ([5, None] * 12, "constant"),
        (["same"] * 24, "constant"),
        (list(ROWS), "numbers the rows"),
        ([3 * i % 50 for i in ROWS], ""),
        ([pd.Timestamp("2024-01-01")] * 24, "dates or times, such as '2024-01-01 00:00:00'"),
        ([[1]] * 24, "values of the kind ndarray, neither numbers nor texts"),
        (pd.Categorical(NAMES), "24 different texts"),
    ],
    ids=range(11),
)
def test_columns_that_tell_nothing_about_other_rows(column, why):
    table(odd=column, fine=NUMBERS["a"]).to_parquet("d.parquet")
    data = datasets.load("d.parquet")
    assert [note for note in data.notes if "left out" in note] == [f"columns left out: odd ({why})"] * bool(why)
    assert ("odd" in (*data.preparation.numbers, *data.preparation.levels)) == (not why)
    MANY.to_csv("d.csv", index=False)
    assert "columns left out: word (120 different texts)" in datasets.load("d.csv").text


def test_words_among_numbers_are_missing_values():
    data = loaded([*(f"{i}.5" for i in range(22)), "none known", "?"])
    assert data.warning == "data set d.csv: 'a' holds numbers, and 'none known': no number counts as missing"
    assert "the median of the training rows: a (2)" in data.text and data.x.shape[1] == 2


@pytest.mark.parametrize(
    "texts", [["1.2.3", "1.10.0"], ["1", "2", "3+"], ["<3", "3-5"], ["10%", "20%", "none"], ["10:1", "v1.5"]]
)
def test_levels_that_look_a_little_like_numbers_are_levels(texts):
    assert f"a ({len(texts)})" in loaded(texts).text
