"""The kinds of figures that a report has, in the order of a page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from optbench import figures
from optbench.figures import (
    batch_steps,
    cost_wiggles,
    dimension_times,
    divergence_map,
    panels,
    profile_bands,
    rank_diagram,
    tuning_value,
)
from optbench.figures.evidence import Evidence
from optbench.report import captions, conditions

EXPLORED = ("curves", "rates", "best_of_n", "profiles", "divergence")
"""Kinds that only a page without a foreign script has as pictures: the others draw them by themselves, to be looked
into, or have it in what they draw, where lines end."""


@dataclass(frozen=True)
class Kind:
    """A figure of one problem, or of all together."""

    words: str
    """What it is, for those who do not see it."""
    draw: Callable[[Evidence, Any], Figure]
    """From the evidence and the problem, which is None for a figure of all."""
    caption: Callable[[Evidence, Any], str]
    there: Callable[[Evidence, Any], bool] = lambda evidence, problem: True
    """Whether there is something to draw."""
    overall: bool = False


def _drawn(name: str) -> Callable[[Evidence, Any], Figure]:
    """The figure of a function of `optbench.figures`."""
    return lambda evidence, problem: getattr(figures, name)(evidence, problem).figure


def _told(caption: str) -> Callable[[Evidence, Any], str]:
    return lambda evidence, problem: caption


KINDS = {
    "curves": Kind(
        "loss curves with intervals over seeds",
        _drawn("curves"),
        captions.curves,
        lambda evidence, problem: bool((evidence.bands["problem"] == problem).any()),
    ),
    "rates": Kind("final loss against learning rate", _drawn("rates"), captions.rates),
    "heatmap": Kind("final loss by batch size and schedule", panels.heatmaps, captions.heatmap),
    "paths": Kind("paths over the contours of the loss", panels.paths, captions.paths, conditions.with_path),
    "best_of_n": Kind(
        "value of the best of n trials", _drawn("best_of_n"), _told(tuning_value.CAPTION), conditions.tuned
    ),
    "divergence": Kind(
        "share of runs that diverged, by learning rate and batch size",
        panels.divergences,
        _told(divergence_map.CAPTION),
        conditions.some_diverged,
    ),
    "batch_scaling": Kind(
        "steps to a target against batch size",
        _drawn("batch_scaling"),
        _told(batch_steps.CAPTION),
        conditions.many_sizes,
    ),
    "noise": Kind(
        "noise of the mini-batch cost against batch size",
        _drawn("noise"),
        _told(cost_wiggles.CAPTION),
        conditions.many_mini_batches,
    ),
    "critical_difference": Kind(
        "mean ranks over all problems, and which are not told apart",
        _drawn("critical_difference"),
        _told(rank_diagram.CAPTION),
        conditions.compared,
        overall=True,
    ),
    "profiles": Kind(
        "performance profiles over all problems",
        _drawn("profiles"),
        _told(profile_bands.CAPTION),
        conditions.all_together,
        overall=True,
    ),
    "time_per_step": Kind(
        "time of a step against the number of parameters",
        lambda evidence, problem: figures.time_per_step(evidence, conditions.family(evidence)).figure,
        _told(dimension_times.CAPTION),
        lambda evidence, problem: conditions.family(evidence) != "",
        overall=True,
    ),
}
"""By name, in the order of a page."""
