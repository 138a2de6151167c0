"""A candidate against its baseline: verdicts of two tables, row by row and over all, and regressions that are shown."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from optbench.analysis.judging import judge
from optbench.analysis.known import Known, flip_known
from optbench.analysis.measures import LOSS, explain_few_test_rows, explain_unmeasured
from optbench.analysis.over_problems import LEAST_PROBLEMS
from optbench.analysis.pair_statistics import signed_ranks, spent_alpha
from optbench.analysis.pairing import (
    Effects,
    Pairs,
    Side,
    find_problems_without,
    have_shared_reports,
    join_settings,
    join_sides,
    pair_settings,
    pair_timings,
    pair_tuned,
)
from optbench.analysis.power import blocks_needed
from optbench.analysis.protocol import Targets
from optbench.analysis.run_columns import count_folds
from optbench.analysis.verdicts import ALL, LOSES, OPEN, WINS, judge_differences, judge_problems, withhold_unequal
from optbench.contract.errors import OptbenchError
from optbench.contract.names import join_names

# Of the logarithm of a loss: a sum in another order moves a loss by less; 10,000 times below what any verdict is about
ROUNDING = 1e-6
# Of SequenceMatcher: half of the letters are the same, as for names in messages (difflib's own default is 0.6)
ALIKE = 0.5
SETTINGS, TUNED, SECONDS = "settings", "tuned", "seconds"
COLUMNS = (
    "problem", "a", "b", "verdict", "ratio", "low", "high", "p", "p_adjusted", "regression", "p_regression",
    "regression_blocks", "known", "blocks_needed", "blocks", "seeds", "runs", "identical", "probability",
    "failures_a", "failures_b", "trials", "trials_a", "trials_b", "reason",
)  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """A candidate B against its baseline A: the table of rows, and what is true of all of them."""

    table: pd.DataFrame
    by: str
    """The kind of comparison: "tuned", "settings" or "seconds"."""
    level: float = np.nan
    """Of the intervals; NaN of seconds."""
    judge_by: str = LOSS
    """The measure."""
    folds: int = 0
    """The number of folds that take the place of blocks and seeds; 0 without."""
    without: Sequence[str] = ()
    """The problems that lack the measure, and are compared by loss."""
    names: Mapping[str, str] = field(default_factory=dict)
    """The optimizers by what the columns a and b call them: ``adam(beta1=0.5)`` is ``adam``."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """The user's own names for problems and for what stands in the columns a and b."""
    differences: Sequence[str] = ()
    """What else is not the same in A and B, a sentence each."""
    missing: Sequence[Mapping[str, Any]] = ()
    """What A alone has: problem, optimizer, a and b as in the rows, and the reason."""
    lost: Sequence[Mapping[str, Any]] = ()
    """Those of ``missing`` that B has, too, but of which no run could run; their reason is the first error."""
    provenance: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What differs in provenance.json, by key."""
    time: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """The ratios of a "step" and of "evaluation", without a test."""

    @property
    def rows(self) -> pd.DataFrame:
        """The rows of ``table`` on single problems."""
        return self.table[self.table["problem"] != ALL]

    def labeled(self) -> Comparison:
        """Return the comparison as texts show it: with labels in place of names."""
        keys = ["problem", "optimizer", "a", "b"]

        def label(row: Mapping[str, Any]) -> dict[str, Any]:
            """Return a record with labels."""
            return {**row, **{key: self.labels.get(row[key], row[key]) for key in keys}}

        texts = {key: self.table[key].replace(dict(self.labels)) for key in keys if key in self.table}
        missing, lost = ([label(row) for row in rows] for rows in (self.missing, self.lost))
        return replace(self, table=self.table.assign(**texts), missing=missing, lost=lost)


def compare_tables(
    runs_a: pd.DataFrame,
    runs_b: pd.DataFrame,
    pairs: Pairs | None = None,
    by: str | None = None,
    judge_by: str = LOSS,
    choose_by: tuple[str, str] | None = None,
    above: float | None = None,
    confidence: float = 0.95,
    look: int = 1,
    targets: tuple[Targets, Targets] | None = None,
) -> Comparison:
    """Return a row for each problem and pair of optimizers; with several problems, a row "all" at the end.

    runs_a, runs_b: the `runs` tables of the baseline A and the candidate B. pairs: the optimizers to compare; by
    default every name that both have, with itself. judge_by: the measure to compare by (`tail_values`). choose_by: the
    measures by which A and B chose their settings, for "tuned"; by default the same. look: how often the blocks were
    looked at (`verdicts`). targets: those of "time" in all of A and of B (`code_runs`), if the tables hold a part;
    None: those that follow from the tables. by: the kind of comparison,
      "tuned": the settings that the blocks of each side chose, on seeds not used for the choice, as in `verdicts`;
      "settings": the same settings on both sides, to find out whether the code that runs them has changed;
      None: "tuned" where both are staged and report on the same seeds, or share no setting; else "settings".

    ratio: the measure of B over that of A, above 1 where B is worse; its logarithm is the mean of y_B - y_A, paired by
    seed, over blocks ("tuned") or over seeds ("settings", after the mean over settings). low, high: its interval, which
    holds for all rows at once. Differences below a millionth are rounding and count as 0. verdict: about B, "wins",
    "loses", "tie" or "open", and what is known of it, as in `verdicts`. regression, where `above` is given: "shown"
    where the whole interval lies above 1 + above, "ruled out" where it lies below or ends there, else "open"; so a tie
    may well be a regression above 0. It is shown as well where all runs of B fail, and open where A is shown to fail
    more often, or where unequal trials may be the reason (`verdicts`). A row in which it is shown loses where it would
    be open: `above` takes the place of the verdict's 5%.
    p_regression: of the test against that limit, adjusted for all rows. regression_blocks: the blocks, or seeds, in all
    that would show it or rule it out in four of five cases, where it is open; blocks_needed are those of the verdict.

    seeds: those that both have; runs: pairs of runs; identical: the share of pairs whose records are equal to the last
    bit; probability: that B is lower on a seed; failures_a, failures_b: shares of failed runs. The other columns are
    those of `verdicts`.

    The row "all" takes each problem's mean over its rows and ranks problems as `verdicts` does; its p-values are not
    adjusted, since it is a single test.

    Source: Sidak 1967, JASA 62, for intervals that hold at once.
    """
    pairs = _find_pairs(runs_a, runs_b, pairs)
    table = join_sides(runs_a, runs_b, pairs)
    without, lacking = find_problems_without(table, judge_by)
    if lacking:
        raise OptbenchError(f"only one side has {judge_by} of {join_names(lacking)}")
    alike = all(a == b for a, b in pairs)
    if by == SETTINGS and not alike:
        raise OptbenchError("two optimizers have no settings in common: compare them as they are tuned")
    if by is None:
        by = TUNED if not alike or have_shared_reports(table) or join_settings(table).empty else SETTINGS
    if by == TUNED:
        effects = pair_tuned(table, pairs, judge_by, choose_by or (judge_by, judge_by), targets)
    else:
        effects = pair_settings(table, pairs, judge_by, targets)
    if effects.rows.empty:
        raise OptbenchError("A and B have no setting with a seed in common: compare them as they are tuned")
    why = explain_few_test_rows(table, judge_by) | explain_unmeasured(table, judge_by)
    spoiled = effects.rows["problem"].map(why)
    rows = effects.rows.assign(reason=effects.rows["reason"].mask(spoiled.notna(), spoiled))
    differences = np.where(spoiled.notna().to_numpy()[:, None], np.nan, effects.differences)
    judged = _judge_rows(Effects(rows, differences, effects.failed, effects.sampling), by, above, confidence, look)
    level = float(1 - spent_alpha(look, 1 - confidence))
    return Comparison(judged, by, level, judge_by, count_folds(table), without)


def compare_timings(a: Side, b: Side, pairs: Pairs | None = None) -> Comparison:
    """Return the rows of `compare_tables` for the seconds of a run: ratios, and no verdicts.

    Two processes at two times have what else the machine did in their seconds, and no number of seeds tells that from a
    change. a, b: `runs` and `timings` of each side. Cohorts are paired that have the same problem, batch size, seed,
    and numbers of lanes and steps.
    """
    rows, differences = pair_timings(a, b, _find_pairs(a[0], b[0], pairs))
    if rows.empty:
        raise OptbenchError("A and B have no cohort in common whose time could be compared")
    table = rows.assign(ratio=np.exp(np.nanmean(differences, axis=1)))
    if table["problem"].nunique() > 1:
        over = _sum_up(table) | {"ratio": np.exp(np.log(table["ratio"]).groupby(table["problem"]).mean().mean())}
        table = pd.concat([table, pd.DataFrame([over])], ignore_index=True)
    table = table.assign(verdict=OPEN, known=None, reason=Known("seconds_vary")).reindex(columns=list(COLUMNS))
    table["regression"] = None
    return Comparison(table, SECONDS, judge_by=SECONDS)


def paired_times(a: Side, b: Side, pairs: Pairs | None = None) -> dict[str, dict[str, float]]:
    """Return the time of B over that of A, all rows together: {"step" or "evaluation": ratio, cohorts}.

    a, b: `runs` and `timings` of each side. Empty without shared cohorts.
    """
    pairs, found = _find_pairs(a[0], b[0], pairs), {}
    for name, column in (("step", "ns_per_run_step"), ("evaluation", "evaluation_seconds")):
        if column not in a[1] or column not in b[1]:
            continue
        rows, values = pair_timings(a, b, pairs, column)
        if len(rows):
            # A seed that a row lacks is no observation of it: the mean is that of the rows which have it.
            each = np.nansum(values, axis=0) / np.sum(~np.isnan(values), axis=0)
            found[name] = {"ratio": float(np.exp(each.mean())), "cohorts": int(rows["runs"].sum())}
    return found


def _find_pairs(runs_a: pd.DataFrame, runs_b: pd.DataFrame, pairs: Pairs | None) -> Pairs:
    """Return the pairs of optimizers, one of A and one of B, that have a problem in common.

    pairs: those to consider; None: every name that both have, with itself. Raises OptbenchError where none is left.
    """
    a, b = (list(dict.fromkeys(runs["optimizer"])) for runs in (runs_a, runs_b))
    pairs = [(name, name) for name in a if name in b] if pairs is None else list(pairs)
    if not pairs:
        hint = "to compare two that differ, name one of each after the folders"
        raise OptbenchError(f"{_describe_nothing_shared('optimizer', a, b)} ({hint})")
    a, b = (list(dict.fromkeys(runs["problem"])) for runs in (runs_a, runs_b))
    if not set(a) & set(b):
        raise OptbenchError(_describe_nothing_shared("problem", a, b))
    problems = [runs.groupby("optimizer")["problem"].unique().map(set) for runs in (runs_a, runs_b)]
    shared = [pair for pair in pairs if problems[0].get(pair[0], set()) & problems[1].get(pair[1], set())]
    if not shared:
        raise OptbenchError("A and B have no problem in common on which the same optimizer ran")
    return shared


def _describe_nothing_shared(kind: str, a: list[str], b: list[str]) -> str:
    """Return the message that A and B have no name of a kind in common, with the two most similar names.

    kind: in the singular, such as "problem"; a, b: the names of each side.
    """
    alike = {(x, y): difflib.SequenceMatcher(None, x, y).ratio() for x in a for y in b}
    nearest = max(alike, key=lambda names: alike[names], default=("", ""))
    if alike.get(nearest, 0.0) > ALIKE:
        return f"A and B have no {kind} in common; nearest are {nearest[0]!r} in A and {nearest[1]!r} in B"
    return f"A and B have no {kind} in common: {join_names(a) or 'none'} in A, {join_names(b) or 'none'} in B"


def _judge_rows(effects: Effects, by: str, above: float | None, confidence: float, look: int = 1) -> pd.DataFrame:
    """Return the table of `compare_tables`: the rows of `effects` with verdicts and, at the end, the row "all".

    by: the kind of comparison. above: the limit of a regression; None: none is tested. All rows are one
    family, whose intervals hold at once.
    """
    rows, family = effects.rows, np.zeros(len(effects.rows), dtype=np.int64)
    values = np.where(np.abs(effects.differences) < ROUNDING, 0.0, effects.differences)
    judged = judge_differences(
        values, family, None, effects.failed, confidence, look, effects.sampling, effects.in_common
    )
    reason = rows["reason"].where(rows["reason"].notna(), judged["reason"])
    new = [name for name in judged if name in COLUMNS and name not in rows]
    table = pd.concat([rows, judged[new]], axis=1).assign(reason=reason)
    trials = [table[f"trials_{side}"].to_numpy() * (by == TUNED) for side in "ab"]
    unequal = [trials[0] > trials[1], trials[1] > trials[0]]
    over = _judge_over_all(table, above, confidence, unequal)
    table = withhold_unequal(table, *unequal)
    if above is not None:
        against = judge(
            values - np.log1p(above), family, None, spent_alpha(look, 1 - confidence), sampling=effects.sampling
        )
        low, high = (judged[name].to_numpy() for name in ("low", "high"))
        more = judged["more"].to_numpy() if "more" in judged else np.full(len(judged), "")
        all_fail = (more == "b") & (judged["verdict"] == WINS).to_numpy() & np.isnan(low)  # of B, the second
        shown = (low > 1 + above) & (more != "a") | all_fail
        same = ((low == 1) & (high == 1)) | (rows["identical"] == 1).to_numpy()
        cases = [shown & ~unequal[0], ((high <= 1 + above) | same) & ~unequal[1]]
        table["regression"] = np.select(cases, ["shown", "ruled out"], "open")
        table["regression_blocks"] = _count_blocks(table, judged, effects, above, 1 - confidence, look)
        table.loc[unequal[0] | unequal[1], "regression_blocks"] = np.nan
        # runs that are equal in both are within any limit
        table["p_regression"] = np.where(same, 0.0, against["p_adjusted"])
    table = pd.concat([table, over], ignore_index=True) if len(over) else table
    table = table.reindex(columns=list(COLUMNS))
    table["regression"] = table["regression"].astype(object).where(table["regression"].notna(), None)
    settled = (table["regression"] == "shown") & (table["verdict"] == OPEN)
    return table.assign(
        verdict=table["verdict"].mask(settled, WINS).replace({WINS: LOSES, LOSES: WINS}),  # about B, after this
        known=flip_known(table["known"].mask(settled, None)), blocks_needed=table["blocks_needed"].mask(settled),
    )  # fmt: skip


def _count_blocks(
    table: pd.DataFrame, judged: pd.DataFrame, effects: Effects, above: float, alpha: float, look: int
) -> np.ndarray:
    """Return the blocks, or seeds, that would show or rule out each regression that is open, (rows,); NaN elsewhere.

    table: with the column regression; judged: the same rows, of `judge_differences`; alpha: of all looks together.
    """
    needed, sampling = np.full(len(table), np.nan), effects.sampling
    open_ = (table["regression"] == "open").to_numpy() & ~np.asarray(effects.in_common)
    if "more" in judged:
        open_ = open_ & (judged["more"] != "a").to_numpy()  # A fails more often, which more blocks leave as it is
    if open_.any() and not (sampling and sampling.share):  # more blocks would have the same folds
        mean, sd, n = (judged.loc[open_, name] for name in ("mean", "sd", "n"))
        needed[open_] = blocks_needed(
            mean, sd, n, rows=int((judged["n"] > 1).sum()), alpha=spent_alpha(look + 1, alpha),
            common=0.0 if sampling is None else sampling.variance[open_], above=above,
        )  # fmt: skip
    return needed


def _judge_over_all(
    table: pd.DataFrame, above: float | None, confidence: float, more: Sequence[np.ndarray]
) -> pd.DataFrame:
    """Return one row, problem "all", with the verdict about A; an empty table where there is only one problem.

    table: the judged rows, of which each problem's mean log ratio is ranked; more: for A and B, (rows,) True where it
    had more trials than the other.
    """
    if table["problem"].nunique() < 2:
        return table.iloc[:0]
    logs = np.log(table["ratio"]).replace([np.inf, -np.inf], np.nan)
    each = logs.groupby(table["problem"], sort=False).mean().dropna().to_numpy()
    row = _sum_up(table)
    row |= {name: table[name].mean() for name in ("identical", "probability", "failures_a", "failures_b")}
    row |= {name: table[name].min() for name in ("trials", "trials_a", "trials_b")}
    if above is not None:
        against = signed_ranks(each - np.log1p(above), confidence)
        word = "shown" if against["estimate"] > 0 else "ruled out"
        enough = against["p"] < 1 - confidence and len(each) >= LEAST_PROBLEMS
        enough &= not more[0 if word == "shown" else 1].any()
        row |= {"regression": word if enough else "open", "p_regression": against["p"]}
    over = judge_problems(each[None], None, confidence).assign(**row)
    return withhold_unequal(over, *(np.array([side.any()]) for side in more))


def _sum_up(table: pd.DataFrame) -> dict[str, Any]:
    """Return what the row of all problems has of the rows of each, whatever is compared."""
    one = len(table[["a", "b"]].drop_duplicates()) == 1
    names = {side: table[side].iloc[0] if one else ALL for side in ("a", "b")}
    return {"problem": ALL, **names, **{name: table[name].sum() for name in ("seeds", "runs")}}
