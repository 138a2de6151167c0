"""The settings that a sweep recommends, and the spec that runs them."""

from typing import NamedTuple

import pandas as pd

from optbench.analysis import best_configurations
from optbench.analysis.columns import comparable
from optbench.contract import names
from optbench.contract.optimizers import Baseline
from optbench.engine.cohort import Cohort, Lane
from optbench.sweeps.plan import Plan
from optbench.sweeps.spec import Spec, make_spec
from optbench.sweeps.stages import placed

# Seeds: of the spec that runs the chosen settings again: an interval of the median of 96% needs six, t over twelve is
# within a tenth of the normal; a choice
SEEDS = 12


class Recommended(NamedTuple):
    """The best setting of each problem and optimizer, as the answer of a sweep names them."""

    best: pd.DataFrame
    """`best_configurations` of its runs."""
    rows: pd.DataFrame
    """The same rows, each once, in the order of `places`."""
    places: list[tuple[Cohort, Lane]]
    """The cohort and lane of the plan that each of the rows comes from."""


def recommended(plan: Plan, runs: pd.DataFrame) -> Recommended | None:
    """Return the best setting of each problem and optimizer; None if nothing could run."""
    runs = comparable(runs)
    if runs.empty:
        return None
    best = best_configurations(runs, plan.spec.split_seeds()[0], choose_by=plan.spec.choose_by)
    return Recommended(best, *placed(plan, runs, best))


def chosen_spec(plan: Plan, settings: Recommended) -> Spec | None:
    """Return a spec that runs these settings, without those that a deadline cut short; None if it cut all of them."""
    whole = settings.rows["tuning_unfinished"] == 0
    entries = [_entry(*place) for place, kept in zip(settings.places, whole, strict=True) if kept]
    if not entries:
        return None
    kept = {"problems", "epochs", "steps", "dtypes", "device", "plugins", "choose_by"}
    raw = plan.spec.model_dump(include=kept, exclude_none=True)
    canonical = dict.fromkeys(each.cohort.problem.name for each in plan.cohorts)
    raw["problems"] = [{**entry, "name": name} for entry, name in zip(raw["problems"], canonical, strict=True)]
    return make_spec({**raw, "chosen": entries, "seeds": SEEDS, "tuning_seeds": 0}, {})


def _entry(cohort: Cohort, lane: Lane) -> dict:
    """Return the setting of a lane as an entry of ``chosen`` in a spec."""
    name, inner = names.parse(cohort.optimizer.name)
    entry = {
        "problem": cohort.problem.name,
        "optimizer": names.canonical(name, {**inner, **lane.hyperparameters, **inner}),
        "batch_size": "full" if cohort.batch_size == cohort.problem.examples else cohort.batch_size,
        "schedule": lane.schedule.text,
    }
    return entry if isinstance(cohort.optimizer, Baseline) else {**entry, "lr": lane.lr}
