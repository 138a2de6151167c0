"""One line for each thing that is wrong with a file of the user's: it names the file and column, and what to do."""

import bz2
import gzip
import io
import zipfile

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
    (table(), "sep=ab", "sep='ab' must be one sign, such as ';' or '|', or of tab, space, comma, semicolon"),
    (table(), "encoding=utf8x", "unknown encoding of data set d.csv 'utf8x': did you mean 'utf-8'?"),
    (table(), "decimal=';'", "decimal=';' must be '.', or ','"),
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
        COMMAS.replace(",", "\t").replace("a\t", "price, net\t"),
        "the first line holds 'tab': say file(path='d.csv', sep='tab') if",
    ),
    (
        COMMAS.replace(",", ";").replace("a;", "price, net;").replace("1;", "1,5;"),
        "say file(path='d.csv', sep=';') if that separates columns, or file(path='d.csv', sep='comma') if it is part",
    ),
    ("# of today\n" + COMMAS, "rows have more fields than the first line has names ('# of today')"),
    ("a,a,y\n" + COMMAS[6:], "the name 'a' stands over several columns; rename them"),
    (COMMAS + "1,2,3,4\n", "does not look like a table with sep=',': Expected 3 fields in line 26, saw 4"),
    (
        COMMAS.replace("a", "ä").encode("latin-1"),
        "cannot be read as utf-8: name its encoding, file(path='d.csv', encoding='latin-1') (or cp1252, utf-16)",
    ),
    (b"\x00" * 50, "the file holds no examples"),
]


@pytest.mark.parametrize(("content", "words"), TEXTS, ids=range(len(TEXTS)))
def test_texts(content, words):
    with open("d.csv", "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    assert words in refusal("d.csv")


def test_signs_in_names_and_texts_are_no_separators_if_that_is_said():
    with open("d.csv", "w") as file:
        file.write("a|c,b,y\n" + "".join(f"{('u', 'v|w', 'u|v')[i % 3]},{i * i % 7},{i % 2}\n" for i in ROWS))
    assert datasets.load("file(path=d.csv, sep=comma)", True).x.shape[1] == 4
    assert "the first line holds '|'" in refusal("d.csv")


def stored(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def bomb():
    """Return an archive of a few hundred bytes whose x says that it holds a billion rows."""
    file, head = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 1000)})
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("x.npy", head.getvalue())
        packed.writestr("y.npy", head.getvalue())
    return file.getvalue()


