"""The rounds of a screen whose trials Optuna's tree-structured Parzen estimator (TPE) draws.

The first trials of each optimizer in each block are those of a Sobol sequence. Then rounds of about a third as many as
there are follow, until there are as many as the spec asks for: each round is planned from the tables of those before,
and drawn where those were good. Trials of one round do not know each other's results; Optuna takes them for bad ones
meanwhile (a constant liar), so that they keep apart. A draw depends on the spec's ``search_seed``, the problem, the
optimizer, the block and the number of trials before it, and on the runs of that optimizer in that block alone. So it is
the same whatever else the sweep has, and the first n of N trials are those of n.

Trials are ranked by the measure that verdicts are about, on the screen's seeds; TPE uses nothing but their order.
"""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from optbench.analysis.columns import drop_lost_runs
from optbench.analysis.importances import need_optuna, quiet_optuna, rank_trials, to_shares
from optbench.contract.search import Range, parse_range
from optbench.sweeps.plan import Plan
from optbench.sweeps.spec import TPE, Spec
from optbench.sweeps.trials import draw_number, list_batch_sizes

_PATIENCE = 16
"""The settings that are asked for each new one: a finite space may have no further one."""
# Optuna's own tenth is one trial of ten. On planted problems of two to four ranges the best of 12 trials was 0.6 to
# 0.95 times as far from the optimum with a quarter, that of 30 trials 0.75 to 1.3 times
_GOOD = 0.25
"""The share of the trials that TPE takes for good ones."""
_MOST_GOOD = 25
"""The most trials that it takes for good ones, as in Optuna."""
_NEEDS = "search = 'tpe'"


@dataclass(frozen=True)
class _Axis:
    """A parameter that trials are drawn for."""

    made: Range | None
    """Its range; None for what is chosen from some values."""
    values: tuple[Any, ...] = ()


def count_rounds(spec: Spec) -> int:
    """Return the number of rounds after the first trials; 0 if trials are not drawn by TPE."""
    if spec.search != TPE or spec.trials is None:
        return 0
    count, rounds = spec.first_trials, 0
    while count < spec.trials:
        count, rounds = count + _batch(count), rounds + 1
    return rounds


def _batch(count: int) -> int:
    """Return the number of trials of the round after so many."""
    return math.ceil(count / 3)


def check_optuna(spec: Spec) -> None:
    """Raise OptbenchError if trials are drawn by TPE, and Optuna is not installed; it is not imported yet."""
    if spec.search == TPE:
        need_optuna(_NEEDS)


def draw_round(plan: Plan, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the settings of the next round: a row for each, with its problem and block.

    runs: those of the screen, and of the rounds before.
    """
    runs = drop_lost_runs(runs)
    screened = runs[runs["stage"] == "screen"]
    rows: list[dict[str, Any]] = []
    if screened.empty:
        return pd.DataFrame(rows)
    ranked = rank_trials(screened, plan.spec.judge_by)
    settings = [key for key in ranked if key not in ("place", "dtype")]
    ranked = ranked.groupby(settings, dropna=False, sort=True)["place"].min().reset_index()
    with quiet_optuna(_NEEDS) as optuna:
        for (problem, optimizer, block), told in ranked.groupby(["problem", "optimizer", "block"], sort=True):
            count = min(_batch(len(told)), (plan.spec.trials or 0) - len(told))
            axes = _list_axes(plan, str(problem), str(optimizer), told)
            if count <= 0 or not axes:
                continue
            seed = draw_number(plan.spec.search_seed, int(block), str(optimizer), str(problem), len(told)) % 2**32
            fixed = told.iloc[0].drop("place").to_dict()
            rows += [fixed | values for values in _ask(optuna, axes, told, seed, count)]
    found = pd.DataFrame(rows)
    return pd.concat([found.assign(dtype=dtype) for dtype in plan.spec.dtypes]) if rows else found


def _list_axes(plan: Plan, problem: str, optimizer: str, told: pd.DataFrame) -> dict[str, _Axis]:
    """Return what is drawn for an optimizer, by the column of it.

    told: its trials in a block. Schedules are those of the first trials, which are spread over all of them.
    """
    axes: dict[str, _Axis] = {}
    for key, text in plan.searched.get(optimizer, {}).items():
        made = parse_range(text) if key != "schedule" else None
        if made is not None:
            axes[key] = _Axis(None, made.values) if made.kind == "choice" else _Axis(made)
    record = next(each for each in plan.optimizers if each.name == optimizer)
    sizes = tuple(list_batch_sizes(plan.spec, plan.problem(problem), record))
    schedules = tuple(sorted(told["schedule"].unique()))
    choices = {"batch_size": sizes, "schedule": schedules}
    return axes | {key: _Axis(None, values) for key, values in choices.items() if len(values) > 1}


def _ask(optuna: Any, axes: dict[str, _Axis], told: pd.DataFrame, seed: int, count: int) -> list[dict[str, Any]]:
    """Return ``count`` new settings, values by column, as TPE draws them after those in ``told``, or all there are."""
    spaces = {key: _make_distribution(optuna, axis) for key, axis in axes.items()}
    columns = {
        key: list(map(float, to_shares(axis.made, told[key]))) if axis.made else list(told[key])
        for key, axis in axes.items()
    }
    sampler = optuna.samplers.TPESampler(
        seed=seed, n_startup_trials=0, multivariate=True, constant_liar=True,
        gamma=lambda number: min(math.ceil(_GOOD * number), _MOST_GOOD),
    )  # fmt: skip
    study = optuna.create_study(sampler=sampler)
    study.add_trials(
        [
            optuna.trial.create_trial(
                params={key: values[place] for key, values in columns.items()}, distributions=spaces, value=float(value)
            )
            for place, value in enumerate(told["place"])
        ]
    )
    known = {tuple(row) for row in told[[*axes]].itertuples(index=False)}
    found: list[dict[str, Any]] = []
    for _ in range(_PATIENCE * count):
        drawn = study.ask(spaces).params
        values = {key: axis.made.of(drawn[key]) if axis.made else drawn[key] for key, axis in axes.items()}
        if tuple(values.values()) not in known:
            known.add(tuple(values.values()))
            found.append(values)
        if len(found) == count:
            break
    return found


def _make_distribution(optuna: Any, axis: _Axis) -> Any:
    """Return Optuna's distribution of an axis: of a range, that of the position in it."""
    if axis.made:
        return optuna.distributions.FloatDistribution(0.0, 1.0)
    return optuna.distributions.CategoricalDistribution(axis.values)
