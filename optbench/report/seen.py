"""What a reader sees in a figure of a report, in words: the text of an image, from the numbers that are drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from optbench.analysis import find_failed_runs, select_screening_runs
from optbench.analysis.best_of_n import TRIALS
from optbench.analysis.texts import join_with_and
from optbench.analysis.verdicts import ALL
from optbench.contract.names import count_noun
from optbench.figures.data import ReportData
from optbench.figures.forest_plot import compare_with_leader
from optbench.wording import labels
from optbench.wording.headlines import headline
from optbench.wording.judged import SAMPLES, format_ratio
from optbench.wording.labels import number

MOST_PROBLEMS = 12
"""Problems that the text of one figure names."""


def describe(kind: str, data: ReportData, problem: str, figure: Figure | None) -> str:
    """Return what the figure of a kind shows, "PROBLEM: " before it for one of a problem.

    figure: as drawn; the paths of a film need none.
    """
    text = _SEEN[kind](data, problem) if kind in _SEEN else _read_lines(figure)
    return f"{problem}: {text}" if problem else text


def _see_forest(data: ReportData, problem: str) -> str:
    """Say who leads on each problem, and who is farthest from it."""
    judged, texts = data.answer.judged, []
    problems = list(data.files)
    for each in problems[:MOST_PROBLEMS]:
        first, *others = compare_with_leader(judged, each, list(data.line_styles[ALL])).to_dict("records")
        rest = [f"{row['optimizer']} {row['note'] or 'at ' + format_ratio(row['ratio']) + '×'}" for row in others[-1:]]
        leads = f"{first['optimizer']} leads" if math.isfinite(first["ratio"]) else "nobody leads"
        texts.append(", ".join([f"on {each} {leads}", *rest]))
    if more := len(problems) - len(texts):
        texts.append(f"{count_noun(more, 'more problem')}")
    return f"{headline(data.answer)}: {'; '.join(texts)}"


def _see_curves(data: ReportData, problem: str) -> str:
    """Say where each line ends, and where samples are judged from when on it stays below the target."""
    bands = data.bands_of("train_loss")
    bands = bands[(bands["problem"] == problem) & np.isfinite(bands["median"])].sort_values("step")
    bands = bands.assign(height=bands["median"] - (data.minimum(problem) or 0.0))
    lines = bands[bands["step"] > 0].groupby("optimizer")
    ends, drawn = lines["height"].last(), data.line_styles[problem]
    texts = _rank(ends, drawn, lambda name: number(ends[name]))
    text = f"the lines end at {texts}" if texts else "there is no line: half of the runs or more diverged at once"
    judged, share = data.answer.judged, data.answer.judged.targets.get(problem, math.nan)
    target = share * data.start(problem)
    if judged.unit(problem) == SAMPLES and math.isfinite(target):
        above = bands[bands["height"] > target].groupby("optimizer")["step"].max()
        below = bands[bands["step"] > bands["optimizer"].map(above).fillna(-1)]
        clock = "step" if data.results.problem(problem).get("examples") == 1 else "epoch"  # as the picture has
        since = below.groupby("optimizer")[clock].first()
        texts = _rank(since, drawn, lambda name: f"from {clock} {number(since[name])} on")
        never = [name for name in drawn if name in ends and name not in since]
        said = [f"{texts} below the target of {labels.share_text(share)}"] if texts else []
        said += [f"{join_with_and(never)} not below {'it' if texts else 'the target'} at the end"] if never else []
        text = f"{', '.join(said)}; {text}" if said else text
    return text


def _see_rates(data: ReportData, problem: str) -> str:
    """Say at which rate each optimizer is lowest, and how low."""
    best = _find_lowest(data.by_rate, problem)

    def describe_rate(name: str) -> str:
        value, rate = best.at[name, "median"], best.at[name, "lr"]
        return f"{number(value)} at rate {number(rate)}" if math.isfinite(value) else "failing at every rate"

    return "lowest are " + _rank(best["median"], data.line_styles[problem], describe_rate)


def _see_heatmap(data: ReportData, problem: str) -> str:
    """Say which cell of each optimizer is lowest, and how low."""
    cells = data.judged_cells
    best = _find_lowest(cells[~cells["few"]], problem)
    samples = f" {data.name_value(problem)}" if math.isfinite(data.target(problem)) else ""

    def describe_cell(name: str) -> str:
        row = best.loc[name]
        if not math.isfinite(row["median"]):
            return "failing in each"
        size = labels.batch_label(row["batch_size"], row["full_batch"])
        if samples and row["median"] > data.budget(problem):
            return "never reaching the target"
        value = labels.samples_text(row["median"]) if samples else number(row["median"])
        return f"{value}{samples} at batch size {size} with {data.short_schedules[row['schedule']]}"

    return "the lowest cells are " + _rank(best["median"], data.line_styles[problem], describe_cell)


def _see_paths(data: ReportData, problem: str) -> str:
    """Say where each path ends, and after how many steps."""
    texts = []
    for name, path in data.trajectories(problem).items():
        if name in data.line_styles[problem]:
            verb = "diverges" if path.failed else f"ends at ({number(path.w[-1][0], 2)}, {number(path.w[-1][1], 2)})"
            texts.append(f"{name} {verb} after {count_noun(int(path.step[-1]), 'step')}")
    return "; ".join(texts)


def _see_best_of_n(data: ReportData, problem: str) -> str:
    """Say what each optimizer gives after one trial, and after all."""
    table = data.best_of_n
    table = table[(table["problem"] == problem) & (table["kind"] == TRIALS)].sort_values("n")
    parts = {name: part for name, part in table.groupby("optimizer")}
    last = pd.Series({name: part["value"].iloc[-1] for name, part in parts.items()}, dtype=float)

    def describe_ends(name: str) -> str:
        one, every = parts[name].iloc[0], parts[name].iloc[-1]
        return f"{number(one['value'])} after {one['n']} and {number(every['value'])} after {every['n']}"

    return f"by trials {_rank(last, data.line_styles[problem], describe_ends)}"


def _see_divergence(data: ReportData, problem: str) -> str:
    """Say what share of each optimizer's runs diverged."""
    runs = select_screening_runs(data.results.runs[data.results.runs["problem"] == problem])
    share = pd.Series(np.asarray(find_failed_runs(runs), float), runs["optimizer"].to_numpy()).groupby(level=0).mean()
    return "of all runs diverged " + _rank(share, data.line_styles[problem], lambda name: f"{100 * share[name]:.3g}%")


