"""Result folders with altered tables: they are read, compared and drawn, or refused by one line that names the file."""

import json
from functools import cache

import numpy as np
import pandas as pd
import pytest
from fuzzing import ODD, cases, refusal
from hypothesis import example, given
from hypothesis import strategies as st
from synthetic import make_tables, write_folder

import optbench
from optbench.report import write_report

TABLES = ("runs", "curves", "timings", "problems", "landscapes", "paths")


@cache
def sound() -> dict:
    """Return the tables of a small sweep."""
    names, rules = ["rosenbrock", "breast_cancer"], ["gd", "adam"]
    tables = make_tables(names, rules, [16], ["constant"], (0.001, 0.1), range(4), (0, 1), points=5)
    names = tables["runs"][["run_id", "problem", "optimizer"]]
    flat = tables["curves"].dropna(subset=["w_1"]).merge(names, on="run_id")
    return {**tables, "paths": flat[[*names.columns, "step", "w_1", "w_2", "train_loss"]]}


def replace_all(value):
    """Return a change of a table: this value, or what a function makes of the column, in every row of the column."""
    return lambda table, column, rows: table.assign(**{column: value(table[column]) if callable(value) else value})


def replace_some(value):
    """Return a change of a table: this value in some rows of the column."""

    def alter(table, column, rows):
        values = table[column].astype(object)
        values[[row % max(len(table), 1) for row in rows][: len(table)]] = value
        return table.assign(**{column: values.infer_objects()})

    return alter


VALUES = {
    "None": None, "NaN": np.nan, "zeros": 0, "minus one": -1, "huge": 1e308, "inf": np.inf, "a text": "x", "": "",
    "truth": True, "tiny": 1e-320, "large": 2**62, "a long text": "x" * 3000, "odd text": "$x_[/b]\n<é\x00",
    "a date": pd.Timestamp(0), "bytes": b"x", "imaginary text": "1j", "texts": lambda values: values.astype(str),
    "numbers": lambda values: np.arange(len(values)) % 3, "a list": lambda values: [[1]] * len(values),
    "float32": lambda values: pd.to_numeric(values, errors="coerce").astype("float32"),
    "categories": lambda values: values.astype("category"),
}  # fmt: skip
SOME = {
    "NaN": np.nan,
    "inf": np.inf,
    "huge": 1e308,
    "low": -1e308,
    "zeros": 0,
    "other": "x",
    "halves": 0.5,
    "None": None,
}
ALTERATIONS = {
    **{name: replace_all(value) for name, value in VALUES.items()},
    **{f"some {name}": replace_some(value) for name, value in SOME.items()},
    "without a column": lambda table, column, rows: table.drop(columns=column),
    "another name": lambda table, column, rows: table.rename(columns={column: "x"}),
    "a name that is a metric's": lambda table, column, rows: table.rename(columns={column: "test_x"}),
    "no rows": lambda table, column, rows: table.iloc[:0],
    "one row": lambda table, column, rows: table.iloc[:1],
    "some rows": lambda table, column, rows: table.iloc[sorted({row % len(table) for row in rows})],
    "rows twice": lambda table, column, rows: pd.concat([table, table.iloc[: len(rows)]]),
    "mixed": lambda table, column, rows: table.sample(frac=1, random_state=0),
    "an index": lambda table, column, rows: table.set_index(column),
    "a foreign table": lambda table, column, rows: pd.DataFrame({"a": [1.0]}),
}
ROWS = st.lists(st.integers(0, 10**6), min_size=1, max_size=5)
CHANGE = st.tuples(st.sampled_from(TABLES), st.integers(0, 60), st.sampled_from(sorted(ALTERATIONS)), ROWS)
KEYS = ["tuning_seeds", "choose_by", "searched", "command", "optbench", "plugins", "budget", "x"]
PROVENANCE = st.one_of(st.none(), st.none(), st.dictionaries(st.sampled_from(KEYS), ODD))


def altered(folder, changes, provenance):
    """Return the folder with these changes; those that parquet cannot hold are none."""
    tables = dict(sound())
    for name, place, kind, rows in changes:
        table = tables[name]
        if not len(table.columns) or not len(table):
            continue
        try:
            tables[name] = ALTERATIONS[kind](table, table.columns[place % len(table.columns)], rows)
        except (ValueError, TypeError, OverflowError):
            continue
    folder.mkdir(exist_ok=True)
    for name in TABLES:
        try:
            tables[name].to_parquet(folder / f"{name}.parquet", index=tables[name].index.name is not None)
        except Exception:  # of whatever pyarrow says cannot be written
            sound()[name].to_parquet(folder / f"{name}.parquet", index=False)
    try:
        text = json.dumps(sound()["provenance"] | (provenance or {}), default=str)
        (folder / "provenance.json").write_text(text, encoding="utf-8")
    except (ValueError, TypeError):
        (folder / "provenance.json").write_text("[1]")
    return folder


def read_all(folder):
    results = optbench.load(folder)
    results.verdicts(), results.ranking("test_loss"), results.best_of_n(), results.costs()
    optbench.compare(results, pair=("gd", "adam"))
    optbench.compare(folder, folder, by="settings")


def read_some(folder):
    results = optbench.load(folder)
    results.curves, results.verdicts(), repr(results), results.foot


CHANGES = st.lists(CHANGE, min_size=1, max_size=2)


@pytest.mark.slow
@cases(25)
@given(CHANGES, PROVENANCE)
def test_reading(tmp_path_factory, changes, provenance):
    folder = altered(tmp_path_factory.mktemp("folder"), changes, provenance)
    refusal(lambda: read_some(folder))


@pytest.mark.slow
@pytest.mark.parametrize("use", [read_all, write_report])
@cases(6)
@example([("curves", 0, "", [0])], None)
@example([("curves", 6, "NaN", [0])], None)
@given(CHANGES, PROVENANCE)
def test_all_uses(tmp_path_factory, use, changes, provenance):
    folder = altered(tmp_path_factory.mktemp("folder"), changes, provenance)
    refusal(lambda: use(folder))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("curves", 0, "NaN", [0]), "curves.parquet'"),
        (
            ("curves", 1, "without a column", [0]),
            "curves.parquet' is no table of a sweep: the column 'step' is missing",
        ),
        (("runs", 6, "odd text", [0]), "runs.parquet' is no table of a sweep: the column 'eps' must hold numbers"),
        (("runs", 0, "a text", [0]), "runs.parquet' is no table of a sweep: the column 'run_id' has an id twice"),
        (("runs", 16, "a text", [0]), "the column 'status' has 'x', which is none of ok, diverged, deadline, failed"),
        (("landscapes", 1, "huge", [0]), "landscapes.parquet' is no table of a sweep: a grid point stands there twice"),
    ],
    ids=str,
)
def test_what_was_found(tmp_path, change, words):
    folder = altered(tmp_path / "folder", [change], None)
    assert words in refusal(lambda: write_report(folder)) and refusal(lambda: read_all(folder))


@pytest.mark.slow
def test_the_sound_folder_is_read_and_drawn(tmp_path):
    folder = write_folder(tmp_path / "sound", sound())
    read_all(folder)
    write_report(folder)
