"""The explorer: the interactive part of the page, whose data are one piece of JSON that its scripts draw.

Statistics (medians, intervals, expected times, ranks) are computed here, so that a script only looks up, counts and
adds. Tables are columns, `{"problem": [...], "rate": [...]}`; names are numbers that point into lists.
"""

from __future__ import annotations

import base64
import gzip
import math
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from optbench.analysis import best_configurations, metric_columns
from optbench.analysis.curves import average_end, find_dense_end
from optbench.analysis.measures import TIME, metric_name, read_times, tail_values
from optbench.analysis.run_columns import find_failed_runs
from optbench.analysis.selection import is_staged
from optbench.analysis.trajectories import step_seconds
from optbench.analysis.verdicts import block_ratios
from optbench.contract.columns import TARGETS
from optbench.contract.errors import OptbenchError
from optbench.figures.data import RATES, ReportData, Trajectory, mirrored_bands
from optbench.figures.forest_plot import compare_with_leader
from optbench.figures.loss_curves import without_rates
from optbench.figures.style import MARKERS
from optbench.report.forest import draw_shape
from optbench.report.report_files import json_text
from optbench.wording import labels
from optbench.wording.answers import name_measure
from optbench.wording.judged import PLAIN_LOSS, SAMPLES, name_unit

CELL = ["problem", "optimizer", "batch_size", "schedule"]
LINE = 2.0
"""Width of a line in pixels; matplotlib measures dashes in widths."""
DIGITS = 4
"""Significant digits of a number: a thousandth of a chart's height is below a pixel."""
MAX_CURVES = 1_000
"""Curves of a page: the default sweep has 525; a chart is unreadable with more than a hundred."""
MAX_NUMBERS = 160_000
"""Medians and ends of intervals of a page, about 8 bytes each."""
MAX_SINGLE = 80_000
"""Numbers of single seeds of a page, about 7 bytes each."""
MAX_SETTINGS = 8_000
"""Settings of a page, about 50 bytes each; the default sweep has 5,250."""
MAX_TIMES, LEAST_TIMES = 20_000, 5
"""Runtimes of a page, about 6 bytes each, and those of each problem, optimizer and target at least."""
GRID_SIDE = 121
"""Grid points along a side of a landscape: enough for smooth contours."""
LOWEST = 3e-4
"""The lowest contour as a share of the highest: valleys below are narrower than the grid."""
MAX_POINTS = 2_000
"""Points of a path: more than a line of a screen's width shows."""
FINE = 1 << 14
"""Parts of a side of the picture: points are whole numbers of them."""
OUTSIDE = 4
"""Times its own size by which a path may leave the picture before it is cut."""


def explorer(data: ReportData) -> str:
    """Return the JSON that the scripts of the explorer draw, packed by gzip in base64: a third of its size."""
    return base64.b64encode(gzip.compress(json_text(explorer_data(data)).encode(), mtime=0)).decode()


def explorer_data(data: ReportData) -> dict[str, Any]:
    """Return all that the scripts of the explorer draw, as plain data for JSON; see the methods of ExplorerData."""
    parts, results = ExplorerData(data), data.results
    return {
        "optimizers": [
            {"name": str(name), "label": data.label(name), "short": data.short_names[name]} for name in parts.optimizers
        ],
        "problems": [parts.problem(name) for name in parts.problems],
        "schedules": [{"name": str(name), "short": data.short_schedules[name]} for name in parts.schedules],
        "batches": parts.batches,
        "measures": parts.measures,
        "value": name_measure(data.shown_measure),
        "source": results.foot,
        "staged": is_staged(results.runs),
        "drawn": bool(data.rate_step),
        **parts.line_styles(),
        **{
            name: getattr(parts, name)()
            for name in ("curves", "rates", "screened", "tuning", "runtimes", "ranks", "seeds", "paths")
        },
    }


class Band(NamedTuple):
    """A curve over seeds: arrays with an entry a step; `numbers` has columns of medians, lower and upper ends."""

    step: np.ndarray
    epoch: np.ndarray
    samples: np.ndarray
    numbers: np.ndarray


