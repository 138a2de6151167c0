"""Start points of a module by seed: its own weights, or those that PyTorch draws after ``torch.manual_seed(seed)``."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from optbench.contract.eager import RANDOM_NUMBERS
from optbench.contract.errors import OptbenchError


@contextmanager
def drawn_from(seed: int) -> Iterator[None]:
    """Seed PyTorch's random numbers for the block and restore their state afterwards; the state is the process's."""
    import torch

    with RANDOM_NUMBERS, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def starts(module: Any, make: Callable[[], Any] | None, weights_of: Callable[[Any], np.ndarray]) -> Callable:
    """Return ``start(rng)`` of a problem: the module's own weights for seed 0, newly drawn ones for other seeds.

    ``make``: the function that makes the module; None: its layers draw new weights (``reset_parameters``).
    ``weights_of``: reads the weights of a module, (dim,).
    """
    own = weights_of(module)
    original = None if make is not None else copy.deepcopy(module)

    def start(rng: np.random.Generator) -> np.ndarray:
        """Return the weights (dim,) for the seed of a generator."""
        seed = _seed_of(rng)
        if seed == 0:
            return own.copy()
        with drawn_from(seed):
            if make is not None:
                return weights_of(make())
            fresh = copy.deepcopy(original)
            _draw_anew(fresh)
            return weights_of(fresh)

    return start


def _seed_of(rng: np.random.Generator) -> int:
    """Return the seed of the run that a generator belongs to: the first entry of the generator's seed sequence."""
    key = getattr(rng.bit_generator.seed_seq, "entropy", 0)
    first = key[0] if isinstance(key, tuple | list) else key
    return int(first or 0) % 2**63


def _draw_anew(module: Any) -> None:
    """Let all layers draw new weights. Raises OptbenchError for a layer that cannot."""
    for part in module.modules():
        if not any(weights.requires_grad for weights in part.parameters(recurse=False)):
            continue
        reset = getattr(part, "reset_parameters", None) or getattr(part, "_reset_parameters", None)
        if reset is None:
            raise OptbenchError(
                f"{type(part).__name__} has no reset_parameters, by which seeds other than 0 start: give "
                "torch_problem a function that makes the module, or the module such a method"
            )
        reset()
