"""Which optimizers a figure draws in color, and in which look: all where they can be told apart, else the best."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pandas as pd

from optbench.figures import style

SHOWN = style.COLORS
"""The most optimizers that one figure tells apart."""


def ranked(best: pd.DataFrame) -> pd.DataFrame:
    """Rows of an answer's `best` in the order of the table: place, reported median (a failure is inf), failures."""
    return best.sort_values(["place", "median", "failures", "tuning_median"], kind="stable")


def looks(best: pd.DataFrame) -> dict[str, dict[str, dict]]:
    """For each problem the optimizers in color, in the order of a legend, each with its look.

    These are all, in the order of the sweep; where they are more than SHOWN, the first of the leaderboard, in the
    order of rank. An optimizer keeps its look on the whole page, except where two of one color meet in a figure.
    """
    front = {problem: _front(rows) for problem, rows in best.groupby("problem", sort=False)}
    optimizers = list(best["optimizer"].unique())
    many = len(optimizers) > SHOWN
    home = _places(front.values() if many else [optimizers])
    return {
        problem: {name: style.look(place, among_gray=many) for name, place in _apart(names, home)}
        for problem, names in front.items()
    }


def rule(shown: Iterable, best: pd.DataFrame) -> str:
    """Words for the caption: which optimizers are shown; empty where all are."""
    count, total = len(list(shown)), len(best)
    if count >= total:
        return ""
    return f"the best {count} of {total} optimizers, as the table above ranks them (by place, then by the median)"


def _front(rows: pd.DataFrame) -> list:
    chosen = rows if len(rows) <= SHOWN else ranked(rows).head(SHOWN)
    return chosen["optimizer"].tolist()


def _places(groups: Iterable[list]) -> dict:
    """A place for everyone; those who are drawn together have different colors as far as there are enough.

    The one that is drawn most often chooses first, and takes the color that is used least. A place counts rounds
    through the colors, so no two on the page look the same.
    """
    groups, places = list(groups), {}
    for name, _ in Counter(name for group in groups for name in group).most_common():
        near = {places[other] % SHOWN for group in groups if name in group for other in group if other in places}
        uses = Counter(place % SHOWN for place in places.values())
        color = min(range(SHOWN), key=lambda color: (color in near, uses[color], color))
        places[name] = color + SHOWN * uses[color]
    return places


def _apart(names: list, home: dict) -> list[tuple]:
    """(name, place) of those in one figure, in colors that all differ: the first of a color keeps it."""
    owner = {}
    for name in names:
        owner.setdefault(home[name] % SHOWN, name)
    free = (color for color in range(SHOWN) if color not in owner)
    kept = set(owner.values())
    return [(name, home[name] if name in kept else next(free) + home[name] // SHOWN * SHOWN) for name in names]
