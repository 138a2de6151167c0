"""Advise which optimizers to try first: those that did best on the nearest problems of the atlas, with their rates.

How often such advice held is measured by the same functions: each problem is advised from the others (`track`).
"""

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
from annotated_types import Gt

from optbench.analysis.answer import Answer
from optbench.atlas import archive
from optbench.atlas.field_guide import NEAR, REFERENCE, list_trials
from optbench.atlas.kinds import KINDS, find_kind
from optbench.catalogue import loader
from optbench.contract.arguments import Count, Real, checked
from optbench.contract.errors import OptbenchError, unknown
from optbench.contract.names import fill_defaults, split_levels
from optbench.plan.data_sweep import design_sweep
from optbench.translation.setting import Setting, describe_in_torch, find_equal
from optbench.wording import advice_texts

OF_DATA = ("linear models", "networks")
"""The kinds of problems that learn from a table."""
COUNT = 3
"""How many optimizers are advised."""
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""The rates that are advised; between the rates that were tried, values are interpolated."""
WORST = 10.0
"""The factor from the best that counts for all worse ones, and for a setting that was not tried."""
_AS_LONG = 3.0
"""The factor between the lengths of runs that are about the same."""
_SETTING = ["optimizer", "schedule", "batch_size"]


class Costs(NamedTuple):
    """How far from the best of its problem a setting is: the logarithm of the ratio, inf where it was not tried."""

    at_rate: pd.DataFrame
    """A row a problem, columns by optimizer, schedule, batch_size and lr."""
    tuned: pd.DataFrame
    """The same at the best of the rates tried, without lr."""


@dataclass(frozen=True, repr=False)
class Advised:
    """Which optimizers to try first; in a notebook it shows as a table with its sources and its track record.

    Example:
        >>> import optbench
        >>> optbench.advise(kind="networks").table["place"].tolist()
        [1, 2, 3]
    """

    text: str
    """What the terminal shows."""
    table: pd.DataFrame
    """A row an optimizer: place, optimizer, schedule, batch_size, lr, lr_low and lr_high (rates from which to which the
    value stays within a factor of 1.5), ratio (to the best, the geometric mean over the problems, each at most 10),
    worst (the largest ratio, inf where it was not tried), limit ("low" or "high" where the rate is at that end of those
    tried on some problem, else ""), and torch, what that is in PyTorch."""
    problems: tuple[str, ...]
    """The problems of the atlas that it rests on."""
    record: pd.DataFrame
    """A row a problem of the atlas, advised from others alone: the ratios to its best of ``first``, of the best of the
    ``three``, and of AdamW, whose setting is chosen likewise, ``always``; and the same with the rate tuned there,
    ``first_tuned`` and so on."""

    def __repr__(self) -> str:
        """Return the text."""
        return self.text

    def _repr_html_(self) -> str:
        """Return the HTML that a notebook shows."""
        return f"<pre>{escape(self.text)}</pre>"


@checked
def advise(
    problem: str | None = None,
    *,
    data: Any = None,
    target: Hashable = None,
    kind: str | None = None,
    batch_size: Count | None = None,
    budget: Annotated[Real, Gt(0)] | None = None,
    in_torch: bool = False,
) -> Advised:
    """Advise which three optimizers to try first, from the nearest problems of the atlas that ships; nothing runs.

    Args:
        problem: its name: advice is from the problems of the atlas of that name, or else of its kind.
        data: your table, a file, a DataFrame or (X, y): advice is from all linear models and networks.
        target: the column of it to be predicted; by default the last.
        kind: of the problem: "classical", "quadratics", "saddles and plateaus", "linear models", "networks", "tokens".
        batch_size: of your runs: advice is from the nearest that the atlas has; None: the batch size is advised, too.
        budget: the epochs of your runs: only problems count that ran for a third to three times as many.
        in_torch: whether only optimizers are advised that torch.optim has itself.

    Returns:
        The advice, the problems behind it, and how often such advice has held.

    Raises:
        OptbenchError: not one of problem, data and kind is given, it is unknown, or the atlas has nothing like it.

    Example:
        >>> advise("logistic").problems
        ('logistic',)
    """
    given = {key: value for key, value in {"problem": problem, "data": data, "kind": kind}.items() if value is not None}
    if len(given) != 1:
        raise OptbenchError(advice_texts.refuse_number(list(given)))
    if target is not None and data is None:
        raise OptbenchError("target: names a column of data: give the data, too")
    if data is not None:
        design_sweep(data, target, {}, Path())  # refuses data that cannot be learned from
    if kind is not None and kind not in KINDS:
        raise unknown("kind of problem", kind, KINDS)
    tried, size = read_tried(archive.read().ask(), batch_size)
    known = list_problems(tried)
    if problem is None:
        near = find_near(known, [kind] if kind else OF_DATA, budget)
    else:
        near = find_near(known.loc[find_family(problem, known.index)], KINDS, budget)
    if not near:
        raise OptbenchError(advice_texts.refuse_length(budget, known["epochs"]))
    costs = measure_costs(tried)
    if in_torch:
        costs = keep_torch(costs)
    record = keep_record(costs, known, data is not None, budget is not None)
    table = tabulate(costs.at_rate.loc[near])
    where: tuple[str, ...] = () if problem is None else ("--problems", problem)
    if isinstance(data, str | Path):
        where = ("--data", str(data), *(() if target is None else ("--target", str(target))))
    title = problem or kind or advice_texts.name_table(data)
    about = advice_texts.About(title, tuple(near), size, batch_size, where, in_torch)
    return Advised(advice_texts.write_advice(about, table, record), table, tuple(near), record)


def read_tried(answer: Answer, batch_size: int | None = None) -> tuple[pd.DataFrame, int | None]:
    """Return the trials of a sweep, as `list_trials` has them, and the batch size if one is wanted.

    Only batch sizes that most problems have are there; with a batch size, the nearest of them alone.
    """
    tried = list_trials(answer)
    counts = tried["batch_size"].value_counts()
    sizes = [each for each, count in counts.items() if 2 * count >= counts.max()]
    if batch_size is None:
        return tried[tried["batch_size"].isin(sizes)], None
    size = min(sizes, key=lambda each: abs(math.log(each / batch_size)))
    return tried[tried["batch_size"] == size], int(size)


def list_problems(tried: pd.DataFrame) -> pd.DataFrame:
    """Return the problems of what was tried, with their kinds and the epochs of their runs."""
    return tried.groupby("problem", sort=False)[["epochs", "kind"]].max()


def keep_record(costs: Costs, known: pd.DataFrame, of_data: bool = False, as_long: bool = False) -> pd.DataFrame:
    """Return `Advised.record`: each problem advised from the others.

    known: from `list_problems`; of_data: problems with data, from all such, else each from its kind; as_long: only from
    those whose runs were about as long.
    """
    asked = known[known["kind"].isin(OF_DATA)] if of_data else known
    others = {
        row.Index: find_near(asked.drop(row.Index), OF_DATA if of_data else [row.kind], row.epochs if as_long else None)
        for row in asked.itertuples()
    }
    return track(costs, others).join(known["kind"], on="problem")


def measure_costs(tried: pd.DataFrame) -> Costs:
    """Return how far from the best of its problem each setting is. tried: columns as `read_tried` returns them."""
    cost = tried["y"] - tried.groupby("problem")["y"].transform("min")
    groups = tried.assign(cost=cost, x=np.log(tried["lr"])).sort_values("lr").groupby(["problem", *_SETTING])
    ends = groups[["x", "cost"]].agg(list)
    rows = {key: np.interp(np.log(RATES), x, y, math.inf, math.inf) for key, x, y in ends.itertuples(name=None)}
    at_rate = pd.DataFrame(rows, index=pd.Index(RATES, name="lr")).rename_axis(columns=["problem", *_SETTING])
    at_rate = at_rate.unstack().unstack("problem").T
    tuned = groups["cost"].min().unstack("problem").T
    return Costs(at_rate.fillna(math.inf), tuned.fillna(math.inf))


def keep_torch(costs: Costs) -> Costs:
    """Return the costs of the optimizers that torch.optim has, each as far from the best of all as before."""
    names = [each for each in costs.tuned.columns if find_equal(_make_setting((*each, 1.0)), "torch").call is not None]
    return Costs(costs.at_rate.loc[:, [each[:-1] in names for each in costs.at_rate.columns]], costs.tuned[names])


def _make_setting(setting: tuple) -> Setting:
    """Return a setting of the atlas, optimizer, schedule, batch_size and lr, as one that can be written in code."""
    (name, schedule, batch_size, lr), catalogue = setting, loader.load_all(())
    return Setting(*catalogue.optimizer(name), lr, catalogue.schedule(schedule), batch_size, epochs=1)


def choose(costs: pd.DataFrame, count: int = COUNT) -> list[tuple]:
    """Return the settings to try first, of so many optimizers: those with the least mean logarithm of the ratio.

    costs: `Costs.at_rate` of the nearest problems. A ratio counts as WORST at most; ties go to the smaller worst one.
    """
    order = pd.DataFrame({"mean": _mean(costs).round(9), "worst": costs.max()}).sort_values(["mean", "worst"])
    return list(order[~order.index.get_level_values("optimizer").duplicated()].index[:count])


def _mean(costs: pd.DataFrame) -> pd.Series:
    """Return the mean over problems of the logarithm of the ratio, each WORST at most, by setting."""
    return costs.clip(upper=math.log(WORST)).mean()


def track(costs: Costs, near: Mapping[str, Iterable[str]]) -> pd.DataFrame:
    """Return the ratio to its best that advice for each problem comes to: `Advised.record`, without kinds.

    near: by problem, the others that it is advised from; those without any are left out.
    """
    of_reference = costs.at_rate.columns.get_level_values("optimizer") == REFERENCE
    rows = []
    for problem, others in near.items():
        if not others:
            continue
        known = costs.at_rate.loc[list(others)]
        three, always = choose(known), choose(known.loc[:, of_reference], 1)
        row: dict[str, Any] = {"problem": problem}
        for name, chosen in {"first": three[:1], "three": three, "always": always}.items():
            at_rate = [costs.at_rate.loc[problem, each] for each in chosen]
            tuned = [costs.tuned.loc[problem, each[:-1]] for each in chosen]
            row[name], row[f"{name}_tuned"] = (math.exp(min(each, default=math.inf)) for each in (at_rate, tuned))
        rows.append(row)
    return pd.DataFrame(rows)


def tabulate(costs: pd.DataFrame) -> pd.DataFrame:
    """Return `Advised.table`. costs: `Costs.at_rate` of the nearest problems."""
    means, rows = _mean(costs), []
    for place, setting in enumerate(choose(costs), 1):
        by_rate = means[setting[:-1]]
        close = by_rate <= by_rate[setting[-1]] + math.log(NEAR)
        gaps = (~close).cumsum()
        close = by_rate.index[close & (gaps == gaps[setting[-1]])]
        numbers = close[0], close[-1], math.exp(means[setting]), math.exp(costs[setting].max())
        limit = _find_limit(costs[setting[:-1]], setting[-1])
        rows.append((place, *setting, *numbers, limit, describe_in_torch(_make_setting(setting))))
    names = ["place", *_SETTING, "lr", "lr_low", "lr_high", "ratio", "worst", "limit", "torch"]
    return pd.DataFrame(rows, columns=names)


def _find_limit(by_rate: pd.DataFrame, lr: float) -> str:
    """Return the end of the search, "low" or "high", at which a rate is the best of what was tried on some problem.

    by_rate: the costs, a row a problem, a column a rate. "" where a worse one was tried on both sides of it.
    """
    at = list(by_rate.columns).index(lr)
    best = by_rate[by_rate[lr] <= by_rate.min(axis=1)]
    for side, beyond in (("high", at + 1), ("low", at - 1)):
        if 0 <= beyond < len(RATES) and np.isinf(best.iloc[:, beyond]).any():
            return side
    return ""


def find_family(problem: str, known: Iterable[str]) -> list[str]:
    """Return the problems of the same name, whatever their parameters; else of the same one inside, else of its kind.

    known: those of the atlas. Raises OptbenchError for an unknown problem or parameter, and where there is none.
    """
    catalogue, typed = loader.load_all(()), split_levels(problem)
    own = [name for name, _ in typed]
    for place, (name, given) in enumerate(typed, 1):
        there = catalogue.problems if place == len(typed) else catalogue.problem_wrappers
        if name not in there:
            raise unknown("problem", name, there)
        fill_defaults("problem", name, given, there[name].parameters)
    levels = {each: [name for name, _ in split_levels(each)] for each in known}
    found = [each for each, names in levels.items() if names == own]
    found = found or [each for each, names in levels.items() if names[-1] == own[-1]]
    found = found or [each for each in levels if find_kind(each) == find_kind(own[-1]) != ""]
    if not found:
        raise OptbenchError(advice_texts.refuse_problem(problem, KINDS))
    return found


def find_near(known: pd.DataFrame, kinds: Iterable[str], budget: float | None) -> list[str]:
    """Return the problems of some kinds, with a budget those whose runs were about as long.

    known: by problem, its kind and the epochs of its runs.
    """
    near = known["kind"].isin(list(kinds))
    if budget is not None:
        near &= known["epochs"].between(budget / _AS_LONG, budget * _AS_LONG)
    return list(known.index[near])
