"""Orders of optimizers that others have published, and how like them the atlas's order is on each kind of problem.

published.toml has the numbers with their sources; they are about networks of many millions of parameters.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import ndtri
from scipy.stats import permutation_test, rankdata

from optbench.atlas.kinds import order_by_kind

FEWEST = 5
"""Optimizers in common from which on a correlation has an interval."""


@dataclass(frozen=True)
class Published:
    """An order that others have published."""

    source: str
    citation: str
    url: str
    where: str
    """Where the numbers stand."""
    measured: str
    better: str
    """Which values are: "lower" or "higher"."""
    values: Mapping[str, float]
    """By optbench's names."""


def read() -> list[Published]:
    """Return the published orders."""
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    return [Published(**order) for order in tomllib.loads(text)["order"]]


def correlate(ranking: pd.DataFrame) -> pd.DataFrame:
    """Return how like published orders that of a sweep is: a row for each of them and kind of problem, and "all".

    ranking: `Results.ranking()`.

    Returns columns source, kind, names (optimizers in common), Spearman's rho, 1 for the same order, with its 95%
    interval, low to high, and p, that of a permutation test; these three are NaN for fewer than FEWEST optimizers.
    """
    orders, rows = order_by_kind(ranking), []
    for each in read():
        sign = 1 if each.better == "lower" else -1
        published = sign * pd.Series(each.values)
        for kind in orders:
            pairs = pd.concat([published, orders[kind]], axis=1, join="inner").dropna().to_numpy()
            rows.append({"source": each.source, "kind": kind, "names": len(pairs), **_correlate(*pairs.T)})
    return pd.DataFrame(rows)


def _correlate(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Return Spearman's rho of paired values, its interval and p.

    The interval is Fisher's z with the variance (1 + rho^2 / 2) / (n - 3), and takes a rho of 1 for half a step less.
    Of samples of 5, 6, 9 and 10 normal pairs with a correlation of 0, 0.3, 0.6 and 0.85 it holds that of the population
    in 95% to 99%; with the usual variance 1.06 / (n - 3) in 92% to 99%, and a bootstrap over names in 82% to 99%.

    Source: Bonett & Wright 2000, Psychometrika 65, 23-28.
    """
    n, nothing = len(x), {"rho": np.nan, "low": np.nan, "high": np.nan, "p": np.nan}
    x, y = (rankdata(each) - (n + 1) / 2 for each in (x, y))
    if n < 3 or not (x.any() and y.any()):
        return nothing
    rho = float(x @ y / np.sqrt((x @ x) * (y @ y)))
    if n < FEWEST:
        return nothing | {"rho": rho}
    most = 1 - 6 / (n * (n * n - 1))
    z = np.arctanh(np.clip(rho, -most, most))
    half = ndtri(0.975) * np.sqrt((1 + rho**2 / 2) / (n - 3))
    test = permutation_test(
        (x,), lambda x, axis: np.sum(x * y, axis=axis), permutation_type="pairings", vectorized=True, random_state=0
    )
    return {"rho": rho, "low": float(np.tanh(z - half)), "high": float(np.tanh(z + half)), "p": float(test.pvalue)}
