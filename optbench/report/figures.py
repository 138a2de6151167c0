"""All figures of a report: which tables each one needs, in which order, under which file name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from optbench.analysis import best_configurations, curve_bands, reported_runs

from . import labels, style
from .figure_curves import draw_curves
from .figure_heatmap import draw_heatmap
from .figure_paths import draw_paths
from .figure_rates import draw_rates
from .load import Results

CAPTIONS = {
    "curves": "The best configuration of each optimizer (chosen on the tuning seeds). Line: median over the {seeds}. "
    "Band: the interval of that median. A failed run counts as infinitely bad from its last point on, so a line ends "
    "where half of the runs have failed. Markers only tell the lines apart.",
    "rates": "Each optimizer at each rate, with the batch size and schedule that were best at this rate on the tuning "
    "seeds. Point: median over the {seeds}; bar: its interval; hollow: some runs failed, but fewer than half. Points "
    "and bars are moved a little sideways so that they do not hide each other. In the strip at the top, if there is "
    "one: rates at which half of the runs or more diverged, or ended above 1000 times the suboptimality at the start.",
    "heatmap": "log₁₀ of the median final suboptimality over the {seeds}, each cell at the rate (and hyperparameters) "
    "that were best in this cell on the tuning seeds; lower is better. One color scale for all panels. Hatched: half "
    "of the runs or more failed. Framed: the lowest of all cells.",
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


def draw_figures(
    results: Results, best: pd.DataFrame, folder: Path, progress: Callable[[str], None]
) -> dict[str, list[dict]]:
    """Write all PNG files into `folder`; per problem a list of {file, caption, alt}.

    best: `best_configurations(results.runs, results.tuning_seeds)`.
    """
    runs, tuning = results.runs, results.tuning_seeds
    by_rate = best_configurations(runs, tuning, by=("problem", "optimizer", "lr"))
    by_cell = best_configurations(runs, tuning, by=("problem", "optimizer", "batch_size", "schedule"))
    drawn = reported_runs(runs, best, tuning)
    curves = results.curves(drawn["run_id"])
    bands = curve_bands(curves, drawn)
    names = {name: str(name) for name in runs["optimizer"].unique()}
    styles = style.line_styles(names)
    files = labels.file_names(runs["problem"].unique())
    out: dict[str, list[dict]] = {}

    def keep(kind: str, problem: str, figure, **words) -> None:
        file = f"{kind}-{files[problem]}.png"
        style.save(figure, folder / file, results.foot)
        out[problem].append(
            {"file": file, "caption": CAPTIONS[kind].format(**words), "alt": f"{problem}: {WORDS[kind]}", "kind": kind}
        )

    with style.theme():
        for problem in files:
            progress(f"figures of {problem}")
            out[problem] = []
            mine = best[best["problem"] == problem]
            seeds = "held-out seeds" if mine["held_out"].all() else "same seeds (there are no others)"
            facts = results.problem(problem)
            start = _start(runs[runs["problem"] == problem], facts)
            part = bands[bands["problem"] == problem]
            if len(part):
                keep("curves", problem, draw_curves(problem, part, mine, facts, styles, names), seeds=seeds)
            part = by_rate[by_rate["problem"] == problem]
            keep("rates", problem, draw_rates(problem, part, start, styles, names), seeds=seeds)
            part = by_cell[by_cell["problem"] == problem]
            keep("heatmap", problem, draw_heatmap(problem, part, start, names), seeds=seeds)
            landscape = results.landscapes[results.landscapes["problem"] == problem]
            if len(landscape) and {"w_1", "w_2"} <= set(curves.columns):
                seed, paths = _paths(drawn[drawn["problem"] == problem], curves, names)
                if paths:
                    figure = draw_paths(problem, landscape, paths, facts, styles, names, seed)
                    keep("paths", problem, figure, seed=seed)
    return out


def _start(runs: pd.DataFrame, facts: dict) -> float:
    """The median suboptimality at the start; NaN where the minimum is not known."""
    minimum = facts.get("minimum")
    return float((runs["loss_initial"] - (np.nan if minimum is None else minimum)).median())


def _paths(drawn: pd.DataFrame, curves: pd.DataFrame, optimizers) -> tuple[int, dict]:
    """The smallest reported seed that has paths, and per optimizer its run's curve and whether it failed."""
    curves = curves[curves["run_id"].isin(drawn["run_id"])].dropna(subset=["w_1", "w_2"])
    by_run = dict(iter(curves.sort_values("step").groupby("run_id", sort=False)))
    drawn = drawn[drawn["run_id"].isin(by_run)]
    if drawn.empty:
        return 0, {}
    seed = int(drawn["seed"].min())
    chosen = drawn[drawn["seed"] == seed].set_index("optimizer")
    return seed, {
        name: (by_run[chosen.at[name, "run_id"]], chosen.at[name, "status"] == "diverged")
        for name in optimizers
        if name in chosen.index
    }
