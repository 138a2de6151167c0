"""Checks of a method of SciPy."""

import warnings

import numpy as np

from optbench.checks.search import fits
from optbench.checks.verdict import Wrong
from optbench.contract.optimizers import Baseline


def _finds_the_minimum(record: Baseline):
    """finds the minimum of a small bowl, with options that SciPy knows"""
    from scipy.optimize import minimize

    axes = np.array([1.0, 10.0, 100.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = minimize(
            lambda w: (0.5 * w @ (axes * w), axes * w), np.ones(3), jac=True, method=record.method,
            options=record.options(record.hyperparameters, 200),
        )  # fmt: skip
    if not np.abs(found.x).max() < 1e-3:
        raise Wrong(f"ends at {found.x.tolist()}, not at 0: {found.message}")


def _searched(record: Baseline):
    """is tuned where its hyperparameters may lie"""
    fits(record)


FIRST = ()
CHECKS = (_finds_the_minimum, _searched)
