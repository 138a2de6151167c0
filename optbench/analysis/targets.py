"""The fastest learning rate to a target, the ratio of two expected running times, and its text."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optbench.analysis.statistics import RESAMPLES, Interval, ert


def fastest_rate(table: pd.DataFrame, clock: str = "samples") -> float:
    """Return the rate with the lowest expected running time; on ties, or if none reaches the target, the smallest."""
    each = {rate: ert(part[clock], part["reached"]) for rate, part in table.groupby("lr")}
    return min(each, key=lambda rate: (each[rate], rate))


def speedup(slow: pd.DataFrame, fast: pd.DataFrame, clock: str, seed: int = 0) -> Interval:
    """Return the expected running time of `slow` over that of `fast`, with its bootstrap interval over paired seeds.

    inf where `slow` never reaches the target, 0 where `fast` never does, and 1 where neither does.
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
    """Return an effect and its interval as a text, to two digits: "12 [8.1, 15]"."""
    return "{} [{}, {}]".format(*(two_digits(value) for value in interval))


def two_digits(value: float) -> str:
    """Return a number as a text with two digits: 1,234 as "1,200"; 0.0123 as "0.012"; inf as "infinite"."""
    if not np.isfinite(value) or value == 0:
        return "infinite" if value else "0"
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 10 else f"{rounded:.2g}"
