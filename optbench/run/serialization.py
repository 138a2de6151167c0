"""Cohorts as plain data, for other processes: a cohort names its records, and is made again from the same files."""

from collections.abc import Mapping
from typing import Any

from optbench.catalogue.loader import Catalogue
from optbench.contract.errors import OptbenchError
from optbench.contract.version import __version__
from optbench.engine.cohort import Cohort, Lane
from optbench.plan.planned_cohorts import PlannedCohort, plan_cohort

_SETTINGS = ("batch_size", "steps", "dtype", "points", "deadline", "scores", "seed", "device")
"""Fields of a cohort that JSON can hold."""


def cohort_to_json(planned: PlannedCohort) -> dict[str, Any]:
    """Return a planned cohort as a dictionary that JSON can hold; :func:`cohort_from_json` reads it."""
    cohort = planned.cohort
    return {
        "problem": cohort.problem.name, "fold": cohort.problem.fold, "optimizer": cohort.optimizer.name,
        "lanes": [[lane.lr, lane.schedule.text, dict(lane.hyperparameters)] for lane in cohort.lanes],
        **{key: getattr(cohort, key) for key in _SETTINGS},
        "stage": planned.stage, "block": planned.block, "cohort_id": planned.cohort_id, "version": __version__,
    }  # fmt: skip


def cohort_from_json(data: Mapping[str, Any], catalogue: Catalogue) -> PlannedCohort:
    """Return the cohort that :func:`cohort_to_json` was given.

    Raises OptbenchError if it is not the same one here: other files, or another version.
    """
    if data["version"] != __version__:
        raise OptbenchError(f"this is optbench {__version__}, and the sweep is of {data['version']}")
    schedules = {text: catalogue.schedule(text) for text in dict.fromkeys(text for _, text, _ in data["lanes"])}
    problem, (optimizer, _) = catalogue.problem(data["problem"], *data["fold"]), catalogue.optimizer(data["optimizer"])
    lanes = tuple(Lane(lr, schedules[text], values) for lr, text, values in data["lanes"])
    cohort = Cohort(problem, optimizer, lanes, **{key: data[key] for key in _SETTINGS})
    planned = plan_cohort(cohort, data["stage"], data["block"])
    if planned.cohort_id != data["cohort_id"]:
        # Unbound, for a catalogue may keep the problems that it has built: is this one another one each time?
        if problem.digest != Catalogue.problem(catalogue, data["problem"], *data["fold"]).digest:
            raise OptbenchError(
                f"problem {problem.name} is another one whenever it is built: seed its random numbers, or give "
                "torch_problem a function that makes the module"
            )
        raise OptbenchError(f"{cohort.pair}: plug-in or data files differ from those of the sweep")
    return planned
