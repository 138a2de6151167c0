"""Drawing for the figures of claims: the style of all figures, single panels, and numbers with intervals."""

from optbench.figures.average_weights import draw_weights
from optbench.figures.batch_steps import draw_scaling
from optbench.figures.cost_wiggles import draw_noise
from optbench.figures.evidence import Walk
from optbench.figures.frame import axes
from optbench.figures.loss_curves import draw_band
from optbench.figures.moving_averages import draw_averages
from optbench.figures.schedule_curves import draw_factors
from optbench.figures.style import (
    BLACK,
    GRAY,
    LEGEND_SIZE,
    PALE,
    PANEL_TITLE,
    TITLE_SIZE,
    draw_line,
    legend,
    legend_width,
    log_ticks,
    look,
    new_figure,
    panel_title,
    text_width,
    theme,
)
from optbench.figures.trajectories import Scene, draw_contours, draw_marks, draw_walk

__all__ = [
    "BLACK",
    "GRAY",
    "INK",
    "LEGEND_SIZE",
    "PALE",
    "PANEL_TITLE",
    "TITLE_SIZE",
    "Scene",
    "Walk",
    "axes",
    "draw_averages",
    "draw_band",
    "draw_contours",
    "draw_factors",
    "draw_interval",
    "draw_line",
    "draw_marks",
    "draw_noise",
    "draw_scaling",
    "draw_walk",
    "draw_weights",
    "legend",
    "legend_width",
    "log_axes",
    "log_ticks",
    "look",
    "new_figure",
    "panel",
    "panel_title",
    "text_width",
    "theme",
]

INK = (BLACK, *(look(place)["color"] for place in (0, 1, 2, 3, 4, 6)))
"""The plain method black, then the colors of the others."""


def draw_interval(ax, x: float, interval: tuple[float, float, float], color, label: str | None = None) -> None:
    """Draw a number and its interval: a dot on a pale bar."""
    ax.plot([x, x], interval[1:], color=color, linewidth=6, alpha=0.3, solid_capstyle="butt")
    ax.plot([x], interval[:1], "o", color=color, markersize=5, label=label)


def panel(size: tuple[float, float], *, top: float = 0.4, bottom: float = 0.5, **layout):
    """Return a figure and its one panel; layout: ``left``, ``right`` and ``title``, as in ``new_figure``."""
    figure, grid = new_figure(size, top=top, bottom=bottom, **layout)
    return figure, grid[0, 0]


def log_axes(ax, plain: bool = False) -> None:
    """Label the logarithmic axes of a panel; plain: 0.001 and not 10⁻³."""
    for axis, limits in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
        if axis.get_scale() == "log":
            log_ticks(axis, *limits, plain=plain)
