"""The learning rate's factor over a run, under several schedules (lecture D2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from optbench.catalogue import loader
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError
from optbench.contract.schedules import Schedule
from optbench.figures import frame, style
from optbench.figures.moving_averages import thinned
from optbench.wording.schedule_names import short_schedules

# Steps: every one is computed; a longer run looks the same
MOST_STEPS = 10**6
# Ratio of the ends of a logarithmic axis: a factor that goes to 0 would flatten all others
DECADES = 1e4
_AXIS = {"epochs": "epochs (passes over the data)", "steps": "steps"}


def schedules(
    names: str | Schedule | Iterable[str | Schedule] | Mapping[str, str],
    *,
    epochs: float | None = None,
    steps: int | None = None,
    steps_per_epoch: int = 20,
    along: str = "epochs",
    lr: float = 1.0,
    log: bool = False,
    title: str = "Learning-rate schedules",
    ax: Axes | None = None,
    plugin: str | Path | Iterable[str | Path] = (),
) -> Axes:
    """The factor of the learning rate at every step of a run, a line a schedule.

    Args:
        names: as a spec has them, with parameters if need be (``"warmup(cosine, fraction=0.1)"``), or records; a
            mapping has the text of the legend for each.
        epochs: the length of the run in passes over the data; by default 30.
        steps: its length in steps, instead.
        steps_per_epoch: the steps of an epoch.
        along: what is counted on the axis, "epochs" or "steps".
        lr: the first rate, which all factors are multiplied by.
        log: a logarithmic axis of the factor.
        title: of a new figure.
        ax: where to draw; by default a new figure.
        plugin: a file, or several, with schedules of your own.

    Returns:
        The axes, with a line for each schedule, in their order.

    Raises:
        OptbenchError: a schedule, a parameter of one or what to count does not exist, or both epochs and steps are
            given.

    Example:
        >>> ax = optbench.figures.schedules(["constant", "exponential(base=0.5)"], epochs=3, steps_per_epoch=1)
        >>> ax.lines[1].get_ydata().tolist()
        [1.0, 0.5, 0.25]
    """
    texts = _texts(names, loader.load_all(plugin))
    per_epoch = arguments.whole("steps_per_epoch", steps_per_epoch, 1)
    arguments.word("along", along, _AXIS)
    if epochs is not None and steps is not None:
        raise OptbenchError("give one length: epochs or steps")
    if steps is None:
        wanted = arguments.number("epochs", 30 if epochs is None else epochs) * per_epoch
        total = arguments.whole("steps of these epochs", max(1, round(wanted)), 1, MOST_STEPS)
    else:
        total = arguments.whole("steps", steps, 1, MOST_STEPS)
    step = np.arange(1, total + 1)
    epoch = (step - 1) // per_epoch
    x = step if along == "steps" else (step - 1) / per_epoch
    factors = {text: lr * np.broadcast_to(record(step, epoch, total), step.shape) for record, text in texts}
    label = "factor of the learning rate" if lr == 1.0 else "learning rate"
    return draw_factors(ax, x, factors, title, _AXIS[along], label, log)


def draw_factors(
    ax: Axes | None, x: np.ndarray, factors: Mapping[str, np.ndarray], title: str, along: str, label: str,
    log: bool = False, level: float | None = None,
) -> Axes:  # fmt: skip
    """A line for each text of the legend, along the same x; along, label: what the axes tell; level: marked by dots."""
    with frame.axes(ax, title, factors, height=0.9, left=0.9 if log else 0.75) as ax:
        for place, (text, factor) in enumerate(factors.items()):
            at, value = thinned(x, factor)
            every = max(1, len(at) // 8)
            marks = (place * every // len(factors), every)
            style.draw_line(ax, at, value, style.look(place), text, markevery=marks)
        ax.set_yscale("log" if log else "linear")
        low, high = ax.get_ylim()
        if log:
            if low < high / DECADES:
                # The margin above is a share of what is cut off.
                peak = max(float(np.max(factor)) for factor in factors.values())
                ax.set_ylim(peak / DECADES, 1.5 * peak)
            style.log_ticks(ax.yaxis, *ax.get_ylim(), plain=True)
        else:
            ax.set_ylim(bottom=min(0.0, low))
        if level is not None:
            style.draw_level(ax, level, f"{level:g}")
        ax.margins(x=0.01)
        ax.set(xlabel=along, ylabel=label)
    return ax


def _texts(names, catalogue: loader.Catalogue) -> list[tuple[Schedule, str]]:
    """Each schedule with what the legend calls it."""
    if isinstance(names, Mapping):
        return [(catalogue.schedule(name), str(text)) for name, text in names.items()]
    several = [names] if isinstance(names, str | Schedule) else arguments.items("names", names)
    if not several:
        raise OptbenchError("names: name at least one schedule")
    records = [catalogue.schedule(name) for name in several]
    short = short_schedules([record.text for record in records])
    return [(record, short[record.text]) for record in records]
