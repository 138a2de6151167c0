"""A spec and the catalogue -> the cohorts to run, each with its lanes and their ids."""

import hashlib
import itertools
import json
import math
from dataclasses import dataclass

from optbench import __version__
from optbench.catalogue.loader import Catalogue
from optbench.contract import names
from optbench.contract.errors import OptbenchError
from optbench.contract.optimizers import Baseline, Optimizer
from optbench.contract.problems import Problem
from optbench.engine.batches import steps_per_epoch
from optbench.engine.lanes import Lane
from optbench.sweeps.spec import Spec

COHORT_COST = 4e6
"""Nanoseconds that a cohort takes beside its steps: preparations, evaluations, files."""


@dataclass(frozen=True)
class CohortPlan:
    """Runs that share problem, seed, batch size, optimizer and dtype: one call of the engine."""

    cohort_id: str
    run_ids: tuple[str, ...]
    problem: Problem
    optimizer: Optimizer | Baseline
    lanes: tuple[Lane, ...]
    batch_size: int
    seed: int
    dtype: str
    steps: int
    deadline: float | None = None
    device: str = "cpu"
    """What the sweep was given: "cpu" or "cuda". What cannot run on a GPU runs on the CPU all the same."""

    @property
    def lane_count(self) -> int:
        return len(self.lanes)

    @property
    def step_cost(self) -> float:
        """About how many nanoseconds a run-step takes: a weight for progress, not a promise."""
        problem, slots = self.problem, len(self.optimizer.slots)
        rows = self.batch_size if problem.data is not None else 1
        return 1.0 + 0.15 * rows * problem.dim + (0.5 + 0.5 * slots) * problem.dim + 0.1 * len(problem.constants)

    @property
    def cost(self) -> float:
        return self.step_cost * self.steps * len(self.lanes) + COHORT_COST


def make(spec: Spec, catalogue: Catalogue, device: str = "cpu") -> list[CohortPlan]:
    """Expand ``spec`` for a device that was chosen, "cpu" or "cuda".

    Raises OptbenchError for a name, parameter or size that does not exist.
    """
    optimizers = _optimizers(spec, catalogue)
    schedules = [catalogue.schedule(text) for text in spec.schedules]
    if len({schedule.text for schedule in schedules}) < len(schedules):
        raise OptbenchError("schedules has an entry twice")
    problems = [(catalogue.problem(entry.name), entry) for entry in spec.problems]
    doubled = len({problem.name for problem, _ in problems}) < len(problems)
    if doubled:
        raise OptbenchError("problems has an entry twice")
    plans = []
    for problem, entry in problems:
        sizes = [problem.examples if size == "full" else min(size, problem.examples) for size in spec.batch_sizes]
        for optimizer, settings in optimizers:
            own = dict.fromkeys(sizes), schedules, spec.learning_rates
            if isinstance(optimizer, Baseline):  # on the full batch; its line search begins at the rate 1
                own = [problem.examples], [catalogue.schedule("constant")], [1.0]
            lanes = [Lane(lr, schedule, values) for values, schedule, lr in itertools.product(settings, *own[1:])]
            for size, dtype, seed in itertools.product(own[0], spec.dtypes, spec.seeds):
                steps = _steps(spec, entry, problem, size)
                cell = problem, optimizer, lanes, size, seed, dtype, steps
                plans.append(_cohort(catalogue, *cell, spec.deadline, device))
    return plans


def _optimizers(spec, catalogue) -> list[tuple[Optimizer | Baseline, list[dict]]]:
    """Each optimizer once, with all its settings; a list as a value, adam(beta1=[0.8, 0.9]), stands for each."""
    found: dict[str, tuple[Optimizer | Baseline, list[dict]]] = {}
    for text in spec.optimizers:
        for plain in names.alternatives(text):
            optimizer, settings = catalogue.optimizer(plain)
            known = found.setdefault(optimizer.name, (optimizer, []))[1]
            if settings in known:
                raise OptbenchError(f"optimizers has {text!r} twice, with the same hyperparameters")
            known.append(settings)
    return list(found.values())


def _steps(spec, entry, problem, batch_size) -> int:
    own = entry.epochs is not None or entry.steps is not None
    epochs, steps = (entry.epochs, entry.steps) if own else (spec.epochs, spec.steps)
    return steps if steps is not None else math.ceil(epochs * steps_per_epoch(problem.examples, batch_size))


def _digest(catalogue, kind, text) -> str:
    """The sha256 of all the files that a text's names come from."""
    return " ".join(catalogue.hashes[key] for key in catalogue.origins(kind, text))


def _cohort(catalogue, problem, optimizer, lanes, batch_size, seed, dtype, steps, deadline, device) -> CohortPlan:
    shared = {
        "version": __version__,
        "problem": problem.name,
        "optimizer": optimizer.name,
        "files": [_digest(catalogue, "problem", problem.name), _digest(catalogue, "optimizer", optimizer.name)],
        "data": problem.digest,
        "batch_size": batch_size,
        "seed": seed,
        "dtype": dtype,
        "steps": steps,
        "deadline": deadline,
    }
    if device != "cpu":  # other rounding: other runs
        shared["device"] = device
    base = hashlib.sha256(json.dumps(shared, sort_keys=True).encode())
    run_ids = []
    for lane in lanes:
        own = [lane.lr, lane.schedule.text, _digest(catalogue, "schedule", lane.schedule.text), lane.hyperparameters]
        digest = base.copy()
        digest.update(json.dumps(own, sort_keys=True).encode())
        run_ids.append(digest.hexdigest()[:16])
    base.update("".join(run_ids).encode())
    return CohortPlan(
        base.hexdigest()[:16],
        tuple(run_ids),
        problem,
        optimizer,
        tuple(lanes),
        batch_size,
        seed,
        dtype,
        steps,
        deadline,
        device,
    )
