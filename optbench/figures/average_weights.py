"""What each value weighs in an exponentially weighted average, by its age (lecture B3 and B4)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from optbench.averages.contract import checked_beta
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError
from optbench.figures import frame, style, styles

# Values back: what a line can be drawn through at once; beyond it no weight can be seen
MOST_AGES = 100_000


def ewa_weights(
    betas: float | Sequence[float] = (0.5, 0.9, 0.98),
    *,
    ages: int | None = None,
    unit: str = "steps",
    title: str = "Weights of an exponentially weighted average",
    ax: Axes | None = None,
) -> Axes:
    """The weights (1 - beta) beta^k of the values k steps ago, with 1/e of the newest and the age 1 / (1 - beta).

    Dotted lines lead from the height of 1/e of the newest value's weight to the age 1 / (1 - beta), and down. The
    weight there is a little below that height; the two meet as beta goes to 1.

    Args:
        betas: one or several in [0, 1), a line each.
        ages: how many values back; by default a fifth further than the largest 1 / (1 - beta).
        unit: what ages are counted in, such as "days".
        title: of a new figure.
        ax: where to draw; by default a new figure.

    Returns:
        The axes, with a line of weights for each beta.

    Raises:
        OptbenchError: a beta is not in [0, 1), or ages is no whole number from 1.

    Example:
        >>> ax = optbench.figures.ewa_weights([0.9])
        >>> ax.lines[0].get_ydata()[:3].round(3).tolist()
        [0.1, 0.09, 0.081]

    Source:
        Lecture B3 and B4.
    """
    several = [checked_beta(beta, "ewa_weights") for beta in _listed(betas)]
    if not several:
        raise OptbenchError("ewa_weights: betas: name at least one")
    count = max(5, math.ceil(1.2 / (1 - max(several))))
    count = min(count, MOST_AGES) if ages is None else arguments.whole("ages", ages, 1, MOST_AGES)
    age = np.arange(count + 1)
    return draw_weights(ax, {beta: (1 - beta) * beta**age for beta in several}, title, unit)


def draw_weights(ax: Axes | None, weights: Mapping[float, np.ndarray], title: str, unit: str) -> Axes:
    """weights: beta -> its weights by age, from 0."""
    texts = {beta: f"β = {beta:.6g}" for beta in weights}
    with frame.axes(ax, title, [*texts.values(), "1/e, 1/(1−β)"], height=0.85) as ax:
        most = max(len(each) for each in weights.values()) - 1
        dots = {"linewidth": styles.current().lines, "linestyle": ":", "zorder": 2, "gid": "1/e"}
        for place, (beta, weight) in enumerate(weights.items()):
            look = style.look(place) | {"dashes": ()}
            style.draw_line(ax, range(len(weight)), weight, look, texts[beta], markevery=max(1, most // 6), zorder=3)
        for place, beta in enumerate(weights):
            span, height = 1 / (1 - beta), (1 - beta) / math.e
            label = "1/e, 1/(1−β)" if place == 0 else None
            ax.plot([0, span, span], [height, height, 0], color=style.look(place)["color"], label=label, **dots)
        ax.set(xlabel=f"age in {unit}", ylabel="weight")
        ax.set_xlim(-0.01 * most, most)
        ax.set_ylim(0, 1.04 * max(each[0] for each in weights.values()))
    return ax


def _listed(betas: float | Sequence[float]) -> list:
    return [betas] if np.isscalar(betas) else arguments.items("betas", betas)
