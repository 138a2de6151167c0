"""The tables of the field guide: which optimizer for which kind of problem, and what tuning buys.

Who may be best, ratios and mean ranks are those of the answer. What settings give comes from the trials, one run each:
those of the block that drew the recommended setting, as the archive has no others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from optbench.analysis.answer import PAIR, Answer
from optbench.analysis.pair_statistics import mean_effects
from optbench.analysis.protocol import SCREEN, WIDEN
from optbench.analysis.ranking import FAILED
from optbench.analysis.verdicts import ALL, AT_LEAST
from optbench.atlas.kinds import KINDS, find_kind
from optbench.catalogue.loader import find_shipped_rate
from optbench.contract.errors import OptbenchError
from optbench.contract.search import RATE

REFERENCE = "adamw"
"""The optimizer that rates are told beside, and that is tried without any advice."""
NEAR = 1.5
"""How many times the samples of the best rate, or of the advised one, a rate may take to be near it."""
OTHERS = "others"
"""The kind of problems that the atlas does not have."""
DEFAULT = {"batch_size": 16, "schedule": "constant"}
"""What an untuned run has beside the shipped rate."""
SETTING = ["batch_size", "schedule", RATE]
_ARM = ["problem", "optimizer", "batch_size", "schedule"]
_LOG_RATE = "log_rate"


@dataclass(frozen=True)
class FieldGuide:
    """The tables of a field guide, each with a row for each kind or optimizer, the best mean rank first."""

    kinds: pd.DataFrame
    """By kind its problems, how many are open, and who may be best on all or most of them, or nobody."""
    ratios: pd.DataFrame
    """By optimizer and kind the geometric mean of the ratios to the best; on how many problems it may be best."""
    ranks: pd.DataFrame
    """By optimizer the mean rank over problems with its interval, and on how many problems it may be best."""
    tuning: pd.DataFrame
    """By optimizer how many times the samples one setting for all problems takes, and the shipped rate."""
    sensitivity: pd.DataFrame
    """By optimizer the decades of rates that are near the best one, the median over problems."""
    rates: pd.DataFrame
    """By optimizer the best rate over that of the reference, with its interval over problems."""


def make_guide(answer: Answer) -> FieldGuide:
    """Return the tables of a finished sweep.

    Raises OptbenchError where it has no blocks, tried no grid of rates, or has no two problems that all optimizers ran.
    """
    runs = answer.runs
    if not answer.blocks or answer.tables.searched or (runs.groupby("optimizer")[RATE].nunique() < 2).all():
        raise OptbenchError("a field guide needs a sweep with blocks and a grid of learning rates, as `sweep atlas` is")
    if runs["problem"].nunique() < 2 or (ranks := rank_optimizers(answer)).empty:
        raise OptbenchError("a field guide needs several problems with results of all optimizers, as `sweep atlas` has")
    ratios, trials = measure_ratios(answer), list_trials(answer)
    tables = (measure_tuning(trials), measure_sensitivity(trials), compare_rates(trials))
    return FieldGuide(
        summarize_kinds(answer, ratios), _in_order(ratios, ranks), ranks, *(_in_order(each, ranks) for each in tables)
    )


def _in_order(table: pd.DataFrame, ranks: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table in the order of the optimizers of another."""
    places = {name: place for place, name in enumerate(ranks["optimizer"])}
    return table.sort_values("optimizer", key=lambda names: names.map(places), kind="stable", ignore_index=True)


def _map_kinds(problems: pd.Series) -> pd.Series:
    """Return the kind of the problem of each row."""
    return problems.map({each: find_kind(each) or OTHERS for each in problems.unique()})


# What the answer says


def measure_ratios(answer: Answer) -> pd.DataFrame:
    """Return by optimizer and kind: the ratio to the best, a geometric mean over the kind's problems that have one.

    bound: whether the ratio of some problem is "at least" that, as the target was not reached; problems; may_be_best:
    on how many; failed: on how many every run failed, which the ratio leaves out.
    """
    rows = answer.ranking[answer.ranking["problem"] != ALL]
    rows = rows.assign(
        kind=_map_kinds(rows["problem"]), log_ratio=np.log(rows["ratio"]), bound=rows["bound"] == AT_LEAST,
        failed=rows["state"] == FAILED,
    )  # fmt: skip
    table = rows.groupby(["optimizer", "kind"], sort=False).agg(
        ratio=("log_ratio", "mean"), bound=("bound", "any"), problems=("problem", "size"),
        may_be_best=("may_be_best", "sum"), failed=("failed", "sum"),
    )  # fmt: skip
    table = table.assign(ratio=np.exp(table["ratio"])).reset_index()
    return table.sort_values("kind", key=lambda kinds: kinds.map([*KINDS, OTHERS].index), kind="stable")


