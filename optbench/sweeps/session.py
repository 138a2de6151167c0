"""A whole sweep, from its spec to its folder: what the command and the Python function share."""

import os
from collections.abc import Callable
from pathlib import Path

from optbench.catalogue import loader
from optbench.compiler import device as devices
from optbench.contract.errors import OptbenchError
from optbench.sweeps import executor, landscapes, plan
from optbench.sweeps.provenance import provenance
from optbench.sweeps.spec import Spec
from optbench.sweeps.store import Store


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def checked_workers(workers: int | None) -> int:
    """The number of threads; by default one a core. Raises OptbenchError below 1."""
    if workers is not None and workers < 1:
        raise OptbenchError(f"workers={workers} must be at least 1")
    return workers or cores()


def prepare(spec: Spec, catalogue: loader.Catalogue | None = None, device: str | None = None) -> list[plan.CohortPlan]:
    """The cohorts of ``spec``, on a ``device`` that was chosen; None: choose one now.

    Raises OptbenchError, and names the plug-in files that would not load.
    """
    device = device or devices.choose(spec.device)[0]
    catalogue = catalogue or loader.load(spec.plugins)
    try:
        return plan.make(spec, catalogue, device)
    except OptbenchError as error:
        if catalogue.broken:
            files = ", ".join(path.name for path in catalogue.broken)
            raise OptbenchError(f"{error} (broken plug-in files: {files})") from None
        raise


def execute(
    spec: Spec,
    directory: str | Path,
    *,
    workers: int | None = None,
    command: str = "optbench.sweep",
    watch: Callable[[executor.Status], None] = lambda status: None,
    catalogue: loader.Catalogue | None = None,
    chosen: tuple[str, str] | None = None,
) -> executor.Status:
    """Run ``spec`` into ``directory``, or the rest of it; write the tables. Raises OptbenchError.

    ``chosen``: what device.choose gave for the spec, where the caller has asked already.
    """
    workers = checked_workers(workers)
    catalogue = catalogue or loader.load(spec.plugins)
    chosen = chosen or devices.choose(spec.device)
    plans = prepare(spec, catalogue, chosen[0])
    store = Store(directory, spec, provenance(command, spec, _used(plans, catalogue), chosen))
    status = executor.run(plans, store, workers, watch)
    if status.failed and not status.cohorts:
        raise OptbenchError("; ".join(f"{pair}: {reason}" for pair, reason in status.failed.items()))
    done = [plan for plan in plans if store.has(plan.cohort_id)]
    store.finish([plan.cohort_id for plan in plans], landscapes.facts(done))
    return status


def _used(plans, catalogue) -> dict[str, str]:
    texts = {("problem", p.problem.name) for p in plans} | {("optimizer", p.optimizer.name) for p in plans}
    texts |= {("schedule", lane.schedule.text) for p in plans for lane in p.lanes}
    names = {key for kind, text in texts for key in catalogue.origins(kind, text)}
    return {name: catalogue.hashes[name] for name in sorted(names)}
