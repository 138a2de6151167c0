"""The optimizers that figures draw in color, and each one's line style: all, or the best ten of more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pandas as pd

from optbench.figures.style import COLORS, line_style


def ranked(best: pd.DataFrame) -> pd.DataFrame:
    """Sort rows of an answer's `best` as the table does: place, reported median (a failure is inf), failures."""
    return best.sort_values(["place", "median", "failures", "tuning_median"], kind="stable")


def highlighted(best: pd.DataFrame) -> dict[str, dict[str, dict]]:
    """Return for each problem the optimizers in color, in the order of a legend, each with its line style.

    These are all, in the order of the sweep; of more than COLORS the first of the leaderboard, in the order of rank.
    An optimizer keeps its style on the whole page, except where two of one color meet in a figure.
    """
    chosen = {
        problem: (rows if len(rows) <= COLORS else ranked(rows).head(COLORS))["optimizer"].tolist()
        for problem, rows in best.groupby("problem", sort=False)
    }
    optimizers = list(best["optimizer"].unique())
    many = len(optimizers) > COLORS
    places = _places(list(chosen.values()) if many else [optimizers])
    return {
        problem: {name: line_style(place, among_gray=many) for name, place in _moved(names, places)}
        for problem, names in chosen.items()
    }


def highlight_rule(shown: Iterable, best: pd.DataFrame) -> str:
    """Return a caption's words for which optimizers are shown; empty where all are."""
    count, total = len(list(shown)), len(best)
    if count >= total:
        return ""
    return f"the best {count} of {total} optimizers, as the table above ranks them (by place, then by the median)"


def _places(groups: list[list]) -> dict:
    """Return a place for each; those in one figure have different colors as far as there are enough.

    The one that is drawn most often chooses first, and takes the color that is used least. A place counts rounds
    through the colors, so no two on the page have the same style.
    """
    places: dict = {}
    for name, _ in Counter(name for group in groups for name in group).most_common():
        near = {places[other] % COLORS for group in groups if name in group for other in group if other in places}
        uses = Counter(place % COLORS for place in places.values())
        color = min(range(COLORS), key=lambda color: (color in near, uses[color], color))
        places[name] = color + COLORS * uses[color]
    return places


def _moved(names: list, places: dict) -> list[tuple]:
    """Return (name, place) of those in one figure, in colors that all differ: the first of a color keeps it."""
    owner: dict = {}
    for name in names:
        owner.setdefault(places[name] % COLORS, name)
    free = (color for color in range(COLORS) if color not in owner)
    kept = set(owner.values())
    return [(name, places[name] if name in kept else next(free) + places[name] // COLORS * COLORS) for name in names]
