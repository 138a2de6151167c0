"""Sweeps drawn from recorded runs: the protocol in plain NumPy, thousands of blocks at a time.

`tests/reference/record_calibration.py` recorded real runs on a fine lattice of rates, on many seeds. A block draws its
seeds, and for each optimizer the offset of its grid at each batch size and schedule; it tunes and reports. The blocks
of a sweep are independent. So what the recorded runs say is the truth, and the truth of clones is a ratio of 1. Between
two rates of the lattice runs are interpolated, so that no two draws coincide.
"""

import functools
import json
import math
import tomllib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from synthetic import runs_table

from optbench.analysis.held_out import ERROR, SEARCH, SEARCH_FREEDOM
from optbench.analysis.judging import judge
from optbench.analysis.sampling import Sampling
from optbench.contract.columns import target_column

ROOT = Path(__file__).parents[1]
ARCHIVE = ROOT / "tests" / "reference" / "calibration.npz"
MEASURES = ("time", "loss")
SOLVED = 1e-8
"""Share of the first suboptimality below which losses are equal."""
PER_DECADE = 8
"""The rates of the lattice in a decade."""
WIDENED, FAR = 2, 2
"""Best settings around which a screen goes on; and how far apart two rates must be for one between them, in steps of
the lattice: their ratio is above 1.6."""

FIRST_REPORTS = 20
"""Seeds on which runners-up report, and what is recommended before its spread tells how many it takes."""


class Design(NamedTuple):
    """A sweep in blocks: numbers of blocks, of seeds for each stage, and of settings that race; and its grid."""

    blocks: int
    screen: int
    race: int
    holdout: int
    finalists: int
    rates: int
    """The rates of a grid."""
    step: int
    """From one rate to the next, in steps of the lattice."""
    widen: int
    """The most rounds in which the screen goes on between the rates around the best settings."""
    final: int = 20
    """Seeds of the last race: all choices run on a quarter, the four best on all."""
    report: int = 200
    """The most seeds on which what is recommended reports."""

    @property
    def seeds(self) -> int:
        """The seeds of a block."""
        return self.screen + self.race + self.holdout


class Runs(NamedTuple):
    """The ends of runs, arrays of one shape."""

    loss: np.ndarray
    """y of the measure "loss", failures included."""
    time: np.ndarray
    """ln of the samples to the target, or of all that a run has."""
    bad: np.ndarray
    """True where the run failed."""
    reached: np.ndarray
    """True where the target was reached."""


