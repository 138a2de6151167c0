"""Chosen values at an end of the searched ones, where a better value may lie beyond, and wider ranges to search.

Of a list or a grid, an end is its first or last value. Of values that were drawn at random one is always the highest,
so an end of a range counts where chance hardly explains it: the recommended value lies in the outermost OUTER of the
range, and so do more of the best draws than CHANCE allows. The best draws are the choices of all blocks, which draw
independently; without blocks, the best quarter of the trials. A parameter that does not matter puts each of them there
with the probability OUTER, so that their number is binomial; CHANCE is divided by the ends of all ranges that the
optimizer searches.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import bdtrc

from optbench.analysis.run_columns import hyperparameter_columns
from optbench.contract.limits import bounds, is_inside, limits_by_name
from optbench.contract.search import RATE, Range, parse_range

COLUMNS = (
    "problem",
    "optimizer",
    "block",
    "parameter",
    "side",
    "value",
    "lowest",
    "highest",
    "tried",
    "wider",
    "range",
)
# Share of a range: a screen goes on where its best lies so near to an end; 20 trials put one there, which costs runs
EDGE = 0.05
OUTER = 0.15
"""The share of a range, at either end, in which recommended values count as lying at that end."""
CHANCE = 0.05
"""The probability with which an optimizer that no range matters to is said to be at an end of one, by problem."""
LEAST, MOST = 1e-16, 1e16
"""The least and the largest number that is advised: of float64, less is nothing beside one."""
_STEP = 100.0
"""The largest ratio of the next value to the last one: wider steps are those of two values that were just tried."""
ROUND = 1e-3
"""The relative error that rounding a value to fewer digits makes at most: tried values have four digits."""
_ROUGH = 0.05
"""The same where a value is only advised: one or two digits are easier to read and to type."""
_POSITIVE, _COUNT = "(0, inf)", "[1, inf)"
"""The intervals of values for which no limits are stated: of reals, and of whole numbers."""


def find_edges(
    runs: pd.DataFrame,
    best: pd.DataFrame,
    searched: Mapping[str, Mapping[str, str]] | None = None,
    limits_of: Callable[[str], Mapping[str, str] | None] = lambda optimizer: None,
    draws: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return one row for each chosen value that lies at an end of the values tried for its problem and optimizer.

    runs: the `runs` table; best: chosen settings, a row each, with `full_batch`, and with `block` where a block of
    seeds drew its own: then the values that this block tried count. searched: for a sweep with trials, the ranges that
    each optimizer's trials were drawn from, by parameter, as in `provenance`. limits_of: returns the intervals in which
    an optimizer's hyperparameters may lie, by name; None where they are not known. draws: the best draws of each
    problem and optimizer (`protocol.select_best_draws`), by which chance is judged, as above; None, for a screen that
    goes on: the outer twentieths of a range count as its ends.

    The rate, every hyperparameter and the batch size are examined where more than one value was tried; of rates in a
    block, those that were tried with the same batch size and schedule. Nothing lies beyond a full batch, a batch of one
    example, or a hyperparameter at zero or at a limit. parameter: the column; side: "low" or "high"; lowest, highest,
    tried: the range and the number of the values tried; wider: the next value on that side, at the ratio of the last
    two (for a beta, the ratio of 1 - beta), or a tenth of a range beyond its end; NaN where there is none; range: the
    wider range to draw from, which holds all values that were tried. That of the rate includes the ranges of all
    optimizers, as a sweep has only one.
    """
    rows = []
    names = [RATE, *hyperparameter_columns(runs), "batch_size"]
    blocks = "block" in best and bool((best["block"] >= 0).any())
    keys = ["problem", "optimizer", *(["block"] if blocks else [])]
    if blocks:
        runs = runs[runs["stage"].isin(["screen", "widen"])]
    settings = runs[[*keys, "schedule", *names]].drop_duplicates()
    settings = settings[settings["optimizer"].isin(best["optimizer"])]
    values_of = {name: settings[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in names}
    schedule, places = settings["schedule"].to_numpy(dtype=object), settings.groupby(keys, sort=False).indices
    near = {} if draws is None else draws.groupby(["problem", "optimizer"]).indices
    for row in best.to_dict("records"):
        mine = None if draws is None else draws.iloc[near.get((row["problem"], row["optimizer"]), [])]
        ranges, place = (searched or {}).get(row["optimizer"], {}), places.get(tuple(row[key] for key in keys))
        for name in names if place is not None else ():
            drawn, tried = _parse_continuous(ranges.get(name)), values_of[name][place]
            if blocks and name == RATE and drawn is None:
                like = (values_of["batch_size"][place] == row["batch_size"]) & (schedule[place] == row["schedule"])
                tried = tried[like]
            values = np.unique(tried[~np.isnan(tried)])
            if len(values) > 1 and not (drawn is None and name in ranges):  # of a choice nothing lies beyond
                side = _find_side(float(row[name]), values, drawn, EDGE if mine is None else OUTER)
                if side and not (drawn and mine is not None and _may_be_chance(mine[name], drawn, side, ranges)):
                    rows += _make_edge_rows(row, name, side, values, drawn, limits_of, ROUND if blocks else _ROUGH)
    return _join_rate_ranges(pd.DataFrame(rows, columns=list(COLUMNS)), searched or {})


def _find_side(value: float, values: np.ndarray, drawn: Range | None, outer: float) -> str:
    """Return the side, "low" or "high", at whose end a value lies; "" inside, or if the value is NaN.

    values: those that were tried, sorted; drawn: the range that they were drawn from, None for a list; outer: the share
    of the range that is its end.
    """
    if drawn is None:
        return "high" if value == values[-1] else "low" if value == values[0] else ""
    low, high = map(float, (drawn.ends[0], drawn.ends[-1]))
    if np.isnan(value):
        return ""
    if not low <= value <= high:  # beyond the range, which was widened
        return "high" if value == values[-1] else "low" if value == values[0] else ""
    share = _rising_share(drawn, value)
    if share > 1 - outer:
        return "high" * bool(values[-1] <= high)  # else what lies beyond has been tried
    return "low" * bool(share < outer and values[0] >= low)


def _rising_share(drawn: Range, value: float) -> float:
    """Return the position of a value in a range, which rises with the value; below 0 or above 1 outside."""
    low, high = map(float, (drawn.ends[0], drawn.ends[-1]))
    if not low <= value <= high:
        return np.inf if value > high else -np.inf
    share = drawn.share(value)
    return 1 - share if drawn.kind == "one_minus_log_uniform" else share


def _may_be_chance(best: pd.Series, drawn: Range, side: str, ranges: Mapping[str, str]) -> bool:
    """Return True unless more of the best draws lie at an end of a range than chance puts there.

    best: their values; side: "low" or "high"; ranges: all that the optimizer searches, by parameter.
    """
    shares = np.array([_rising_share(drawn, float(value)) for value in best.dropna()])
    there = int((shares > 1 - OUTER).sum() if side == "high" else (shares < OUTER).sum())
    ends = 2 * sum(_parse_continuous(text) is not None for text in ranges.values())
    # The binomial's upper tail: scipy.stats, which has it as well, takes a while to import
    return bool(bdtrc(there - 1, len(shares), OUTER) > CHANCE / ends) if len(shares) else True


def _make_edge_rows(
    row: Mapping[str, Any],
    name: str,
    side: str,
    values: np.ndarray,
    drawn: Range | None,
    limits_of: Callable[[str], Mapping[str, str] | None],
    error: float,
) -> list[dict[str, Any]]:
    """Return the row of `find_edges` for a value at an end, in a list; an empty list where nothing lies beyond it.

    row: the chosen setting; name: the parameter; values: those that were tried, sorted; drawn: the range that they were
    drawn from, None for a list; error: the relative error that rounding may make.
    """
    value = float(row[name])
    if (name == "batch_size" and (row["full_batch"] if side == "high" else value == 1)) or value == 0:
        return []
    limit = _POSITIVE if name in (RATE, "batch_size") else _find_limit(name, limits_of(row["optimizer"]), values)
    made = None if drawn is None else _widen_range(drawn, side, limit, values)
    if drawn is None:
        wider = _find_next_value(name, values if side == "high" else values[::-1], limit, error)
    else:
        wider = None if made is None else _step_beyond(drawn, value, side, limit)
    if wider is None:
        return []
    return [
        {
            "problem": row["problem"], "optimizer": row["optimizer"], "block": row.get("block", -1), "parameter": name,
            "side": side, "value": value, "lowest": values[0], "highest": values[-1], "tried": len(values),
            "wider": wider, "range": "" if made is None else made.text,
        }
    ]  # fmt: skip


def _step_beyond(drawn: Range, value: float, side: str, limit: str) -> float | None:
    """Return the value a tenth of the range further than `value`, or beyond the range's end; None outside the limit."""
    low, high = (float(each) for each in drawn.values)
    forward = (side == "high") != (drawn.kind == "one_minus_log_uniform")
    x = 1 - value if drawn.kind == "one_minus_log_uniform" else value
    if drawn.kind == "uniform":
        x = (max(x, high) if forward else min(x, low)) + (high - low) * (0.1 if forward else -0.1)
    else:
        x = (max(x, high) if forward else min(x, low)) * (high / low) ** (0.1 if forward else -0.1)
    beyond = float(f"{1 - float(f'{x:.4g}'):.12g}") if drawn.kind == "one_minus_log_uniform" else float(f"{x:.4g}")
    return beyond if is_inside(beyond, limit) else None


def _parse_continuous(text: str | None) -> Range | None:
    """Return the range that a text such as "log_uniform(1e-4, 1)" names; None for a choice of values, and for None."""
    made = parse_range(text)
    return made if made is not None and made.kind != "choice" else None


def _find_limit(name: str, limits: Mapping[str, str] | None, values: np.ndarray) -> str:
    """Return the interval in which a hyperparameter may lie, such as "[0, 1)".

    limits: the stated ones by name; where they are None, a likely one is derived from the name and the tried values.
    """
    if limits is not None:
        return limits.get(name, "(-inf, inf)")
    whole = _COUNT if _are_whole(values) else _POSITIVE if values[0] > 0 else "(-inf, inf)"
    return limits_by_name([name]).get(name, whole)


def _are_whole(values: np.ndarray) -> bool:
    """Return True where all values are whole numbers."""
    return bool((values == np.round(values)).all())


def _widen_range(made: Range, side: str, limit: str, values: np.ndarray) -> Range | None:
    """Return a range with one more decade at a side, or twice as wide if it is uniform; None if it is at its limit.

    made: the range that was searched; side: "low" or "high"; limit: the interval of allowed values, such as "[0, 1)";
    values: those that were tried, some of them perhaps beyond the range.
    """
    low, high = (float(value) for value in made.values)
    before = float(made.ends[side == "high"])
    if made.kind == "one_minus_log_uniform":
        outside = 1 - values[(values < 1) & (values > 0)]
    else:
        outside = values
    low = min([low, *(_round_out(x, -1) for x in outside if x < low)])
    high = max([high, *(_round_out(x, 1) for x in outside if x > high)])
    if made.kind == "one_minus_log_uniform":
        low, high = (float(f"{low / 10:.6g}"), high) if side == "high" else (low, min(float(f"{10 * high:.6g}"), 1.0))
    elif side == "high":
        high = _move_inside(2 * high - low if made.kind == "uniform" else 10 * high, high, limit)
    else:
        low = _move_inside(2 * low - high if made.kind == "uniform" else low / 10, low, limit)
    if made.kind != "uniform" and (low < LEAST or high > MOST):
        return None
    wider = Range(made.kind, (low, high))
    end = float(wider.ends[side == "high"])
    return wider if (end - before) * (1 if side == "high" else -1) > 0 and is_inside(end, limit) else None


def _round_out(value: float, direction: int) -> float:
    """Return a number of two digits that is not below the value (direction 1), or not above it (-1)."""
    if value == 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    steps = value / unit
    return float(f"{(math.ceil(steps - 1e-9) if direction > 0 else math.floor(steps + 1e-9)) * unit:.2g}")


def _move_inside(end: float, before: float, limit: str) -> float:
    """Return the end of a range, moved to the limit if it lies beyond it; halfway from ``before`` if that is open."""
    bound = bounds(limit)[end > before]
    if not is_inside(end, limit):
        end = bound if is_inside(bound, limit) else (before + bound) / 2
    return float(f"{end:.6g}")


def _find_next_value(name: str, values: np.ndarray, limit: str, error: float = ROUND) -> float | None:
    """Return the next value beyond the last one, whole for whole numbers where possible; None at the limit.

    error: the relative error that rounding to few digits may make.
    """
    if len(values) < 2:
        return None
    before, last = float(values[-2]), float(values[-1])
    if name == "batch_size":
        return float(max(1, round(last**2 / before)) if last < before else round(last**2 / before))
    if re.match(r"(beta|b\d$|momentum$|rho$)", name) and last < 1 and before < 1:
        beta = max(0.0, float(f"{1 - _round_shortest((1 - last) ** 2 / (1 - before), error):.12g}"))
        return beta if beta < 1 and is_inside(beta, limit) and (beta - last) * (last - before) > 0 else None
    further = 2 * last - before if before <= 0 or last <= 0 else last * min(max(last / before, 1 / _STEP), _STEP)
    if before > 0 and last > 0 and not LEAST <= further <= MOST:
        return None
    rounded = (_round_shortest(further, each) for each in (error, ROUND))
    candidates = [float(round(further))] * _are_whole(values) + [*rounded]
    beyond = [value for value in candidates if (value - last) * (last - before) > 0 and is_inside(value, limit)]
    return beyond[0] if beyond else None


def _round_shortest(value: float, error: float) -> float:
    """Return the value with the fewest digits that change it by at most this relative error: 100 for 99.98."""
    shorter = (float(f"{value:.{digits}g}") for digits in range(1, 7))
    return next((each for each in shorter if abs(each - value) <= error * abs(value)), value)


def _join_rate_ranges(table: pd.DataFrame, searched: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """Set the range of all rows of the rate that have one to a range that includes them all; return the same table.

    table: rows of `find_edges`, changed in place. searched: the ranges by optimizer and parameter. A sweep has one
    range of the rate for all optimizers, and the wider one must not exclude what any of them searched, at either end.
    """
    drawn = (table["parameter"] == RATE) & (table["range"] != "")
    texts = [*(ranges[RATE] for ranges in searched.values() if RATE in ranges), *table.loc[drawn, "range"].unique()]
    every = [made for made in map(parse_range, texts) if made is not None]
    ends = [float(end) for each in every for end in each.ends]
    if drawn.any():
        even = {each.kind for each in every} == {"uniform"} or min(ends) <= 0
        table.loc[drawn, "range"] = Range("uniform" if even else "log_uniform", (min(ends), max(ends))).text
    return table
