"""Which bars a critical-difference diagram needs, so that two share a bar exactly where nothing tells them apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

DECIDED = ("better", "worse")


def told_apart(verdicts: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """(n, n) bool: a verdict of the pair says better or worse.

    verdicts: the rows of one problem, or of "all". A pair without a row was never compared, so nothing tells it apart.
    """
    place = {name: number for number, name in enumerate(names)}
    apart = np.zeros((len(names), len(names)), dtype=bool)
    for row in verdicts[verdicts["verdict"].isin(DECIDED)].itertuples():
        if row.a in place and row.b in place:
            a, b = place[row.a], place[row.b]
            apart[a, b] = apart[b, a] = True
    return apart


def groups(apart: np.ndarray) -> list[list[int]]:
    """Groups of two and more, in each of which no two are apart, and which hold every pair that is not.

    apart: (n, n), symmetric; numbers are places in the order of mean ranks. The pair that lies furthest apart of those
    without a group begins one, and all who fit join it: first who is in such a pair with one in the group, nearest in
    rank first. So no group could take one more in, and where "not apart" holds for all in between, as in Demsar's
    figures, they are his bars.
    """
    joined = ~apart & ~np.eye(len(apart), dtype=bool)
    covered = ~joined
    found = []
    while not covered.all():
        first, last = _widest(~covered)
        members = [first, last]
        fits = joined[first] & joined[last]
        while fits.any():
            candidates = np.flatnonzero(fits)
            gain = (~covered[np.ix_(candidates, members)]).sum(axis=1)
            inside = (candidates > first) & (candidates < last)
            middle = np.abs(candidates - (first + last) / 2)
            best = candidates[np.lexsort((middle, ~inside, -gain))[0]]
            members.append(int(best))
            fits &= joined[best]
        members.sort()
        covered[np.ix_(members, members)] = True
        found.append(members)
    return sorted(found)


def _widest(pairs: np.ndarray) -> tuple[int, int]:
    """The pair (i, j), i < j, that is furthest apart; of several the first."""
    i, j = np.nonzero(np.triu(pairs, 1))
    widest = int(np.argmax(j - i))
    return int(i[widest]), int(j[widest])
