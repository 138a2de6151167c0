"""The results of a cohort's lanes, as arrays, and the two values by which runs are compared."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from optbench.contract.columns import GROUPS, PER_STEP, TARGETS
from optbench.contract.problems import FLOOR, Problem
from optbench.engine.cohort import Cohort, first_tail_step


class Evaluation(NamedTuple):
    """Measurements of ``runs`` lanes at p points, with k metrics of the problem. NaN if there is no value.

    Attributes:
        measures: (p, runs) each, by the names in PER_STEP but "lr", which the runner adds.
        train, validation, test: (p, 1 + k, runs): loss and metrics on all training, validation or test data.
        positions: (p, 2, runs) for problems of two parameters, else (p, 0, runs).
        finite: (p, runs): True if the weights and the reported weights are finite.
    """

    measures: dict[str, np.ndarray]
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    positions: np.ndarray
    finite: np.ndarray


class End(NamedTuple):
    """The end of a run that SciPy or a callback ended."""

    steps: int
    """Those that were made, of SciPy's methods evaluations."""
    success: bool
    message: str
    iterations: int | None = None
    """Those of SciPy's methods, each of one evaluation or more."""


@dataclass
class Outcome:
    """The results of the lanes of one call: arrays of p points, as in Evaluation.

    Attributes:
        steps: the steps made, fewer than the cohort's after a deadline.
        points: (p,): the steps of the evaluations.
        w: (runs, dim): the last weights.
        diverged_at: (runs,): the step, 0 if the run did not diverge.
        failures: (runs,): the reason why a lane could not run, "" if it could; empty if all could.
        end: how SciPy or a callback ended the run; None where neither did.
        jackknife: (groups, 1 + k, runs): loss and metrics at the end on the test data without one of their groups each;
            None where there are fewer than two test examples.
    """

    steps: int
    points: np.ndarray
    measures: dict[str, np.ndarray]
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    positions: np.ndarray
    w: np.ndarray
    diverged_at: np.ndarray
    evaluation_seconds: float
    failures: tuple[str, ...] = ()
    end: End | None = None
    jackknife: np.ndarray | None = None

    def __post_init__(self) -> None:
        if strange := self.measures.keys() ^ {*PER_STEP}:  # a column of `curves` that one kind of lanes forgot
            raise ValueError(f"measures and the columns of curves differ in {', '.join(sorted(strange))}")

    def of_lanes(self, first: int, last: int) -> "Outcome":
        """Return the part of these lanes; the time is shared out."""
        part = slice(first, last)
        return replace(
            self,
            measures={name: array[:, part] for name, array in self.measures.items()},
            train=self.train[..., part],
            validation=self.validation[..., part],
            jackknife=None if self.jackknife is None else self.jackknife[..., part],
            test=self.test[..., part],
            positions=self.positions[..., part],
            w=self.w[part],
            diverged_at=self.diverged_at[part],
            failures=self.failures[part],
            evaluation_seconds=self.evaluation_seconds * (last - first) / len(self.w),
        )


def merge_outcomes(parts: Sequence[Outcome]) -> Outcome:
    """Return outcomes of calls as one, with the lanes of all parts one behind the other.

    A call ends early where all its lanes have diverged, and has NaN from there on.
    """
    if len(parts) == 1:
        return parts[0]
    longest = max(parts, key=lambda part: len(part.points))
    runs = sum(len(part.w) for part in parts)

    def by_point(arrays: list[np.ndarray]) -> np.ndarray:
        """Return arrays of the parts side by side, filled up with NaN to the longest."""
        whole = np.full((len(longest.points), *arrays[0].shape[1:-1], runs), np.nan)
        at = 0
        for array in arrays:
            whole[: len(array), ..., at : at + array.shape[-1]] = array
            at += array.shape[-1]
        return whole

    return Outcome(
        steps=max(part.steps for part in parts),
        points=longest.points,
        measures={name: by_point([part.measures[name] for part in parts]) for name in PER_STEP},
        train=by_point([part.train for part in parts]),
        validation=by_point([part.validation for part in parts]),
        test=by_point([part.test for part in parts]),
        positions=by_point([part.positions for part in parts]),
        w=np.concatenate([part.w for part in parts]),
        diverged_at=np.concatenate([part.diverged_at for part in parts]),
        evaluation_seconds=sum(part.evaluation_seconds for part in parts),
        failures=tuple(reason for part in parts for reason in part.failures),
        jackknife=(
            None
            if any(part.jackknife is None for part in parts)
            else np.concatenate([part.jackknife for part in parts], axis=-1)
        ),
    )


