"""Schedules of a user's file in a worker process: who watches it knows which one it was in, and can do without it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NoReturn

from optbench.contract.errors import PluginError
from optbench.contract.schedules import Schedule
from optbench.engine.cohort import Cohort, Lane
from optbench.sweeps.isolated import foreign


def watched(cohort: Cohort, inside: Callable[[str], None], without: Mapping[str, str]) -> Cohort:
    """The same cohort, whose users' schedules tell ``inside`` their text when they are called, and "" afterwards.

    without: by its text, why a schedule is not called at all: its lanes fail for that reason.
    """
    made: dict[int, Schedule] = {}
    for lane in cohort.lanes:
        schedule = lane.schedule
        if id(schedule) not in made:
            function = schedule.function
            if schedule.text in without:
                function = _raising(without[schedule.text])
            elif foreign(schedule.origins):
                function = _telling(schedule, inside)
            made[id(schedule)] = schedule if function is schedule.function else replace(schedule, function=function)
    if all(schedule is made[id(schedule)] for schedule in (lane.schedule for lane in cohort.lanes)):
        return cohort
    lanes = tuple(Lane(lane.lr, made[id(lane.schedule)], lane.hyperparameters) for lane in cohort.lanes)
    return replace(cohort, lanes=lanes)


def _raising(reason: str) -> Callable:
    def function(*arguments: Any, **parameters: Any) -> NoReturn:
        raise PluginError(reason)

    return function


def _telling(schedule: Schedule, inside: Callable[[str], None]) -> Callable:
    def function(*arguments: Any, **parameters: Any) -> Any:
        inside(schedule.text)
        try:
            return schedule.function(*arguments, **parameters)
        finally:
            inside("")

    return function