X, Y = np.arange(48.0).reshape(24, 2), np.arange(24) % 2
FILES = [
    ("d.npz", bomb(), "array x (1000000000, 1000) needs"),
    ("d.npz", stored(), "it must hold x and y, perhaps x_test and y_test, not none"),
    ("d.npz", stored(x=X, y=Y, x_test=X), "it must hold x and y, perhaps x_test and y_test, not x, y, x_test"),
    ("d.npz", stored(x=X, y=Y[1:]), "must be numbers (n, features) and (n,), not float64 (24, 2) and int64 (23,)"),
    ("d.npz", stored(x=X.astype(str), y=Y), "x and y must be numbers"),
    ("d.npz", stored(x=X[:0], y=Y[:0]), "x holds no examples"),
    ("d.npz", stored(x=X, y=Y, x_test=X[:, :1], y_test=Y), "differ in their number of features"),
    ("d.npz", stored(x=X, y=Y, x_test=X, y_test=np.full(24, np.nan)), "every row of x_test and y_test misses a value"),
    ("d.npz", stored(x=X, y=np.array([{}] * 24, object)), "cannot be read"),
    ("d.npz", b"no archive", "cannot be read"),
    ("d.npz", stored(x=np.where(X > 40, np.inf, X), y=Y), "x has 7 values that are not finite"),
    ("d.npz", stored(x=X, y=Y, x_test=X, y_test=np.array(["a"] * 24)), "one of y and y_test is text"),
    ("d.svm", b"", "the file holds no examples"),
    ("d.svm", b"1 2:x\n", "line 1 is not 'target feature:value ...' with ascending features: '1 2:x'"),
    ("d.svm", b"1 2:3 # fine\n\n" * 40 + b"-1 3:1 2:1\n" + b"1 2:y\n" * 7, "line 81 is not"),
    ("d.libsvm.bz2", bz2.compress(b"1 2:3\n1,2 3:4\n"), "line 2 is not"),
    ("d.libsvm.bz2", b"no archive", "cannot be read: OSError"),
    ("d.svm", b"1 900000000:1\n0 1:1\n" * 400, "which it keeps without their zeros; dense it needs"),
    ("d.svm", b"1 99999999999999999999999:1\n", "line 1 is not"),
    ("d.svm", b"1\n0\n" * 10, "the file holds no examples, or none with a feature"),
    ("d.csv.gz", b"no archive", "cannot be read: BadGzipFile"),
    ("d.csv.gz", gzip.compress(COMMAS.encode())[:-9], "cannot be read: "),
    ("d.parquet", b"PAR1nothingPAR1", "cannot be read"),
    ("d.xlsx", b"PK", "must end in .csv, .tsv, .parquet, .npz, .svm or .libsvm; save the sheet as .csv"),
    ("d.npy", b"", "save x and y together with numpy.savez"),
    ("d.t", b"1 2:3\n", "if it is of LIBSVM's format, add .libsvm"),
    ("d.bz2", b"", "name it by what is in it, such as .libsvm.bz2"),
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


def test_parameters_of_other_kinds_of_files():
    np.savez("d.npz", x=X, y=Y)
    table().to_parquet("d.parquet")
    for text, words in (
        ("file(path=d.npz, target=y)", "target is for .csv, .tsv and .parquet; here the array y holds the targets"),
        ("file(path=d.npz, drop=y)", "drop is for .csv, .tsv and .parquet"),
        ("file(path=d.npz, sep=tab)", "sep is for .csv and .tsv"),
        ("file(path=d.parquet, encoding=utf-8)", "encoding is for .csv and .tsv"),
        ("file(path=d.npz, positive=3)", "unknown value of the target 'y' in data set d.npz: positive '3'"),
        ("file(path='')", "is no path"),
        ("./dd.npz", "did you mean 'd.npz'?"),
    ):
        assert words in refusal(text)


def test_several_values_where_two_are_wanted():
    NUMBERS.assign(kind=[("a", "b", "c")[i % 3] for i in ROWS]).to_csv("d.csv", index=False)
    with pytest.raises(OptbenchError) as told:
        CATALOGUE.problem("logistic(data=d.csv)")
    assert str(told.value).endswith(
        "has 3 classes, not 2 classes; the last column, 'kind', was taken as the target; name another: "
        "file(path='d.csv', target='NAME'), or --target NAME; positive='a' makes two of them: it against the rest"
    )


def test_what_unpacks_to_more_than_the_memory_is_not_unpacked(monkeypatch):
    with gzip.open("d.csv.gz", "wb") as file:
        file.write(COMMAS.encode() + b"0,0,0\n" * 500_000)
    monkeypatch.setattr(resources, "available_memory", lambda: 2 << 20)
    assert "what it unpacks to needs 2" in refusal("d.csv.gz")
    with open("d.csv", "wb") as file:
        file.write(COMMAS.encode() + b"0,0,0\n" * 100_000)
    assert "d.csv: its table needs 2.29 MiB of memory" in refusal("d.csv")


def loaded(texts, more=""):
    pd.DataFrame({"a": [texts[i % len(texts)] for i in ROWS], "b": [i * i % 7 for i in ROWS],
                  "y": [i % 2 for i in ROWS]}).to_csv("d.csv", index=False, sep=";")  # fmt: skip
    return datasets.load(f"file(path=d.csv, sep=';'{more})", True)


COMMA = ", decimal=','"
PLAIN = "write plain numbers, such as 1234,5"
LEFT_OUT = [
    (["999", "1.234", "12.500", "87"], COMMA, f"numbers written as '1.234', and is left out: {PLAIN}"),
    (["13%", "9 %", "-"], "", "numbers written as '13%', and is left out: write plain numbers"),
    (["1.500,00 €", "7.100,50 €"], COMMA, f"numbers written as '1.500,00 €', and is left out: {PLAIN}"),
    ([f"${i},000" for i in range(1, 24)] + ["call us"], "", "numbers written as '$1,000', and is left out"),
    (["1,5", "2,5", "-"], "", "numbers written as '1,5', and is left out: write plain numbers, such as 1234.5, or say "
     "file(path='d.csv', sep=';', decimal=',') if the comma is the decimal point"),
]  # fmt: skip


@pytest.mark.parametrize("texts", [["1,009.00", "87.50", "-12,500.00"], ["1,009", "87", "", "n/a"]])
def test_commas_between_thousands_are_read_and_said(texts):
    data = loaded(texts)
    assert "commas between thousands are read as such: a" in data.text and not data.warning and data.x.shape[1] == 2
    first, second = (data.preparation.apply(pd.DataFrame({"a": [one], "b": [1]})) for one in (texts[0], 1009.0))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("texts", [["0,125", "1,250"], ["1,009.00", "1,5"], ["1.009,00", "2.500,00"]])
def test_commas_that_may_be_decimal_are_not(texts):
    assert "'a' holds numbers written as" in loaded(texts).warning


@pytest.mark.parametrize(("texts", "more", "words"), LEFT_OUT, ids=range(len(LEFT_OUT)))
def test_columns_that_are_left_out_with_a_warning(texts, more, words):
    data = loaded(texts, more)
    assert data.warning.startswith(f"data set d.csv: 'a' holds {words}") and data.x.shape[1] == 1
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
    assert ("odd" in (each.name for each in data.preparation.features)) == (not why)
    MANY.to_csv("d.csv", index=False)
    assert "columns left out: word (120 different texts)" in datasets.load("d.csv").text


@pytest.mark.parametrize("more", ["", COMMA])
def test_words_among_numbers_are_missing_values(more):
    sign = "," if more else "."
    data = loaded([*(f"{i}{sign}5" for i in range(22)), "none known", "?"], more)
    assert data.warning == "data set d.csv: 'a' holds numbers, and 'none known': no number counts as missing"
    assert "the median of the training rows: a (2)" in data.text and data.x.shape[1] == 2


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
    assert "say file(path='d.csv', decimal=',') if" in datasets.load("d.csv", True).warning
    train = numbers[np.random.default_rng(0).permutation(24)[:14]]
    found = datasets.load("file(path='d.csv', decimal=',')", True).x[:, 0]
    np.testing.assert_allclose(found, (train - train.mean()) / train.std(), rtol=1e-12)
    pd.DataFrame({"a": ["1,5", "2,5"] * 12, "y": [0, 1] * 12, "b": numbers}).to_parquet("d.parquet")
    assert "write plain numbers, such as 1234.5" in (said := datasets.load("d.parquet").warning) and "say" not in said
