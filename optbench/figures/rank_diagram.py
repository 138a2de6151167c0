"""The critical-difference diagram: mean ranks on a line, and bars that join those that no verdict separates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from optbench.analysis import ranking, verdicts
from optbench.analysis.comparison import ALL
from optbench.contract.errors import OptbenchError
from optbench.figures import panels, selection
from optbench.figures.data import ReportData, Tables, report_data
from optbench.figures.fonts import fitting, text_width
from optbench.figures.style import BLACK, FOOT_INCHES, GRAY, current, figure_of, for_figure

CAPTION = (
    "Mean ranks, the best at the left. A bar joins optimizers of which no verdict says that one is better than the "
    "other; its dots are those that it joins. Two that share no bar are distinguished."
)
# RULER, Inches at text of 8.5 points: by eye: Nemenyi's ruler and its text
# NUMBERS, Inches at text of 8.5 points: by eye: the scale's numbers and its name
# BELOW, Inches at text of 8.5 points: by eye: from the scale to the first bar, and from the last to the names
# BAR, Inches at text of 8.5 points: by eye: a bar
# ROW, Inches at text of 8.5 points: by eye: a name
# NOTE, Inches at text of 8.5 points: by eye: the line at the foot
RULER, NUMBERS, BELOW, BAR, ROW, NOTE = 0.32, 0.42, 0.24, 0.1, 0.2, 0.2
# _POINTS, Points: text that its inches are for
# _LEAST, Points: smaller text is none
# _WIDE, Inches: by eye: in narrower axes text gets smaller
_POINTS, _LEAST, _WIDE = 8.5, 3.0, 3.3
# Share of the width: by eye: names at either side leave room for the ranks
_NAMES = 0.36


def critical_difference(
    results: Tables | ReportData,
    problem: str | None = None,
    *,
    optimizers: Iterable[str] | None = None,
    ax: Axes | None = None,
    choose_by: str | None = None,
    confidence: float = 0.95,
    ruler: bool = True,
) -> Axes:
    """Mean ranks of the optimizers on a line, and bars that join those that no verdict distinguishes.

    Over several problems these are the mean ranks over problems, and two share a bar unless ``verdicts`` says better
    or worse of them in its rows "all": the signed-rank test of the problems' log ratios, its p-values adjusted by
    Holm's method over all pairs. So a bar may be longer or shorter than Nemenyi's critical difference, which is drawn
    as a ruler to compare with. Of one problem these are the mean ranks over its reporting seeds, and bars follow the
    verdicts on that problem. "equivalent" and "undecided" join, "better" and "worse" part.

    Args:
        results: of a sweep.
        problem: one of its problems; by default all, where there are several.
        optimizers: those to compare; ranks and p-values are then computed of these alone.
        ax: where to draw; by default a new figure.
        choose_by: the measure, as for ``results.verdicts``.
        confidence: of the verdicts.
        ruler: draw Nemenyi's critical difference above the ranks, where there is one.

    Returns:
        The axes, whose x is the mean rank.

    Raises:
        OptbenchError: a problem or an optimizer does not exist.

    Example:
        >>> two = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "learning_rates": [0.001], "steps": 50}
        >>> ax = optbench.figures.critical_difference(sweep(two, seeds=8))
        >>> [text.get_text() for text in ax.texts if text.get_gid() == "name"]
        ['gd', 'adam']

    Source:
        Demsar 2006, JMLR 7, section 3.2.4 and figure 1; the signed-rank test in the place of Nemenyi's as in Benavoli
        et al. 2016, JMLR 17.
    """
    data = report_data(results)
    names, problems = selection.optimizers_of(data, optimizers), selection.problems_of(data, problem)
    places, pairs = _compared(data, names, choose_by, confidence)
    subject = problems[0] if len(problems) == 1 or ALL not in set(places["problem"]) else ALL
    rows = places[places["problem"] == subject].sort_values("mean_rank", kind="stable")
    if len(rows) == 1:
        rows = rows.assign(mean_rank=1.0)
    if rows["mean_rank"].isna().all():
        raise OptbenchError("mean ranks need seeds, or problems, on which all of the optimizers report")
    rows = rows[rows["mean_rank"].notna()]
    if not ruler:
        rows = rows.assign(critical_difference=math.nan)
    colors = {name: each["color"] for name, each in selection.styles_over(data, subject, optimizers).items()}
    rows = rows.assign(
        text=rows["optimizer"].map(data.names), color=[colors.get(name, GRAY) for name in rows["optimizer"]]
    )
    pairs = pairs[pairs["problem"] == subject]
    count = len(problems) if len(rows) == 1 else int(rows["blocks"].max())
    about = f"{count} problems" if len(problems) > 1 else f"the seeds of {fitting(problems[0], 8.5, 2.5)}"
    reason = next(filter(None, pairs["reason"]), "")
    if reason.endswith("problems are needed"):
        reason += f" to tell two of {len(rows)} apart, and there are {count}"
    if len(rows) == 1:
        reason = "one optimizer alone: there is none to compare it with"
    return _draw_ranks(ax, rows, pairs, f"mean rank over {about}", reason)


def _compared(data: ReportData, names: list[str], choose_by: str | None, confidence: float) -> tuple:
    """Return `ranking` and `verdicts` of these optimizers."""
    of = data.results
    by, whole = choose_by or of.choose_by, len(names) == of.runs["optimizer"].nunique()
    if by == of.choose_by and whole and confidence == 0.95:
        return data.answer.ranking, data.answer.verdicts
    runs = of.runs[of.runs["optimizer"].isin(names)]
    return ranking(runs, by, confidence=confidence), verdicts(runs, by, confidence=confidence)


def _draw_ranks(ax: Axes | None, rows: pd.DataFrame, pairs: pd.DataFrame, about: str, note: str = "") -> Axes:
    """Draw the optimizers on a line by mean rank, and bars that join those without a verdict between them.

    rows: of `ranking`, the best first, with `text` and `color`; pairs: of `verdicts`; about: the label of the ranks.
    """
    bars = bars_of(distinguished(pairs, rows["optimizer"].tolist()))
    gap = float(rows["critical_difference"].iloc[0])
    line = NUMBERS + (RULER if gap == gap else 0.0)
    first = line + BELOW + BAR * len(bars)
    total = first + ROW * math.ceil(len(rows) / 2) + (NOTE if note else 0.0)
    with _axes(ax, total) as ax:
        dpi, now = ax.get_figure(root=True).dpi, current()
        wide, tall = ax.bbox.width / dpi, ax.bbox.height / dpi
        # All heights are those of text of `_POINTS`; y is the distance from the upper end in their inches.
        points = max(min(now.tick, _POINTS * tall / total, _POINTS * wide / _WIDE), _LEAST)
        unit = points / _POINTS
        texts = [fitting(text, points, _NAMES * wide - 0.6 * unit) for text in rows["text"]]
        half = math.ceil(len(rows) / 2)
        rooms = [max([text_width(text, points) for text in part] or [0.0]) + 0.6 * unit
                 for part in (texts[:half], texts[half:])]  # fmt: skip
        ranks = rows["mean_rank"].to_numpy()
        low, high = math.floor(ranks.min()), max(math.ceil(ranks.max()), math.floor(ranks.min()) + 1)
        inch = (high - low) / max(wide - sum(rooms), 0.2 * wide)
        right = high + rooms[1] * inch
        if low + gap + 0.1 * inch > right:  # the ruler is longer than the scale
            inch = gap / max(wide - rooms[0] - 0.1, 0.2 * wide)
            right = low + gap + 0.1 * inch
        ax.set(xlim=(low - rooms[0] * inch, right), ylim=(max(total, tall / unit), 0))
        ax.axis("off")
        _scale(ax, low, high, line, points, about)
        if gap == gap:
            _ruler(ax, low, gap, line - NUMBERS, points)
        for place, members in enumerate(bars):
            y = line + 0.16 + BAR * place
            ax.plot(ranks[members], [y] * len(members), color=BLACK, linewidth=3.2 * unit, marker="o",
                    markersize=5 * unit, solid_capstyle="round", gid="bar", zorder=4)  # fmt: skip
        ends = (low - 0.12 * inch * unit, high + 0.12 * inch * unit)
        _elbows(ax, rows, texts, ends, (line, first), inch * unit, points)
        if note:
            note = fitting(note, 0.85 * points, wide - 0.1)
            ax.text(ax.get_xlim()[0], total, note, fontsize=0.85 * points, color=GRAY, va="bottom")
    return ax


@contextmanager
def _axes(ax: Axes | None, total: float) -> Iterator[Axes]:
    """Yield the axes that are given, or those that fill a new figure, in which text has its usual size."""
    if ax is not None:
        with panels.axes(ax) as given:
            yield given
        return
    with for_figure() as now:
        unit = now.tick / _POINTS
        foot, head = (FOOT_INCHES, 0.38 * now.scale) if now.titled else (0.0, 0.0)
        tall = total * unit + foot + head + 0.05
        figure = figure_of(now.width, tall)
        if now.titled:
            figure.text(0.1 / now.width, 1 - 0.08 * now.scale / tall, "Mean ranks", fontsize=now.title, va="top")
        yield figure.add_axes((0.01, foot / tall, 0.98, total * unit / tall))


def _scale(ax: Axes, low: int, high: int, y: float, points: float, text: str) -> None:
    """Draw the line of ranks, its numbers above it."""
    ax.plot([low, high], [y, y], color=BLACK, linewidth=points / _POINTS)
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100) if (high - low) / step <= 12)
    for rank in range(low, high + 1):
        major = (rank - low) % step == 0
        ax.plot([rank, rank], [y - (0.06 if major else 0.035), y], color=BLACK, linewidth=0.8 * points / _POINTS)
        if major:
            ax.text(rank, y - 0.08, str(rank), ha="center", va="bottom", fontsize=points)
    ax.text((low + high) / 2, y - 0.24, text, ha="center", va="bottom", fontsize=0.9 * points, color=GRAY)


def _ruler(ax: Axes, low: float, gap: float, y: float, points: float) -> None:
    """Draw Nemenyi's critical difference, as long as it is on the scale, and its name above it."""
    unit = points / _POINTS
    ax.plot([low, low + gap], [y - 0.06, y - 0.06], color=GRAY, linewidth=1.2 * unit, marker="|",
            markersize=6 * unit, gid="ruler")  # fmt: skip
    text = f"critical difference {gap:.2f} (Nemenyi)"
    ax.text(low, y - 0.12, text, va="bottom", fontsize=0.85 * points, color=GRAY)


