"""What both sides are walked on: problems, and sequences of gradients made to tell conventions apart."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from optbench.catalogue.loader import Catalogue
from optbench.checks.against.sides import Shapes
from optbench.engine.objective import Objective

STEPS = 200
"""Of every walk."""
# Examples: as in the default sweep
_BATCH = 64
GIVEN = "given gradients"
"""The kind of course whose gradients do not depend on the weights."""
_SIZES = {"small gradients": (-10, -6), "large gradients": (2, 6), "gradients of all sizes": (-12, 4)}
"""Of sequences made by hand: exponents between which sizes are spread."""


@dataclass(frozen=True)
class Course:
    """Where gradients come from: ``gradient(w, t)`` at step t, from 1; ``w`` counts for nothing in a given sequence."""

    name: str
    kind: str
    """"full batch", "mini-batches of 64" or "given gradients"."""
    shapes: Shapes
    start: np.ndarray
    gradient: Callable[[np.ndarray, int], np.ndarray]


PROBLEMS = (
    ("rosenbrock(dim=4)", None),
    ("quadratic(condition=1e4)", None),
    ("matrix_factorization(size=8)", None),
    ("logistic", _BATCH),
    ("mlp(hidden=(8,))", _BATCH),
)
"""Other dimensions, conditions and shapes of blocks: a vector, one matrix, matrices and vectors; with mini-batches."""


def rates(rate: float) -> np.ndarray:
    """The rate of each step: warm-up and then a half cosine, so that a rate inside a state is seen."""
    t = np.arange(STEPS)
    return rate * np.minimum((t + 1) / 10, 1) * (0.55 + 0.45 * np.cos(np.pi * t / STEPS))


def problem_courses(catalogue: Catalogue) -> Iterator[Course]:
    """The problems, in float64."""
    for text, batch in PROBLEMS:
        problem = catalogue.problem(text)
        cuts = range(0, problem.examples, batch) if batch else [0]
        parts = [Objective(problem, rows=slice(cut, cut + batch) if batch else None) for cut in cuts]

        def gradient(w: np.ndarray, t: int, parts: list[Objective] = parts) -> np.ndarray:
            return parts[(t - 1) % len(parts)](w)[1][0]

        kind = f"mini-batches of {batch}" if batch else "full batch"
        yield Course(problem.name, kind, problem.blocks, parts[0].start(), gradient)


def made_courses(shapes: Shapes = ((3, 2), (4,))) -> Iterator[Course]:
    """Sequences of gradients that are given to both sides whatever their weights."""
    dim = sum(map(prod, shapes))
    rng = np.random.default_rng(14)
    signs = rng.choice([-1.0, 1.0], (STEPS, dim))
    start = np.where(np.arange(dim) % 2, 0.0, 1.0)  # at 0 the least step is seen, elsewhere a decay
    made = {name: signs * 10.0 ** rng.uniform(*size, (STEPS, dim)) for name, size in _SIZES.items()}
    changes = np.where(np.arange(STEPS) % 3, 1.0, -1.0)[:, None] * (1 + rng.random((STEPS, dim)))
    rare = signs * (rng.random((STEPS, dim)) < 0.2)
    rare[:, 0] = 0.0
    for name, sequence in (made | {"changes of sign": changes, "zeros, some always": rare}).items():
        yield Course(name, GIVEN, shapes, start, lambda w, t, sequence=sequence: sequence[t - 1])