def _see_mean_ranks(data: ReportData, problem: str) -> str:
    """Say the mean rank of each optimizer."""
    rows = data.answer.ranking
    ranks = rows[(rows["problem"] == ALL) & rows["mean_rank"].notna()].set_index("optimizer")["mean_rank"]
    return f"the mean ranks are {_rank(ranks, ranks.index, lambda name: number(ranks[name]))}"


_SEEN: dict[str, Callable[[ReportData, str], str]] = {
    "forest": _see_forest,
    "curves": _see_curves,
    "rates": _see_rates,
    "heatmap": _see_heatmap,
    "paths": _see_paths,
    "best_of_n": _see_best_of_n,
    "divergence": _see_divergence,
    "mean_ranks": _see_mean_ranks,
}
"""Kinds of figures that are said in sentences of their own; of others the ends of the lines are."""


def _find_lowest(table: pd.DataFrame, problem: str) -> pd.DataFrame:
    """Return the row with the lowest median of each optimizer on a problem, by optimizer; infinite if all failed."""
    mine = table[table["problem"] == problem]
    return mine.sort_values("median", kind="stable").drop_duplicates("optimizer").set_index("optimizer")


def _rank(values: pd.Series, shown: Iterable[str], describe_one: Callable[[str], str]) -> str:
    """Return "NAME TEXT, NAME TEXT and NAME TEXT" for those of the names that are shown, the lowest value first.

    "" if there are none.
    """
    names = [name for name in values.sort_values(kind="stable").index if name in set(shown)]
    return join_with_and([f"{name} {describe_one(name)}" for name in names]) if names else ""


def _read_lines(figure: Figure | None) -> str:
    """Return the first and the last point of each line of a figure of one panel, as its legend calls it."""
    ax = figure.axes[0] if figure else None
    if ax is None:
        return ""
    texts = []
    for line in ax.lines:
        x, y = (np.asarray(values, dtype=float) for values in line.get_data())
        if str(line.get_label()).startswith("_") or not len(x) or line.get_linestyle() == "None":
            continue
        ends = [f"{number(y[place])} at {number(x[place])}" for place in sorted({0, len(x) - 1})]
        texts.append(f"{line.get_label()} {' and '.join(ends)}")
    return f"{ax.get_ylabel()} against {ax.get_xlabel()}: {'; '.join(texts)}"
