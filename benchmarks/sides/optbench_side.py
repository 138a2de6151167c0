"""The optbench side of ``peers.py``, by optbench's public functions alone.

Training is a whole call of :func:`optbench.cohort`, as a user makes it: it checks what it is given, draws its
mini-batches, judges divergence and makes its tables. Two things are not counted, for no other side does them. The
evaluation on all training data costs nothing (``records.no_evaluation``). And what a call costs however few steps it
makes, some milliseconds, is measured by a call of one step in the same turns and taken off: a step costs the same
after a million others, and the JSON of ``peers.py`` has what was taken off. Where the steps of a case take less than
``_LONG`` seconds, the call that is timed makes more of them, at so much smaller a rate: two calls differ by some tenths
of a millisecond without any reason, which was a third of what was compared. The others are given their mini-batches;
optbench draws them in its first call and keeps the first ``_KEPT`` for those that follow, as it does for all optimizers
of a sweep.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import optbench
from benchmarks.sides.cases import BATCH_SIZE, Case, Side

_LONG = 0.04
_KEPT = 32_000  # steps whose mini-batches of 64 examples are kept: a longer call would draw the rest each time


def optbench_side(case: Case) -> Side:
    """optbench's way to do ``case``; the contract is that of `Side`, with ``case.steps`` steps and peer "optbench"."""
    if case.kind == "update":
        return _update(case)
    if case.kind == "ewa":
        return _ewa(case)
    return _training(case)


def _training(case: Case) -> Side:
    batch_size = "full" if case.batches is None else BATCH_SIZE

    def call(steps: int, times: int = 1) -> Any:
        """``times`` as many steps, which go as far."""
        settings = [{"lr": float(lr) / times, **case.hyper} for lr in case.lr]
        return optbench.cohort(
            case.problem, case.optimizer, settings, steps=steps * times, batch_size=batch_size, seed=0,
            dtype=case.dtype, points=[steps * times], start=case.start,
        )  # fmt: skip

    times = _times(case, call)
    return Side(
        "optbench", lambda: call(case.steps), case.steps, lambda result: result.w, "cohort", lambda: call(1), 1,
        lambda: call(case.steps, times), case.steps * times,
    )  # fmt: skip


def _times(case: Case, call: Callable[[int], Any]) -> int:
    """How many times the steps of a case take ``_LONG`` seconds."""

    def spent(steps: int) -> float:
        begin = time.process_time()
        call(steps)
        return time.process_time() - begin

    call(case.steps)  # compiles, and draws
    steps = min(spent(case.steps) for _ in range(3)) - min(spent(1) for _ in range(3))
    most = 100 if case.batches is None else max(1, _KEPT // case.steps)
    return min(max(1, math.ceil(_LONG / max(steps, 1e-6))), most)


def _update(case: Case) -> Side:
    if case.arrays > 1:
        return _list(case)
    stepper = optbench.stepper(case.optimizer, case.start.copy(), lr=float(case.lr[0]), **case.hyper)

    def run() -> np.ndarray:
        for _ in range(case.steps):
            stepper.step(case.x)
        return stepper.w

    return Side("optbench", run, case.steps, lambda w: w[None].copy(), "stepper")


def _list(case: Case) -> Side:
    w, g = ([part.copy() for part in np.array_split(array, case.arrays)] for array in (case.start, case.x))
    stepper = optbench.stepper(case.optimizer, w, lr=float(case.lr[0]), **case.hyper)

    def run() -> list[np.ndarray]:
        for _ in range(case.steps):
            stepper.step(g)
        return w

    return Side("optbench", run, case.steps, lambda w: np.concatenate(w)[None], "stepper")


def _ewa(case: Case) -> Side:
    beta, correct = case.hyper["beta"], case.optimizer == "corrected"
    return Side("optbench", lambda: optbench.ewa(case.x, beta, bias_correction=correct), 1, lambda v: v[None], "ewa")
