"""The critical-difference diagram: mean ranks on a line, and bars that join those that no verdict separates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from optbench.analysis import ranking, verdicts
from optbench.analysis.verdicts import ALL
from optbench.contract.errors import OptbenchError
from optbench.figures import panels
from optbench.figures.data import ReportData, Tables, report_data
from optbench.figures.fonts import cut_to_width, text_width
from optbench.figures.selection import select_optimizers, select_problems, select_styles
from optbench.figures.style import BLACK, GRAY, current, figure_style

CAPTION = (
    "Mean ranks, the best at the left. A bar joins optimizers of which no verdict says that one is better than the "
    "other; its dots are those that it joins. Two that share no bar are distinguished."
)
# Inches at text of _POINTS points, by eye: Nemenyi's ruler and its text; the scale's numbers and its name; from the
# scale to the first bar, and from the last to the names; a bar; a name; the line at the foot
RULER, NUMBERS, BELOW, BAR, ROW, NOTE = 0.32, 0.42, 0.24, 0.1, 0.2, 0.2
# Points of the text that these inches are for; smaller text than _LEAST cannot be read
_POINTS, _LEAST = 8.5, 3.0
# Inches, by eye: in narrower axes text gets smaller
_WIDE = 3.3
# Share of the width of names at either side, by eye: the ranks have room between them
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
    """Draw mean ranks of the optimizers on a line, and bars that join those that no verdict distinguishes.

    Over several problems these are the mean ranks over problems, and two share a bar unless ``verdicts`` says wins
    or worse of them in its rows "all": the signed-rank test of the problems' log ratios, its p-values adjusted by
    Holm's method over all pairs. So a bar may be longer or shorter than Nemenyi's critical difference, which is drawn
    as a ruler to compare with. Of one problem these are the mean ranks over its reporting seeds, and bars follow the
    verdicts on that problem. "tie" and "open" join, "wins" and "loses" part.

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
    names, problems = select_optimizers(data, optimizers), select_problems(data, problem)
    of, judge_by = data.results, choose_by or data.results.judge_by
    if judge_by == of.judge_by and confidence == 0.95 and len(names) == of.runs["optimizer"].nunique():
        places, pairs = data.answer.ranking, data.answer.verdicts
    else:
        runs = of.runs[of.runs["optimizer"].isin(names)]
        places, pairs = (analyze(runs, judge_by, confidence=confidence) for analyze in (ranking, verdicts))
    subject = problems[0] if len(problems) == 1 or ALL not in set(places["problem"]) else ALL
    rows = places[places["problem"] == subject].sort_values("mean_rank", kind="stable")
    if len(rows) == 1:
        rows = rows.assign(mean_rank=1.0)
    if rows["mean_rank"].isna().all():
        raise OptbenchError("mean ranks need seeds, or problems, on which all of the optimizers report")
    rows = rows[rows["mean_rank"].notna()]
    if not ruler or "critical_difference" not in rows:
        rows = rows.assign(critical_difference=math.nan)
    styles = select_styles(data, subject, optimizers)
    colors = [styles[name]["color"] if name in styles else GRAY for name in rows["optimizer"]]
    rows = rows.assign(text=rows["optimizer"].map(data.short_names), color=colors)
    pairs = pairs[pairs["problem"] == subject]
    count = len(problems) if len(rows) == 1 else int(rows["blocks"].max())
    about = f"{count} problems" if len(problems) > 1 else f"the seeds of {cut_to_width(problems[0], 8.5, 2.5)}"
    note = next(filter(None, pairs["reason"]), "")
    if note.endswith("problems are needed"):
        note += f" to tell two of {len(rows)} apart, and there are {count}"
    if len(rows) == 1:
        note = "one optimizer alone: there is none to compare it with"
    return _draw_ranks(ax, rows, pairs, f"mean rank over {about}", note)