class Recorded(NamedTuple):
    """The runs of one optimizer on one problem."""

    runs: Runs
    """(settings, seeds); setting `groups * rate + group` has the place `rate` on the lattice."""
    groups: int
    """The batch sizes and schedules."""
    start: np.ndarray
    """(seeds,), ln of the first suboptimality."""
    budget: float
    """The samples of a whole run."""
    target: float
    """The target, a share of the first suboptimality."""

    @property
    def seeds(self) -> int:
        """The number of recorded seeds."""
        return len(self.start)

    def run(self, measure: str, settings: np.ndarray, seeds: np.ndarray, offsets: np.ndarray) -> Runs:
        """Return the runs of each block's settings on its seeds, (blocks, settings, seeds).

        settings, seeds: (blocks, settings) and (blocks, seeds); offsets: (blocks, groups), of whose fractions the rates
        lie above those of the lattice. Two neighbors that both count for the measure are interpolated; of others the
        nearer one is taken.
        """
        share = np.take_along_axis(offsets % 1, settings % self.groups, 1)[:, :, None]
        above = np.where(settings + self.groups < len(self.runs.loss), settings + self.groups, settings)
        low, high = (
            Runs(*(part[place[:, :, None], seeds[:, None]] for part in self.runs)) for place in (settings, above)
        )
        counts = ~(low.bad | high.bad) if measure == "loss" else low.reached & high.reached
        near = [np.where(share < 0.5, *parts) for parts in zip(low, high, strict=True)]
        ends = [
            np.where(counts, (1 - share) * a + share * b, c)
            for a, b, c in zip(low[:2], high[:2], near[:2], strict=True)
        ]
        return Runs(*ends, *near[2:])

    def y(self, measure: str, settings: np.ndarray, seeds: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Return what settings are chosen by, their mean over the seeds, (blocks, settings); arguments as for `run`."""
        runs = self.run(measure, settings, seeds, offsets)
        if measure == "loss":
            return runs.loss.mean(axis=2)
        missed = np.log(2 * self.budget) + np.maximum(runs.loss - np.log(self.target) - self.start[seeds][:, None], 0)
        return np.where(runs.reached, runs.time, missed).mean(axis=2)


class Reports(NamedTuple):
    """What the blocks of sweeps report, (..., holdout seeds) each."""

    loss: np.ndarray
    """y of "loss", no lower than what is solved; NaN where the run failed."""
    solved: np.ndarray
    """True where the loss is that low."""
    samples: np.ndarray
    """Samples that the run spent until the target, or in all."""
    reached: np.ndarray
    """True where the target was reached."""


def shipped(name: str) -> Design:
    """Return the design of a spec that comes with the package."""
    spec = tomllib.loads((ROOT / "optbench" / "plan" / name).read_text(encoding="utf-8"))
    lowest, highest, rates = map(float, spec["learning_rates"].split(":"))
    step = round(PER_DECADE * math.log10(highest / lowest) / (rates - 1))
    seeds = (spec[key] for key in ("blocks", "screen", "race", "holdout", "finalists"))
    return Design(*seeds, int(rates), step, spec.get("widen", 4), spec.get("final", 20), spec.get("report", 200))


@functools.cache
def archive() -> dict[str, Recorded]:
    """Return the recorded runs by problem and optimizer, "logistic.adam"."""
    found = {}
    with np.load(ARCHIVE) as data:
        facts = json.loads(str(data["facts"]))
        for problem, known in facts["problems"].items():
            for optimizer in facts["spec"]["optimizers"]:
                key = f"{problem}.{optimizer}"
                raw = data[f"{key}.loss"]
                sizes, schedules, _, seeds = raw.shape
                loss, time, bad = (
                    values.reshape(raw.shape).transpose(2, 0, 1, 3).reshape(-1, seeds)
                    for values in (raw, data[f"{key}.time"], np.unpackbits(data[f"{key}.bad"], count=raw.size))
                )
                reached = (time > np.iinfo(np.int16).min) & (bad == 0)
                time = np.where(reached, time / facts["scale"], np.log(known["samples"]))
                runs = Runs(loss / facts["scale"], time, bad == 1, reached)
                start = data[f"{problem}.start"] / facts["scale"]
                found[key] = Recorded(runs, sizes * schedules, start, known["samples"], known["target"])
    return found


def draw_seeds(count: int, seeds: int, total: int, rng) -> np.ndarray:
    """Return (count, seeds): blocks of different seeds of `total`, each drawn alone."""
    return rng.random((count, total)).argpartition(seeds, axis=1)[:, :seeds]


def draw_offsets(recorded: Recorded, count: int, design: Design, rng) -> np.ndarray:
    """Return (count, groups): an offset of the grid for each batch size and schedule, in steps of the lattice."""
    return design.step * rng.random((count, recorded.groups))


def lay_grids(recorded: Recorded, offsets: np.ndarray, design: Design) -> np.ndarray:
    """Return (count, settings): those of the lattice at or below the grids with these offsets, (count, groups)."""
    rates = design.step * np.arange(design.rates)[:, None] + np.floor(offsets).astype(np.int64)[:, None]
    return (recorded.groups * rates + np.arange(recorded.groups)).reshape(len(offsets), -1)


def screen(
    recorded: Recorded, measure: str, seeds: np.ndarray, offsets: np.ndarray, design: Design
) -> tuple[np.ndarray, np.ndarray]:
    """Return the settings of each block's screen, with those between the rates of the best, and their mean y.

    Each (blocks, settings); where a block has fewer settings, its y is inf. seeds: (blocks, seeds) of the screen.
    """
    groups, total = recorded.groups, len(recorded.runs.loss)
    settings = lay_grids(recorded, offsets, design)
    means = recorded.y(measure, settings, seeds, offsets)
    for _ in range(design.widen):
        best = np.take_along_axis(settings, means.argsort(axis=1, kind="stable")[:, :WIDENED], 1)[:, :, None]
        tried = np.where(np.isfinite(means), settings, -1)[:, None]
        alike = (tried >= 0) & (tried % groups == best % groups)
        lower = np.where(alike & (tried < best), tried, -1).max(axis=2)
        upper = np.where(alike & (tried > best), tried, total).min(axis=2)
        best = best[:, :, 0]
        down, up = best - lower, upper - best
        far = np.concatenate([(lower >= 0) & (down >= FAR * groups), (upper < total) & (up >= FAR * groups)], axis=1)
        new = np.concatenate([best - groups * (down // groups // 2), best + groups * (up // groups // 2)], axis=1)
        new = np.sort(np.where(far, new, -1), axis=1)
        there = (new >= 0) & (np.diff(new, axis=1, prepend=-1) != 0)
        if not there.any():
            break
        added = np.where(there, recorded.y(measure, np.maximum(new, 0), seeds, offsets), np.inf)
        settings, means = np.concatenate([settings, new], axis=1), np.concatenate([means, added], axis=1)
    return settings, means


def race(settings: np.ndarray, means: np.ndarray, design: Design) -> np.ndarray:
    """Return the settings of each block that race, (blocks, finalists), from what `screen` returns."""
    return np.take_along_axis(settings, means.argsort(axis=1, kind="stable")[:, : design.finalists], 1)


def choose(recorded: Recorded, measure: str, seeds: np.ndarray, offsets: np.ndarray, design: Design) -> np.ndarray:
    """Return the setting that each block chooses, (blocks, 1); arguments as for `tune`."""
    raced = race(*screen(recorded, measure, seeds[:, : design.screen], offsets, design), design)
    means = recorded.y(measure, raced, seeds[:, : design.screen + design.race], offsets)
    return np.take_along_axis(raced, means.argmin(axis=1)[:, None], 1)


def tune(recorded: Recorded, measure: str, seeds: np.ndarray, offsets: np.ndarray, design: Design) -> Reports:
    """Return what blocks report that choose by the measure; seeds, offsets: (blocks, seeds), (blocks, groups)."""
    chosen, fresh = choose(recorded, measure, seeds, offsets, design), seeds[:, design.screen + design.race :]
    runs = Runs(*(part[:, 0] for part in recorded.run(measure, chosen, fresh, offsets)))
    lowest = np.log(SOLVED) + recorded.start[fresh]
    loss = np.where(runs.bad, np.nan, np.maximum(runs.loss, lowest))
    return Reports(loss, loss <= lowest, np.exp(runs.time), runs.reached)


class InCommon(NamedTuple):
    """What is recommended to sweeps of one optimizer, and its runner-up, on the report seeds that all share."""

    best: np.ndarray
    """(sweeps, seeds), the result on each seed: ln of the samples, of two budgets where the target is missed; or ln of
    the loss."""
    second: np.ndarray
    """The same of the runner-up, on the first 20."""


def result(recorded: Recorded, measure: str, runs: Runs, seeds: np.ndarray) -> np.ndarray:
    """Return what a run counts for in a verdict, (blocks, settings, seeds); NaN where it failed, by loss."""
    if measure == "time":
        return np.where(runs.reached, runs.time, np.log(2 * recorded.budget))
    lowest = np.log(SOLVED) + recorded.start[seeds][:, None]
    return np.where(runs.bad, np.nan, np.maximum(runs.loss, lowest))


def report_in_common(
    recorded: Recorded, measure: str, tuning: np.ndarray, common: np.ndarray, offsets: np.ndarray, design: Design
) -> InCommon:
    """Return what sweeps of one optimizer report on seeds in common.

    tuning: (sweeps, blocks, seeds); common: (sweeps, final + report) seeds; offsets: (sweeps, blocks, groups).
    """
    sweeps, blocks, groups = offsets.shape
    flat, own = offsets.reshape(-1, groups), tuning.reshape(sweeps * blocks, -1)
    chosen = choose(recorded, measure, own, flat, design)
    final, report = np.repeat(common[:, : design.final], blocks, 0), common[:, design.final :]
    first = -(-design.final // 4)
    quarter, whole = (
        recorded.y(measure, chosen, seeds, flat).reshape(sweeps, blocks) for seeds in (final[:, :first], final)
    )
    late = quarter.argsort(axis=1, kind="stable")[:, :4]  # the others have not run on all seeds
    order = np.take_along_axis(late, np.take_along_axis(whole, late, 1).argsort(axis=1, kind="stable"), 1)
    found = []
    for place in (0, 1):
        row = np.arange(sweeps) * blocks + order[:, place]
        found.append(result(recorded, measure, recorded.run(measure, chosen[row], report, flat[row]), report)[:, 0])
    return InCommon(found[0], found[1][:, :FIRST_REPORTS])


def simulate_in_common(
    levels: list[Recorded], measure: str, sweeps: int, design: Design, rng: np.random.Generator
) -> list[InCommon]:
    """Return what the levels of sweeps report that draw their grids apart, and share the seeds of each block."""
    total = levels[0].seeds
    tuning = draw_seeds(sweeps * design.blocks, design.screen + design.race, total, rng)
    tuning = tuning.reshape(sweeps, design.blocks, -1)
    common = rng.integers(total, size=(sweeps, design.final + design.report))
    return [
        report_in_common(
            each, measure, tuning, common,
            draw_offsets(each, sweeps * design.blocks, design, rng).reshape(sweeps, design.blocks, -1), design,
        )
        for each in levels
    ]  # fmt: skip


def judge_in_common(
    levels: list[InCommon],
    alpha: float,
    shifts: np.ndarray | float = 0.0,
    c: float = SEARCH,
    most: int = 200,
    newcomer: bool = False,
) -> pd.DataFrame:
    """Return the verdict on every pair of levels of every sweep, with columns sweep, a, b besides those of `judge`.

    And by_search, the variance by the search. shifts: (levels,) what is added to the results of each level. c: the
    share of a squared gap that counts. newcomer:
    the last level was added to the sweep of the others, who chose how many seeds report; only its pairs are judged, all
    of them at once, as `optbench rank` does.
    """
    best = np.stack([each.best for each in levels]) + np.reshape(shifts * np.ones(len(levels)), (-1, 1, 1))
    first = best[:, :, :FIRST_REPORTS]
    gap = np.abs(_mean_known(np.stack([each.second - each.best[:, :FIRST_REPORTS] for each in levels])))
    known = len(levels) - newcomer
    usual = np.broadcast_to(gap[:known].mean(axis=0), gap.shape).copy()
    usual[known:] = gap.mean(axis=0)
    spread = c * (gap**2 + 2 * usual**2) / 3
    leader = np.nanargmin(_mean_known(first[:known]), axis=0)
    ahead = np.take_along_axis(first, leader[None, :, None], 0)
    needed = np.ceil(np.nanvar(first[:known] - ahead, axis=2, ddof=1) / ERROR**2)
    needed = np.clip(needed, FIRST_REPORTS, most).max(axis=0)
    best = np.where(np.arange(best.shape[2]) < needed[None, :, None], best, np.nan)
    a, b = np.triu_indices(len(levels), 1)
    if newcomer:
        b = np.arange(known)
        a = np.full(known, known)
    rows = (best[b] - best[a]).swapaxes(0, 1)
    sampling = (spread[a] + spread[b]).T
    sweeps, pairs, seeds = rows.shape
    table = judge(
        rows.reshape(-1, seeds), np.repeat(np.arange(sweeps), pairs), None if newcomer else len(levels), alpha, None,
        Sampling(sampling.ravel(), np.full(sampling.size, SEARCH_FREEDOM)), True,
    )  # fmt: skip
    numbers = {"sweep": np.repeat(np.arange(sweeps), pairs), "a": np.tile(a, sweeps), "b": np.tile(b, sweeps)}
    return table.assign(**numbers, by_search=sampling.ravel())


def times(reports: Reports) -> np.ndarray:
    """Return ln of the expected running time of each block: all samples over the runs that reached the target."""
    return np.log(reports.samples.sum(axis=-1) / np.maximum(reports.reached.sum(axis=-1), 0.5))


def differences(a: Reports, b: Reports, measure: str) -> np.ndarray:
    """Return y_b - y_a of each block."""
    return times(b) - times(a) if measure == "time" else _mean_known(b.loss - a.loss)


def clones(recorded: Recorded, measure: str, names: int, blocks: int, design: Design, rng) -> list[Reports]:
    """Return what one optimizer reports under several names, which draw apart and share the seeds of each block."""
    seeds = draw_seeds(blocks, design.seeds, recorded.seeds, rng)
    draws = [draw_offsets(recorded, blocks, design, rng) for _ in range(names)]
    return [tune(recorded, measure, seeds, offsets, design) for offsets in draws]


def as_runs(
    levels: dict[str, tuple[Recorded, np.ndarray]],
    seeds: np.ndarray,
    measure: str,
    design: Design,
    common: np.ndarray | None = None,
) -> pd.DataFrame:
    """Return the `runs` table of one sweep that chooses by the measure.

    levels: by name, the recorded runs and the offsets of each block, (blocks, groups). seeds: (blocks, seeds). common:
    (final + report,) the seeds on which what the blocks chose meets, and then reports; None: it does neither.
    """
    rows, tuning, count = [], design.screen + design.race, design.rates * next(iter(levels.values()))[0].groups
    for name, (recorded, offsets) in levels.items():
        tried, means = screen(recorded, measure, seeds[:, : design.screen], offsets, design)
        raced, chosen = race(tried, means, design), choose(recorded, measure, seeds, offsets, design)
        for block, own in enumerate(seeds):
            there = np.isfinite(means[block])
            parts = {
                "screen": (tried[block][:count], own[: design.screen]),
                "widen": (tried[block][count:][there[count:]], own[: design.screen]),
                "race": (raced[block], own[design.screen : tuning]),
                "holdout": (chosen[block], own[tuning:]),
            }
            if common is not None:
                parts |= {"final": (chosen[block], common[: design.final])}
                parts |= {"report": (chosen[block], common[design.final :])}
            for stage, (settings, part) in parts.items():
                runs = recorded.run(measure, settings[None], part[None], offsets[[block]])
                for i, j in np.ndindex(len(settings), len(part)):
                    loss, time, bad, reached = (each[0, i, j] for each in runs)
                    rate, group = divmod(int(settings[i]), recorded.groups)
                    row = {"optimizer": name, "lr": 1e-3 * 1.1 ** (rate + offsets[block, group] % 1), "stage": stage}
                    shared = stage in ("final", "report")
                    row |= {"schedule": f"s{group}", "block": -1 if shared else block}
                    row |= {"seed": 10**6 * shared + 1000 * block * (not shared) + int(part[j])}
                    row |= {"samples": int(recorded.budget), "log_tail": loss, "status": "diverged" if bad else "ok"}
                    start = np.exp(recorded.start[part[j]])
                    row |= {"loss_initial": start, "loss_final": start / 2, "suboptimality_final": start / 2}
                    rows.append(row | {target_column(recorded.target): np.exp(time) if reached else np.inf})
    return runs_table(rows)


def _mean_known(values: np.ndarray) -> np.ndarray:
    """Return the mean of the last axis without NaN; NaN where a row has nothing else."""
    there = ~np.isnan(values)
    count = there.sum(axis=-1)
    return np.where(count > 0, np.where(there, values, 0).sum(axis=-1) / np.maximum(count, 1), np.nan)
