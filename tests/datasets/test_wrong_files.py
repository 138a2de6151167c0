"""One line for each thing that is wrong with a file of the user's: it names the file and column, and what to do."""

import numpy as np
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


GAPS = [None if i % 6 == 1 else float(i % 5) for i in ROWS]
NAMES = [f"n{i}" for i in ROWS]
MANY = pd.concat([NUMBERS] * 6, ignore_index=True).assign(word=[f"w{i % 120}" for i in range(144)], y=range(144))
TABLES = [
    (NUMBERS.assign(y=range(24))[:0], "", "the file holds no examples"),
    (table(gap=GAPS), "missing=men", "missing 'men': did you mean 'mean'?"),
    (table(gap=[None, 1] * 12, hole=[1, None] * 12), "missing=drop", "every row misses a value"),
    (table(gap=[None] * 21 + [1, 2, 3]), "missing=drop", "3 examples are too few (21 of 24 rows left out"),
    (table(large=[1e308, -1e308] * 12), "", "feature 'large' has values too large to be standardized"),
    (table(far=np.inf), "", "feature 'far' has 24 values that are not finite: mend them, or leave it out: file("),
    (table(churn=1), "target=chrn", "did you mean 'churn'?"),
    (table(), "drop=y, target=y", "drop= leaves out 'y', which is the target"),
    (table(), "drop=(a, b)", "there is no column but the target 'y'"),
    (table(), "positive=ja", "unknown value of the target 'y' in data set d.csv: positive 'ja': valid names: no, yes"),
    (table().assign(y="yes"), "positive=yes", "all examples are of one class, 'yes'"),
    (table(), "sep=';'", "data set file 'sep': 0.19 took it out: a .csv has commas, a .tsv tabs: pandas.read_csv("),
    (table(), "encoding=latin-1", "data set file 'encoding': 0.19 took it out: a file is in UTF-8: pandas.read_csv("),
    (table(), "decimal=','", "data set file 'decimal': 0.19 took it out: a file has points: pandas.read_csv("),
    (table(a="x", b=NAMES), "", "there is no feature to learn from: b (24 different texts); a (constant)"),
    (table().assign(y=NAMES), "", "the target has 24 different texts in 24 rows: names, not classes; the last column, "
     "'y', was taken as the target; name another: file(path='d.csv', target='NAME'), or --target NAME"),
    (table().assign(y=[f"2024-01-{i + 1:02d}" for i in ROWS]), "", "the target 'y' holds dates or times, such as "
     "'2024-01-01': turn them into numbers (a year, a month, days since the first) to learn from them, or name another "
     "target"),
    (table().assign(y=None), "", "the target 'y' has no value in any row"),
    (table(), "misssing=drop", "unknown parameter of data set file 'misssing': did you mean 'missing'?"),
    (table(), "target=None", "target=None must be a text"),
    (pd.DataFrame({"target": [1]}), "", "there is no column but the target 'target': it does not look like a table"),
    (NUMBERS[:2].assign(y=1), "", "2 examples are too few"),
    (NUMBERS.assign(y="a"), "", "all examples are of one class, 'a'"),
    (NUMBERS, "", "the target has real values, not classes"),
]  # fmt: skip


def refusal(text):
    with pytest.raises(OptbenchError) as told:
        CATALOGUE.problem(f"softmax(data={text})")
    said = str(told.value)
    assert "\n" not in said and said.isprintable() and len(said) < 900
    return said


@pytest.mark.parametrize(("content", "asked", "words"), TABLES, ids=range(len(TABLES)))
def test_tables(content, asked, words):
    content.to_csv("d.csv", index=False)
    assert words in refusal(f"file(path=d.csv, {asked})")


