"""A model in a file: it predicts as before, and a forged file is refused in a line."""

import json

import numpy as np
import pytest

import optbench
from optbench import OptbenchError
from optbench.contract.architecture import Architecture
from optbench.datasets.preparation import Feature, Preparation
from optbench.sweeps.models import Model

FEATURES = (Feature("age", fill=3.0, mean=2.0, scale=0.5), Feature("city", levels=("Lima", "Oslo", "Rome")))


def make(classes=("no", "yes", "perhaps"), loss="cross_entropy"):
    """A network of two layers on four columns."""
    outputs = len(classes) if loss == "cross_entropy" else 1
    layers = ((0, 4, 3, "tanh"), (0, 3, outputs, "linear"))
    made = Architecture(layers, loss)
    w = np.random.default_rng(0).normal(size=made.dim)
    return Model("mlp", made, Preparation(FEATURES, "left", classes, 1.0, 2.0), w, {"optimizer": "adam", "lr": 0.1})


ROWS = {"city": ["Rome", "Oslo", "Bonn"], "age": [1.0, None, 7.0], "more": [0, 0, 0]}


@pytest.mark.filterwarnings("ignore:column 'city'")
@pytest.mark.parametrize("classes, loss, kind", [
    (("no", "yes", "perhaps"), "cross_entropy", str), (("0", "2"), "log_loss", int), (("0.5", "2"), "log_loss", float),
    (("False", "True"), "squared_hinge", bool), ((), "mse", float),
])  # fmt: skip
def test_a_file_predicts_as_the_model_does(classes, loss, kind, tmp_path):
    import pandas as pd

    model, rows = make(classes, loss), pd.DataFrame(ROWS)
    model.save(tmp_path / "model.json")
    loaded = optbench.load_model(tmp_path / "model.json")
    made = loaded.predict(rows)
    assert made.tolist() == model.predict(rows).tolist() and isinstance(made.tolist()[0], kind)
    assert loaded.setting == model.setting and loaded.preparation == model.preparation
    if classes:
        np.testing.assert_array_equal(loaded.predict_proba(rows), model.predict_proba(rows))
        np.testing.assert_allclose(loaded.predict_proba(rows).sum(axis=1), 1)


def forge(change):
    """Return what a file holds after a change of its values."""

    def text(path):
        held = json.loads(path.read_text(encoding="utf-8"))
        change(held)
        return json.dumps(held)

    return text


@pytest.mark.parametrize("text", [
    lambda path: "", lambda path: "[" * 100_000, lambda path: "\x80\x04\x95", lambda path: "{}", lambda path: "null",
    lambda path: path.read_text(encoding="utf-8")[:-40],
    forge(lambda held: held.update(format="pickle")),
    forge(lambda held: held.update(version=2)),
    forge(lambda held: held.update(code="import os")),
    forge(lambda held: held["weights"].pop()),
    forge(lambda held: held.update(weights=[float("nan")] * len(held["weights"]))),
    forge(lambda held: held.update(weights=[10**400] * len(held["weights"]))),
    forge(lambda held: held["architecture"]["layers"][0].__setitem__(2, 10**30)),
    forge(lambda held: held["architecture"]["layers"][0].__setitem__(3, "__import__")),
    forge(lambda held: held["architecture"]["layers"].insert(0, [9, 4, 4, "linear"])),
    forge(lambda held: held["architecture"].update(loss="mse")),
    forge(lambda held: held["architecture"].update(layers=[])),
    forge(lambda held: held["preparation"]["classes"].pop()),
    forge(lambda held: held["preparation"]["features"].pop()),
    forge(lambda held: held["preparation"]["features"][0].update(scale=0.0)),
    forge(lambda held: held["preparation"].update(features="age")),
])  # fmt: skip
def test_a_forged_file_is_refused_in_a_line(text, tmp_path):
    path = tmp_path / "model.json"
    make().save(path)
    forged = text(path)
    path.write_text(forged, encoding="utf-8")
    with pytest.raises(OptbenchError, match="no model that optbench saved: ") as error:
        optbench.load_model(path)
    assert "\n" not in str(error.value) and len(str(error.value)) < 900


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(OptbenchError, match="no such file"):
        optbench.load_model(tmp_path / "model.json")
    (tmp_path / "model.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(OptbenchError, match="no model that optbench saved"):
        optbench.load_model(tmp_path / "model.json")
    with pytest.raises(OptbenchError, match="cannot write"):
        make().save(tmp_path / "no" / "model.json")
