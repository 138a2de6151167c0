"""Choices at the edge of what was searched, where a better value may lie outside, and how to search wider."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from optbench.analysis.columns import hyperparameter_columns
from optbench.contract.search import Range, parse_range

COLUMNS = ("problem", "optimizer", "parameter", "side", "value", "lowest", "highest", "tried", "wider", "range")
EDGE = 0.05


def edges(
    runs: pd.DataFrame, best: pd.DataFrame, searched: Mapping[str, Mapping[str, str]] | None = None
) -> pd.DataFrame:
    """One row a choice that lies at an end of the values its problem and optimizer were given.

    runs: the `runs` table; best: a table from `best_configurations` by problem and optimizer; searched: of a sweep with
    trials the ranges that each optimizer's were drawn from, by parameter, as `provenance` has them. Of such a range the
    outer twentieths are its ends.

    Looked at are the rate, every hyperparameter and the batch size, where more than one value was tried. A batch of
    all data, or of one example, and a hyperparameter at zero have nothing beyond them. parameter: the column; side:
    "low" or "high"; lowest, highest, tried: what there was; wider: the next value that way, at the ratio of the two
    at that end (of what lacks to one, for a beta); range: the wider range, where trials were drawn from one.
    """
    rows = []
    names = ["lr", *hyperparameter_columns(runs), "batch_size"]
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
            rows.append(
                {
                    "problem": row["problem"], "optimizer": row["optimizer"], "parameter": name, "side": side,
                    "value": value, "lowest": values[0], "highest": values[-1], "tried": len(values),
                    "wider": _wider(name, values if side == "high" else values[::-1]),
                    "range": "" if drawn is None else _wider_range(drawn, side),
                }
            )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _continuous(text: str | None) -> Range | None:
    """The range that a text names; None for a choice, which has no ends."""
    made = parse_range(text)
    return made if made is not None and made.kind != "choice" else None


def _wider_range(made: Range, side: str) -> str:
    """The range with a decade more at that side, or as much again where it is spread evenly."""
    low, high = (float(value) for value in made.values)
    if made.kind == "uniform":
        low, high = (low, 2 * high - low) if side == "high" else (2 * low - high, high)
    elif (made.kind == "one_minus_log_uniform") == (side == "high"):
        low = low / 10
    else:
        high = min(10 * high, 1.0) if made.kind == "one_minus_log_uniform" else 10 * high
    return f"{made.kind}({low:g}, {high:g})"


def _wider(name: str, values: np.ndarray) -> float:
    """The next value beyond the last one."""
    before, last = values[-2], values[-1]
    if name == "batch_size":
        return float(max(1, round(last / 2)) if last < before else 2 * last)
    if name.startswith("beta") and last < 1 and before < 1:
        return float(f"{max(0.0, 1 - (1 - last) ** 2 / (1 - before)):.4g}")
    if before <= 0 or last <= 0:
        return float(f"{2 * last - before:.4g}")
    return float(f"{last * last / before:.4g}")
