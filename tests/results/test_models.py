"""A model that a user keeps in a file by pickle: it predicts as before."""

import pickle

import numpy as np
import pandas as pd
import pytest

from optbench.contract.architecture import Architecture
from optbench.datasets.preparation import Preparation, fit_transformer
from optbench.results.models import Model

TRAINED = pd.DataFrame({"age": [1.5, 2.5, 3.0, None], "city": ["Lima", "Oslo", "Rome", "Oslo"]})


def make(classes, loss):
    """A network of two layers on four columns."""
    outputs = len(classes) if loss == "cross_entropy" else 1
    layers = ((0, 4, 3, "tanh"), (0, 3, outputs, "linear"))
    made = Architecture(layers, loss)
    w = np.random.default_rng(0).normal(size=made.dim)
    transformer, levels = fit_transformer(TRAINED, "median")
    prepared = Preparation(transformer, ("age",), levels, "left", classes, 1.0, 2.0)
    return Model("mlp", made, prepared, w, {"optimizer": "adam", "lr": 0.1})


ROWS = {"city": ["Rome", "Oslo", "Bonn"], "age": [1.0, None, 7.0], "more": [0, 0, 0]}


@pytest.mark.filterwarnings("ignore:column 'city'")
@pytest.mark.parametrize(("classes", "loss", "kind"), [
    (("no", "yes", "perhaps"), "cross_entropy", str), (("0", "2"), "log_loss", int), (("0.5", "2"), "log_loss", float),
    (("False", "True"), "squared_hinge", bool), ((), "mse", float),
])  # fmt: skip
def test_a_pickled_model_predicts_as_it_did(classes, loss, kind):
    model, rows = make(classes, loss), pd.DataFrame(ROWS)
    loaded = pickle.loads(pickle.dumps(model))
    made = loaded.predict(rows)
    assert made.tolist() == model.predict(rows).tolist() and isinstance(made.tolist()[0], kind)
    assert loaded.setting == model.setting and loaded.classes == model.classes
    if classes:
        np.testing.assert_array_equal(loaded.predict_proba(rows), model.predict_proba(rows))
        np.testing.assert_allclose(loaded.predict_proba(rows).sum(axis=1), 1)