def _draw_ranks(ax: Axes | None, rows: pd.DataFrame, pairs: pd.DataFrame, about: str, note: str) -> Axes:
    """Draw the optimizers on a line by mean rank, and bars that join those without a verdict between them.

    rows: of `ranking`, the best first, with `text` and `color`; pairs: of `verdicts`; about: the label of the ranks;
    note: a line below, "" for none. Returns the axes.
    """
    bars = group_undistinguished(find_distinguished(pairs, rows["optimizer"].tolist()))
    gap, half = float(rows["critical_difference"].iloc[0]), math.ceil(len(rows) / 2)
    line = NUMBERS + (RULER if gap == gap else 0.0)
    first = line + BELOW + BAR * len(bars)
    total = first + ROW * half + (NOTE if note else 0.0)
    with _open_axes(ax, total) as ax:
        dpi, now = ax.get_figure(root=True).dpi, current()
        wide, tall = ax.bbox.width / dpi, ax.bbox.height / dpi
        # All heights are those of text of `_POINTS`; y is the distance from the upper end in their inches.
        points = max(min(now.tick, _POINTS * tall / total, _POINTS * wide / _WIDE), _LEAST)
        unit = points / _POINTS
        texts = [cut_to_width(text, points, _NAMES * wide - 0.6 * unit) for text in rows["text"]]
        rooms = [max([text_width(text, points) for text in part], default=0.0) + 0.6 * unit
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

        # The line of ranks, its numbers above it
        ax.plot([low, high], [line, line], color=BLACK, linewidth=unit)
        step = next(step for step in (1, 2, 5, 10, 20, 50, 100) if (high - low) / step <= 12)
        for rank in range(low, high + 1):
            major = (rank - low) % step == 0
            ax.plot([rank, rank], [line - (0.06 if major else 0.035), line], color=BLACK, linewidth=0.8 * unit)
            if major:
                ax.text(rank, line - 0.08, str(rank), ha="center", va="bottom", fontsize=points)
        small = {"color": GRAY, "va": "bottom"}
        ax.text((low + high) / 2, line - 0.24, about, ha="center", fontsize=0.9 * points, **small)
        if gap == gap:  # Nemenyi's critical difference, as long as it is on the scale, and its name above it
            ax.plot([low, low + gap], [line - NUMBERS - 0.06] * 2, color=GRAY, linewidth=1.2 * unit, marker="|",
                    markersize=6 * unit, gid="ruler")  # fmt: skip
            text = f"critical difference {gap:.2f} (Nemenyi)"
            ax.text(low, line - NUMBERS - 0.12, text, fontsize=0.85 * points, **small)
        for place, members in enumerate(bars):
            ax.plot(ranks[members], [line + 0.16 + BAR * place] * len(members), color=BLACK, linewidth=3.2 * unit,
                    marker="o", markersize=5 * unit, solid_capstyle="round", gid="bar", zorder=4)  # fmt: skip
        # From each rank a line down to its name: the better half at the left, the others at the right
        for place, (rank, color, text) in enumerate(zip(ranks, rows["color"], texts, strict=True)):
            left = place < half
            y = first + ROW * ((place if left else len(rows) - 1 - place) + 0.5)
            side = (-inch if left else inch) * unit
            end = (low if left else high) + 0.12 * side
            ax.plot([rank, rank, end], [line, y, y], color=color, linewidth=unit, zorder=3)
            ax.plot([rank], [line], marker="o", markersize=4 * unit, color=color, zorder=5)
            where = {"y": y, "ha": "right" if left else "left", "va": "center"}
            ax.text(end + 0.04 * side, s=f"{rank:.2f}", fontsize=0.8 * points, color=GRAY, **where)
            ax.text(end + 0.4 * side, s=text, fontsize=points, gid="name", **where)
        if note:
            note = cut_to_width(note, 0.85 * points, wide - 0.1)
            ax.text(ax.get_xlim()[0], total, note, fontsize=0.85 * points, **small)
    return ax


@contextmanager
def _open_axes(ax: Axes | None, total: float) -> Iterator[Axes]:
    """Yield the axes that are given, or those of a new figure of `total` inches in height, which they fill."""
    if ax is not None:
        with panels.axes(ax) as given:
            yield given
        return
    with figure_style() as now:
        size, top = (now.width - 0.1, total * now.tick / _POINTS), 0.38 * now.scale if now.titled else 0.0
        _, grid = panels.new_figure(
            size, left=0.05, right=0.05, top=top, bottom=0.03, title="Mean ranks", detached=False
        )
        yield grid[0, 0]


def find_distinguished(verdicts: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """Return (n, n) bool, by the order of names: True if the verdict on the pair is "wins" or "loses".

    verdicts: the rows of one problem, or of "all". A pair without a row was never compared, so it is not distinguished.
    """
    clear = verdicts[verdicts["verdict"].isin(["wins", "loses"]) & verdicts[["a", "b"]].isin(names).all(axis=1)]
    a, b = (pd.Index(names).get_indexer(clear[side]) for side in ("a", "b"))
    different = np.zeros((len(names), len(names)), dtype=bool)
    different[a, b] = different[b, a] = True
    return different


def group_undistinguished(different: np.ndarray) -> list[list[int]]:
    """Return groups, lists of indices, of two and more that do not differ; every such pair is in some group.

    different: (n, n) bool, symmetric, in the order of mean ranks. Of the pairs without a group the one furthest apart
    in rank begins one, and all that fit join it, nearest in rank first. So no group could take one more in; and they
    are the bars of Demsar's figures if those are defined.
    """
    joined = ~different & ~np.eye(len(different), dtype=bool)
    missing = np.triu(joined)
    groups = []
    while missing.any():
        i, j = np.nonzero(missing)
        first, last = (int(ends[np.argmax(j - i)]) for ends in (i, j))
        members = [first, last]
        for other in sorted(range(len(joined)), key=lambda place: abs(2 * place - first - last)):
            if joined[other, members].all():
                members.append(other)
        members.sort()
        missing[np.ix_(members, members)] = False
        groups.append(members)
    return sorted(groups)
