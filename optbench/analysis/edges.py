"""Choices at the edge of what was searched, where a better value may lie outside, and how to search wider."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from optbench.analysis.columns import hyperparameter_columns
from optbench.contract.limits import bounds, inside, limits_by_name
from optbench.contract.search import RATE, Range, parse_range

COLUMNS = ("problem", "optimizer", "parameter", "side", "value", "lowest", "highest", "tried", "wider", "range")
# Share of a range: a choice so near to an end of it may have wanted to lie beyond; 20 trials put one there
EDGE = 0.05
ROUND = 1e-3
"""By which share a value may be rounded to fewer digits: those that were tried have four."""
_POSITIVE, _COUNT = "(0, inf)", "[1, inf)"
"""Where values may lie of which nobody says it, whole numbers in the latter."""


def edges(
    runs: pd.DataFrame,
    best: pd.DataFrame,
    searched: Mapping[str, Mapping[str, str]] | None = None,
    limits_of: Callable[[str], Mapping[str, str] | None] = lambda optimizer: None,
) -> pd.DataFrame:
    """One row a choice that lies at an end of the values its problem and optimizer were given.

    runs: the `runs` table; best: a table from `best_configurations` by problem and optimizer; searched: of a sweep with
    trials the ranges that each optimizer's were drawn from, by parameter, as `provenance` has them. Of such a range the
    outer twentieths are its ends. limits_of: the intervals in which an optimizer's hyperparameters may lie, by name;
    None where nobody knows them.

    Looked at are the rate, every hyperparameter and the batch size, where more than one value was tried. A batch of
    all data, or of one example, a hyperparameter at zero or at a limit have nothing beyond them. parameter: the column;
    side: "low" or "high"; lowest, highest, tried: what there was; wider: the next value that way, at the ratio of the
    two at that end (of what lacks to one, for a beta), NaN where trials were drawn; range: the wider range of those.
    That of the rate holds what all optimizers searched, for a sweep has one.
    """
    rows = []
    names = [RATE, *hyperparameter_columns(runs), "batch_size"]
    tried = {
        key: {name: np.unique(part[name].dropna().to_numpy(dtype=float)) for name in names}
        for key, part in runs[runs["optimizer"].isin(best["optimizer"])].groupby(["problem", "optimizer"], sort=False)
    }
    for row in best.to_dict("records"):
        ranges = (searched or {}).get(row["optimizer"], {})
        for name, values in tried[row["problem"], row["optimizer"]].items():
            value = float(row[name])
            drawn = _continuous(ranges.get(name))
            if len(values) < 2 or drawn is None and (name in ranges or value not in (values[0], values[-1])):
                continue
            if drawn is not None and EDGE <= drawn.share(value) <= 1 - EDGE:
                continue
            side = "high" if (value > np.median(values) if drawn is not None else value == values[-1]) else "low"
            if name == "batch_size" and (row["full_batch"] if side == "high" else value == 1) or value == 0:
                continue
            limit = _POSITIVE if name in (RATE, "batch_size") else _limit(name, limits_of(row["optimizer"]), values)
            wider = (
                _wider(name, values if side == "high" else values[::-1], limit)
                if drawn is None
                else _wider_range(drawn, side, limit)
            )
            if wider is None:
                continue
            rows.append(
                {
                    "problem": row["problem"], "optimizer": row["optimizer"], "parameter": name, "side": side,
                    "value": value, "lowest": values[0], "highest": values[-1], "tried": len(values),
                    "wider": np.nan if isinstance(wider, Range) else wider,
                    "range": wider.text if isinstance(wider, Range) else "",
                }
            )  # fmt: skip
    return _with_one_rate(pd.DataFrame(rows, columns=list(COLUMNS)), searched or {})


def _continuous(text: str | None) -> Range | None:
    """The range that a text names; None for a choice, which has no ends."""
    made = parse_range(text)
    return made if made is not None and made.kind != "choice" else None


def _limit(name: str, limits: Mapping[str, str] | None, values: np.ndarray) -> str:
    """The interval of a hyperparameter; where nobody says it, what its name or its values let expect."""
    if limits is not None:
        return limits.get(name, "(-inf, inf)")
    whole = _COUNT if _are_whole(values) else _POSITIVE if values[0] > 0 else "(-inf, inf)"
    return limits_by_name([name]).get(name, whole)


def _are_whole(values: np.ndarray) -> bool:
    return bool((values == np.round(values)).all())


def _wider_range(made: Range, side: str, limit: str) -> Range | None:
    """The range with a decade more at that side, or as much again where it is spread evenly; None at its limit."""
    low, high = (float(value) for value in made.values)
    if made.kind == "one_minus_log_uniform":
        low, high = (float(f"{low / 10:.6g}"), high) if side == "high" else (low, min(float(f"{10 * high:.6g}"), 1.0))
    elif side == "high":
        high = _within(2 * high - low if made.kind == "uniform" else 10 * high, high, limit)
    else:
        low = _within(2 * low - high if made.kind == "uniform" else low / 10, low, limit)
    wider = Range(made.kind, (low, high))
    end = float(wider.ends[side == "high"])
    return wider if end != made.ends[side == "high"] and inside(end, limit) else None


def _within(end: float, before: float, limit: str) -> float:
    """The end, or where that is beyond the limit, the limit itself; half of the way to it, where it is left out."""
    bound = bounds(limit)[end > before]
    if not inside(end, limit):
        end = bound if inside(bound, limit) else (before + bound) / 2
    return float(f"{end:.6g}")


def _wider(name: str, values: np.ndarray, limit: str) -> float | None:
    """The next value beyond the last one; None where the limit leaves none. Whole numbers stay whole where they can."""
    before, last = float(values[-2]), float(values[-1])
    if name == "batch_size":
        return float(max(1, round(last / 2)) if last < before else 2 * last)
    if re.match(r"(beta|b\d$|momentum$)", name) and last < 1 and before < 1:
        beta = max(0.0, float(f"{1 - _rounded((1 - last) ** 2 / (1 - before)):.12g}"))
        return beta if beta < 1 and inside(beta, limit) else None
    further = 2 * last - before if before <= 0 or last <= 0 else last**2 / before
    candidates = [float(round(further))] * _are_whole(values) + [_rounded(further)]
    beyond = [value for value in candidates if (value - last) * (last - before) > 0 and inside(value, limit)]
    return beyond[0] if beyond else None


def _rounded(value: float) -> float:
    """The value with as few digits as are next to it: 100, not 99.98, of rates that have four digits."""
    shorter = (float(f"{value:.{digits}g}") for digits in range(1, 7))
    return next((each for each in shorter if abs(each - value) <= ROUND * abs(value)), value)


def _with_one_rate(table: pd.DataFrame, searched: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """The rows, the rate's ranges of each side widened to hold each other, and all that an optimizer searched.

    The option for the rate holds for all optimizers, and must take nothing from any of them.
    """
    drawn = (table["parameter"] == RATE) & (table["range"] != "")
    before = [parse_range(ranges[RATE]) for ranges in searched.values() if RATE in ranges]
    for side in table.loc[drawn, "side"].unique():
        rows = drawn & (table["side"] == side)
        every = [each for each in (*before, *map(parse_range, table.loc[rows, "range"].unique())) if each is not None]
        ends = [float(end) for each in every for end in each.ends]
        kind = "uniform" if {each.kind for each in every} == {"uniform"} else "log_uniform"
        table.loc[rows, "range"] = Range(kind, (min(ends), max(ends))).text
    return table
