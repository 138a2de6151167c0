"""Networks of PyTorch that a user's file defines, as problems on any table."""

import inspect
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from optbench import datasets
from optbench.catalogue.library_optimizers import library_files
from optbench.contract.errors import PluginError
from optbench.contract.problems import Family, Problem

_SIZES = ("inputs", "outputs")
"""Arguments that are given the number of features, and of classes or 1."""
_LOSSES = {"auto": None, "cross_entropy": True, "mse": False}
"""The losses, and the targets that they take."""
_SAID = (bool, int, float, str, tuple, type(None))
"""What a spec can say."""
_OPEN = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def make_network_families(module: ModuleType) -> Iterator[Family]:
    """Yield a problem for each network that a user's file defines.

    That is a subclass of ``torch.nn.Module``, or a function of ``inputs`` and ``outputs``, that needs no other
    arguments, unless its name begins with an underscore. Those with defaults are parameters of the problem.
    """
    library: Any = sys.modules.get("torch.nn")
    for name, make in list(vars(module).items()) if library else []:
        is_class = isinstance(make, type) and issubclass(make, library.Module)
        if not (is_class or inspect.isfunction(make)) or make.__module__ != module.__name__ or name[0] == "_":
            continue
        arguments = {key: each for key, each in inspect.signature(make).parameters.items() if each.kind not in _OPEN}
        sizes = [key for key in _SIZES if key in arguments]
        defaults = {key: each.default for key, each in arguments.items() if key not in sizes}
        if inspect.Parameter.empty in defaults.values() or not (is_class or len(sizes) == len(_SIZES)):
            continue
        chosen = {key: default for key, default in defaults.items() if isinstance(default, _SAID)}
        doc = inspect.cleandoc(make.__doc__ or "A network of PyTorch.")
        try:
            yield Family(
                name, partial(_build, name, make, sizes), {**chosen, "data": "digits", "loss": "auto"},
                f"{name} in {Path(str(module.__file__)).name}", doc, tuple(library_files("torch")),
                {"loss": tuple(_LOSSES)},
            )  # fmt: skip
        except PluginError:  # a default beyond the limits that its name has in all problems
            continue


def _build(name: str, make: Callable, sizes: list[str], /, data: str, loss: str, **given: Any) -> Problem:
    """Return the problem of a network on a data set; sizes: which of `_SIZES` it takes. Raises OptbenchError."""
    from optbench.kit.torch_problems import network_on  # for most files, which have none, it would be read in vain

    table = datasets.load_for(name, data, _LOSSES[loss])
    known = dict(zip(_SIZES, (table.x.shape[1], table.classes or 1), strict=True))
    return network_on(f"problem {name}", partial(make, **{key: known[key] for key in sizes}, **given), table)