def _elbows(ax: Axes, rows: pd.DataFrame, texts: list, ends: tuple, heights: tuple, inch: float, points: float) -> None:
    """Draw from each rank a line down to its name: the better half at the left, the others at the right.

    heights: of the scale, and of the first row of names.
    """
    half, unit = math.ceil(len(rows) / 2), points / _POINTS
    for place, (rank, color, text) in enumerate(zip(rows["mean_rank"], rows["color"], texts, strict=True)):
        left = place < half
        y = heights[1] + ROW * ((place if left else len(rows) - 1 - place) + 0.5)
        end, side = (ends[0], -1) if left else (ends[1], 1)
        ax.plot([rank, rank, end], [heights[0], y, y], color=color, linewidth=unit, zorder=3)
        ax.plot([rank], [heights[0]], marker="o", markersize=4 * unit, color=color, zorder=5)
        where = {"y": y, "ha": "right" if left else "left", "va": "center"}
        ax.text(end + side * 0.04 * inch, s=f"{rank:.2f}", fontsize=0.8 * points, color=GRAY, **where)
        ax.text(end + side * 0.4 * inch, s=text, fontsize=points, gid="name", **where)


def distinguished(verdicts: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """Return (n, n) bool: a verdict of the pair says better or worse.

    verdicts: the rows of one problem, or of "all". A pair without a row was never compared, so it is not distinguished.
    """
    place = {name: number for number, name in enumerate(names)}
    different = np.zeros((len(names), len(names)), dtype=bool)
    for row in verdicts[verdicts["verdict"].isin(["better", "worse"])].itertuples():
        if row.a in place and row.b in place:
            a, b = place[row.a], place[row.b]
            different[a, b] = different[b, a] = True
    return different


def bars_of(different: np.ndarray) -> list[list[int]]:
    """Return groups of two and more, no two of which differ, and which hold every pair that does not.

    different: (n, n), symmetric, in the order of mean ranks. Of the pairs without a group the one furthest apart in
    rank begins one, and all that fit join it: first those in such a pair with a member, nearest in rank first. So no
    group could take one more in; and they are the bars of Demsar's figures where those are defined.
    """
    joined = ~different & ~np.eye(len(different), dtype=bool)
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
    """Return the first of the pairs (i, j), i < j, with the largest j - i; pairs: (n, n), True for the candidates."""
    i, j = np.nonzero(np.triu(pairs, 1))
    widest = int(np.argmax(j - i))
    return int(i[widest]), int(j[widest])
