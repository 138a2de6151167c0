"""How long a sweep will take: by a model of its work, and by short probes of the kinds of work that take longest.

A kind of work is a problem with a batch size, a precision and a stage. Whatever the size of a plan, a few seconds go
into probes; what they leave out is scaled by what they have shown of the model.
"""

import heapq
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, TypeVar

from optbench.contract.eager import LIBRARIES, Eager
from optbench.contract.optimizers import Baseline
from optbench.engine.cohort import Cohort
from optbench.engine.cpu.duplicates import computed_shares
from optbench.engine.run import compile_for, run, side_by_side
from optbench.sweeps.isolated import foreign
from optbench.sweeps.planned import COHORT_COST, Series, step_cost

_STEP = 2.0
"""What a run-step takes, as a multiple of the plan's weight for it."""
_STEP_SECONDS = 1.5e-7
"""What a step takes whatever it does and for however many lanes; one of SciPy's takes a thousand times as long."""
_LOOK_SECONDS = 1e-4
"""What an evaluation takes whatever it does and for however many lanes."""
_PASS_SECONDS = 1.2e-10
"""What an evaluation takes for each parameter and example."""
_ROW_SECONDS = 1e-6
"""What a row of the curves takes, to be collected, kept and written; a row of the runs takes ten times as long."""
_LANES = 64
"""Lanes of a probe at most: more cost as much each."""
_PROBE_SECONDS = 0.02
"""How long a probe steps at least, where it can: a hundred times what a clock's resolution asks for."""
_STEP_LIMIT = 0.5
"""Seconds that one step of one lane may take by the model; one that takes longer is not probed."""
_LIMIT = 1.5
"""Seconds after which a probe is given up."""
_PATIENCE = 3.0
"""Seconds of all probes together."""
_PATIENCE_TO_COMPILE = 8.0
"""Seconds of all probes together with the kernels that have to be compiled for them; none is begun after it."""


class Seconds(NamedTuple):
    """Seconds of steps, and of evaluations."""

    stepping: float
    evaluating: float


_AS_MODELLED = Seconds(1.0, 1.0)


@dataclass(frozen=True)
class Estimate:
    """What a sweep will take, and what that stands on."""

    seconds: float
    """From begin to end, with all workers."""
    probed: int
    """Kinds of work that were probed."""
    kinds: int
    """How many there are."""
    share: float
    """Of the time, that of the kinds that were probed."""
    at_least: bool
    """Whether some work took longer than a probe may."""


def modelled(series: Iterable[Series], workers: int) -> float:
    """Seconds that the cohorts take with so many workers by the model alone, which may be off by a factor of ten."""
    return sum(map(_whole, series)) / workers


def estimate(series: Iterable[Series], workers: int) -> Estimate:
    """The same from short probes, those that stand for most work first, within a few seconds of this process."""
    kinds: dict[tuple, list[Series]] = {}
    for each in series:
        if each.seeds:
            kinds.setdefault(_kind(each), []).append(each)
    order = sorted(kinds, key=lambda kind: -sum(map(_whole, kinds[kind])))
    ratios, at_least = _probes([(kind, kinds[kind]) for kind in order])
    total = measured = 0.0
    for kind, group in kinds.items():
        ratio = ratios.get(kind) or (_AS_MODELLED if kind[1] in LIBRARIES else _nearest(kind, ratios))
        seconds = sum(_whole(each, ratio) for each in group)
        total += seconds
        measured += seconds * (kind in ratios)
    share = measured / total if total else 0.0
    return Estimate(total / workers, len(ratios), len(kinds), share, at_least)


def _kind(series: Series) -> tuple:
    cohort = series.cohort
    optimizer = cohort.optimizer
    by = "SciPy" if isinstance(optimizer, Baseline) else optimizer.library if isinstance(optimizer, Eager) else ""
    return cohort.problem.name, by, cohort.dtype, cohort.batch_size, series.stage


