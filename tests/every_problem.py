"""Every problem by its text, points to try it at, and closeness of vectors: what the tests of problems share."""

import zlib

import numpy as np
import pytest
from harness import CATALOGUE, PROBLEMS, problem_of
from problem_cases import SETTINGS
from quick import some_quick

from optbench.engine.batches import start_point

TEXTS = PROBLEMS + [text for text in SETTINGS if text.split("(")[0] in {*PROBLEMS, *CATALOGUE.problem_wrappers}]


def texts(wanted):
    """Return the texts whose problem is ``wanted``; one that cannot be built is kept, and fails in its tests."""
    chosen = []
    for text in TEXTS:
        try:
            keep = wanted(problem_of(text))
        except Exception:
            keep = True
        chosen += [text] if keep else []
    return pytest.mark.parametrize("text", some_quick(chosen))


EVERY_PROBLEM = pytest.mark.parametrize("text", some_quick(TEXTS))
WITH_DATA = texts(lambda problem: problem.data is not None)
WITH_EVALUATE = texts(lambda problem: problem.evaluate is not None or problem.metrics)
WITH_CURVATURE = texts(lambda problem: problem.curvature is not None)
ROWS = np.r_[5:42]  # an example is no neighbour of a multiple of anything


def seeded(text):
    return np.random.default_rng(zlib.crc32(text.encode()))


CHAOTIC = {"rnn_add": 0.1, "rnn_xor": 0.1}
"""Problems in which weights farther than that from the start double a rounding at each place of a sequence."""


def somewhere(problem, text, runs):
    """Points about a start and at a distance, (runs, dim)."""
    rng = seeded(text)
    reach = CHAOTIC.get(text, 1)
    distances = reach * np.geomspace(0.1, 1, runs)[:, None]
    return start_point(problem, 7) + distances * rng.standard_normal((runs, problem.dim))


def assert_close(made, expected, relative):
    """Vectors (runs, dim), against the largest entry of each."""
    scale = np.abs(expected).max(axis=-1, keepdims=True)
    assert (np.abs(made - expected) <= relative * scale).all(), np.max(np.abs(made - expected) / scale)
