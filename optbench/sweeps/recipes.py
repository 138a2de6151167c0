"""A planned cohort as plain data, for a process that has none of the records: names, numbers and files."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from optbench.catalogue.loader import Catalogue
from optbench.contract.errors import OptbenchError
from optbench.contract.types import Device, DtypeName, Stage
from optbench.contract.version import __version__
from optbench.engine.cohort import Cohort, Lane
from optbench.sweeps.planned import PlannedCohort, planned_cohort


@dataclass(frozen=True)
class Recipe:
    """What a cohort is made from again, wherever the same files and the same version are."""

    cohort_id: str
    problem: str
    optimizer: str
    lanes: tuple[tuple[float, str, Mapping[str, float]], ...]
    """Rate, schedule and hyperparameters of each."""
    batch_size: int
    steps: int
    seed: int
    dtype: DtypeName
    points: tuple[int, ...] | Literal["every"] | None
    deadline: float | None
    device: Device
    stage: Stage
    block: int
    plugins: tuple[str, ...]
    """The user's files, by path."""
    version: str = __version__


def recipe_of(planned: PlannedCohort, plugins: Iterable[str]) -> Recipe:
    """The recipe of a cohort of a sweep with these plug-in files."""
    cohort = planned.cohort
    points: Any = cohort.points
    return Recipe(
        cohort_id=planned.cohort_id, problem=cohort.problem.name, optimizer=cohort.optimizer.name,
        lanes=tuple((lane.lr, lane.schedule.text, dict(lane.hyperparameters)) for lane in cohort.lanes),
        batch_size=cohort.batch_size, steps=cohort.steps, seed=cohort.seed, dtype=cohort.dtype, points=points,
        deadline=cohort.deadline, device=cohort.device, stage=planned.stage, block=planned.block,
        plugins=tuple(plugins),
    )  # fmt: skip


def to_json(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe as JSON can hold it."""
    return asdict(recipe)


def from_json(data: Mapping[str, Any]) -> Recipe:
    """Return the recipe that :func:`to_json` gave."""
    lanes = tuple((rate, schedule, values) for rate, schedule, values in data["lanes"])
    points = tuple(data["points"]) if isinstance(data["points"], list) else data["points"]
    return Recipe(**{**data, "lanes": lanes, "points": points, "plugins": tuple(data["plugins"])})


def cohort_of(recipe: Recipe, catalogue: Catalogue) -> PlannedCohort:
    """The cohort of a recipe. Raises OptbenchError where it is not the same one here: other files, another version."""
    if recipe.version != __version__:
        raise OptbenchError(f"this is optbench {__version__}, and the sweep is of {recipe.version}")
    schedules = {text: catalogue.schedule(text) for text in dict.fromkeys(text for _, text, _ in recipe.lanes)}
    problem, (optimizer, _) = catalogue.problem(recipe.problem), catalogue.optimizer(recipe.optimizer)
    cohort = Cohort(
        problem=problem, optimizer=optimizer,
        lanes=tuple(Lane(lr, schedules[text], values) for lr, text, values in recipe.lanes),
        batch_size=recipe.batch_size, steps=recipe.steps, seed=recipe.seed, dtype=recipe.dtype, points=recipe.points,
        deadline=recipe.deadline, device=recipe.device,
    )  # fmt: skip
    planned = planned_cohort(cohort, recipe.stage, recipe.block)
    if planned.cohort_id != recipe.cohort_id:
        if problem.digest != Catalogue.problem(catalogue, recipe.problem).digest:  # built anew, whoever remembers it
            raise OptbenchError(
                f"problem {problem.name} is another one whenever it is built: seed its random numbers, or give "
                "torch_problem a function that makes the module"
            )
        raise OptbenchError(f"{cohort.pair}: plug-in or data files differ from those of the sweep")
    return planned
