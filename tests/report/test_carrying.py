"""The code on the cards: for the setting that is named, as far as what it names is still there."""

import math
from types import SimpleNamespace

import pandas as pd
import pytest
from synthetic import make_tables, write_folder

import optbench
from optbench.figures.evidence import Evidence
from optbench.report.cards import cards
from optbench.report.carrying import Carrier
from optbench.sweeps.results import load

ROW = {"problem": "p", "optimizer": "momentum", "schedule": "cosine(final=0.0)", "lr": 0.1, "batch_size": 32,
       "full_batch": False, "beta1": 0.8, "eps": math.nan}  # fmt: skip
OWN = "from optbench import optimizer\n\n\n@optimizer(source='mine')\ndef mine(w, g, lr):\n    return w - lr * g\n"


def carrier(directory, plugins=None):
    runs = pd.DataFrame({"problem": "p", "optimizer": ["momentum", "mine", "lbfgs"], "batch_size": 32, "epochs": 2.5})
    return Carrier(SimpleNamespace(runs=runs, directory=directory, provenance={"plugins": plugins or {}}))


def codes(directory, plugins=None, **changes):
    return carrier(directory, plugins).codes(ROW | changes, ["beta1", "eps"])


def test_the_code_is_that_of_the_function_for_the_epochs_of_the_runs(tmp_path):
    parts = codes(tmp_path)
    assert [(part["name"], part["equal"]) for part in parts] == [("PyTorch", True), ("optax", True), ("Keras", False)]
    for part, library in zip(parts, ("torch", "optax", "keras"), strict=True):
        given = {"lr": 0.1, "schedule": "cosine", "batch_size": 32, "epochs": 3, "beta1": 0.8}
        (head, _, code), expected = (
            part["code"].partition("\nimport"),
            optbench.training_code("momentum", library, **given),
        )
        assert code == expected.partition("\nimport")[2]
        assert "The sweep ran 2.5 epochs; a schedule is stretched here to whole ones." in head.replace("\n# ", " ")
    assert "batch_size=len(data)" in codes(tmp_path, full_batch=True)[0]["code"]


@pytest.mark.parametrize("changes", [{"optimizer": "gone"}, {"schedule": "gone"}, {"optimizer": "clip(gone)"}])
def test_what_is_not_there_any_more_is_left_out(tmp_path, changes):
    assert codes(tmp_path, **changes) == []


def test_a_method_of_scipy_has_no_rate(tmp_path):
    parts = codes(tmp_path, optimizer="lbfgs", lr=math.nan, schedule="constant", beta1=math.nan)
    assert len(parts) == 3 and all('method="L-BFGS-B"' in part["code"].replace("'", '"') for part in parts)


def test_a_plug_in_is_read_again_only_as_it_was(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(OWN, encoding="utf-8")
    (tmp_path / "spec.toml").write_text(
        'problems = ["rosenbrock"]\noptimizers = ["mine"]\nbatch_sizes = [16]\nlearning_rates = [0.1]\nseeds = 2\n'
        'steps = 3\nschedules = ["constant"]\nplugins = ["mine.py"]\n',
        encoding="utf-8",
    )
    mine = {"optimizer": "mine", "beta1": math.nan}
    assert codes(tmp_path, **mine) == []  # nobody knows what it was
    assert carrier(tmp_path).gone([]) == "no code, for mine.py is not as in the sweep"
    known = {"optimizer mine": optbench.optimizers(plugin=file)["mine"].origins[0].sha256}
    assert f"plugin={str(file)!r}" in codes(tmp_path, known, **mine)[0]["code"]
    assert carrier(tmp_path, known).gone([]) == ""
    file.write_text(OWN.replace("w - lr", "w + lr"), encoding="utf-8")
    assert codes(tmp_path, known, **mine) == []
    assert "mine.py is not as in the sweep" in carrier(tmp_path, known).gone([])
    file.unlink()
    assert "mine.py is not as in the sweep" in carrier(tmp_path, known).gone([])
    assert not carrier(tmp_path, known).gone([{"code": "any"}])


def test_whatever_goes_wrong_costs_a_fold_and_no_page(tmp_path, monkeypatch):
    def broken(*_):
        raise AttributeError("nobody thought of it")

    monkeypatch.setattr("optbench.report.carrying.written", broken)
    assert codes(tmp_path) == []


def test_every_card_has_code_for_each_of_its_settings(tmp_path):
    tables = make_tables(problems=["rosenbrock", "breast_cancer"], batch_sizes=(16,), rates=(0.01, 0.1), points=8)
    evidence = Evidence(load(write_folder(tmp_path, tables)))
    cards_ = cards(evidence, {"rosenbrock": "a", "breast_cancer": "b"})
    assert len(cards_) == 2 and all(card["settings"] for card in cards_)
    for each in (each for card in cards_ for each in card["settings"]):
        assert [part["name"] for part in each["codes"]] == ["PyTorch", "optax", "Keras"]
        for part in each["codes"]:
            assert each["name"].partition("(")[0] in part["code"] and "batches of 16" in part["code"]
