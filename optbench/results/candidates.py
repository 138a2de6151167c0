"""A candidate's results against those of a baseline: two folders, or two optimizers of one."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from math import inf, nan
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge

from optbench.analysis.answer import chosen_for
from optbench.analysis.folders import (
    TUNED,
    Beside,
    Comparison,
    compare_tables,
    compare_timings,
    join_targets,
    paired_times,
)
from optbench.analysis.measures import LOSS, TIME
from optbench.analysis.protocol import code_runs
from optbench.analysis.run_columns import drop_lost_runs, find_standing_in
from optbench.analysis.verdicts import ALL
from optbench.contract import arguments
from optbench.contract.arguments import Real, Share
from optbench.contract.errors import OptbenchError, find_all, shown, unknown
from optbench.contract.names import YOURS, join_names, split_list
from optbench.contract.paths import path_of
from optbench.plan.display_names import to_canonical
from optbench.results.results import Results, load, share_labels
from optbench.wording import labels
from optbench.wording.caveats import warn_of_high_minima
from optbench.wording.differences import Tried, compare_tried_values, list_differences, list_provenance
from optbench.wording.failed_runs import summarize_reasons
from optbench.wording.verdict_texts import SECONDS_VARY, with_texts


@arguments.checked
def compare(  # noqa: PLR0913  keywords of a public function
    a: str | Path | Results,
    b: str | Path | Results | None = None,
    *,
    pair: tuple[str, str] | None = None,
    problems: str | Iterable[str] | None = None,
    optimizers: str | Iterable[str] | None = None,
    by: Literal["tuned", "settings"] | None = None,
    judge_by: str | None = None,
    choose_by: str | None = None,
    cost: Literal["loss", "seconds"] = "loss",
    fail_above: Annotated[Real, Ge(0)] | None = None,
    confidence: Share = 0.95,
) -> Comparison:
    """Compare a candidate B with its baseline A, paired by seed.

    Args:
        a: the baseline: a result folder, or what ``sweep`` or ``load`` gave.
        b: the candidate; None: two optimizers of ``a``, which ``pair`` names.
        pair: an optimizer of ``a`` and one of ``b``; None: every optimizer that both have, with itself.
        problems: names, or the parts before their brackets; None: all.
        optimizers: the same; not together with ``pair``.
        by: what is compared. "tuned": what each side has chosen in its blocks, on seeds that no choice has seen;
            "settings": the same settings in both, which tells whether a changed rule or engine does the same. None:
            "tuned" for sweeps whose seeds stand in blocks and for two optimizers, "settings" if both have any.
        judge_by: the measure of the verdicts: "time" (expected samples to a target), "loss" (at the end), or a metric
            on test data such as "test_accuracy"; None: that of both sweeps, "loss" if they differ.
        choose_by: the same for what settings are chosen by; None: for each sweep ``judge_by`` if it chose by that,
            else the first measure that it chose by.
        cost: "loss", by that measure; "seconds", those of a run, cohort by cohort: ratios without a verdict, as a
            machine is slower at some times than at others.
        fail_above: a share such as 0.05: whether B is shown to be worse by more than it, row by row.
        confidence: of the intervals and the verdicts.

    Returns:
        The ``table``: a row a problem and pair of optimizers, and a row "all" if there are several problems: problem,
        a, b (the optimizers; ``adam(beta1=0.5)`` where that side tried this value, and the other did not), verdict of B
        ("wins", "loses", "tie" within a tenth, "open"), ratio of B over A with low and high (above 1 B is worse; the
        intervals of all rows hold at once), bound ("at least", "at most" or "about" where the ratio is one, as in
        ``verdicts()``, else ""), p, p_adjusted (for all rows), regression ("shown", "ruled out", "open"; None without
        ``fail_above``; where it is shown no verdict is open), p_regression, regression_blocks (in all, that would
        probably show it or rule it out), known (of what is open), blocks_needed (for a verdict), blocks, seeds, runs,
        identical (the share of pairs of runs that are equal in all that was recorded), probability (that B is lower),
        failures_a, failures_b, trials, trials_a, trials_b, reason and measure (by which the row is compared). Beside it
        ``by``, ``judge_by``, ``level`` (of the intervals, 0.975 at the first look), ``above`` (``fail_above``),
        ``sides`` (of A and of B: folder, optimizer, optbench, runs, missing), ``names`` (of a and b, those of the
        results), ``differences`` (what else is not the same in A and B, a sentence each), ``missing`` (what A alone
        has: problem, optimizer, a and b as in the rows, and the reason), ``lost`` (those of ``missing`` that B has,
        too, but of which no run could run; their reason is the first error), ``provenance`` (what differs in
        provenance.json, by key) and ``time`` (the ratios of a "step" and of "evaluation", without a test).

    Raises:
        OptbenchError: a folder cannot be read, a name is unknown, or A and B have nothing in common.

    Example:
        >>> small = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "learning_rates": [0.001], "steps": 10}
        >>> results = sweep(small, seeds=3)
        >>> compare(results, results).table[["a", "verdict", "ratio", "identical"]].values.tolist()
        [['gd', 'tie', 1.0, 1.0], ['adam', 'tie', 1.0, 1.0]]
        >>> compare(results, pair=("gd", "adam")).by
        'tuned'
    """
    if b is None and pair is None:
        raise OptbenchError("name a second result folder, or two optimizers of this one")
    pair = None if pair is None else _check_pair(pair)
    whole = _load_sides(a, b)
    sides = [_describe_side(side, pair and pair[place]) for place, side in enumerate(whole)]
    tried = compare_tried_values(*whole)
    if pair is not None:
        pair = _drop_values(pair[0], whole, tried, 0), _drop_values(pair[1], whole, tried, 1)
    if optimizers is not None:
        optimizers = split_list(optimizers) if isinstance(optimizers, str) else optimizers
        named = arguments.list_items("optimizers", optimizers)
        optimizers = [_drop_values(name, whole, tried, 0, 1) for name in named]
    first, second = _select_sides(whole, b is None, pair, problems, optimizers)
    pairs = [pair] if pair else None
    times = (first.runs, first.timings), (second.runs, second.timings)
    # In the second, the optimizer of a pair has the other's name: that one is another is what was asked for.
    alike = second.with_runs(second.runs.assign(optimizer=pair[0])) if pair else second
    called = second.labels | first.labels
    untuned = {*first.incumbents, *second.incumbents}

    def label(name: str) -> str:
        """Return what a problem or an optimizer is called."""
        return called.get(name, name)

    lines = [] if b is None else list_differences(first, alike, label)
    if cost == "seconds":
        if fail_above is not None:
            raise OptbenchError(f"fail_above: {SECONDS_VARY}; compare by loss")
        found, tried = compare_timings(*times, pairs), []
        table = found.table.assign(measure=cost)
    else:
        if judge_by is None:
            judge_by = first.judge_by if first.judge_by == second.judge_by else LOSS
        chose = (
            choose_by or chosen_for(judge_by, first.choose_by), choose_by or chosen_for(judge_by, second.choose_by)
        )  # fmt: skip
        look = max(first.look, second.look)
        targets = None
        if TIME in (judge_by, *chose):  # those of the whole sweeps, by which they chose
            targets = code_runs(whole[0].runs, TIME).targets, code_runs(whole[1].runs, TIME).targets
        beside = _find_beside(whole[0], {*first.runs["problem"]}, pair or (), chose[0]) if b is None else None
        found = compare_tables(
            first.runs, second.runs, pairs, by, judge_by, chose, fail_above, confidence, look, targets,
            untuned, beside,
        )  # fmt: skip
        table, by_loss = found.table, list(found.without)
        if by_loss:
            lines.append(f"{join_names([*map(label, by_loss)])} without {judge_by}, compared by {LOSS}")
        if judge_by == TIME and targets is not None:
            shared = join_targets(*targets).shared
            by_loss = [each for each in table["problem"].unique() if each != ALL and not shared.get(each, nan) < inf]
        by_loss += [ALL] * ({*by_loss} == {*table["problem"]} - {ALL})
        table["measure"] = np.where(table["problem"].isin(by_loss), LOSS, judge_by)
        tried = compare_tried_values(first, second)
        lines += [each.describe(label) for each in tried]
        lines += warn_of_high_minima(pd.concat([first.runs, second.runs]), label)
    keys = ["problem", "optimizer"]
    pairs_of = [drop_lost_runs(each.runs)[keys].drop_duplicates() for each in (first, alike)]
    lacking = pairs_of[0].merge(pairs_of[1], how="left", indicator=True).query("_merge == 'left_only'")[keys]
    tried = tried if found.by == TUNED else []
    missing, lost, names = [], [], {}

    def lengthen(name: str, place: int) -> str:
        """Return a name with the values of what was tried otherwise, so that two settings never share one."""
        long = _add_values(name, tried, place)
        names[long], called[long] = name, _add_values(name, tried, place, label)
        return long

    for problem, optimizer in lacking.itertuples(index=False):
        there = alike.runs[(alike.runs["problem"] == problem) & (alike.runs["optimizer"] == optimizer)]
        both = {"a": lengthen(optimizer, 0), "b": lengthen(pair[1] if pair else optimizer, 1)}
        record = {"problem": problem, "optimizer": optimizer, **both}
        record["reason"] = summarize_reasons(there) if len(there) else "B has no such runs"
        missing.append(record)
        lost += [record] * bool(len(there))
    table = with_texts(table).assign(
        a=[lengthen(name, 0) for name in table["a"]], b=[lengthen(name, 1) for name in table["b"]]
    )
    return replace(
        found, table=table, sides=sides, names=names, labels=called, differences=lines, missing=missing, lost=lost,
        untuned=[long for long, name in names.items() if name in untuned],
        provenance=list_provenance(first.provenance, second.provenance), time=paired_times(*times, pairs),
    )  # fmt: skip


def _find_beside(whole: Results, problems: set[str], pair: Collection[str], choose_by: str) -> Beside:
    """Return what a sweep has on some problems besides a pair of its optimizers; choose_by: the measure of settings."""
    others = whole.runs["problem"].isin(problems) & ~whole.runs["optimizer"].isin(pair)
    return Beside(whole.runs[others], whole.ask(choose_by if choose_by in whole.choose_by else None).edges)


def _describe_side(results: Results, optimizer: str | None) -> dict[str, Any]:
    """Return a side as JSON has it: folder, optimizer, version, number of runs, and what is missing."""
    version = results.provenance.get("optbench")
    side = {"folder": str(results.path), "optimizer": optimizer, "optbench": version}
    return side | {"runs": len(results.runs), "missing": results.missing}


def _add_values(name: str, tried: list[Tried], place: int, label: labels.Label = str) -> str:
    """Return an optimizer's label with the values that one side alone tried; place: 0 of A, 1 of B."""
    mine = [each for each in tried if each.optimizer == name and each.typed[place]]
    return labels.with_values(label(name), [f"{each.parameter}={each.typed[place]}" for each in mine])


