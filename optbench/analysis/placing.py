"""One optimizer among others: its rank, how sure that is, whom it beats, and how far it is from the best of them.

It is compared with every other optimizer, on each problem and over all of them, and the comparisons hold at once. The
rank then is at least one more than the number of optimizers that it loses to, and at most the number of those that it
does not beat, itself included; to win takes more than 5%, as everywhere.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from optbench.analysis.answer import Answer
from optbench.analysis.judging import find_decided
from optbench.analysis.pair_statistics import critical_values, mean_effects, spent_alpha
from optbench.analysis.protocol import CodedRuns
from optbench.analysis.sampling import join_errors
from optbench.analysis.verdicts import (
    ABOUT,
    ALL,
    AT_LEAST,
    AT_MOST,
    LARGEST,
    LOSES,
    OPEN,
    TIE,
    WINS,
    compare_levels,
    name_bounds,
    pair_cells,
)
from optbench.contract.errors import OptbenchError, unknown

PAIRS = ["problem", "b", "verdict", "ratio", "low", "high", "bound", "known", "reason"]
"""The columns of `Placing.pairs`."""
_NONE = {"ratio": np.nan, "low": np.nan, "high": np.nan, "bound": ""}
"""A ratio that is not known."""


class Placing(NamedTuple):
    """Where an optimizer stands among others."""

    name: str
    """The optimizer."""
    against: str
    """The reference; "" for none."""
    table: pd.DataFrame
    """A row for each problem, and with several one for "all": `rank`, from 1, with its interval `rank_low` to
    `rank_high`, of so many `optimizers`; how many it beats, ties with and loses to, and how many are open; its ratio to
    the `best` of the others, `low` to `high`, with its `bound`, and to the reference, `against_ratio` and its ends."""
    pairs: pd.DataFrame
    """A row for each problem, "all" included, and other optimizer `b`: the verdict on what is placed, and the ratio of
    it over b with its interval, of samples, a loss or errors: below 1 where it is better."""


def place(answer: Answer, name: str, against: str = "") -> Placing:
    """Return where an optimizer stands in an answer on optimizers.

    On a problem all comparisons with the others hold at once, and so do those over all problems. These are about the
    mean, over these problems and not over others that might have been chosen, of the logarithms of ratios, a factor of
    100 at most on each.

    against: a reference; "" for none. Raises OptbenchError where the optimizer or the reference has no runs, or is
    alone.
    """
    table, known = answer.coded, list(dict.fromkeys(answer.coded.cells["optimizer"]))
    for each in filter(None, (name, against)):
        if each not in known:
            raise unknown("optimizer", each, known)
    if len(known) < 2:
        raise OptbenchError(f"{name} is the only optimizer: there is nothing to rank it among")
    confidence, look = answer.question.confidence, answer.tables.look
    rows = compare_levels(table, confidence, look, answer.edges, False, answer.tables.incumbents, level=name)
    if rows["problem"].nunique() > 1:
        rows = pd.concat([rows, _compare_over_these(table, name, rows, confidence, answer.looks[1])], ignore_index=True)
    bound = rows["bound"].replace({AT_LEAST: AT_MOST, AT_MOST: AT_LEAST})
    rows = rows.assign(ratio=1 / rows["ratio"], low=1 / rows["high"], high=1 / rows["low"], bound=bound)
    values = answer.ranking.set_index(["problem", "optimizer"])["value"]
    found = [_count(problem, part, values, against) for problem, part in rows.groupby("problem", sort=False)]
    return Placing(name, against, pd.DataFrame(found), rows[PAIRS].reset_index(drop=True))


def _compare_over_these(table: CodedRuns, name: str, rows: pd.DataFrame, confidence: float, look: int) -> pd.DataFrame:
    """Return a row "all" for each other optimizer, with the mean over the problems that both have.

    A problem that is judged by a loss, and on which all runs of one side fail, counts for the largest ratio. A mean of
    ratios of which some are at least so large, and none at most, is "at least", too.

    rows: those on problems, of `compare_levels`; look: the latest at what is compared.
    """
    cells = table.cells.reset_index(drop=True)
    places = pd.MultiIndex.from_frame(cells[["problem", "optimizer"]])
    a, b = (places.get_indexer(pd.MultiIndex.from_arrays([rows["problem"], rows[side]])) for side in ("a", "b"))
    pair, most = pair_cells(table, a, b), np.log(LARGEST)
    effect = mean_effects(pair.differences, sampling=pair.sampling)
    error, freedom = join_errors(effect["sd"], effect["n"], pair.sampling)
    one_fails = [(rows[f"failures_{side}"] == 1).to_numpy() for side in ("a", "b")]
    unknown_mean = ~np.isfinite(effect["mean"])  # losses; a miss of a target counts two budgets
    one_fails = [each & unknown_mean for each in one_fails]
    mean = np.select(
        [one_fails[0] & one_fails[1], *one_fails], [0.0, -most, most], np.clip(effect["mean"], -most, most)
    )
    error = np.where(one_fails[0] | one_fails[1] | (effect["mean"] == 0), 0.0, error)
    parts = rows[["problem", "b"]].assign(mean=mean, error=error, freedom=freedom)
    grids = [parts.pivot_table(each, "b", "problem", sort=False, dropna=False) for each in ("mean", "error", "freedom")]
    means, errors, freedoms = (grid.to_numpy() for grid in grids)
    mean, *ends = average_effects(means, errors, freedoms, spent_alpha(look, 1 - confidence))
    verdict = np.select([*find_decided(*ends)], [TIE, WINS, LOSES], OPEN)
    numbers = dict(zip(("ratio", "low", "high"), map(np.exp, (mean, *ends)), strict=True))
    sides = ((AT_LEAST, ABOUT), (AT_MOST, ABOUT))
    found = [(rows["bound"].isin(side) & parts["mean"].notna()).groupby(rows["b"], sort=False).any() for side in sides]
    higher, lower = (each.reindex(grids[0].index).to_numpy() for each in found)
    numbers |= {"bound": name_bounds(higher, lower)}
    return pd.DataFrame({"problem": ALL, "a": name, "b": grids[0].index, "verdict": verdict, **numbers})


def average_effects(
    mean: np.ndarray, error: np.ndarray, freedom: np.ndarray, alpha: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the means over problems of the differences to rivals, with the ends of intervals that hold at once.

    mean, error, freedom: (rivals, problems), of each difference with its standard error and degrees of freedom, NaN
    where there is none. Problems are independent. Returns mean, low and high, (rivals,) each.

    Source: Satterthwaite 1946, Biometrics Bulletin 2, for the degrees of freedom of a sum of variances.
    """
    there = np.isfinite(mean) & np.isfinite(error)
    mean, error = np.where(there, mean, 0.0), np.where(there, error, 0.0)
    variance, rest = (error**2).sum(axis=1), (error**4 / np.where(there, freedom, 1.0)).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        count = there.sum(axis=1)
        center, width = mean.sum(axis=1) / count, np.sqrt(variance) / count
        whole = np.where(rest > 0, variance**2 / rest, 1.0)
        half = critical_values(whole + 1, rows=len(mean), alpha=alpha) * width
    return center, center - half, center + half


