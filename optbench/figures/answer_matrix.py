"""The answer of a sweep as a matrix: for each problem and optimizer how far it is from the leader."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from optbench.analysis.ranking import BEHIND, FAILED
from optbench.analysis.sweep_tables import Tables
from optbench.analysis.verdicts import OPEN, TIE
from optbench.figures import panels
from optbench.figures.data import ReportData, report_data
from optbench.figures.fonts import cut_to_width, text_width
from optbench.figures.shown_optimizers import select_rows
from optbench.figures.style import GRAY, current
from optbench.wording import labels
from optbench.wording.headlines import headline
from optbench.wording.matrix import BEST, LEADS, NONE, Cell, Matrix, build_matrix

CAPTION = (
    "How many times the leader's value each optimizer comes to. Green: leads; with the word best nobody else may be "
    "best. White: open, may be best, too. Brown: shown to be behind, the darker the further. Below a ratio is its "
    "interval, which holds for all comparisons of a problem at once. Typical: the median over problems."
)
# Inches, by eye: the height of a problem, of a row below, of a problem without numbers, and of the longest name upright
ROW, FOOT, LOW, LONG = 0.33, 0.19, 0.17, 1.2
NAMES = 0.25
"""The longest name of a problem, as a share of the width."""
_COLORS = {BEST: "#8fd0aa", LEADS: "#d3ecdd", TIE: "#e5f4eb", OPEN: "white", NONE: "#f3f3f3"}
_BEHIND = "#b4400f"


def matrix(
    results: Tables | ReportData,
    problem: str | Iterable[str] | None = None,
    *,
    ax: Axes | None = None,
    judge_by: str | None = None,
) -> Axes:
    """Draw how far each optimizer is from the leader of each problem: problems are rows, optimizers columns.

    Of more than eight optimizers, the best mean rank first, cells have colors alone.

    Args:
        results: of a sweep.
        problem: one of its problems, or several; by default all.
        ax: where to draw; by default a new figure.
        judge_by: the measure, as for ``results.verdicts``; by default that of the sweep.

    Returns:
        The axes, with a place for each problem and optimizer.

    Raises:
        OptbenchError: a problem or the measure does not exist.

    Example:
        >>> two = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "learning_rates": [0.001], "steps": 50}
        >>> ax = optbench.figures.matrix(sweep(two, seeds=8), judge_by="loss")
        >>> [text.get_text() for text in ax.get_yticklabels()]
        ['rosenbrock']
    """
    data = report_data(results)
    problems = select_rows(data, problem)
    answer = data.answer.ask(judge_by)
    found = build_matrix(answer, problems=problems)
    size, short = current().tick, labels.short_names(problems, data.label)
    texts = [cut_to_width(short[each], size, NAMES * current().width) for each in problems]
    feet = found.summarize()
    left = max(text_width(each, size) for each in (*texts, *(foot[0] for foot in feet))) / current().scale + 0.15
    room = LONG if found.in_colors else (current().width - left) / len(found.names)
    names = [cut_to_width(data.short_names[name], size, room) for name in found.names]
    above = FOOT
    if found.in_colors:
        above = max(text_width(name, size) for name in names) / current().scale + 0.05
    row = LOW if found.in_colors else ROW
    inches = row * len(problems) + FOOT * len(feet) * (not found.in_colors) + above
    title = "Beside the leader of each problem"
    if problem is judge_by is None:
        title = headline(data.answer)
        title = title if text_width(title, current().title) < current().width else headline(data.answer, short=True)
    title = cut_to_width(title, current().title, current().width)
    with panels.axes(ax, title, height=inches * current().scale / current().height, left=left) as ax:
        _draw_cells(ax, found, names, texts, above / row)
        hint = " (white: open; filled: shown)" if current().titled else ""
        ax.set_xlabel(f"times the leader's {found.unit}{hint}")
    return ax


def _draw_cells(ax: Axes, found: Matrix, names: list[str], texts: list[str], above: float) -> None:
    """Draw a cell for each problem and optimizer, with rows below that sum them up.

    names, texts: what optimizers and problems are called; above: the height of the names, in rows.
    """
    usual, small = current().small + 1, current().small
    bottom = float(len(texts))
    for y, row in enumerate(found.cells.values()):
        for x, cell in enumerate(row):
            box: dict[str, Any] = {"facecolor": _color(cell), "edgecolor": "#d8d8d8" if cell.state == OPEN else "none"}
            ax.add_patch(Rectangle((x + 0.02, y + 0.03), 0.96, 0.94, linewidth=0.6 * current().lines, **box))
            if not found.in_colors:
                shown: dict[str, Any] = {"ha": "center", "va": "center", "clip_on": True}
                weight, ink = ("normal", GRAY) if cell.state in (OPEN, NONE) else ("bold", "black")
                ax.text(x + 0.5, y + 0.5 - 0.16 * bool(cell.ends), cell.text, fontsize=usual, color=ink,
                        fontweight=weight, **shown)  # fmt: skip
                ax.text(x + 0.5, y + 0.76, cell.ends, fontsize=small, color=ink, **shown)
    ticks = [each + 0.5 for each in range(len(texts))]
    for foot, shares in found.summarize() if not found.in_colors else ():
        ax.axhline(bottom, color="#d8d8d8", linewidth=0.6 * current().lines)
        for x, text in enumerate(shares):
            ax.text(x + 0.5, bottom + FOOT / ROW / 2, text, fontsize=usual, ha="center", va="center")
        ticks.append(bottom + FOOT / ROW / 2)
        texts = [*texts, foot]
        bottom += FOOT / ROW
    for x, name in enumerate(names):
        ax.text(x + 0.5, -0.06, name, fontsize=current().tick, ha="center", va="bottom",
                rotation=90 if found.in_colors else 0)  # fmt: skip
    ax.set(xlim=(0, len(names)), ylim=(bottom, -above))
    ax.set_yticks(ticks, texts)
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.grid(False)
    ax.spines[:].set_visible(False)


def _color(cell: Cell) -> str | tuple[float, ...]:
    """Return the color of a cell: of one behind the leader the darker, the further it is."""
    if cell.state not in (BEHIND, FAILED):
        return _COLORS[cell.state]
    share = 0.12 + 0.5 * cell.depth / 100
    return tuple(share * dark + 1 - share for dark in to_rgb(_BEHIND))
