"""Estimate the duration of a sweep by a model of its work, corrected by short probes of what takes longest.

A kind of work is a problem with a batch size, a precision and a stage. Probes take a few seconds, whatever the size of
a plan; a kind that is not probed is corrected like those that are.
"""

import heapq
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from optbench.contract.eager import LIBRARIES, Eager
from optbench.contract.optimizers import Baseline
from optbench.engine.cohort import Cohort
from optbench.engine.cpu.lanes import computed_shares
from optbench.engine.run import compile_for, limited_threads, run
from optbench.sweeps.plan import COHORT_COST, SeedSeries, has_user_code, step_cost

_STEP = 2.0
"""Duration of a run-step, as a multiple of the plan's weight for it."""
_STEP_SECONDS = 1.5e-7
"""Duration of a step of any number of lanes, besides; one of SciPy's takes a thousand times as long."""
_EVALUATION_SECONDS = 1e-4
"""Duration of an evaluation of any number of lanes, besides that of its examples."""
_EXAMPLE_SECONDS = 1.2e-10
"""Duration of an evaluation for each parameter and example."""
_ROW_SECONDS = 1e-6
"""Duration of collecting and writing a row of the curves; a row of the runs takes ten times as long."""
_LANES = 64
"""Most lanes of a probe: more cost as much each."""
_PROBE_SECONDS = 0.02
"""Seconds that a probe steps at least, if its runs are long enough: a hundred times the resolution of a clock."""
_STEP_LIMIT = 0.5
"""Seconds that one step of one lane may take by the model; a longer one is not probed."""
_LIMIT = 1.5
"""Seconds after which a probe is stopped."""
_PATIENCE = 3.0
"""Seconds of all probes together; the last one may take longer."""
_PATIENCE_TO_COMPILE = 8.0
"""Seconds of all probes together with the kernels that are compiled for them."""


class Seconds(NamedTuple):
    """Seconds of steps, and of evaluations."""

    stepping: float
    evaluating: float


_AS_MODELLED = Seconds(1.0, 1.0)


@dataclass(frozen=True)
class Estimate:
    """The duration of a sweep, and what it is based on."""

    seconds: float
    """From begin to end, with all workers."""
    share: float
    """The share of it that kinds of work take which were probed."""


def model_duration(series: Iterable[SeedSeries], workers: int) -> float:
    """Return the seconds that the cohorts take by the model alone, which may be off by a factor of ten."""
    return sum(map(_model_series, _join_blocks(series))) / workers


def estimate_duration(series: Iterable[SeedSeries], workers: int) -> Estimate:
    """Probe the kinds of work that take longest, for a few seconds, and return the corrected duration."""
    kinds: dict[tuple, list[SeedSeries]] = {}
    for each in _join_blocks(series):
        if each.seeds:
            kinds.setdefault(_work_kind(each), []).append(each)
    order = sorted(kinds, key=lambda kind: -sum(map(_model_series, kinds[kind])))
    ratios = _probe_kinds([(kind, kinds[kind]) for kind in order])
    total = probed = 0.0
    for kind, group in kinds.items():
        ratio = ratios.get(kind) or (_AS_MODELLED if kind[1] in LIBRARIES else _nearest_ratio(kind, ratios))
        seconds = sum(_model_series(each, ratio) for each in group)
        total += seconds
        probed += seconds * (kind in ratios)
    return Estimate(total / workers, probed / total if total else 0.0)


def _join_blocks(series: Iterable[SeedSeries]) -> list[SeedSeries]:
    """Return the series with one in the place of those that differ only in seeds and in what their settings are."""
    joined: dict[tuple, list[SeedSeries]] = {}
    for each in series:
        cohort = each.cohort
        records = id(cohort.problem), id(cohort.optimizer)
        key = (*records, cohort.batch_size, cohort.dtype, cohort.steps, len(cohort.lanes), each.stage)
        joined.setdefault(key, []).append(each)
    return [replace(same[0], seeds=[seed for each in same for seed in each.seeds]) for same in joined.values()]


def _work_kind(series: SeedSeries) -> tuple:
    """Return a key that is equal for series whose steps take about the same time.

    It is (problem, library of the steps or "", dtype, batch size, stage).
    """
    cohort = series.cohort
    optimizer = cohort.optimizer
    by = "SciPy" if isinstance(optimizer, Baseline) else optimizer.library if isinstance(optimizer, Eager) else ""
    return cohort.problem.name, by, cohort.dtype, cohort.batch_size, series.stage