def _drop_values(text: str, sides: tuple[Results, Results], tried: list[Tried], *places: int) -> str:
    """Return the optimizer's name in the tables for its label, or one with its values, as in a spec or a comparison."""
    if not isinstance(text, str):
        return text  # refused where names are looked up
    wanted = _normalize(text)
    names = [(str(name), place) for place in places for name in sides[place].runs["optimizer"].unique()]
    written = [(_add_values(name, tried, place, sides[place].label_of), name) for name, place in names]
    written += [(sides[place].label_of(name), name) for name, place in names]
    written += [(_add_values(name, tried, place), name) for name, place in names]
    written += [(long, name) for place in places for name, long in sides[place].given.items()]
    written += [(name, name) for name, _ in names]
    written += [(YOURS, sides[place].incumbents[0]) for place in places if len(sides[place].incumbents) == 1]
    return next((name for long, name in written if _normalize(long) == wanted), text)


def _normalize(text: str) -> str:
    """Return what is equal for two spellings of a name, such as "adam(eps=0)" and "adam( eps=0.0 )"."""
    try:
        return to_canonical(text)
    except OptbenchError:  # a label
        return text


def _check_pair(pair: object) -> tuple[str, str]:
    """Return a pair of optimizers' names; raise OptbenchError for anything else."""
    names = arguments.list_items("pair", pair)
    if len(names) != 2 or not all(isinstance(name, str) for name in names):
        raise OptbenchError(f"pair: {shown(pair)} must be two names of optimizers")
    return names[0], names[1]


