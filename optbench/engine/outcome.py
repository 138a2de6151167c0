"""What the lanes of a cohort saw, as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from optbench.contract.problems import FLOOR
from optbench.engine.cohort import Cohort, first_of_tail

_BY_POINT = ("lr", "batch_loss", "gradient_norm", "train", "test", "positions")


@dataclass
class Outcome:
    """What the lanes of one call saw: p evaluation points, ``runs`` lanes, k metrics; NaN where there is nothing."""

    steps: int
    """Steps made: fewer than asked for after a deadline."""
    points: np.ndarray
    """(p,) steps"""
    lr: np.ndarray
    """(p, runs), like batch_loss and gradient_norm: what the optimizer had at the step that led to the point."""
    batch_loss: np.ndarray
    gradient_norm: np.ndarray
    train: np.ndarray
    """(p, 1 + k, runs): loss and metrics on all training data."""
    test: np.ndarray
    positions: np.ndarray
    """(p, 2, runs) for problems of two parameters, else (p, 0, runs)."""
    w: np.ndarray
    """(runs, dim): the last weights."""
    diverged_at: np.ndarray
    """(runs,): the step, 0 where the run did not diverge."""
    evaluation_seconds: float
    failures: tuple[str, ...] = ()
    """(runs,): why a lane could not be run, "" where it could; empty where that holds of all."""
    given: int = 0
    """Run-steps that a lane did not make, for another that was the same so far had made them."""

    def of_lanes(self, first: int, last: int) -> "Outcome":
        """The part of these lanes; the time is shared out."""
        part = slice(first, last)
        columns = {name: getattr(self, name)[..., part] for name in _BY_POINT}
        columns |= {"w": self.w[part], "diverged_at": self.diverged_at[part]}
        columns["failures"] = self.failures[first:last]
        seconds = self.evaluation_seconds * (last - first) / len(self.w)
        return replace(self, **columns, evaluation_seconds=seconds)


def together(parts: Sequence[Outcome], order: np.ndarray) -> Outcome:
    """Outcomes of calls as one: place ``order[i]`` is that of lane i of them all. A call ends early where all its lanes
    have diverged, and has nothing from there on."""
    most = max(parts, key=lambda part: len(part.points))
    columns = {}
    for name in _BY_POINT:
        arrays = [getattr(part, name) for part in parts]
        columns[name] = np.full((*getattr(most, name).shape[:-1], len(order)), np.nan)
        at = 0
        for array in arrays:
            columns[name][: len(array), ..., order[at : at + array.shape[-1]]] = array
            at += array.shape[-1]
    back = np.argsort(order)
    w, diverged_at = (np.concatenate([getattr(part, name) for part in parts])[back] for name in ("w", "diverged_at"))
    failures = [reason for part in parts for reason in part.failures]
    return Outcome(
        max(part.steps for part in parts), most.points, w=w, diverged_at=diverged_at, **columns,
        evaluation_seconds=sum(part.evaluation_seconds for part in parts),
        failures=tuple(failures[place] for place in back) if failures else (),
        given=sum(part.given for part in parts),
    )  # fmt: skip


@dataclass
class CohortOutcome:
    """The outcomes of a cohort's calls, which together hold its lanes in order, and where the time went."""

    parts: list[Outcome]
    seconds: float
    evaluation_seconds: float
    compile_seconds: float
    device: str = "cpu"
    device_note: str = ""
    """The GPU's name; or why the CPU had to do what a GPU was asked for."""
    eager: str = ""
    """Who took the steps, where no compiled driver did: "PyTorch", "optax", or "Python" for a problem's gradients."""


class Look(NamedTuple):
    """What lanes have at the points that the last steps passed; shapes as in Outcome."""

    batch_loss: np.ndarray
    gradient_norm: np.ndarray
    train: np.ndarray
    test: np.ndarray
    positions: np.ndarray
    finite: np.ndarray
    """(p, runs): whether the weights are, and what the rule reports."""


@dataclass
class Trace:
    """The rows of an Outcome while they are collected, a piece for each look."""

    points: list[np.ndarray] = field(default_factory=list)
    lr: list[np.ndarray] = field(default_factory=list)
    batch_loss: list[np.ndarray] = field(default_factory=list)
    gradient_norm: list[np.ndarray] = field(default_factory=list)
    train: list[np.ndarray] = field(default_factory=list)
    test: list[np.ndarray] = field(default_factory=list)
    positions: list[np.ndarray] = field(default_factory=list)

    def add(self, points: np.ndarray, lr: np.ndarray, look: Look) -> None:
        """Append what a look has of these points, which are its first ones."""
        self.points.append(points)
        rows = {"lr": lr} | look._asdict()
        for name in _BY_POINT:
            getattr(self, name).append(rows[name][: len(points)])

    def columns(self) -> dict[str, np.ndarray]:
        """All pieces in one, by name; all but the points float64."""
        whole = {name: np.concatenate(pieces) for name, pieces in vars(self).items()}
        return {name: array if name == "points" else array.astype(float, copy=False) for name, array in whole.items()}


def log_tail(cohort: Cohort, part: Outcome) -> np.ndarray:
    """Return the mean of ln max(f - f*, floor) over the evaluations in the last fifth of the steps, lower is better.

    f is the loss on all training data of the iterate that is reported, which some rules do not step (``average``,
    ``lookahead``). inf for a run that diverged, NaN for one that a deadline cut.

    Returns:
        (runs,) float64
    """
    minimum = cohort.problem.minimum
    if part.steps < cohort.steps and (part.diverged_at == 0).any():
        value = np.full(len(part.diverged_at), np.nan)
    else:
        late = part.points >= min(first_of_tail(cohort.steps), part.points[-1])
        value = np.log(np.fmax(part.train[late, 0] - minimum, FLOOR * max(1.0, abs(minimum)))).mean(axis=0)
    return np.where(part.diverged_at > 0, np.inf, value)