def _probe_kinds(kinds: Sequence[tuple[tuple, list[SeedSeries]]]) -> dict[tuple, Seconds]:
    """Time short probes of these kinds of work, and return by kind the measured over the modelled duration.

    kinds: pairs of a kind from `_work_kind` and the series of this kind.
    """
    ratios: dict[tuple, Seconds] = {}
    begin, compiling = time.perf_counter(), 0.0
    with limited_threads():
        for kind, group in kinds:
            spent = time.perf_counter() - begin
            if spent - compiling > _PATIENCE or spent > _PATIENCE_TO_COMPILE:
                break
            cohorts = [each.cohort for each in group if _can_be_probed(each.cohort)]
            if not cohorts:
                continue
            cohort = _shrink_for_probe(max(cohorts, key=step_cost))
            ready = time.perf_counter()
            try:
                compile_for(cohort)
                compiling += time.perf_counter() - ready
                ratios[kind] = _probe(cohort)
            except Exception:  # it is too slow, or breaks: the sweep will say so
                continue
    return ratios


def _can_be_probed(cohort: Cohort) -> bool:
    """Return whether a cohort is quick and safe to probe: shipped code, compiled, with steps that are short."""
    origins = cohort.problem.origins + cohort.optimizer.origins
    origins += tuple(origin for lane in cohort.lanes for origin in lane.schedule.origins)
    if isinstance(cohort.optimizer, Eager) or has_user_code(origins):
        return False
    return _model_cohort(replace(cohort, lanes=cohort.lanes[:1], steps=1, points=(0,))).stepping <= _STEP_LIMIT


def _shrink_for_probe(cohort: Cohort) -> Cohort:
    """Return the cohort with a few lanes, those of the lowest rates, which diverge last, and no evaluations between."""
    step = max(step_cost(cohort), 1.0) * _STEP * 1e-9
    most = max(1, min(_LANES, int(_PROBE_SECONDS / step)))
    lanes = heapq.nsmallest(most, cohort.lanes, key=lambda lane: lane.lr)
    return replace(cohort, lanes=lanes, points=(0,), deadline=None, device="cpu")


def _probe(cohort: Cohort) -> Seconds:
    """Run a cohort for more and more steps, until they can be timed; return measured over modelled seconds.

    Raises Cancelled after _LIMIT seconds.
    """
    end = time.monotonic() + _LIMIT
    steps = max(1, min(cohort.steps, int(_PROBE_SECONDS / 4 * cohort.steps / _model_cohort(cohort).stepping)))
    while True:
        probe = replace(cohort, steps=steps)
        outcome = run(probe, stop=lambda: time.monotonic() > end)
        evaluating = outcome.evaluation_seconds
        stepping = outcome.seconds - evaluating
        if stepping >= _PROBE_SECONDS or steps >= cohort.steps or time.monotonic() > end:
            model = _model_cohort(probe)
            return Seconds(stepping / model.stepping, evaluating / model.evaluating)
        steps = min(4 * steps, cohort.steps)


def _model_cohort(cohort: Cohort) -> Seconds:
    """Return the seconds that a cohort takes by the model."""
    problem, lanes = cohort.problem, len(cohort.lanes)
    parts = [part for part in (problem.data, problem.validation, problem.test) if part is not None]
    examples = sum(len(part[0]) for part in parts) or 1
    if isinstance(cohort.optimizer, Baseline):
        step = lanes * (1000 * _STEP_SECONDS + _STEP * 1e-9 * step_cost(cohort))
    else:
        step = _STEP_SECONDS + lanes * _STEP * 1e-9 * step_cost(cohort)
    evaluation = _EVALUATION_SECONDS + lanes * _EXAMPLE_SECONDS * examples * problem.dim
    # A user's schedule is not called here, which tells how many lanes are duplicates.
    plugin = any(has_user_code(lane.schedule.origins) for lane in cohort.lanes)
    stepping, evaluating = (1.0, 1.0) if plugin else computed_shares(cohort)
    return Seconds(cohort.steps * step * stepping, len(cohort.evaluated) * evaluation * evaluating)


def _model_series(series: SeedSeries, ratio: Seconds = _AS_MODELLED) -> float:
    """Return the seconds that the cohorts of a series take with one worker; ratio: measured over modelled seconds."""
    stepping, evaluating = _model_cohort(series.cohort)
    seconds = stepping * ratio.stepping + evaluating * ratio.evaluating
    rows = len(series.cohort.lanes) * (10 + len(series.cohort.evaluated)) * _ROW_SECONDS
    return len(series.seeds) * (min(seconds, series.cohort.deadline or seconds) + rows + COHORT_COST * 1e-9)


def _nearest_ratio(kind: tuple, ratios: dict[tuple, Seconds]) -> Seconds:
    """Return measured over modelled seconds for a kind that was not probed: the mean of the most similar kinds.

    kind: from `_work_kind`; ratios: of the kinds that were probed.
    """
    for shared in range(len(kind) - 1, -1, -1):
        alike = [ratio for other, ratio in ratios.items() if other[:shared] == kind[:shared]]
        if alike:
            return Seconds(*(sum(values) / len(alike) for values in zip(*alike, strict=True)))
    return _AS_MODELLED