def _load_sides(a: str | Path | Results, b: str | Path | Results | None) -> tuple[Results, Results]:
    """Return the results of A and of B, loaded where needed. b: None where both are of A."""
    first = a if isinstance(a, Results) else load(path_of("a", a))
    if b is None:
        return first, first
    second = b if isinstance(b, Results) else load(path_of("b", b))
    one, two = (find_standing_in(each.runs) for each in (first, second))
    if both := {name: min(one[name], two[name]) for name in one if name in two}:
        first, second = first.measured_from(both), second.measured_from(both)
    first, second = share_labels([first, second])
    return first, second


def _select_sides(
    sides: tuple[Results, Results],
    within_one: bool,
    pair: tuple[str, str] | None,
    problems: str | Iterable[str] | None,
    optimizers: Iterable[str] | None,
) -> tuple[Results, Results]:
    """Return the results of A and B with the runs that are compared.

    sides: all of A and of B; within_one: True if these are the same. The others are those of `compare`. Raises
    OptbenchError for an unknown name, or names that conflict.
    """
    first, second = sides
    if pair and optimizers is not None:
        raise OptbenchError("optimizers and a pair of them: give one")
    if pair and within_one and pair[0] == pair[1]:
        raise OptbenchError(f"{pair[0]!r} stands twice: name two optimizers")

    def check(wish: tuple[int, str]) -> None:
        """Raise OptbenchError where A, side 0, or B, side 1, lacks an optimizer; wish: the side and the name."""
        results, name = sides[wish[0]], wish[1]
        there = set(results.runs["optimizer"])
        if name not in there and results.missing:
            raise OptbenchError(
                f"no run of {name!r} is there yet, of {', '.join(sorted(there))} alone: {results.missing}"
            )
        if name not in there:
            valid = map(results.label_of, there)
            raise OptbenchError(f"{str(results.path)!r}: {unknown('optimizer', name, valid)}")

    find_all(check, enumerate(pair or ()))
    named = problems
    if problems is not None:
        texts = split_list(problems) if isinstance(problems, str) else arguments.list_items("problems", problems)
        named = [labels.name_of(text, second.labels | first.labels) for text in texts]
    wanted = [((pair[0],), (pair[1],)) if pair else (optimizers, optimizers), (named, named)]
    runs = [first.runs, second.runs]
    for kind, names in zip(("optimizer", "problem"), wanted, strict=True):
        known = set(first.runs[kind]) | set(second.runs[kind])
        runs = [each[each[kind].isin(_select_names(kind, part, known))] for each, part in zip(runs, names, strict=True)]
    return first.with_runs(runs[0]), second.with_runs(runs[1])


def select_problems(results: Results, problems: str | None) -> Results:
    """Return results with the runs of these problems alone; None: of all. Raises OptbenchError for an unknown name."""
    if problems is None:
        return results
    names = [labels.name_of(text, results.labels) for text in split_list(problems)]
    there = results.runs["problem"]
    return results.with_runs(results.runs[there.isin(_select_names("problem", names, set(there)))])


def _select_names(kind: str, names: Iterable[str] | None, known: set[str]) -> set[str]:
    """Return the known names that a user gives in full or without their parameters; all for None.

    kind: "problem" or "optimizer", for messages. Raises OptbenchError for an unknown name.
    """
    if names is None:
        return known

    def find(name: str) -> set[str]:
        """Return the known names that one name means."""
        meant = {each for each in known if name in (each, each.partition("(")[0])}
        if not meant:
            raise unknown(kind, name, known)
        return {name} if name in meant else meant

    given = list(names)
    if not given:
        raise OptbenchError(f"{kind}s is empty: name at least one")
    return set().union(*find_all(find, given).values())
