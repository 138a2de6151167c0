"""The keys of a spec as keywords of ``optbench.sweep``, with types: for Tab, help and type checkers."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from optbench.contract.eager import AnyOptimizer
from optbench.contract.problems import Family, Problem
from optbench.contract.schedules import Schedule

_Texts = str | Sequence[str]
_Numbers = str | float | Sequence[float] | np.ndarray
_Problem = str | Problem | Family | Mapping[str, Any] | tuple[Callable[..., Any], Any]
_Optimizer = str | AnyOptimizer | Callable[..., Any]


class Keywords(TypedDict, total=False):
    """What `make_spec` takes; `Spec` has the limits and defaults, and the docstring of ``sweep`` what each means."""

    data: Any
    target: Hashable
    model: str | Path | None
    problems: _Problem | Sequence[_Problem]
    optimizers: _Optimizer | Sequence[_Optimizer]
    ablate: _Texts
    have: _Texts
    batch_sizes: int | str | Sequence[int | str]
    schedules: str | Schedule | Sequence[str | Schedule]
    learning_rates: _Numbers
    lr: _Numbers
    trials: int
    search_seed: int
    ranges: str | Mapping[str, str]
    choose_by: _Texts
    judge_by: str
    blocks: int
    screen: int
    race: int
    holdout: int
    finalists: int
    widen: int
    final: int
    report: int
    folds: int
    seeds: int | str | Sequence[int]
    tuning_seeds: int
    epochs: float
    steps: int
    points: str | Sequence[int]
    run_timeout: float | str
    chosen: Sequence[Mapping[str, Any]]
    plugins: str | Path | Sequence[str | Path]
    labels: _Texts | Mapping[str, str]
    dtypes: _Texts
    device: str
