"""The recommended settings as code of other libraries: the table ``snippets`` of a sweep.

The sweep writes it, for it has the records at hand. Whoever reads the folder later loads none of them.
"""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import pandas as pd
import pyarrow as pa

from optbench.contract.equals import LIBRARIES
from optbench.contract.names import number_text
from optbench.engine.cohort import Cohort, Lane
from optbench.sweeps.chosen import Recommended
from optbench.sweeps.store.schemas import schema_of
from optbench.translation.code import render
from optbench.translation.libraries import TITLES
from optbench.translation.setting import Setting, equal_of

SCHEMA = schema_of("snippets")
"""A row a setting and library: the setting, with its hyperparameters as JSON, 1 if the library takes the same steps,
and the code."""

Code = list[tuple[str, bool, str]]
"""A library's name, whether it takes the same steps, and the code."""
CodesOf = Callable[[Cohort, Lane, int, str], Code]
"""Returns the code of a setting, given its epochs and a remark on them."""


def snippets(settings: Recommended, runs: pd.DataFrame, codes_of: CodesOf) -> pa.Table:
    """Return the table of the settings that a sweep recommends."""
    rows = []
    for cohort, lane in settings.places:
        for library, equal, code in codes_of(cohort, lane, *_epochs(cohort, runs)):
            rows.append({**key(cohort, lane), "library": library, "equal": int(equal), "code": code})
    return pa.Table.from_pylist(rows, SCHEMA)


def key(cohort: Cohort, lane: Lane) -> dict[str, Any]:
    """Return the columns that identify a setting in the table, with their values."""
    return {
        "problem": cohort.problem.name, "optimizer": cohort.optimizer.name, "schedule": lane.schedule.text,
        "hyperparameters": values_text(lane.hyperparameters), "batch_size": cohort.batch_size, "lr": lane.lr,
    }  # fmt: skip


def values_text(values: Mapping[str, float]) -> str:
    """Return the values of hyperparameters as the table has them."""
    return json.dumps({name: float(value) for name, value in values.items()}, sort_keys=True)


def codes(cohort: Cohort, lane: Lane, epochs: int, remark: str) -> Code:
    """Return the code of a setting for each library that can express it."""
    size: int | Literal["full"] = "full" if cohort.batch_size == cohort.problem.examples else cohort.batch_size
    setting = Setting(cohort.optimizer, lane.hyperparameters, lane.lr, lane.schedule, size, epochs, remark)
    found = []
    for library in LIBRARIES:
        try:
            equal = equal_of(setting, library).call is not None
            found.append((TITLES[library], equal, render(setting, library)))
        except Exception:  # an optimizer of another library, or a schedule without source
            continue
    return found


def _epochs(cohort: Cohort, runs: pd.DataFrame) -> tuple[int, str]:
    """Return the passes over the data of the setting's runs, the last one as a whole, and a remark if it was none."""
    same = (runs["problem"] == cohort.problem.name) & (runs["optimizer"] == cohort.optimizer.name)
    epochs = float(runs.loc[same & (runs["batch_size"] == cohort.batch_size), "epochs"].max())
    if not math.isfinite(epochs):
        return 1, ""
    whole = max(1, math.ceil(epochs - 1e-9))
    if whole - epochs < 1e-6:
        return whole, ""
    return whole, f"The sweep ran {number_text(round(epochs, 3))} epochs; a schedule is stretched here to whole ones."
