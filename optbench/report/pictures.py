"""All figures of a report: which tables each one needs, in which order, under which file name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from optbench.analysis.selection import staged
from optbench.figures import highlights, panels, style, styles
from optbench.figures.evidence import Evidence, Tables
from optbench.figures.learning_rates import rates, without_rates
from optbench.figures.loss_curves import curves
from optbench.wording import labels
from optbench.wording.answers import value_word

CAPTIONS = {
    "curves": "The best configuration of each optimizer (chosen on the tuning seeds). Line: median over the {seeds}. "
    "Band: the interval of that median. A failed run counts as infinitely bad from its last point on, so a line ends "
    "where half of the runs have failed. Markers only tell the lines apart.",
    "rates": "Each optimizer at each rate, with the batch size and schedule that were best at this rate on the tuning "
    "seeds. Point: median over the {seeds}; bar: its interval; hollow: some runs failed, but fewer than half. Points "
    "and bars are moved a little sideways so that they do not hide each other. In the strip at the top, if there is "
    "one: rates at which half of the runs or more diverged, or ended above 1000 times the suboptimality at the start.",
    "heatmap": "log₁₀ of the median {value} over the {seeds}, each cell at the rate (and hyperparameters) "
    "that were best in this cell on the tuning seeds; lower is better. One color scale for all panels. Hatched: half "
    "of the runs or more failed. Framed: what is recommended for each optimizer in first place.",
    "paths": "The best configuration of each optimizer, one run of seed {seed} each, from the same start point. Dots "
    "are the evaluated steps, spaced evenly in the logarithm of the step. Contours are spaced evenly in the logarithm "
    "of the loss above the minimum; darker is higher.",
}
WORDS = {
    "curves": "loss curves with intervals over seeds",
    "rates": "final loss against learning rate",
    "heatmap": "final loss by batch size and schedule",
    "paths": "paths over the contours of the loss",
}


MORE = {
    "curves": "In color: {rule}; the legend has them in this order, and the axes fit them. Gray: the medians of the "
    "others.",
    "rates": "In color: {rule}; the legend has them in this order, and the axes fit them. Gray: the medians of the "
    "others, where they did not diverge.",
    "heatmap": "Shown: {rule}; color scale and frame are of these alone.",
    "paths": "Shown: {rule}.",
}
"""What is said besides where not all optimizers are told apart."""
LEVEL = "A level line: an optimizer that takes no learning rate (it was given a single one)."
EMPTY = "Light gray: not run."


def draw_figures(evidence: Evidence, folder: Path, progress: Callable[[str], None]) -> dict[str, list[dict]]:
    """Write all PNG files into `folder`; per problem a list of {file, caption, alt}."""
    results = evidence.results
    files = labels.file_names(results.runs["problem"].unique())
    out: dict[str, list[dict]] = {problem: [] for problem in files}
    with styles.styled(), styles.apart():
        for problem in files:
            progress(f"figures of {problem}")
            for kind, figure, caption in _figures(problem, evidence):
                file = f"{kind}-{files[problem]}.png"
                style.save(figure, folder / file, results.foot)
                alt = f"{problem}: {WORDS[kind]}"
                out[problem].append({"file": file, "caption": caption, "alt": alt, "kind": kind})
    return out


def _figures(problem: str, evidence: Evidence) -> Iterator[tuple[str, Figure, str]]:
    """The figures of one problem: (kind, figure, caption)."""
    best, by_rate, by_cell, bands = (
        table[table["problem"] == problem]
        for table in (evidence.best, evidence.by_rate, evidence.by_cell, evidence.bands)
    )
    results = evidence.results
    looks = evidence.looks[problem]
    rule = highlights.rule(looks, best)

    def caption(kind: str, *more: str, **words) -> str:
        parts = [CAPTIONS[kind], *more, MORE[kind] if rule else ""]
        shown = {"rates": by_rate, "heatmap": by_cell}.get(kind, best)
        value = value_word(results.choose_by)
        return " ".join(filter(None, parts)).format(seeds=_seeds(shown, results), rule=rule, value=value, **words)

    if len(bands):
        yield "curves", curves(evidence, problem).figure, caption("curves")
    level = LEVEL if without_rates(by_rate).any() else ""
    yield "rates", rates(evidence, problem).figure, caption("rates", level)
    in_color = by_cell[by_cell["optimizer"].isin(list(looks))]
    every = in_color["batch_size"].nunique() * in_color["schedule"].nunique() * len(looks)
    yield "heatmap", panels.heatmaps(evidence, problem), caption("heatmap", EMPTY if len(in_color) < every else "")
    if len(evidence.landscape(problem)) and (walks := evidence.walks(problem)):
        seed = next(iter(walks.values())).seed
        yield "paths", panels.paths(evidence, problem), caption("paths", seed=seed)


def _seeds(shown: pd.DataFrame, results: Tables) -> str:
    """Which seeds the numbers of a figure come from."""
    if shown["held_out"].all():
        return "held-out seeds"
    if staged(results.runs):
        return "tuning seeds (only chosen settings ran on others)"
    return "same seeds (there are no others)"