def summarize_kinds(answer: Answer, ratios: pd.DataFrame) -> pd.DataFrame:
    """Return by kind: problems, open (on how many several may be best), and who may be best on all and most of them.

    The lists have the smallest ratio first. ratios: of `measure_ratios`.
    """
    problems = pd.Series(answer.best["problem"].unique())
    rows = []
    for kind in (*KINDS, OTHERS):
        here = problems[_map_kinds(problems) == kind]
        best = ratios[ratios["kind"] == kind].sort_values("ratio", kind="stable").set_index("optimizer")["may_be_best"]
        several = sum(len(answer.firsts(problem)) > 1 for problem in here)
        most = best[(best > len(here) / 2) & (best < len(here))]
        lists = {"on_all": [*best.index[best == len(here)]], "on_most": [*most.index]}
        rows.append({"kind": kind, "problems": len(here), "open": several, **lists})
    table = pd.DataFrame(rows)
    return table[table["problems"] > 0].reset_index(drop=True)


def rank_optimizers(answer: Answer) -> pd.DataFrame:
    """Return the mean ranks over all problems, as the answer has them, and on how many problems each may be best.

    ranked: the problems of the means, those on which all optimizers have a result.
    """
    single = answer.ranking[answer.ranking["problem"] != ALL].groupby("optimizer")["may_be_best"]
    counts = single.agg(may_be_best="sum", problems="size")
    rows = answer.rows(ALL).dropna(subset="mean_rank").rename(columns={"blocks": "ranked"})
    columns = ["optimizer", "mean_rank", "low", "high", "worst_rank", "ranked"]
    return rows[columns].merge(counts, on="optimizer").reset_index(drop=True)


# What the trials say


def list_trials(answer: Answer) -> pd.DataFrame:
    """Return the trials of the blocks that drew the recommended settings: setting, y, cost and hit.

    y: what settings are chosen by. hit: the target was reached; cost: ln of the samples until then, of a miss ln of
    two budgets; of a problem without a target the ln of the loss, that of the start where the run failed.
    """
    coded = answer.coded
    target = coded.targets.of_runs(answer.runs["problem"])[coded.row]
    timed = np.isfinite(np.asarray(target, dtype=float))
    hit = np.where(timed, coded.times.reached, ~coded.bad)
    twice = np.log(2 * np.maximum(coded.times.samples, 1.0))
    cost = np.where(timed, np.where(hit, coded.y, twice), np.minimum(coded.y, coded.start))
    columns = [*_ARM, RATE, "stage", "block", "epochs"]
    table = answer.runs.iloc[coded.row][columns].assign(y=coded.y, cost=cost, hit=hit.astype(bool), cut=coded.cut)
    table = table[table["stage"].isin((SCREEN, WIDEN)) & ~table.pop("cut")]
    table = table.merge(answer.settings[[*PAIR, "block"]], on=[*PAIR, "block"])
    return table.assign(kind=_map_kinds(table["problem"]), log_rate=np.log10(table[RATE]))