class ExplorerData:
    """The parts of the explorer's data. A batch size goes by its label: each problem's full batch is another number."""

    def __init__(self, data: ReportData):
        """List the optimizers, problems, schedules and labels of batch sizes that the explorer offers."""
        self.data, self.results = data, data.results
        self.optimizers = list(data.answer.best["optimizer"].unique())
        self.problems = list(data.answer.best["problem"].unique())
        self.schedules = list(self.results.runs["schedule"].unique())
        sizes = data.by_cell.drop_duplicates(["batch_size", "full_batch"])
        self.batches = list(dict.fromkeys(_label_batches(sizes.sort_values(["full_batch", "batch_size"]))))

    def problem(self, name: str) -> dict[str, Any]:
        """Return the facts about a problem: `name`, `label`, `short`, its `minimum`, `start` and `floor`.

        minimum, start: None if unknown; the latter is the median suboptimality; floor: the height at which smaller
        values are drawn, that of scores. `unit`: what the ratios of verdicts are of; `score`: what values of the
        ranking are; `scored`: what curves show of it, "loss" or the key of a measure;
        `target`: the share of the first suboptimality that verdicts are about, None where they are not; `tail`: they
        are about the loss at the end of a run; `file`: the name in file names.
        """
        start, answer = self.data.start(name), self.data.answer
        target = answer.targets.get(name, math.nan) if answer.judge_by == TIME else math.nan
        unit, scored = name_unit(answer, name), metric_name(self.results.runs, answer.judge_by)
        return {
            "target": exact(target), "tail": unit == PLAIN_LOSS, "file": self.data.files[name],
            "scored": "loss" if unit in (SAMPLES, PLAIN_LOSS) else scored.removesuffix("_final"),
            "score": f"samples to {labels.share_text(target)}" if unit == SAMPLES else unit,
            "name": str(name), "label": self.data.label(name), "short": labels.shorten(self.data.label(name), 60),
            "minimum": self.data.minimum(name),
            "start": exact(start), "floor": self.data.floor(name), "unit": unit,
        }  # fmt: skip

    @cached_property
    def measures(self) -> list[dict[str, Any]]:
        """The measures that curves show, a dictionary each: training loss, test loss, the metrics of some run."""
        runs = self.results.runs
        has = {"test_loss": runs["test_loss_final"], **{name: runs[name] for name in metric_columns(runs)}}
        names = ["train_loss", *(name for name, values in has.items() if values.notna().any())]
        return [
            {"key": name, "name": "training loss" if name == "train_loss" else name.replace("_", " ")} for name in names
        ]

    def line_styles(self) -> dict[str, Any]:
        """Return `looks` (color, dash, mark) and `look`, that of each optimizer on each problem, by place; -1: gray.

        `everywhere` is for charts over all problems: an optimizer's style on the first problem that shows it in color.
        `shapes`: the path of an SVG for each mark, 2 wide.
        """
        styles: list[dict[str, str]] = []
        places = np.full((len(self.problems), len(self.optimizers)), -1)
        for row, problem in enumerate(self.problems):
            for name, style in self.data.line_styles.get(problem, {}).items():
                dash = ",".join(f"{LINE * length:g}" for length in style["dashes"])
                entry = {"color": to_hex(style["color"]), "dash": dash, "marker": style["marker"]}
                if entry not in styles:
                    styles.append(entry)
                places[row, self.optimizers.index(name)] = styles.index(entry)
        everywhere = [next((int(place) for place in column if place >= 0), -1) for column in places.T]
        shapes = {marker: draw_shape(marker, 2) for marker in (*MARKERS, "*")}
        return {"looks": styles, "look": places.tolist(), "everywhere": everywhere, "shapes": shapes}

    def describe_settings(self, table: pd.DataFrame) -> dict[str, list]:
        """Return the columns that identify a table's settings, as lists by name, an entry a row.

        `problem`, `optimizer`, `batch` and `schedule` are indices into the lists of the page; `text`: varied
        hyperparameters; `rate`; `n`: seeds; `failures`; `held`: 1 if the seeds are held out.
        """
        varied = self.data.varied
        texts = [
            ", ".join(f"{key}={labels.value_text(row[key])}" for key in varied[row["optimizer"]] if pd.notna(row[key]))
            for row in (table.to_dict("records") if any(varied.values()) else ())
        ]
        names = {
            "problem": (table["problem"], self.problems), "optimizer": (table["optimizer"], self.optimizers),
            "batch": (_label_batches(table), self.batches), "schedule": (table["schedule"], self.schedules),
        }  # fmt: skip
        return {
            **{name: pd.Index(known).get_indexer(pd.Index(given)).tolist() for name, (given, known) in names.items()},
            "rate": short(table["lr"]), "text": texts, "n": table["n"].tolist(),
            "failures": table["failures"].tolist(), "held": table["held_out"].astype(int).tolist(),
        }  # fmt: skip

    def curves(self) -> dict[str, Any]:
        """Return a row for each cell of optimizer, batch size and schedule at its best rate, the recommended one first.

        `axis` points into `axes`, the steps, epochs and samples that curves share (a curve may end before its axis);
        `values` has for each measure medians, lower and upper ends; [] without them. Losses are given as suboptimality
        where the minimum is known: their difference to it might have no digit left. `pace` is the seconds of a step,
        the median over all runs of the problem, optimizer and batch size: the only run of a cohort shares no work and
        would look slow. `single`: of `single_seeds`. `left_out` counts the cells beyond the limit.
        """
        # The recommended setting stands for its cell: it ran on the held-out seeds.
        table = pd.concat([self.data.answer.best.assign(recommended=True),
                           self.data.by_cell.assign(recommended=False)], ignore_index=True)  # fmt: skip
        every = _sort_by_preference(table[~table.duplicated(CELL)], ["problem", "optimizer"])
        cells = every[_rank_of_entry(every) < MAX_CURVES].reset_index(drop=True)
        columns = [measure["key"] for measure in self.measures]
        runs = self.data.runs_of_cells(cells)
        rows = self.results.curves_of(runs["run_id"], [name for name in columns if name != "train_loss"])
        bands = {
            name: _split_by_cell(mirrored_bands(rows, runs, name, self.data.minima_of(name), CELL), cells)
            for name in columns
            if name in rows
        }
        kept = _select_cells(cells, bands)
        cells = cells[kept].reset_index(drop=True)
        minima = {problem: self.data.minimum(problem) for problem in self.problems}
        axes, axis = _share_axes(cells, [part for part, keep in zip(bands["train_loss"], kept, strict=True) if keep])
        values = [
            [
                _list_values(
                    parts[place], bands["train_loss"][place], minima[problem] if name == "train_loss" else None
                )
                for name, parts in bands.items()
            ]
            for place, problem in zip(np.flatnonzero(kept), cells["problem"], strict=True)
        ]
        every_run = self.results.runs[CELL[:3]].assign(pace=step_seconds(self.results.runs, self.results.timings))
        seconds = every_run.groupby(CELL[:3], sort=False)["pace"].median()
        return {
            **self.describe_settings(cells),
            "recommended": cells["recommended"].astype(int).tolist(),
            "single": self.single_seeds(cells, rows, [axes[place]["step"] for place in axis], list(bands)),
            "pace": short(seconds.reindex(pd.MultiIndex.from_frame(cells[CELL[:3]]))),
            "axes": axes, "axis": axis, "values": values, "left_out": len(every) - len(cells),
        }  # fmt: skip

    def single_seeds(
        self, cells: pd.DataFrame, rows: pd.DataFrame, steps: Sequence[list[int]], names: Sequence[str]
    ) -> list[list[list[list]]]:
        """Return for each cell and measure the values of each reported seed at its steps; [] beyond the limit.

        Only recommended settings have them. cells, names: the cells and measures of `curves`; rows: the curves of their
        runs; steps: those of each cell's axis.
        """
        runs = self.data.answer.reported_runs
        ids = runs.groupby(["problem", "optimizer"])["run_id"].agg(list).to_dict()
        rows = rows[rows["run_id"].isin(runs["run_id"])].sort_values(["run_id", "step"])
        values, at = rows[list(names)].to_numpy(dtype=np.float64), rows["step"].to_numpy()
        places = rows.groupby("run_id").indices
        found: list[list[list[list]]] = [[] for _ in range(len(cells))]
        left = MAX_SINGLE
        order, cells = np.argsort(_rank_of_entry(cells), kind="stable"), cells[cells["recommended"]]
        known = dict(zip(cells.index, zip(cells["problem"], cells["optimizer"], strict=True), strict=True))
        for place in (each for each in order if each in known):
            problem, optimizer = known[place]
            mine = [places[each] for each in ids[problem, optimizer] if each in places]
            left -= len(mine) * len(steps[place]) * len(names)
            if left < 0:
                break
            if not mine:
                continue
            lines = np.full((len(names), len(mine), len(steps[place])), np.nan)
            minima = [self.data.minima_of(name).get(problem, math.nan) for name in names]
            for row, own in enumerate(mine):
                own = own[np.isin(at[own], steps[place])]
                if not len(own):  # of a damaged table the axis may lack steps
                    continue
                lines[:, row, np.searchsorted(steps[place], at[own])] = values[own].T
                late = find_dense_end(at[own])
                if at[own][-1] == steps[place][-1] and late < len(own):  # else it failed before
                    ends = zip(values[own[late:]].T, minima, strict=True)
                    lines[:, row, -1] = [average_end(each, minimum) for each, minimum in ends]
            shift = [(self.data.minimum(problem) or 0.0) if name == "train_loss" else 0.0 for name in names]
            found[place] = [
                [short(line - less) for line in each] if np.isfinite(each).any() else []
                for each, less in zip(lines, shift, strict=True)
            ]
        return found

    @cached_property
    def settings(self) -> pd.DataFrame:
        """Every setting that was tried, a row each, with rates as in `binned_runs`; empty beyond the limit."""
        columns, runs = ["problem", "optimizer", "lr", "batch_size", "schedule"], self.data.binned_runs
        if len(runs.drop_duplicates(columns)) > MAX_SETTINGS:
            return self.data.by_rate[:0]
        return best_configurations(runs, self.results.tuning_seeds, by=columns, choose_by=self.data.shown_measure)

    def rates(self) -> dict[str, Any]:
        """Return a row for each setting, those of one problem, optimizer and rate together, the best in tuning first.

        `chosen`: the recommended ones, which come last, on seeds that report. `whole`: every batch size and schedule is
        there; else, beyond the limit and where blocks drew their own rates, only `ReportData.by_rate` is. `level`: the
        optimizer was given a single rate where others were given several.
        """
        best, data = self.data.by_rate, self.data
        whole = not data.rate_step and not self.settings.empty
        flat = best[without_rates(best, self.results.incumbents)]
        level = set(zip(flat["problem"], flat["optimizer"], strict=True))
        chosen = data.recommended_rates
        chosen = chosen[[(row.problem, row.optimizer) not in level for row in chosen.itertuples()]]
        table = pd.concat([_sort_by_preference(self.settings if whole else best, RATES), chosen], ignore_index=True)
        pairs = zip(table["problem"], table["optimizer"], strict=True)
        return {
            **self.describe_settings(table), "level": [int(pair in level) for pair in pairs], "whole": whole,
            "trials": bool(self.results.searched),
            "chosen": [0] * (len(table) - len(chosen)) + [1] * len(chosen),
            "median": short(table["median"]), "low": short(table["low"]), "high": short(table["high"]),
        }  # fmt: skip

    def screened(self) -> dict[str, Any]:
        """Return a row for each setting that was screened, where `rates` has not got them all.

        `whole`: they are here; [] for all columns where they are not. `median`: on the tuning seeds.
        """
        table = self.settings if self.data.rate_step else self.settings[:0]
        described = self.describe_settings(table)
        return {
            **{name: described[name] for name in ("problem", "optimizer", "batch", "schedule", "rate", "text")},
            "level": without_rates(table, self.results.incumbents).astype(int).tolist(),
            "median": short(table["median"], 3), "whole": len(table) > 0,
        }  # fmt: skip

    def tuning(self) -> dict[str, Any]:
        """Return the expected value of the best of n trials, as lists by name, an entry a problem, optimizer and n.

        `problem` and `optimizer` are indices; `value`, `low`, `high`, `blocks`: as of `analysis.best_of_n`.
        """
        try:
            table = self.data.best_of_n
        except OptbenchError:  # no seed measures a choice
            table = pd.DataFrame(columns=["problem", "optimizer", "n", "value", "low", "high", "blocks"])
        return {
            "problem": list(map(self.problems.index, table["problem"])),
            "optimizer": list(map(self.optimizers.index, table["optimizer"])),
            "n": list(map(int, table["n"])), "blocks": list(map(int, table["blocks"])),
            "value": short(table["value"]), "low": short(table["low"]), "high": short(table["high"]),
        }  # fmt: skip

    def runtimes(self) -> dict[str, Any]:
        """Return when each optimizer reaches the targets, as lists by name, an entry a problem and optimizer.

        `targets`: shares of the first suboptimality; `examples`: of each problem, what samples are divided by.
        `places`: for each entry the number of runs, or fewer that stand for them evenly; `times`: for each entry and
        target the samples of those that arrive, in order. `reached`, `runs`: numbers of runs. `value`: samples, the
        geometric mean over all runs, as of verdicts: one that misses counts with two budgets; null: none arrives.
        """
        times, of = self.data.times, self.results
        most = max(LEAST_TIMES, MAX_TIMES // (len(self.data.answer.best) * len(TARGETS)))
        entries: dict[str, list] = {
            name: [] for name in ("problem", "optimizer", "places", "times", "runs", "reached", "value")
        }
        for (problem, optimizer), part in times.groupby(["problem", "optimizer"], sort=False):
            spent = part["samples"].to_numpy(dtype=np.float64).reshape(-1, len(TARGETS))
            reached = part["reached"].to_numpy(dtype=bool).reshape(-1, len(TARGETS))
            runs = len(spent)
            places = min(runs, most)
            at = ((np.arange(places) + 0.5) * runs / places).astype(int)
            ordered = np.sort(np.where(reached, spent, np.inf), axis=0)[at]
            mean = np.exp(np.log(np.maximum(np.where(reached, spent, 2 * spent), 1.0)).mean(axis=0))
            entry = {
                "problem": self.problems.index(problem), "optimizer": self.optimizers.index(optimizer),
                "places": places, "times": [short(column[np.isfinite(column)]) for column in ordered.T], "runs": runs,
                "reached": reached.sum(axis=0).tolist(), "value": short(np.where(reached.any(axis=0), mean, np.nan)),
            }  # fmt: skip
            for name, value in entry.items():
                entries[name].append(value)
        known = of.problems.drop_duplicates("problem").set_index("problem") if "examples" in of.problems else {}
        examples = known["examples"].reindex(self.problems).fillna(1) if len(known) else np.ones(len(self.problems))
        return {"targets": TARGETS, "examples": list(map(float, examples)), **entries}

    def ranks(self) -> dict[str, Any]:
        """Return which optimizer is ahead on each problem, from which a script computes mean ranks.

        `ahead`: for each problem a matrix, 1 where the row's optimizer has the lower value, 0.5 for a tie, else 0;
        null: not compared. A rank is 1 + the sum of what others are ahead, as of `analysis.rank_levels`.
        `value`: for each problem and optimizer what tuning and then running gives; null, too, where every run failed.
        `there`: it has been compared; `never`: no run reached the target that problems are judged by.
        """
        table = self.data.answer.ranking.set_index(["problem", "optimizer"])
        table = table.reindex(pd.MultiIndex.from_product([self.problems, self.optimizers]))
        value = table["value"].where(table["failures"] != 1, np.inf)
        grid = value.to_numpy(dtype=np.float64).reshape(len(self.problems), len(self.optimizers))
        mine, other = grid[:, :, None], grid[:, None, :]
        ahead = np.where(mine == other, 0.5, np.where(np.isnan(mine + other), np.nan, mine < other))
        itself = np.arange(len(self.optimizers))
        ahead[:, itself, itself] = np.nan
        return {
            "ahead": [[list(map(exact, line)) for line in matrix] for matrix in ahead],
            "value": list(map(exact, value)),
            "there": table["state"].notna().astype(int).tolist(),
            "never": (table["reached"] == 0).astype(int).tolist(),
        }

    def seeds(self) -> dict[str, Any]:
        """Return what the verdicts rest on, as lists by name, an entry a problem and optimizer, the leader first.

        `ratios`: to the leader, a number a block, null where one has no result; `ratio`, `low`, `high`: those of the
        verdict, 1 for the leader; `open`: 1 where the two are not told apart. `finals`: what each reporting run of the
        recommended setting gave, in the unit of the problem; null where it failed or never reached the target.
        """
        of, answer = self.results, self.data.answer
        leaders = {problem: answer.leader(problem) or answer.rows(problem)["optimizer"].iloc[0]
                   for problem in self.problems}  # fmt: skip
        blocks = block_ratios(answer.coded, leaders)
        lists = blocks.pivot(index=["problem", "optimizer"], columns="block", values="ratio")
        targets = of.runs["problem"].map(answer.targets).to_numpy(dtype=np.float64)
        value = np.exp(tail_values(of.runs, answer.judge_by, targets if answer.judge_by == TIME else None))
        bad = find_failed_runs(of.runs)
        if answer.judge_by == TIME:
            bad |= ~np.isnan(targets) & ~read_times(of.runs, targets).reached
        finals = pd.Series(np.where(bad, np.nan, value), of.runs["run_id"])
        reported = self.data.answer.reported_runs.groupby(["problem", "optimizer"])["run_id"]
        rows = []
        for problem in self.problems:
            for row in compare_with_leader(answer, problem, self.optimizers).to_dict("records"):
                key = problem, row["optimizer"]
                rows.append(
                    {
                        "problem": self.problems.index(problem), "optimizer": self.optimizers.index(row["optimizer"]),
                        "ratios": short(lists.loc[key]) if key in lists.index else [],
                        **{name: exact(row[name]) for name in ("ratio", "low", "high")}, "open": int(row["open"]),
                        "finals": short(finals.loc[reported.get_group(key)]) if key in reported.groups else [],
                    }
                )  # fmt: skip
        names = ("problem", "optimizer", "ratios", "ratio", "low", "high", "open", "finals")
        return {name: [row[name] for row in rows] for name in names}

    def paths(self) -> list[dict[str, Any]]:
        """Return an entry for each problem with a landscape and a path.

        `x`, `y`: the grid; `z`: log10 of the height above the minimum; `minimizers`; `lines`: of each optimizer its
        steps and points, as differences of whole numbers that count parts of the picture's sides from the lower left,
        `batch`, the samples of a step, and `loss`, the steps and suboptimalities of the same run; `every`: the points
        come from every step.
        """
        has_landscape = [problem for problem in self.problems if len(self.data.landscape(problem))]
        found = {problem: self.data.trajectories(problem) for problem in has_landscape}
        return [self._describe_paths(problem, paths) for problem, paths in found.items() if paths]

    def _describe_paths(self, problem: str, paths: dict[str, Trajectory]) -> dict[str, Any]:
        """Return an entry of the method `paths`, for a problem of two parameters; paths: by optimizer."""
        x, y, height = self.data.surface(problem)
        fewer_x, fewer_y = (np.unique(np.linspace(0, len(axis) - 1, GRID_SIDE).astype(int)) for axis in (x, y))
        above = height[np.ix_(fewer_y, fewer_x)]
        top = np.max(above, where=np.isfinite(above), initial=0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            z = np.log10(np.clip(above, LOWEST * top, None))
        starts = np.array([path.w[0] for path in paths.values()], dtype=np.float64)
        across, along = (  # wider than the landscape if a start lies outside it
            (float(min(axis[0], *start)), float(max(axis[-1], *start)))
            for axis, start in zip((x, y), starts.T, strict=True)
        )
        lines = [
            {"optimizer": self.optimizers.index(name), **_encode_path(path, across, along),
             **self._describe_run(problem, path.run_id)}
            for name, path in paths.items()
        ]  # fmt: skip
        return {
            "problem": self.problems.index(problem), "x": short(x[fewer_x]), "y": short(y[fewer_y]),
            "z": [short(np.round(row, 3), 6) for row in z],
            "across": across, "along": along, "fine": FINE,
            "minimizers": self.data.minimizers(problem),
            "lines": sorted(lines, key=lambda line: line["optimizer"]),
            "every": all(path.every_step for path in paths.values()),
        }  # fmt: skip

    @cached_property
    def _runs_of_paths(self) -> dict[str, tuple[int, pd.DataFrame]]:
        """By run that has a path, its batch size and its curve."""
        ids = {path.run_id for problem in self.problems for path in self.data.trajectories(problem).values()}
        of = self.data.answer
        runs, curves = (table[table["run_id"].isin(ids)] for table in (of.reported_runs, of.curves))
        by_run, sizes = curves.groupby("run_id"), runs.set_index("run_id")["batch_size"]
        return {
            name: (int(size), by_run.get_group(name).sort_values("step"))
            if name in by_run.groups
            else (int(size), curves[:0])
            for name, size in sizes.items()
        }

    def _describe_run(self, problem: str, run_id: str) -> dict[str, Any]:
        """Return `batch` and `loss` of the run of a path, as of the method `paths`."""
        batch, curve = self._runs_of_paths[run_id]
        minimum, steps, losses = self.data.minimum(problem), curve["step"].to_numpy(), curve["train_loss"].to_numpy()
        if not len(steps):  # of a damaged folder
            return {"batch": batch, "loss": {"step": [], "value": []}}
        late = min(find_dense_end(steps), len(steps) - 1)
        end = average_end(losses[late:], math.nan if minimum is None else minimum)
        values = np.append(losses[:late], end) - (minimum or 0.0)
        return {"batch": batch, "loss": {"step": [*steps[:late].tolist(), int(steps[-1])], "value": short(values)}}


def _label_batches(table: pd.DataFrame) -> list[str]:
    """Return the label of each row's batch size, such as "32" or "full"."""
    return [labels.batch_label(*pair) for pair in zip(table["batch_size"], table["full_batch"], strict=True)]


def _sort_by_preference(table: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    """Sort the rows: those with equal values in the columns `groups` together, and there the best first."""
    code = table.groupby(list(groups), sort=False).ngroup()
    first = ~table["recommended"] if "recommended" in table else False
    order = table.assign(_group=code, _later=first, _cut=table["tuning_unfinished"] > 0)
    order = order.sort_values(["_group", "_later", "_cut", "tuning_median", "tuning_failures"], kind="stable")
    return order.drop(columns=["_group", "_later", "_cut"]).reset_index(drop=True)


def _rank_of_entry(cells: pd.DataFrame) -> np.ndarray:
    """Return (cells,) int: each cell's place, from 0, in the order in which cells enter the page.

    First come the first cells of every optimizer, then the second ones, and so on; cells: a row each.
    """
    turn = cells.groupby(["problem", "optimizer"], sort=False).cumcount().to_numpy()
    return np.argsort(np.argsort(turn, kind="stable"), kind="stable")


def _select_cells(cells: pd.DataFrame, bands: dict[str, list[Band]]) -> np.ndarray:
    """Return (cells,) bool: True for the cells that fit into the page, by their rank of entry; at least one.

    bands: by measure, the curve of each cell.
    """
    numbers = np.array([sum(3 * len(parts[place].step) for parts in bands.values()) for place in range(len(cells))])
    order = np.argsort(_rank_of_entry(cells), kind="stable")
    kept = np.zeros(len(cells), dtype=bool)
    kept[order] = np.cumsum(numbers[order]) <= MAX_NUMBERS
    kept[order[:1]] = True
    return kept


def _split_by_cell(table: pd.DataFrame, cells: pd.DataFrame) -> list[Band]:
    """Return the Band of each row of `cells`, from a table of bands of all of them; empty for one without rows."""
    place = pd.MultiIndex.from_frame(cells[CELL]).get_indexer(pd.MultiIndex.from_frame(table[CELL]))
    order = np.argsort(place, kind="stable")
    step, epoch, samples = (table[name].to_numpy()[order] for name in ("step", "epoch", "samples"))
    numbers = table[["median", "low", "high"]].to_numpy(dtype=np.float64)[order]
    ends = np.cumsum(np.bincount(place, minlength=len(cells)))
    slices = [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    return [Band(step[part], epoch[part], samples[part], numbers[part]) for part in slices]


def _share_axes(cells: pd.DataFrame, bands: list[Band]) -> tuple[list[dict], list[int]]:
    """Return (axes, places): the different axes, and for each curve the index of its axis.

    An axis has lists of steps, epochs and samples, and begins with the steps of the curve; curves of a problem and
    batch size share it if they can.
    """
    axes: list[dict[str, list]] = []
    mine: dict[tuple, list[int]] = {}
    places = [0] * len(bands)
    keys = list(zip(cells["problem"], cells["batch_size"], strict=True))
    for place in sorted(range(len(bands)), key=lambda place: -len(bands[place].step)):
        band = bands[place]
        steps = band.step.tolist()
        near = mine.setdefault(keys[place], [])
        same = [axis for axis in near if axes[axis]["step"][: len(steps)] == steps]
        if not same:
            same = [len(axes)]
            near.append(len(axes))
            axes.append({"step": steps, "epoch": short(band.epoch, 6), "samples": band.samples.tolist()})
        places[place] = same[0]
    return axes, places


def _list_values(band: Band, axis: Band, minimum: float | None) -> list[list]:
    """Return three lists, medians, lower and upper ends, at the steps of `axis`; [] if the band is empty.

    minimum: a number to subtract from them, the problem's minimum for a training loss; None to subtract nothing.
    """
    if not len(band.step):
        return []
    numbers = band.numbers
    if not np.array_equal(band.step, axis.step):
        rows = pd.Index(band.step).get_indexer(axis.step)
        numbers = np.where((rows >= 0)[:, None], numbers[rows], np.nan)
    if minimum is not None:
        numbers = numbers - minimum
    return [short(column) for column in numbers.T]


def _encode_path(path: Trajectory, across: tuple[float, float], along: tuple[float, float]) -> dict[str, list[int]]:
    """Return a path for JSON: lists of whole numbers `step`, `x` and `y`, each the difference from the point before.

    across, along: the limits of w_1 and w_2 in the picture. The path ends where it first gets far outside of them, and
    long ones are thinned.
    """
    step = np.asarray(path.step, dtype=np.int64)
    low, high = np.array([across, along]).T
    points = (path.w - low) / (high - low)
    wild = ~np.isfinite(points).all(axis=1) | (np.abs(points) > OUTSIDE).any(axis=1)
    count = int(np.argmax(wild)) if wild.any() else len(step)
    kept = _thin_out(points[:count].T)
    numbers = np.round(points[kept].T * FINE).astype(np.int64)
    names = ("step", "x", "y")
    return {name: np.diff(row, prepend=0).tolist() for name, row in zip(names, (step[kept], *numbers), strict=True)}


def _thin_out(points: np.ndarray) -> np.ndarray:
    """Return the indices of the points to keep, in order: at most MAX_POINTS, the first and the last among them.

    points: (2, count). They have equal distances, half of them along the path, half in the logarithm of the step.
    """
    count = points.shape[1]
    if count <= MAX_POINTS:
        return np.arange(count)
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=1)))])
    half = MAX_POINTS // 2
    by_length = np.searchsorted(length, np.linspace(0, length[-1], half)).clip(0, count - 1)
    by_step = np.geomspace(1, count, half).astype(np.int64) - 1
    return np.unique(np.concatenate([[0], by_length, by_step, [count - 1]]))


def short(values: Iterable[float], digits: int = DIGITS) -> list[float | int | None]:
    """Return the values rounded to so many significant digits; None for one that is not finite."""
    return [_round(float(value), digits) for value in values]


def exact(value: float) -> float | None:
    """Return the value in full; None for one that is not finite, which JSON does not have."""
    return float(value) if math.isfinite(value) else None


def _round(value: float, digits: int) -> float | int | None:
    """Return a number rounded to that many significant digits, whole ones as int; None if it is not finite."""
    if not math.isfinite(value):
        return None
    value = float(f"{value:.{digits}g}")
    return int(value) if value.is_integer() and abs(value) < 1e15 else value
