"""The optbench side of ``peers.py``: the one place that knows how optbench is called.

Training goes through the same `Runner` and engine as a sweep: its chunks, its detection of divergence, its record of
points, in as many calls as `run_cohort` would make. Two things differ from a sweep. The mini-batches are the case's,
so that all sides see the same ones. And the loss on all training data, which a sweep evaluates at the start, now and
then, and at the end, is evaluated once in the setup and never again: no other side computes it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.sides.cases import BATCH_SIZE, Case, Side


def optbench_side(case: Case) -> Side:
    """optbench's way to do ``case``; the contract is that of `Side`, with ``case.steps`` steps and peer "optbench"."""
    if case.kind == "update":
        return _update(case)
    if case.kind == "ewa":
        return _ewa(case)
    return _training(case)


class _CaseBatches:
    """Stands in for `optbench.engine.batches.Batches`: the case's mini-batches in the driver's form."""

    def __init__(self, case: Case) -> None:
        self.full = case.batches is None
        self.per_epoch = 1 if self.full else len(case.x) // BATCH_SIZE
        self.order = np.zeros((0, 0), np.int32) if self.full else case.batches.astype(np.int32)
        self.sizes = np.full(case.steps, BATCH_SIZE)
        self.noise = np.zeros((0, 0), case.dtype)
        self.done = 0

    def draw(self, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        first, self.done = self.done, self.done + count
        return self.order[first : self.done], self.sizes[first : self.done], self.noise


def _problem(case: Case, catalogue: Any) -> Any:
    """The catalogue's problem on generated data of the case's sizes, and then the case's data and start instead.

    The linear model's intercept is a column of ones behind the features: one feature less, and it is the case's model.
    """
    if case.kind == "rosenbrock":
        text = "rosenbrock(noise=0.0)"
    elif case.kind == "logistic":
        text = f"logistic(data='gaussian(examples=100, features={case.x.shape[1] - 1})', l2=0.0)"
    else:
        inside, *hidden, classes = case.layers
        data = f"gaussian(examples=100, features={inside}, classes={classes})"
        text = f"mlp(data={data!r}, hidden={tuple(hidden)}, activation='relu')"
    data = None if case.x is None else (case.x, case.y.astype(case.dtype))
    return replace(catalogue.problem(text), name=case.name, start=lambda rng: case.start, data=data, test=None)


def _training(case: Case) -> Side:
    from optbench.catalogue import loader
    from optbench.engine.batches import steps_per_epoch
    from optbench.engine.cohort import Compiled
    from optbench.engine.cpu.lanes import CpuLanes
    from optbench.engine.lanes import Clock, Lane, Rates, Runner

    catalogue = loader.load()
    problem = _problem(case, catalogue)
    rule = catalogue.optimizers[case.optimizer]
    hyper, schedule = rule.with_values(case.hyper), catalogue.schedule("constant")
    code = Compiled(problem, rule, case.lanes, case.dtype)
    lanes = [Lane(float(lr), schedule, hyper) for lr in case.lr]
    batch_size = problem.examples if case.batches is None else BATCH_SIZE
    clock = Clock(None, lambda run_steps: None, lambda: False)
    runners, batches = [], _CaseBatches(case)
    for first in range(0, case.lanes, code.lanes_per_call):
        part = lanes[first : first + code.lanes_per_call]
        engine = CpuLanes(problem, rule, part, code, 0, batch_size, case.dtype)
        rates = Rates(part, steps_per_epoch(problem.examples, batch_size), case.steps)
        runner = Runner(engine, rates, case.dtype)
        # Step 0 alone: the runner learns the first loss, by which it judges divergence.
        initial = runner.run(np.array([0]), clock).train[0]
        engine.loss.mean = lambda w, x, y, initial=initial: initial
        engine.batches = batches
        runners.append(runner)
    last = np.array([case.steps])

    def run() -> list[Any]:
        outcomes = []
        for runner in runners:
            batches.done = 0
            engine = runner.engine
            start = engine.start if engine.single else engine.start[:, None]
            engine.w[:], engine.update.state[:], engine.update.powers[:] = start, 0.0, 1.0
            engine.alive[:], engine.diverged_at[:] = True, 0
            outcomes.append(runner.run(last, clock))
        return outcomes

    def weights(outcomes: list[Any]) -> np.ndarray:
        return np.concatenate([outcome.w for outcome in outcomes])

    per_call = min(code.lanes_per_call, case.lanes)
    return Side("optbench", run, case.steps, weights, f"{per_call} lanes a call")


def _update(case: Case) -> Side:
    from optbench.catalogue import loader
    from optbench.engine.cpu.update import Update

    rule = loader.load().optimizers[case.optimizer]
    w, g = case.start[None].copy(), case.x[None].copy()
    update = Update(rule, "rows", ((w.size,),), case.dtype, [rule.with_values(case.hyper)])
    update.scalars[0] = case.lr[0]
    done = 0

    def run() -> np.ndarray:
        nonlocal done
        for _ in range(case.steps):
            done += 1
            update(w, g, done)
        return w

    return Side("optbench", run, case.steps, np.copy)


def _ewa(case: Case) -> Side:
    import optbench

    beta, correct = case.hyper["beta"], case.optimizer == "corrected"
    return Side("optbench", lambda: optbench.ewa(case.x, beta, bias_correction=correct), 1, lambda v: v[None])
