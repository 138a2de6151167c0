"""Optimizers of other libraries by name, where the library is a stand-in or missing."""

import importlib
import sys
import types

import pytest

import optbench
from optbench.catalogue import library_optimizers, loader
from optbench.contract.search import RATES


@pytest.fixture
def torch(monkeypatch, tmp_path):
    """A module that is like PyTorch as far as names go: two optimizers, a base, a version in a file."""
    (tmp_path / "version.py").write_text("__version__ = '9.9'\n")
    (tmp_path / "like_torch.py").write_text(
        "class Optimizer:\n    def __init__(self, params, defaults): ...\n"
        "class Adam(Optimizer):\n    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), amsgrad=False): ...\n"
        "class AdamW(Adam): ...\n"
        "class SGD(Optimizer):\n    def __init__(self, params, lr=1e-3, momentum=0, dampening=0, weight_decay=0,\n"
        "                 nesterov=False): ...\n"
        "class RMSprop(Optimizer):\n    def __init__(self, params, lr=1e-2, alpha=0.99, eps=1e-8, momentum=0,\n"
        "                 centered=False): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("torch", "torch.version", "torch.optim", "like_torch"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    optim = importlib.import_module("like_torch")
    spec = importlib.util.spec_from_file_location("torch.version", tmp_path / "version.py")
    version = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(version)
    module = types.ModuleType("torch")
    module.__version__, module.optim, module.version = "9.9", optim, version
    for name, value in {"torch": module, "torch.optim": optim, "torch.version": version}.items():
        monkeypatch.setitem(sys.modules, name, value)
    return module


FILE = """
import torch

class Mine(torch.optim.Optimizer):
    def __init__(self, params, lr, beta=0.5):
        pass

class Needs(torch.optim.Optimizer):
    def __init__(self, params, lr, rank, deep=False):
        pass

class NoRate(torch.optim.Optimizer):
    def __init__(self, params, step=0.1):
        pass

class Stranger:
    pass
"""


@pytest.fixture
def mine(torch, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(FILE)
    return file


def refused(catalogue, text):
    with pytest.raises(optbench.OptbenchError) as error:
        catalogue.optimizer(text)
    return str(error.value)


def test_names_options_and_origins(torch):
    catalogue = loader.load()
    record, values = catalogue.optimizer("torch:AdamW(beta1=0.8)")
    assert record.name == "torch:AdamW" and values == {"beta1": 0.8, "beta2": 0.999}
    assert record.source == "like_torch.AdamW, PyTorch 9.9"
    assert [origin.key for origin in record.origins] == ["optimizer torch:AdamW", "library torch 9.9"]
    for same in ("torch:AdamW(amsgrad=False)", "torch:optim.AdamW", "torch.AdamW"):
        assert catalogue.optimizer(same)[0].name == "torch:AdamW"  # what is so anyway makes no other name
    assert catalogue.optimizer("torch:Adam(betas=(0.8, 0.9))")[1] == {"beta1": 0.8, "beta2": 0.9}
    assert catalogue.optimizer("torch:AdamW(amsgrad=True, beta1=0.5)")[0].name == "torch:AdamW(amsgrad=True)"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("torch:Adamw", "unknown optimizer of PyTorch 'Adamw': did you mean 'AdamW'?"),
        ("torch:Adam(betas=0.8)", "optimizer torch:Adam: for betas write beta1, beta2"),
        ("torch:Adam(beta=0.8)", "unknown parameter of optimizer torch:Adam 'beta': did you mean 'beta"),
        ("clip(torch:Adam)", "optimizer clip cannot go around torch:Adam, which is PyTorch's"),
        ("torch:NoRate(file=mine.py)", "optimizer torch:NoRate: it has no learning rate, an argument lr or learning_r"),
        ("torch:Needs(file=mine.py)", "optimizer torch:Needs: 'rank' has no default: give it a value"),
        ("torch:Stranger(file=mine.py)", "optimizer torch:Stranger: it is no subclass of torch.optim.Optimizer"),
        ("torch:Mien(file=mine.py)", "unknown optimizer of PyTorch in mine.py 'Mien': did you mean 'Mine'?"),
        ("torch:AdamW(file=mine.py)", "optimizer of PyTorch in mine.py 'AdamW': valid names: Mine, Needs, NoRate"),
        ("torch:Adam(adam)", "optimizer torch:Adam cannot go around adam: a class of PyTorch goes around another one"),
        ("torch:Mine(file=gone.py)", "no plug-in file 'gone.py'"),
    ],
)
def test_what_is_wrong_is_one_line(text, told, mine, monkeypatch):
    monkeypatch.chdir(mine.parent)
    assert told in refused(loader.load(), text)


def test_a_file_by_name_as_a_plugin_and_what_has_no_default(mine):
    for catalogue, more in ((loader.load(), f"file='{mine}', "), (loader.load((mine,)), "")):
        record, values = catalogue.optimizer(f"torch:Mine({more}beta=0.9)")
        assert (record.name, values) == (
            "torch:Mine",
            {"beta": 0.9},
        ) and record.source == "Mine in mine.py, PyTorch 9.9"
        assert record.origins[0].file == mine and record.origins[0].key == "optimizer torch:Mine"
        for text, name in (("rank=3", "torch:Needs(rank=3)"), ("rank=4, deep=True", "torch:Needs(rank=4, deep=True)")):
            record, values = catalogue.optimizer(f"torch:Needs({more}{text})")
            assert record.name == name and values == {"rank": float(text[5])}
            assert catalogue.optimizer(name)[0].name == name  # as workers and further sweeps ask for it
    assert set(loader.load((mine,)).eager) == {"torch:Mine"}


