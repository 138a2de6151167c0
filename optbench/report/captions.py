"""What stands below each figure of a report: what it shows, and of which seeds."""

from __future__ import annotations

import pandas as pd

from optbench.analysis.selection import staged
from optbench.figures import highlights
from optbench.figures.evidence import Evidence
from optbench.figures.learning_rates import without_rates
from optbench.wording.answers import value_word

LEVEL = "A level line: an optimizer that takes no learning rate (it was given a single one)."
EMPTY = "Light gray: not run."


def curves(evidence: Evidence, problem: str) -> str:
    """Of `figures.curves`."""
    return _joined(
        "The best configuration of each optimizer (chosen on the tuning seeds). Line: median over the "
        f"{_seeds(evidence, evidence.best_of(problem))}. Band: the interval of that median. A failed run counts as "
        "infinitely bad from its last point on, so a line ends where half of the runs have failed. Markers only tell "
        "the lines apart.",
        _in_color(evidence, problem, "Gray: the medians of the others."),
    )


def rates(evidence: Evidence, problem: str) -> str:
    """Of `figures.rates`."""
    table = evidence.by_rate[evidence.by_rate["problem"] == problem]
    return _joined(
        "Each optimizer at each rate, with the batch size and schedule that were best at this rate on the tuning "
        f"seeds. Point: median over the {_seeds(evidence, table)}; bar: its interval; hollow: some runs failed, but "
        "fewer than half. Points and bars are moved a little sideways so that they do not hide each other. In the "
        "strip at the top, if there is one: rates at which half of the runs or more diverged, or ended above 1000 "
        "times the suboptimality at the start.",
        LEVEL if without_rates(table).any() else "",
        _in_color(evidence, problem, "Gray: the medians of the others, where they did not diverge."),
    )


def heatmap(evidence: Evidence, problem: str) -> str:
    """Of `panels.heatmaps`."""
    looks = evidence.looks[problem]
    table = evidence.by_cell[evidence.by_cell["problem"] == problem]
    shown = table[table["optimizer"].isin(list(looks))]
    every = shown["batch_size"].nunique() * shown["schedule"].nunique() * len(looks)
    rule = _rule(evidence, problem)
    return _joined(
        f"log₁₀ of the median {value_word(evidence.results.choose_by)} over the {_seeds(evidence, table)}, each cell "
        "at the rate (and hyperparameters) that were best in this cell on the tuning seeds; lower is better. One color "
        "scale for all panels. Hatched: half of the runs or more failed. Framed: what is recommended for each "
        "optimizer in first place.",
        EMPTY if len(shown) < every else "",
        f"Shown: {rule}; color scale and frame are of these alone." if rule else "",
    )


def paths(evidence: Evidence, problem: str) -> str:
    """Of `panels.paths`."""
    walks = evidence.walks(problem).values()
    whole, rule = {walk.whole for walk in walks}, _rule(evidence, problem)
    every = "Every step is drawn; dots stand at the steps 1, 10, 100 and so on."
    few = "Dots are the evaluated steps, spaced evenly in the logarithm of the step: lines between them cut corners."
    drawn = f"{every} Of long runs that is not so: {few[0].lower()}{few[1:]}" if len(whole) > 1 else every
    drawn = few if whole == {False} else drawn
    return _joined(
        f"The best configuration of each optimizer, one run of seed {min(walk.seed for walk in walks)} each, from the "
        f"same start point. {drawn} Contours are spaced evenly in the logarithm of the loss above the minimum; darker "
        "is higher.",
        f"Shown: {rule}." if rule else "",
    )


def _joined(*parts: str) -> str:
    return " ".join(filter(None, parts))


def _rule(evidence: Evidence, problem: str) -> str:
    return highlights.rule(evidence.looks[problem], evidence.best_of(problem))


def _in_color(evidence: Evidence, problem: str, gray: str) -> str:
    """What is said besides where not all optimizers are told apart."""
    rule = _rule(evidence, problem)
    return f"In color: {rule}; the legend has them in this order, and the axes fit them. {gray}" if rule else ""


def _seeds(evidence: Evidence, shown: pd.DataFrame) -> str:
    """Which seeds the numbers of a figure come from."""
    if shown["held_out"].all():
        return "held-out seeds"
    if staged(evidence.results.runs):
        return "tuning seeds (only chosen settings ran on others)"
    return "same seeds (there are no others)"