@dataclass
class CohortOutcome:
    """The outcomes of a cohort's calls, which together hold its lanes in order, and the times.

    Attributes:
        device_note: the GPU's name, or the reason why the cohort ran on the CPU instead of a GPU.
        eager: the library that took the steps outside the compiled loop: "PyTorch", "optax", or "Python" for a
            problem's gradients.
        state_bytes: what another library's optimizer keeps for a parameter; NaN where that is not known.
    """

    parts: list[Outcome]
    seconds: float
    evaluation_seconds: float
    compile_seconds: float
    device: str = "cpu"
    device_note: str = ""
    eager: str = ""
    state_bytes: float = math.nan


def group_slices(problem: Problem) -> list[slice]:
    """Return the groups of consecutive test examples that a jackknife leaves out one by one: at most GROUPS.

    No group where there are fewer than two test examples.
    """
    rows = 0 if problem.test is None else len(problem.test[0])
    if rows < 2:
        return []
    ends = np.linspace(0, rows, min(rows, GROUPS) + 1).astype(int).tolist()
    return [slice(first, last) for first, last in pairwise(ends)]


def leave_groups_out(problem: Problem, group_means: Callable[[Sequence[slice]], np.ndarray]) -> np.ndarray | None:
    """Return loss and metrics on the test data without one of `group_slices` each, (groups, 1 + k, runs), or None.

    The groups of a single test example are none, (0, 1 + k, runs): an analysis counts few examples by them.

    group_means: groups of test examples -> loss and metrics on each of them, (groups, 1 + k, runs).
    """
    groups = group_slices(problem)
    if not groups:
        return None if problem.test is None or len(problem.test[0]) == 0 else group_means([slice(0, 1)])[:0]
    sizes = np.array([each.stop - each.start for each in groups], dtype=float)[:, None, None]
    sums = sizes * group_means(groups)
    return (sums.sum(axis=0) - sums) / (sizes.sum() - sizes)


def log_tail(cohort: Cohort, part: Outcome) -> np.ndarray:
    """Return the mean of ln max(f - f*, floor) over the evaluations in the last fifth of the steps, lower is better.

    f is the loss on all training data of the iterate that is reported, which for some rules is not the one that is
    stepped (``average``, ``lookahead``). inf for a run that diverged, NaN for one that a deadline cut.

    Returns:
        (runs,) float64
    """
    minimum = cohort.problem.minimum
    if part.steps < cohort.steps and (part.diverged_at == 0).any():
        value = np.full(len(part.diverged_at), np.nan)
    else:
        late = part.points >= min(first_tail_step(cohort.steps), part.points[-1])
        value = np.log(np.fmax(part.train[late, 0] - minimum, FLOOR * max(1.0, abs(minimum)))).mean(axis=0)
    return np.where(part.diverged_at > 0, np.inf, value)


def samples_to_targets(cohort: Cohort, part: Outcome, samples: np.ndarray) -> np.ndarray:
    """Return the samples until each run's f - f* is at most a share of its own first one, and stays there to the end.

    f as in `log_tail`. Between the last evaluation above a target and the first one below, samples are interpolated,
    linear in ln max(f - f*, floor), except within the first step.

    samples: (p,) those until each evaluation.

    Returns:
        (targets, runs) float64, in the order of TARGETS: inf for a target that is not reached, or by a run that
        diverged; NaN where a deadline came first, or without f*.
    """
    loss = part.train[:, 0]
    minimum = float(cohort.problem.minimum)
    floor = FLOOR * max(1.0, abs(minimum))
    aim = np.array(TARGETS)[:, None] * np.maximum(loss[0] - minimum, floor)
    worst = np.maximum.accumulate(loss[::-1], axis=0)[::-1]  # from here to the end; NaN stays
    here = np.count_nonzero(~(worst[:, None] <= minimum + aim), axis=0)
    reached = (here < len(loss)) & np.isfinite(loss[-1]) & (part.diverged_at == 0)
    at = np.minimum(here, len(loss) - 1)
    before = np.maximum(at - 1, 0)
    lanes = np.arange(loss.shape[1])
    gaps = np.maximum(loss - minimum, floor)
    high, low = gaps[before, lanes], gaps[at, lanes]
    with np.errstate(divide="ignore", invalid="ignore"):
        way = np.log(high / np.maximum(aim, floor)) / np.log(high / low)
    within = reached & (part.points[at] > 1) & np.isfinite(high) & (high > low)
    way = np.where(within, np.clip(way, 0.0, 1.0), 1.0)
    value = samples[before] + way * (samples[at] - samples[before])
    late = part.steps < cohort.steps
    never = np.where(part.diverged_at > 0, np.inf, np.where(late | np.isnan(minimum), np.nan, np.inf))
    return np.where(reached, value, never)
