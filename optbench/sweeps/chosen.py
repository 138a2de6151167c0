"""The settings that a sweep recommends, as a spec that runs."""

import pandas as pd

from optbench.analysis import best_configurations
from optbench.analysis.columns import lost
from optbench.contract import names
from optbench.contract.optimizers import Baseline
from optbench.engine.cohort import Cohort, Lane
from optbench.sweeps.plan import Plan
from optbench.sweeps.spec import Spec
from optbench.sweeps.spec_files import merge
from optbench.sweeps.stages import placed

SEEDS = 12


def chosen_spec(plan: Plan, runs: pd.DataFrame) -> Spec | None:
    """The settings that a sweep's answer names, as a spec; None where a deadline has cut all, or nothing could run."""
    if lost(runs).all():
        return None
    best = best_configurations(runs, plan.spec.split_seeds()[0], choose_by=plan.spec.choose_by)
    rows, places = placed(plan, runs, best[best["tuning_unfinished"] == 0])
    if rows.empty:
        return None
    entries = [_entry(cohort, lane) for cohort, lane in places]
    kept = {"problems", "epochs", "steps", "dtypes", "device", "plugins", "choose_by"}
    raw = plan.spec.model_dump(include=kept, exclude_none=True)
    canonical = dict.fromkeys(each.cohort.problem.name for each in plan.cohorts)
    raw["problems"] = [{**entry, "name": name} for entry, name in zip(raw["problems"], canonical, strict=True)]
    return merge({**raw, "chosen": entries, "seeds": SEEDS, "tuning_seeds": 0}, {})


def _entry(cohort: Cohort, lane: Lane) -> dict:
    name, inner = names.parse(cohort.optimizer.name)
    entry = {
        "problem": cohort.problem.name,
        "optimizer": names.canonical(name, {**inner, **lane.hyperparameters}),
        "batch_size": "full" if cohort.batch_size == cohort.problem.examples else cohort.batch_size,
        "schedule": lane.schedule.text,
    }
    return entry if isinstance(cohort.optimizer, Baseline) else {**entry, "lr": lane.lr}
