"""Importances of the parameters that trials were drawn for, by Optuna's PED-ANOVA, and its import."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from optbench.analysis.columns import drop_lost_runs
from optbench.analysis.protocol import LOSS, SCREEN, TUNES, code_runs, rank_settings
from optbench.contract.errors import OptbenchError
from optbench.contract.search import Range, parse_range

COLUMNS = ("problem", "optimizer", "parameter", "importance", "trials")
# Trials of an optimizer on a problem: of 20 with a planted answer, the parameter that does not matter came first
_FEWEST = 40


def has_optuna() -> bool:
    """Return whether Optuna is installed; it is not imported yet."""
    return importlib.util.find_spec("optuna") is not None


def need_optuna(why: str) -> None:
    """Raise OptbenchError unless Optuna is installed; why: what needs it."""
    if not has_optuna():
        raise OptbenchError(f"{why} needs Optuna: pip install -e '.[optuna]'")


@contextmanager
def quiet_optuna(why: str) -> Iterator[Any]:
    """Yield the module optuna, which neither logs nor warns meanwhile.

    why: what needs it, for the OptbenchError that is raised without it.
    """
    need_optuna(why)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import optuna
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it calls experimental
            yield optuna
    finally:
        optuna.logging.set_verbosity(before)


def to_shares(made: Range, values: pd.Series) -> np.ndarray:
    """Return the position of each value in a range, in [0, 1]. A value beyond the range lies at its end."""
    low, high = float(made.ends[0]), float(made.ends[-1])
    return np.clip([made.share(min(max(float(value), low), high)) for value in values], 0.0, 1.0)


def rank_trials(runs: pd.DataFrame, choose_by: str) -> pd.DataFrame:
    """Return the trials of each problem, optimizer and block with their place, from 1, by the screen alone.

    An optimizer is ranked by the hardest target that it reaches itself, so that its places do not depend on the others
    of the sweep. A trial that a deadline cut is the last one.

    runs: those of a screen. Returns the columns problem, optimizer, block, those of a setting, and place.
    """
    optimizers = runs["problem"] + "\0" + runs["optimizer"]
    table = code_runs(runs.assign(problem=optimizers), choose_by)
    ranked = rank_settings(table, len(table.settings))
    settings = table.settings.drop(columns="cell")
    pairs = pd.DataFrame({"setting": table.setting, "block": table.block})[table.stage == TUNES].drop_duplicates()
    pairs = pairs.merge(ranked[["setting", "block", "place"]], on=["setting", "block"], how="left")
    pairs["place"] = pairs["place"].fillna(len(table.settings) + 1)
    found = settings.iloc[pairs["setting"]].reset_index(drop=True)
    found = found.assign(block=pairs["block"].to_numpy(), place=pairs["place"].to_numpy())
    return found.assign(problem=found["problem"].str.partition("\0")[0])


def importances(runs: pd.DataFrame, searched: Mapping[str, Mapping[str, str]], choose_by: str = LOSS) -> pd.DataFrame:
    """Return how much each parameter that trials were drawn for decides whether a trial is among the best.

    runs: the `runs` table of a sweep with trials; searched: by optimizer, the ranges that they were drawn from; trials
    are ranked within their block by `choose_by`, and those of all blocks are pooled.

    Returns a row for each problem, optimizer and parameter: importance, which add up to 1, and the number of trials.
    Optimizers of fewer than two parameters, or fewer than 40 trials on a problem, have none. Raises OptbenchError
    without Optuna.
    """
    rows: list[dict[str, Any]] = []
    runs = drop_lost_runs(runs)
    staged = "stage" in runs and bool((runs["stage"] == SCREEN).any())
    with quiet_optuna("importances()") as optuna:
        ranked = rank_trials(runs[runs["stage"] == SCREEN] if staged else runs, choose_by)
        share = ranked.groupby(["problem", "optimizer", "block"])["place"].rank(pct=True)
        for (problem, optimizer), part in ranked.assign(share=share).groupby(["problem", "optimizer"], sort=False):
            axes = {key: parse_range(text) for key, text in searched.get(str(optimizer), {}).items() if key in part}
            columns = {key: to_shares(made, part[key]) for key, made in axes.items() if made and made.kind != "choice"}
            columns |= {
                key: pd.factorize(part[key], sort=True)[0] / max(part[key].nunique() - 1, 1)
                for key in (*(key for key, made in axes.items() if key not in columns), "batch_size", "schedule")
                if part[key].nunique() > 1
            }
            if len(columns) < 2 or len(part) < _FEWEST:
                continue
            found = _evaluate(optuna, columns, part["share"].to_numpy())
            rows += [
                {"problem": problem, "optimizer": optimizer, "parameter": key, "importance": value, "trials": len(part)}
                for key, value in found.items()
            ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.sort_values(["problem", "optimizer", "importance"], ascending=[True, True, False], ignore_index=True)


def _evaluate(optuna: Any, columns: Mapping[str, np.ndarray], values: np.ndarray) -> dict[str, float]:
    """Return the importance of each parameter. columns: positions in [0, 1] by parameter; values: to be low."""
    spaces = {key: optuna.distributions.FloatDistribution(0.0, 1.0) for key in columns}
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.add_trials(
        [
            optuna.trial.create_trial(
                params={key: float(shares[place]) for key, shares in columns.items()}, distributions=spaces,
                value=float(value),
            )
            for place, value in enumerate(values)
        ]
    )  # fmt: skip
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {key: float(found.get(key, 0.0)) for key in columns}