def find_tuned(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the best trial of each problem and optimizer that reaches the target there."""
    best = trials.loc[trials.groupby(PAIR, sort=False)["y"].idxmin()]
    return best[best["hit"]].reset_index(drop=True)


def measure_tuning(trials: pd.DataFrame) -> pd.DataFrame:
    """Return by optimizer how many times the tuned samples two other settings take, geometric means over problems.

    one: a setting for all problems of a kind, the best on the problems of all other kinds; default: the middle of the
    range of rates that ships, with DEFAULT. Each with its interval over problems, and missed, on how many of the
    `problems` that the tuned one solves it does not reach the target. The setting named is the best on all problems.
    """
    tuned = find_tuned(trials)
    screened = trials[trials["stage"] == SCREEN]
    place = screened.groupby(_ARM, sort=False)[RATE].rank()
    grid = screened.groupby(["optimizer", place], sort=False)[_LOG_RATE].median().rename_axis(["optimizer", "place"])
    settings = screened[["optimizer", "batch_size", "schedule"]].drop_duplicates()
    settings = settings.merge(grid.reset_index()[["optimizer", _LOG_RATE]], on="optimizer")
    tried = _find_nearest(trials, tuned, settings)
    shipped = {name: find_shipped_rate(name) for name in tuned["optimizer"].unique()}
    rates = pd.DataFrame({"optimizer": [*shipped], _LOG_RATE: np.log10([*shipped.values()])})
    default = _find_nearest(trials, tuned, rates.dropna().assign(**DEFAULT))
    kinds = tried["kind"].unique()
    without = [_choose(tried[tried["kind"] != kind]).assign(kind=kind) for kind in kinds]
    one = tried.merge(pd.concat(without), on=["kind", "optimizer", "batch_size", "schedule", _LOG_RATE])
    table = tuned.groupby("optimizer", sort=False).agg(problems=("problem", "size")).reset_index()
    for name, rows in (("one", one), ("default", default)):
        table = table.merge(_average(rows.assign(log=rows["more"]), name), on="optimizer", how="left")
        missed = (~rows["hit"]).groupby(rows["optimizer"]).sum().rename(f"{name}_missed")
        table = table.merge(missed, on="optimizer", how="left")
    best = _choose(tried)
    table = table.merge(best.assign(**{RATE: 10 ** best.pop(_LOG_RATE)}), on="optimizer", how="left")
    return table.assign(default_rate=table["optimizer"].map(shipped))


def _find_nearest(trials: pd.DataFrame, tuned: pd.DataFrame, settings: pd.DataFrame) -> pd.DataFrame:
    """Return for each tuned problem the trials of these settings with the nearest rate, and `more`, their cost beside.

    settings: optimizer, batch_size, schedule and log_rate, which stays that of the setting.
    """
    wanted = tuned[[*PAIR, "kind", "cost"]].rename(columns={"cost": "least"}).merge(settings, on="optimizer")
    found = pd.merge_asof(
        wanted.sort_values(_LOG_RATE, kind="stable"),
        trials[[*_ARM, _LOG_RATE, "cost", "hit"]].sort_values(_LOG_RATE, kind="stable"),
        on=_LOG_RATE, by=_ARM, direction="nearest",
    ).dropna(subset="cost")  # fmt: skip
    return found.assign(more=found["cost"] - found["least"], hit=found["hit"].astype(bool))


def _choose(tried: pd.DataFrame) -> pd.DataFrame:
    """Return of each optimizer the setting with the least mean cost; those that some problem lacks are left out."""
    names = ["optimizer", "batch_size", "schedule", _LOG_RATE]
    means = tried.groupby(names)["more"].agg(["mean", "size"]).reset_index()
    means = means[means["size"] == means.groupby("optimizer")["size"].transform("max")]
    return means.loc[means.groupby("optimizer")["mean"].idxmin(), names]


def measure_sensitivity(trials: pd.DataFrame) -> pd.DataFrame:
    """Return by optimizer the decades of rates within NEAR of its best rate, the median over the problems it solves.

    On each problem they are those of the best batch size and schedule; between two rates that were tried, the logarithm
    of the samples is taken from the line between theirs.
    """
    tuned = find_tuned(trials)[[*_ARM, "cost"]].rename(columns={"cost": "least"})
    rows = trials.merge(tuned, on=_ARM).sort_values([*_ARM, _LOG_RATE], kind="stable")
    arms = rows.groupby(_ARM, sort=False)
    ends = pd.concat([rows["cost"], arms["cost"].shift()], axis=1)
    low, high = ends.min(axis=1), ends.max(axis=1)
    share = ((rows["least"] + np.log(NEAR) - low) / np.maximum(high - low, 1e-12)).clip(0, 1)
    rows = rows.assign(decades=share * arms[_LOG_RATE].diff())
    decades = rows.groupby(PAIR, sort=False)["decades"].sum().groupby("optimizer", sort=False)
    return decades.agg(decades="median", problems="size").reset_index()


def compare_rates(trials: pd.DataFrame) -> pd.DataFrame:
    """Return by optimizer the best rate over the reference's at the same batch size and schedule, with its interval.

    Geometric means over the settings of a problem at which both reach the target, then over problems.
    """
    best = trials.loc[trials.groupby(_ARM, sort=False)["y"].idxmin()]
    best = best[best["hit"]]
    beside = best.loc[best["optimizer"] == REFERENCE, ["problem", "batch_size", "schedule", _LOG_RATE]]
    both = best.merge(beside, on=["problem", "batch_size", "schedule"], suffixes=("", "_beside"))
    both = both.assign(log=np.log(10) * (both[_LOG_RATE] - both["log_rate_beside"]))
    table = _average(both.groupby(PAIR, sort=False)["log"].mean().reset_index(), "ratio")
    return table.merge(both.groupby("optimizer")["problem"].nunique().rename("problems"), on="optimizer")


def _average(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return by optimizer exp of the mean over problems of the column `log`, and of its t interval."""
    grid = rows.pivot(index="optimizer", columns="problem", values="log")
    found = mean_effects(grid.to_numpy(dtype=float))
    columns = {name: "mean", f"{name}_low": "low", f"{name}_high": "high"}
    return pd.DataFrame({"optimizer": grid.index, **{key: np.exp(found[of]) for key, of in columns.items()}})
