"""Facts about a sweep's problems, and the values of the two-parameter ones on a grid, for the report's contours."""

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa

from optbench.contract.problems import Problem
from optbench.engine.cpu.objective import Objective
from optbench.sweeps.store.schemas import schema_of

GRID = 121  # points along each axis


def facts(problems: Iterable[Problem], made: Mapping[str, pa.Table | None] | None = None) -> dict[str, pa.Table]:
    """Return the tables ``problems`` and ``landscapes``, a row or a grid for each name.

    made: by name the landscapes that another process has made; None if it could not.
    """
    made = made or {}
    problems = list({problem.name: problem for problem in problems}.values())
    nothing = (np.nan, np.nan)
    known = [p.minimizer if p.dim == 2 and p.minimizer is not None else nothing for p in problems]
    table = {
        "problem": [p.name for p in problems],
        "minimum": [float(p.minimum) for p in problems],
        "minimum_source": [p.minimum_source for p in problems],
        "dim": [p.dim for p in problems],
        "examples": [p.examples for p in problems],
        "data": [p.data_text for p in problems],
        "source": [p.source for p in problems],
        "digest": [p.digest for p in problems],
        "w_1": [float(w[0]) for w in known],
        "w_2": [float(w[1]) for w in known],
    }
    flat = [problem for problem in problems if problem.dim == 2 and problem.domain is not None]
    grids = [made[problem.name] if problem.name in made else grid(problem) for problem in flat]
    empty = schema_of("landscapes").empty_table()
    return {"problems": pa.table(table), "landscapes": pa.concat_tables([empty, *filter(None, grids)])}


def grid(problem: Problem) -> pa.Table:
    """Return the values of a problem of two parameters over its domain."""
    assert problem.domain is not None
    (left, right), (bottom, top) = problem.domain
    w_1, w_2 = np.meshgrid(np.linspace(left, right, GRID), np.linspace(bottom, top, GRID))
    w = np.stack([w_1.ravel(), w_2.ravel()], axis=1)
    value = Objective(problem, runs=len(w)).evaluate(w)[0]
    return pa.table({"problem": [problem.name] * len(value), "w_1": w[:, 0], "w_2": w[:, 1], "value": value})
