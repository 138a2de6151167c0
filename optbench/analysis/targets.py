"""Two ways to a target compared: the fastest rate, the factor between two expected running times, and its text."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optbench.analysis.statistics import RESAMPLES, Interval, ert


def fastest_rate(table: pd.DataFrame, clock: str = "samples") -> float:
    """The rate with the lowest expected running time; of several, or if none arrives, the smallest."""
    each = {rate: ert(part[clock], part["reached"]) for rate, part in table.groupby("lr")}
    return min(each, key=lambda rate: (each[rate], rate))


def speedup(slow: pd.DataFrame, fast: pd.DataFrame, clock: str, seed: int = 0) -> Interval:
    """Expected running time of `slow` over that of `fast`, with its bootstrap interval over seeds, which are paired.

    inf where `slow` never arrives, 0 where `fast` never does; where neither does there is nothing to tell: 1.
    """
    pair = [table.sort_values("seed") for table in (slow, fast)]
    if not np.array_equal(pair[0]["seed"], pair[1]["seed"]):
        raise ValueError("speedup: both tables need one run for each of the same seeds")
    count = len(pair[0])
    draws = np.random.default_rng(seed).integers(count, size=(RESAMPLES, count))
    draws = np.vstack([np.arange(count), draws])  # the first is what was measured
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = (t[clock].to_numpy()[draws].sum(1) / t["reached"].to_numpy()[draws].sum(1) for t in pair)
        ratio = np.where(np.isinf(a) & np.isinf(b), 1.0, a / b)
    low, high = np.quantile(ratio[1:], [0.025, 0.975], method="inverted_cdf")
    return float(ratio[0]), float(min(ratio[0], low)), float(max(ratio[0], high))


def interval_text(interval: Interval) -> str:
    """ "12 [8.1, 15]": an effect and its interval, to two digits."""
    return "{} [{}, {}]".format(*(two_digits(value) for value in interval))


def two_digits(value: float) -> str:
    """1,234 as 1,200; 0.0123 as 0.012; inf as "infinite"."""
    if not np.isfinite(value) or value == 0:
        return "infinite" if value else "0"
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 10 else f"{rounded:.2g}"