def _count(problem: str, rows: pd.DataFrame, values: pd.Series, against: str) -> dict[str, object]:
    """Return a row of `Placing.table`. rows: of `Placing.pairs`, on a problem; values: by problem and level."""
    counts = {verdict: int((rows["verdict"] == verdict).sum()) for verdict in (WINS, TIE, LOSES, OPEN)}
    low, high = 1 + counts[LOSES], 1 + len(rows) - counts[WINS]
    ahead = (rows["verdict"] == LOSES) | ((rows["ratio"] > 1) & (rows["verdict"] != WINS))
    by = rows["ratio"] if problem == ALL else -rows["b"].map(values.loc[problem])
    best = rows.loc[by.idxmax()] if by.notna().any() else None
    reference = rows[rows["b"] == against]
    row: dict[str, object] = {
        "problem": problem, "rank": int(np.clip(1 + ahead.sum(), low, high)),
        "rank_low": low, "rank_high": high, "optimizers": 1 + len(rows),
        "beats": counts[WINS], "ties": counts[TIE], "loses": counts[LOSES], "open": counts[OPEN],
        "best": "" if best is None else best["b"],
    }  # fmt: skip
    row |= {name: _NONE[name] if best is None else best[name] for name in _NONE}
    if against:
        there = reference.iloc[0] if len(reference) else _NONE
        row |= {f"against_{name}": there[name] for name in _NONE}
    return row