COMMAS = "a,b,y\n" + "".join(f"{i % 5},{i},{i % 2}\n" for i in ROWS)
TEXTS = [
    ("1,2\n3,4\n", "the first line must name the columns"),
    ("5.1,3.5,setosa\n4.9,3.0,setosa\n", "the first line must name the columns; it holds numbers"),
    (
        COMMAS.replace(",", "\t"),
        r"the first line holds '\t' between names, not ',': pandas.read_csv('d.csv', sep='\t').to_parquet('d.parquet') "
        "writes a file that is taken",
    ),
    (COMMAS.replace(",", ";").replace("a;", "price, net;").replace("1;", "1,5;"), "holds ';' between names, not ','"),
    ("# of today\n" + COMMAS, "rows have more fields than the first line has names ('# of today')"),
    ("a,a,y\n" + COMMAS[6:], "the name 'a' stands over several columns; rename them"),
    (COMMAS + "1,2,3,4\n", "does not look like a table with ',' between columns: Expected 3 fields in line 26, saw 4"),
    (
        COMMAS.replace("a", "ä").encode("latin-1"),
        "is not in UTF-8: pandas.read_csv('d.csv', encoding='latin-1').to_parquet('d.parquet') writes",
    ),
    (b"\x00" * 50, "the file holds no examples"),
]


@pytest.mark.parametrize(("content", "words"), TEXTS, ids=range(len(TEXTS)))
def test_texts(content, words):
    with open("d.csv", "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    assert words in refusal("d.csv")


def test_signs_in_names_and_texts_are_no_separators():
    with open("d.csv", "w") as file:
        file.write("a|c,b,y\n" + "".join(f"{('u', 'v|w', 'u|v')[i % 3]},{i * i % 7},{i % 2}\n" for i in ROWS))
    assert datasets.load("d.csv", True).x.shape[1] == 4


ARRAYS, LIBSVM = "optbench.with_data(PROBLEM, x, y) takes arrays", "sklearn.datasets.load_svmlight_file reads it"
FILES = [
    ("d.npz", b"", f"must end in .csv, .tsv or .parquet; {ARRAYS}"),
    ("d.npy", b"", ARRAYS),
    ("d.svm", b"", f"{LIBSVM}, and {ARRAYS}"),
    ("d.libsvm", b"", LIBSVM),
    ("d.t", b"", LIBSVM),
    ("d.csv.gz", b"", "unpack it"),
    ("d.libsvm.bz2", b"", "unpack it"),
    ("d.xlsx", b"PK", "must end in .csv, .tsv or .parquet; save the sheet as .csv"),
    ("d.json", b"{}", "DataFrame.to_parquet writes a file that is taken"),
    ("d.parquet", b"PAR1nothingPAR1", "cannot be read"),
]


@pytest.mark.parametrize(("name", "content", "words"), FILES, ids=range(len(FILES)))
def test_files(name, content, words):
    with open(name, "wb") as file:
        file.write(content)
    said = refusal(f"./{name}")
    assert words in said and name in said


def test_names_that_differ_by_blanks_alone():
    pd.DataFrame({"a": range(24), "a ": range(24), "y": YES}).to_parquet("d.parquet")
    assert "the name 'a' stands over several columns" in refusal("d.parquet")


def test_several_values_where_two_are_wanted():
    NUMBERS.assign(kind=[("a", "b", "c")[i % 3] for i in ROWS]).to_csv("d.csv", index=False)
    with pytest.raises(OptbenchError) as told:
        CATALOGUE.problem("logistic(data=d.csv)")
    assert str(told.value).endswith(
        "has 3 classes, not 2 classes; the last column, 'kind', was taken as the target; name another: "
        "file(path='d.csv', target='NAME'), or --target NAME; positive='a' makes two of them: it against the rest"
    )


def test_a_table_larger_than_the_memory_is_not_read(monkeypatch):
    with open("d.csv", "w") as file:
        file.write(COMMAS + "0,0,0\n" * 100_000)
    monkeypatch.setattr(resources, "available_memory", lambda: 2 << 20)
    assert "d.csv: its table needs 2.29 MiB of memory" in refusal("d.csv")


def test_a_path_that_is_none_and_one_that_is_near():
    table().to_parquet("d.parquet")
    assert "is no path" in refusal("file(path='')") and "did you mean 'd.parquet'?" in refusal("./dd.parquet")


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
