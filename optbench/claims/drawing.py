"""Drawing for the figures of claims: the style of all figures, single panels, and numbers with intervals."""

from optbench.figures.averages_and_schedules import draw_averages, draw_factors, draw_weights
from optbench.figures.batch_sizes import draw_noise, draw_scaling
from optbench.figures.data import Trajectory
from optbench.figures.fonts import text_width
from optbench.figures.loss_curves import draw_bands
from optbench.figures.panels import axes, draw_line, legend_width, log_ticks, new_figure, panel_title, set_legend
from optbench.figures.style import BLACK, GRAY, LEGEND_SIZE, PALE, PANEL_TITLE, TITLE_SIZE, line_style, styled
from optbench.figures.trajectories import Scene, draw_contours, draw_marks, draw_path

__all__ = [
    "BLACK", "GRAY", "INK", "LEGEND_SIZE", "PALE", "PANEL_TITLE", "TITLE_SIZE", "Scene", "Trajectory", "axes",
    "draw_averages", "draw_bands", "draw_contours", "draw_factors", "draw_interval", "draw_line", "draw_marks",
    "draw_noise", "draw_path", "draw_scaling", "draw_weights", "legend_width", "line_style", "log_axes", "log_ticks",
    "new_figure", "panel", "panel_title", "set_legend", "styled", "text_width",
]  # fmt: skip

INK = (BLACK, *(line_style(place)["color"] for place in (0, 1, 2, 3, 4, 6)))
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
