"""How far each optimizer is from the leader, problem by problem: the answer of a sweep in one figure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.markers import CARETLEFT, CARETRIGHT
from matplotlib.ticker import NullLocator

from optbench.analysis.answer import Answer
from optbench.analysis.ranking import FAILED
from optbench.analysis.sweep_tables import Tables
from optbench.analysis.verdicts import ALL, OPEN, TIE
from optbench.figures import panels
from optbench.figures.data import ReportData, report_data
from optbench.figures.fonts import cut_to_width, text_width
from optbench.figures.shown_optimizers import select_optimizers, select_rows, select_styles
from optbench.figures.style import GRAY, current
from optbench.wording.headlines import headline
from optbench.wording.judged import SAMPLES, format_ratio, name_unit, tell_end
from optbench.wording.verdict_texts import say

CAPTION = (
    "The ratio of each optimizer beside the leader of the problem, the best at the top, with the interval that holds "
    "for all pairs of a problem at once. Ringed: the leader. Filled: clearly behind. Hollow: undecided, could be luck. "
    "Tie: shown to be within 10%, the green band. Arrow: the interval goes on beyond the axis. The leader has the best "
    "mean of the optimizers that nobody clearly beats."
)
# Inches, by eye: of an optimizer and between two problems at usual text; of the longest name, as a share of the width
ROW, GAP, NAMES = 0.14, 0.16, 0.3
# Ratios: the axis reaches at least to the first, and at most to the second, at which larger ones are drawn
NEAREST, FARTHEST = 3.0, 1e4
EQUAL, GREEN = 1.1, "#029e73"


def forest(
    results: Tables | ReportData,
    problem: str | Iterable[str] | None = None,
    *,
    optimizers: Iterable[str] | None = None,
    ax: Axes | None = None,
    judge_by: str | None = None,
) -> Axes:
    """Draw how far each optimizer is from the leader of each problem, as a ratio with its interval.

    Args:
        results: of a sweep.
        problem: one of its problems, or several; by default all.
        optimizers: those to show beside the leaders; by default all, or the best ten of more.
        ax: where to draw; by default a new figure.
        judge_by: the measure, as for ``results.verdicts``; by default that of the sweep.

    Returns:
        The axes, whose x is the ratio, 1 for the leader.

    Raises:
        OptbenchError: a problem, an optimizer or the measure does not exist.

    Example:
        >>> two = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "learning_rates": [0.001], "steps": 50}
        >>> ax = optbench.figures.forest(sweep(two, seeds=8), judge_by="loss")
        >>> [text.get_text() for text in ax.get_yticklabels()]
        ['rosenbrock']
    """
    data = report_data(results)
    problems, names = select_rows(data, problem), select_optimizers(data, optimizers)
    styles = select_styles(data, problems[0] if len(problems) == 1 else ALL, optimizers)
    answer = data.answer.ask(judge_by)
    parts = [compare_with_leader(answer, each, list(styles)) for each in problems]
    rows = pd.concat([part.assign(problem=each) for part, each in zip(parts, problems, strict=True)])
    inches = ROW * len(rows) + GAP * len(problems)
    texts = [cut_to_width(data.label(each), current().tick, NAMES * current().width) for each in problems]
    left = max(text_width(text, current().tick) for text in texts) / current().scale + 0.22
    title = "Beside the leader of each problem"
    if problem is optimizers is judge_by is None:
        title = headline(data.answer)
    elif len(problems) == 1:
        title = panels.join_title("Beside the leader", data.label(problems[0]))
    if len(styles) < len(names):
        title += f": {len(styles)} of {len(names)} optimizers"
    title = cut_to_width(title, current().title, current().width)
    legend, height = [data.short_names[name] for name in styles], inches * current().scale / current().height
    with panels.axes(ax, title, legend, height=height, left=left, right=0.5) as ax:
        middles = _draw_rows(ax, rows, styles, data.short_names)
        ax.set_yticks(middles, texts)
        units = dict.fromkeys(name_unit(answer, each) for each in problems)
        hint = " (hollow: could be luck; green: within 10%)" if current().titled else ""
        ax.set_xlabel(f"times the leader's {' or '.join(units)}{hint}")
    return ax


def compare_with_leader(answer: Answer, problem: str, names: Iterable[str]) -> pd.DataFrame:
    """Return a row for the leader of a problem and each of the other names, the lowest value first.

    Where every run failed, nobody leads: no row has a ratio.

    Returns columns optimizer, ratio (1 for the leader), low, high, open (it is not told apart), tie, and note, which
    says what a ratio cannot: that every run failed, or none reached the target.
    """
    ranked, wanted = answer.rows(problem), set(names)
    leader = answer.leader(problem) or ranked[answer.of].iloc[0]
    plain = {"open": False, "tie": False, "note": ""}
    found = [{"optimizer": leader, "ratio": 1.0, "low": 1.0, "high": 1.0, **plain}]
    if (ranked["state"] == FAILED).all():
        found = [{"optimizer": leader, "ratio": math.nan, "low": math.nan, "high": math.nan, **plain}]
        found[0]["note"] = _describe_failure(answer, problem, leader)
    for row in ranked[ranked[answer.of].isin(wanted - {leader})].to_dict("records"):
        pair = answer.pairs[problem, leader, row[answer.of]]
        note = ""
        if row["state"] == FAILED:
            note = _describe_failure(answer, problem, row[answer.of])
        elif name_unit(answer, problem) == SAMPLES and row["reached"] == 0:
            note = "never reaches the target"
        elif not math.isfinite(pair.ratio):
            note = say(pair.reason) or "no result"
        ends = {"ratio": pair.ratio, "low": pair.low, "high": pair.high}
        grade = {"open": pair.verdict == OPEN, "tie": pair.verdict == TIE}
        found.append({"optimizer": row[answer.of], **ends, **grade, "note": note})
    return pd.DataFrame(found)


def _describe_failure(answer: Answer, problem: str, name: str) -> str:
    """Return how an optimizer failed, in words that follow its name."""
    end = tell_end(answer, problem, name)
    return "diverges" if end == "diverged" else f"no result: its runs {end}"


def find_limits(rows: pd.DataFrame) -> tuple[float, float, float]:
    """Return (begin, most, end) of the axis for rows of `compare_with_leader`: larger ratios are drawn at ``most``."""
    finite = rows[np.isfinite(rows["ratio"])]
    if finite.empty:
        return 0.8, NEAREST, 1.3 * NEAREST
    most = min(max(finite["ratio"].max(), NEAREST), FARTHEST)
    end = min(max(finite["high"].max(), most), 10 * most) * 1.3
    return min(max(finite["low"].min(), 0.1) / 1.3, 0.8), most, end


def list_ticks(begin: float, end: float) -> list[float]:
    """Return the ratios with a tick on an axis: the powers of ten, and on a short axis 2 and 5 times them."""
    steps = (1, 2, 5) if end / begin < 1000 else (1,)
    ticks = [step * 10.0**power for power in range(-4, 6) for step in steps]
    return [tick for tick in ticks if begin <= tick <= end]


def sort_ticks(ticks: Iterable[float]) -> list[float]:
    """Return ticks in the order in which they get a text: 1, then powers of ten, then the others."""
    return sorted(ticks, key=lambda tick: (tick != 1, not math.log10(tick).is_integer(), tick))


def _draw_rows(ax: Axes, rows: pd.DataFrame, styles: Mapping[str, dict], texts: Mapping[str, str]) -> list[float]:
    """Draw a mark with its interval for each row of `compare_with_leader`, and return the middle of each problem.

    styles, texts: line style, and text of the legend, by optimizer.
    """
    lines, small = current().lines, current().small
    begin, most, end = find_limits(rows)
    ax.set(xscale="log", xlim=(begin, end))
    ax.axvspan(1 / EQUAL, EQUAL, color=GREEN, alpha=0.15, linewidth=0, zorder=0)
    for name, style in styles.items():
        ax.plot([], [], color=style["color"], marker=style["marker"], linestyle="none", label=texts[name])
    place = 0.0
    middles: list[float] = []
    for _, part in rows.groupby("problem", sort=False):
        if middles:
            ax.axhline(place - 0.5, color="#e3e3e3", linewidth=0.6 * lines, zorder=1)
        place += GAP / ROW / 2
        middles.append(place + (len(part) - 1) / 2)
        for count, row in enumerate(part.to_dict("records")):
            style = styles.get(row["optimizer"], {"color": GRAY, "marker": "o"})
            x, note, ends = row["ratio"], row["note"], (1.0, 1.0)
            if x > most:
                x, note = most, note or f"→ {format_ratio(row['ratio'])}×"
            if np.isfinite(x):
                low, high = np.clip([row["low"], row["high"]], begin, end)  # either may be infinite
                ends = min(x, low), max(x, high)
                ax.hlines(place, low, high, color=style["color"], linewidth=1.4 * lines)
                over = (row["low"] < begin, begin, CARETLEFT), (row["high"] > end, end, CARETRIGHT)
                for edge, head in [rest for is_over, *rest in over if is_over]:
                    ax.plot([edge], [place], color=style["color"], marker=head, markersize=5 * lines, clip_on=False)
                if not count:  # the leader
                    ax.plot([x], [place], color=GRAY, marker="o", markersize=9 * lines, markerfacecolor="none",
                            linestyle="none", zorder=3)  # fmt: skip
                face = "white" if row["open"] else style["color"]
                ax.plot([x], [place], color=style["color"], marker=style["marker"], markersize=5.5 * lines, zorder=3,
                        markerfacecolor=face, linestyle="none", gid=f"{row['problem']} {row['optimizer']}")  # fmt: skip
            else:
                note = f"{texts[row['optimizer']]} {note}"
            note = note or "tie" * row["tie"]
            if note:
                box = {"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8}
                side = _find_side(ax, ends, text_width(note, small))
                ax.annotate(note, (ends[side], place), (6 if side else -6, 0), textcoords="offset points", va="center",
                            fontsize=small, ha="left" if side else "right", color=GRAY, bbox=box, zorder=4,
                            annotation_clip=False)  # fmt: skip
            place += 1
        place += GAP / ROW / 2
    ax.set_ylim(place - 0.5, -0.5)
    ax.grid(False, axis="y")
    ax.set_xticks(ticks := list_ticks(begin, end), _label_ticks(ax, ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    return middles


def _find_side(ax: Axes, ends: tuple[float, float], width: float) -> int:
    """Return the end of an interval behind which a note stands, 0 or 1: the upper one where the axes have room for it.

    ends: of the interval and its mark; width: of the note in inches.
    """
    begin, end = ax.get_xlim()
    inches = ax.get_window_extent().width / ax.figure.dpi / math.log(end / begin)
    before, behind = inches * math.log(ends[0] / begin), inches * math.log(end / ends[1])
    return int(behind > min(width + 0.1, before))


def _label_ticks(ax: Axes, ticks: list[float]) -> list[str]:
    """Return the text of each tick, "" where it would touch that of one before it: 1, then powers of ten come first."""
    begin, end = ax.get_xlim()
    inches, size = ax.get_window_extent().width / ax.figure.dpi / math.log(end / begin), current().tick
    texts: dict[float, str] = {}
    for tick in sort_ticks(ticks):
        text = f"{tick:,g}×"
        room = {other: text_width(f"{text} {shown}", size) / 2 for other, shown in texts.items()}
        if all(abs(math.log(tick / other)) * inches > least for other, least in room.items()):
            texts[tick] = text
    return [texts.get(tick, "") for tick in ticks]