def _probes(kinds: Sequence[tuple[tuple, list[Series]]]) -> tuple[dict[tuple, Seconds], bool]:
    """What the probes took over what the model says, by kind, and whether one of them was given up."""
    ratios: dict[tuple, Seconds] = {}
    begin, compiling, late = time.perf_counter(), 0.0, False
    with side_by_side():
        for kind, group in kinds:
            spent = time.perf_counter() - begin
            if spent - compiling > _PATIENCE or spent > _PATIENCE_TO_COMPILE:
                break
            # A user's file may do anything to this process, and an estimate is not worth that.
            cohorts = [each.cohort for each in group]
            # Nor is it to load another library: what its optimizers take is modelled.
            ours = [
                each
                for each in cohorts
                if not isinstance(each.optimizer, Eager) and not foreign(each.problem.origins + each.optimizer.origins)
            ]
            if not ours:
                continue
            cohort = _small(max(ours, key=step_cost))
            if any(foreign(lane.schedule.origins) for lane in cohort.lanes):
                continue
            if _model(replace(cohort, lanes=cohort.lanes[:1], steps=1, points=(0,))).stepping > _STEP_LIMIT:
                continue
            ready = time.perf_counter()
            try:
                compile_for(cohort)
                compiling += time.perf_counter() - ready
                ratio = _within(_LIMIT, partial(_probe, cohort))
            except Exception:  # a plug-in may raise anything, and the sweep will tell
                continue
            if ratio is None:
                late = True
            else:
                ratios[kind] = ratio
    return ratios, late


def _small(cohort: Cohort) -> Cohort:
    """The cohort with as many lanes as a probe has, those with the lowest rates: they are the last to diverge."""
    step = max(step_cost(cohort), 1.0) * _STEP * 1e-9
    most = max(1, min(_LANES, int(_PROBE_SECONDS / step)))
    lanes = heapq.nsmallest(most, cohort.lanes, key=lambda lane: lane.lr)
    return replace(cohort, lanes=lanes, points=(0,), deadline=None, device="cpu")


def _probe(cohort: Cohort, stop: Callable[[], bool]) -> Seconds:
    """More and more steps, until they take long enough to be measured."""
    steps = max(1, min(cohort.steps, int(_PROBE_SECONDS / 4 * cohort.steps / _model(cohort).stepping)))
    while True:
        probe = replace(cohort, steps=steps)
        outcome = run(probe, stop=stop)
        evaluating = outcome.evaluation_seconds
        stepping = outcome.seconds - evaluating
        if stepping >= _PROBE_SECONDS or steps >= cohort.steps or stop():
            model = _model(probe)
            return Seconds(stepping / model.stepping, evaluating / model.evaluating)
        steps = min(4 * steps, cohort.steps)


T = TypeVar("T")


def _within(seconds: float, call: Callable[[Callable[[], bool]], T]) -> T | None:
    """What ``call`` gives, or None where it takes longer: a thread cannot be ended, it is asked to and left alone."""
    stopping, results, errors = threading.Event(), [], []

    def work() -> None:
        try:
            results.append(call(stopping.is_set))
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    stopping.set()
    if errors:
        raise errors[0]
    return results[0] if results else None


def _model(cohort: Cohort) -> Seconds:
    """What a cohort takes by the model."""
    problem, lanes = cohort.problem, len(cohort.lanes)
    parts = [part for part in (problem.data, problem.test) if part is not None]
    examples = sum(len(part[0]) for part in parts) or 1
    if isinstance(cohort.optimizer, Baseline):
        step = lanes * (1000 * _STEP_SECONDS + _STEP * 1e-9 * step_cost(cohort))
    else:
        step = _STEP_SECONDS + lanes * _STEP * 1e-9 * step_cost(cohort)
    look = _LOOK_SECONDS + lanes * _PASS_SECONDS * examples * problem.dim
    plugin = any(foreign(lane.schedule.origins) for lane in cohort.lanes)  # whose schedules are not asked here
    stepping, evaluating = (1.0, 1.0) if plugin else computed_shares(cohort)
    return Seconds(cohort.steps * step * stepping, len(cohort.evaluated) * look * evaluating)


def _whole(series: Series, ratio: Seconds = _AS_MODELLED) -> float:
    """Seconds of all cohorts of a series, for one worker, where probes took so many times what the model says."""
    stepping, evaluating = _model(series.cohort)
    seconds = stepping * ratio.stepping + evaluating * ratio.evaluating
    rows = len(series.cohort.lanes) * (10 + len(series.cohort.evaluated)) * _ROW_SECONDS
    return len(series.seeds) * (min(seconds, series.cohort.deadline or seconds) + rows + COHORT_COST * 1e-9)


def _nearest(kind: tuple, ratios: dict[tuple, Seconds]) -> Seconds:
    """The ratio of a kind that was not probed: the mean of those that share most with it."""
    for shared in range(len(kind) - 1, -1, -1):
        alike = [ratio for other, ratio in ratios.items() if other[:shared] == kind[:shared]]
        if alike:
            return Seconds(*(sum(values) / len(alike) for values in zip(*alike, strict=True)))
    return _AS_MODELLED
