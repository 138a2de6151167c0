"""Words of the field lead to names that there are, and everything that PyTorch and Keras have leads somewhere."""

import json
import sys
from contextlib import suppress

import pytest

from optbench.catalogue.aliases import LEADS, NONE, resolve_alias
from optbench.catalogue.description import list_all_names, list_facts, look_up
from optbench.cli import app

TORCH = [
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "ASGD",
    "LBFGS",
    "Muon",
    "NAdam",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SGD",
    "SparseAdam",
    "LambdaLR",
    "MultiplicativeLR",
    "StepLR",
    "MultiStepLR",
    "ConstantLR",
    "LinearLR",
    "ExponentialLR",
    "SequentialLR",
    "CosineAnnealingLR",
    "ChainedScheduler",
    "ReduceLROnPlateau",
    "CyclicLR",
    "CosineAnnealingWarmRestarts",
    "OneCycleLR",
    "PolynomialLR",
]
KERAS = [
    "SGD",
    "RMSprop",
    "Adam",
    "AdamW",
    "Adadelta",
    "Adagrad",
    "Adamax",
    "Adafactor",
    "Nadam",
    "Ftrl",
    "Lion",
    "Lamb",
    "Muon",
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
]


def leads_somewhere(catalogue, word):
    known = list_all_names(catalogue)
    return bool(resolve_alias(word, known)) or word.lower() in NONE


def test_every_word_leads_to_names_that_there_are(catalogue):
    for word, leads in LEADS.items():
        assert leads and resolve_alias(word.replace(")", "=1)"), list_all_names(catalogue)) == leads, word
        for name in leads:
            assert list_facts(catalogue, name)
    assert not LEADS.keys() & NONE.keys()
    for word, (kind, reason) in NONE.items():
        assert kind in ("optimizer", "schedule") and reason
        assert word == "plateau" or not resolve_alias(word, list_all_names(catalogue))


def test_what_pytorch_and_keras_have_leads_somewhere(catalogue):
    assert [word for word in {*TORCH, *KERAS} if not leads_somewhere(catalogue, word)] == []


@pytest.mark.torch
@pytest.mark.slow
def test_these_are_all_that_this_pytorch_has(catalogue):
    import torch

    ours = {name for name in torch.optim.__all__ if name[0].isupper() and name != "Optimizer"}
    ours |= {name for name in torch.optim.lr_scheduler.__all__ if name[0].isupper() and name != "LRScheduler"}
    assert not {word for word in ours if not leads_somewhere(catalogue, word)}
    assert set(TORCH) <= ours


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("sgd", ["gd", "heavy_ball"]),
        ("SGD(momentum=0.9)", ["heavy_ball"]),
        ("SGD(momentum=0.9, nesterov=True)", ["nesterov"]),
        ("Adam(amsgrad=True)", ["amsgrad"]),
        ("RMSprop", ["rmsprop", "rmsprop_torch"]),
        ("Heavy Ball", ["heavy_ball"]),
        ("polyak", ["heavy_ball", "momentum", "average"]),
        ("warmup_cosine", ["warmup(cosine)", "cosine"]),
        ("L-BFGS", ["lbfgs"]),
        ("rprop", ["rprop"]),
        ("Adam(beta1=0.8)", ["adam(beta1=0.8)", "adam_torch(beta1=0.8)"]),
    ],
)
def test_show_leads_from_a_word_to_names(catalogue, text, names):
    records, told = look_up(catalogue, text)
    around = [record["around"]["name"] for record in records if record.get("around")]
    assert [record["name"] for record in records] + around == names
    assert bool(told) == (text != "rprop")
    assert ("without the parameters" in told) == ("(" in text and "beta1" not in text)


def test_the_sentence_stands_on_standard_error_so_that_json_stays_json(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["optbench", "show", "sgd", "--json"])
    with suppress(SystemExit):
        app.main()
    out, err = capsys.readouterr()
    assert [record["name"] for record in json.loads(out)] == ["gd", "heavy_ball"]
    assert " ".join(err.split()) == "sgd: gd (PyTorch's SGD), or heavy_ball (PyTorch's SGD with momentum, here beta1)"
