"""``optbench predict``: from a results folder and from a saved model, as CSV."""

from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import optbench


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a table, a sweep on it, and rows without a target."""
    folder, rng = tmp_path_factory.mktemp("predict"), np.random.default_rng(0)
    size, city = rng.normal(5, 2, 100).round(1), rng.choice(["Oslo", "Rome"], 100)
    table = pd.DataFrame({"size": size, "city": city, "kind": np.where(size > 5, "large", "small")})
    table.to_csv(folder / "mine.csv", sep=";", decimal=",", index=False)
    table.head(7).drop(columns="kind").to_csv(folder / "new.csv", sep=";", decimal=",", index=False)
    name = f"logistic(data='{folder}/mine.csv')"
    how = {"learning_rates": [0.1], "batch_sizes": [16], "schedules": ["constant"], "epochs": 20, "seeds": 3}
    optbench.sweep(problems=[name, "least_squares"], optimizers=["adam_torch"], out=folder / "out", **how)
    (folder / "other.csv").write_text("a\n1\n", encoding="utf-8")
    (folder / "broken.parquet").write_text("no table", encoding="utf-8")
    return folder


def test_a_folders_best_setting_and_its_saved_model_predict_alike(run, folder):
    code, out, err = run("predict", folder / "out", folder / "new.csv", "--problem", "logistic", "--save", "kept.json")
    assert code == 0 and err.strip() == "wrote kept.json"
    made = pd.read_csv(StringIO(out.replace(" ", "\n")))
    assert made["row"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert list(made)[1:] == ["prediction", "probability_large", "probability_small"] and len(made) == 7
    rows = pd.read_csv(folder / "mine.csv", sep=";", decimal=",").head(7)
    assert (made["prediction"] == np.where(made["probability_large"] > 0.5, "large", "small")).all()
    assert (made["prediction"] == rows["kind"]).mean() > 0.7
    code, again, err = run("predict", "kept.json", folder / "new.csv")
    assert (code, again, err) == (0, out, "")
    code, out, err = run("predict", "kept.json", folder / "new.csv", "--out", "made.csv")
    assert (
        code == 0
        and not out
        and "wrote made.csv" in err
        and Path("made.csv").read_text(encoding="utf-8").split() == again.split()
    )


def test_an_id_stands_beside_its_prediction(run, folder):
    run("predict", folder / "out", folder / "new.csv", "--problem", "logistic", "--save", "kept.json")
    (folder / "ids.csv").write_text("city;class;id;size\nRome;b;C9;4,5\nRome;b;C7;1,5\n", encoding="utf-8")
    code, out, _ = run("predict", "kept.json", folder / "ids.csv")
    made = pd.read_csv(StringIO(out.replace(" ", "\n")))
    assert code == 0 and list(made)[:2] == ["id", "prediction"] and made["id"].tolist() == ["C9", "C7"]


def test_a_text_that_is_new_or_no_number_is_a_warning(run, folder):
    run("predict", folder / "out", folder / "new.csv", "--problem", "logistic", "--save", "kept.json")
    (folder / "bonn.csv").write_text("city;size\nBonn;4,5\nRome;four\n", encoding="utf-8")
    code, out, err = run("predict", "kept.json", folder / "bonn.csv")
    assert code == 0 and len(out.split()) == 3 and err.count("warning") == 2
    assert "optbench: warning: column 'city': 'Bonn' in no training row" in err
    assert "optbench: warning: column 'size' holds 'four', which is no number: it counts as missing" in err


@pytest.mark.parametrize("arguments, words", [
    (["{0}/out", "{0}/new.csv"], "best: name one of the problems: 'logistic', 'least_squares'"),
    (["{0}/out", "{0}/new.csv", "--problem", "mlp"], "unknown problem 'mlp'"),
    (["{0}/new.csv", "{0}/new.csv"], "no model that optbench saved: it is not JSON"),
    (["kept.json", "{0}/new.csv"], "no such file; results.best().save(PATH) writes one"),
    (["{0}/out", "{0}/old.csv", "--problem", "logistic"], "no such file"),
    (["{0}/out", "{0}/old.csv", "--problem", "logistic", "--out", "{0}/other.csv"], "no such file"),
    (["{0}/out", "{0}/broken.parquet", "--problem", "logistic"], "broken.parquet: cannot be read: ArrowInvalid"),
    (["{0}/out", "{0}/new.csv", "--problem", "least_squares"], "new.csv: the rows to prepare have no column 'x0'"),
    (["{0}/out", "{0}/other.csv", "--problem", "least_squares"], "no column 'x0'"),
    (["kept.json", "{0}/new.csv", "--save", "again.json"], "--save is for a results folder"),
    (["{0}/out", "{0}/new.csv", "--out", "made.xls"], "--out must end in .csv"),
])  # fmt: skip
def test_mistakes_are_a_line(run, folder, arguments, words):
    code, out, err = run("predict", *[each.format(folder) for each in arguments])
    assert code == 2 and not out and words in " ".join(err.split())


def test_the_rows_are_not_overwritten(run, folder):
    before = (folder / "other.csv").read_bytes()
    code, _, err = run("predict", folder / "out", folder / "other.csv", "--out", folder / "other.csv")
    assert code == 2 and "would be lost" in err and (folder / "other.csv").read_bytes() == before
