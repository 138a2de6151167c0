"""The optimizers that figures draw in color, and each one's line style: all, or the best ten of more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pandas as pd

from optbench.figures.style import COLORS, line_style


def ranked(best: pd.DataFrame) -> pd.DataFrame:
    """Sort rows of `best` of an answer as its table does: by place, reported median (inf for a failure), failures."""
    return best.sort_values(["place", "median", "failures", "tuning_median"], kind="stable")


def highlighted(best: pd.DataFrame) -> dict[str, dict[str, dict]]:
    """Return for each problem the optimizers that are drawn in color, in the order of the legend, with line styles.

    Up to COLORS optimizers are all in color, in the order of the sweep; of more, the best COLORS, in the order of rank.
    An optimizer keeps its style on the whole page, unless another one in the same figure has its color.
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
    """Return the words of a caption that say which optimizers are shown; "" if all are."""
    count, total = len(list(shown)), len(best)
    if count >= total:
        return ""
    return f"the best {count} of {total} optimizers, as the table above ranks them (by place, then by the median)"


def _places(groups: list[list]) -> dict:
    """Return a place, the number of a line style, for each optimizer; groups: the optimizers of each figure.

    Those of one figure get different colors if there are enough. The optimizer that is drawn most often chooses first,
    and takes the color that is used least. All places differ, so no two optimizers on the page have the same style.
    """
    places: dict = {}
    for name, _ in Counter(name for group in groups for name in group).most_common():
        near = {places[other] % COLORS for group in groups if name in group for other in group if other in places}
        uses = Counter(place % COLORS for place in places.values())
        color = min(range(COLORS), key=lambda color: (color in near, uses[color], color))
        places[name] = color + COLORS * uses[color]
    return places


def _moved(names: list, places: dict) -> list[tuple]:
    """Return (name, place) of the optimizers in one figure, with places changed so that all colors differ.

    The first optimizer of a color keeps it.
    """
    owner: dict = {}
    for name in names:
        owner.setdefault(places[name] % COLORS, name)
    free = (color for color in range(COLORS) if color not in owner)
    kept = set(owner.values())
    return [(name, places[name] if name in kept else next(free) + places[name] // COLORS * COLORS) for name in names]