def test_a_file_that_breaks_is_told_with_its_last_line(torch, tmp_path):
    file = tmp_path / "broken.py"
    file.write_text("import torch\nraise ValueError('no luck')\n")
    assert "the plug-in broken.py does not load: ValueError: no luck" in refused(
        loader.load(), f"torch:X(file='{file}')"
    )
    assert "the plug-in broken.py does not load: ValueError: no luck" in refused(loader.load((file,)), "torch:X")


@pytest.mark.parametrize(
    ("text", "library", "extra"), [("torch:Adam", "torch", "torch"), ("optax:adam", "jax", "optax")]
)
def test_a_library_that_is_missing_is_told_with_its_extra(text, library, extra, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setitem(sys.modules, extra, None)
    told = refused(loader.load(), text)
    assert f"need the extra {extra!r}: pip install -e '.[{extra}]'" in told and "\n" not in told
    file = tmp_path / "mine.py"
    file.write_text(f"import {library}\n")
    name = f"{extra}:Mine(file='{file}')"
    assert refused(loader.load(), name).endswith(f"pip install -e '.[{extra}]'")
    assert library_optimizers.extra_of("numpy") is None


@pytest.mark.parametrize(
    ("text", "rule", "names"),
    [
        ("torch:SGD", "gd", {}),
        ("torch:SGD(momentum=0.9)", "heavy_ball", {"momentum": "beta1"}),
        ("torch:RMSprop", "rmsprop_torch", {"alpha": "beta2"}),
        ("torch:RMSprop(centered=True)", "rmsprop_centered", {"alpha": "beta2"}),
        ("torch:RMSprop(momentum=0.5)", "rmsprop_momentum", {"momentum": "beta1", "alpha": "beta2"}),
        ("torch:SGD(momentum=0.9, nesterov=True)", None, {}),  # whose rate is another one
        ("torch:SGD(weight_decay=0.1)", None, {}),
        ("torch:Mine(file=mine.py)", None, {}),
        ("torch:SGD(file=own.py)", None, {}),
    ],
)
def test_what_equals_a_rule_is_tuned_as_that_rule(text, rule, names, mine, monkeypatch):
    """By the same ranges, under the library's names, and in the same order: trials take their coordinates by it."""
    monkeypatch.chdir(mine.parent)
    (mine.parent / "own.py").write_text("import torch\n\nclass SGD(torch.optim.SGD):\n    pass\n")
    catalogue = loader.load()
    record, values = catalogue.optimizer(text)
    found, source = library_optimizers.find_search_space(record, values, catalogue.optimizers.values())
    known = dict.fromkeys(["lr"], RATES) if rule is None else catalogue.optimizers[rule].search
    expected = {"lr": known["lr"], **{mine: known[theirs] for mine, theirs in names.items()}}
    assert list(found.items()) == list(expected.items())
    assert source.startswith(f"as {rule}, which takes the same steps" if rule else "")


def test_a_space_that_is_stated_stays(torch):
    """It goes before that of the rule that the class equals."""
    stated = optbench.torch_optimizer(torch.optim.SGD, "torch:SGD", search={"lr": optbench.log_uniform(1, 2)})
    found, _ = library_optimizers.find_search_space(stated, {}, loader.load().optimizers.values())
    assert found == {"lr": optbench.log_uniform(1, 2)}


def test_a_name_of_the_users_that_is_no_optimizer_hides_none(torch, tmp_path):
    file = tmp_path / "names.py"
    file.write_text("import torch\n\nAdam = 0.3\n\ndef AdamW(w, g):\n    return w\n")
    catalogue = loader.load((file,))
    for name in ("Adam", "AdamW"):
        assert catalogue.optimizer(f"torch:{name}")[0].target is getattr(torch.optim, name)
    told = refused(catalogue, f"torch:Adam(file='{file}')")
    assert told == "optimizer torch:Adam: it is no subclass of torch.optim.Optimizer"


def test_a_file_that_is_named_goes_before_what_was_found_without_it(torch, tmp_path):
    file = tmp_path / "own.py"
    file.write_text("import torch\n\nclass Adam(torch.optim.Adam):\n    pass\n")
    catalogue = loader.load()
    assert catalogue.optimizer("torch:Adam")[0].target is torch.optim.Adam
    assert catalogue.optimizer(f"torch:Adam(file='{file}')")[0].source.startswith("Adam in own.py")


def test_to_list_one_of_optax_needs_no_optax(monkeypatch, tmp_path):
    for name in ("optax", "jax"):
        monkeypatch.setitem(sys.modules, name, None)
    file = tmp_path / "late.py"
    file.write_text(
        "import optbench\n\ndef plain(learning_rate):\n    import optax\n    return optax.sgd(learning_rate)\n\n"
        "mine = optbench.optax_optimizer(plain)\n"
    )
    catalogue = loader.load((file,))
    assert list(catalogue.eager) == ["optax:plain"]
    assert "need the extra 'optax': pip install -e '.[optax]'" in refused(catalogue, "optax:plain")


@pytest.mark.parametrize(("module", "file"), [("__main__", None), ("typed", None), ("typed", "<stdin>")])
def test_a_class_that_was_typed_in_has_no_file(torch, module, file, monkeypatch):
    home = types.ModuleType(module)
    home.torch = torch
    if file:
        home.__file__ = file
    monkeypatch.setitem(sys.modules, module, home)
    exec("class Typed(torch.optim.Optimizer):\n    def __init__(self, params, lr): ...\n", vars(home))
    record, _ = loader.load().optimizer(optbench.torch_optimizer(home.Typed))
    assert [origin.key for origin in record.origins] == ["library torch 9.9"]
