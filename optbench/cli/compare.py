"""``optbench compare``: a candidate against its baseline, two folders or two optimizers of one; or all of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optbench.cli import completion
from optbench.cli.groups import INPUT, OUTPUT
from optbench.cli.options import flag, json_option, label_option, option, parse_share, read_format
from optbench.cli.output import NO, print_json
from optbench.cli.sweep_json import label_variant, label_variants
from optbench.contract.columns import MEASURES
from optbench.contract.errors import OptbenchError

if TYPE_CHECKING:
    from optbench.analysis.folders import Comparison
    from optbench.results.results import Results

_HOW = "How they are compared"
USAGE = "name two result folders (compare A B), or a folder and two of its optimizers (compare results adam nesterov)"

_FORMATS = ("text", "json", "github", "junit")
_MEASURES = completion.words(*MEASURES)


def compare(
    targets: Annotated[list[str], typer.Argument(
        metavar="A B", show_default=False,
        help="Two result folders, the baseline and the candidate; or a folder and two of its optimizers; or two "
        "folders and an optimizer of each. One folder alone: the table of all its optimizers.",
    )],
    by: Annotated[str | None, option(
        "by", "WAY", "tuned: what each side has chosen; settings: the same settings in both. By default tuned for "
        "sweeps with blocks and for two optimizers, else settings.", _HOW, completion.words("tuned", "settings"),
    )] = None,
    judge_by: Annotated[str | None, option(
        "judge-by", "NAME", "The measure: time (expected samples to a target), loss (at the end), or a metric on test "
        "data such as test_accuracy. By default that of both sweeps.", _HOW, _MEASURES,
    )] = None,
    choose_by: Annotated[str | None, option(
        "choose-by", "NAME", "What settings are chosen by. By default --judge-by if the sweep chose by it, else the "
        "first measure that it chose by.", _HOW, _MEASURES,
    )] = None,
    cost: Annotated[str, option(
        "cost", "COST", "loss, or seconds: those of a run, a ratio without a verdict.", _HOW,
        completion.words("loss", "seconds"),
    )] = "loss",
    problems: Annotated[str | None, option(
        "problems", "LIST", "Only these problems, such as 'quadratic, mlp'.", INPUT, completion.problems,
    )] = None,
    optimizers: Annotated[str | None, option(
        "optimizers", "LIST", "Only these optimizers, such as 'adam, gd'.", INPUT, completion.optimizers,
    )] = None,
    label: Annotated[list[str] | None, label_option(INPUT)] = None,
    fail_above: Annotated[str | None, option(
        "fail-above", "SHARE", "Exit 1 where B is shown to be worse by more than this, such as 5% or 0.", OUTPUT,
    )] = None,
    strict: Annotated[bool, flag(
        "strict", "With --fail-above: also exit 1 where that is not ruled out, and where B lacks what A has.", OUTPUT,
    )] = False,
    form: Annotated[str, option(
        "format", "NAME", "text, json (the keys below), github (annotations of a workflow) or junit (XML).", OUTPUT,
        completion.words(*_FORMATS),
    )] = "text",
    json: Annotated[bool, json_option(OUTPUT)] = False,
) -> None:  # fmt: skip
    """Compare a candidate B with its baseline A: wins, loses, tie (within 10%) or open, on each problem and over all.

    Runs are paired by seed, and the intervals of all rows hold at once. Exit code 1 if --fail-above is given and a
    regression is shown (the whole interval lies beyond it, or all runs of B fail or cannot run); 2 for bad input; else
    0. What A alone has is a warning, and fails with --strict.

    JSON: "a" and "b" (folder, optimizer, optbench, runs, missing), "by", "judge_by", "level", "fail_above", "strict",
    "failed", "differences" (sentences), "missing" (problem, optimizer, a, b and reason of what A alone has),
    "provenance" (what differs there, by key), "time" (by part: ratio, cohorts), "next" (what would settle
    open rows: text and commands), "rows" and "overall" (one such row, or null), each with problem, a, b, verdict (of
    B), ratio of B over A, bound (what the ratio is: "at least", "at most", "about", or ""), low, high, p, p_adjusted,
    regression ("shown", "ruled out", "open"), p_regression, regression_blocks (in all, to show it or rule it out),
    known, blocks_needed (for a verdict), blocks, seeds, runs, identical, probability, failures_a, failures_b, trials,
    trials_a, trials_b, reason, measure (loss where it stands in). A number that is not finite is null. Of one folder:
    "folder", "judge_by", "level", "ranking" (rows, as in Python).
    """
    from optbench.cli import compare_formats, compare_text
    from optbench.cli.console import warn
    from optbench.contract.names import join_names
    from optbench.plan.display_names import read_pairs
    from optbench.results import candidates
    from optbench.results.results import share_labels
    from optbench.wording.certainty import advise_both
    from optbench.wording.comparisons import list_missing, list_unsettled

    form = read_format(form, json, _FORMATS)
    above = None if fail_above is None else parse_share("--fail-above", fail_above)
    if strict and above is None:
        raise OptbenchError("--strict needs --fail-above SHARE, the regression that it wants to see ruled out")
    if len(targets) == 1:
        given: dict[str, Any] = {"by": by, "choose-by": choose_by, "optimizers": optimizers}
        given |= {"fail-above": fail_above, "cost": cost != "loss", "format": form not in ("text", "json")}
        if needless := [f"--{name}" for name, value in given.items() if value]:
            raise OptbenchError(f"{needless[0]} needs two sides: {USAGE}")
        _show_all(targets[0], judge_by, read_pairs(label or ()), form == "json", problems)
        return
    a, b, pair = _load_targets(targets)
    a, *rest = share_labels([a] if b is None else [a, b], read_pairs(label or ()))
    b = rest[0] if rest else None
    for each in filter(None, (a, b)):
        if each.missing:
            warn(f"{each.path}: {each.missing}")
    found = candidates.compare(
        a, b, pair=pair, problems=problems, optimizers=optimizers, judge_by=judge_by, choose_by=choose_by,
        by=by, cost=cost, fail_above=above,  # type: ignore[arg-type]  # other words are refused there
    )  # fmt: skip
    shown = found.labeled()
    if above is not None and form == "text" and (lacking := list_missing(shown)):
        warn(f"B lacks what A has, and was not compared there: {join_names(lacking, 20)}")
    steps = advise_both(found, [a] if b is None else [a, b])
    failed = bool((found.table["regression"] == "shown").any()) or (above is not None and bool(found.lost))
    if strict:
        failed = failed or bool(list_unsettled(found.table) or found.missing)
    if form == "json":
        print_json(_as_json(found, strict, failed) | {"next": steps})
    elif form == "github":
        print(*compare_formats.list_annotations(shown, strict, steps), sep="\n")
    elif form == "junit":
        print(compare_formats.make_junit(shown, strict, steps))
    else:
        compare_text.print_comparison(shown, strict, steps)
    if failed:
        raise typer.Exit(NO)


def _show_all(folder: str, judge_by: str | None, labels: Mapping[str, str], json: bool, problems: str | None) -> None:
    """Print the table of all optimizers of a folder. labels: more of them, by name; problems: None: all."""
    from optbench.analysis.pair_statistics import spent_alpha
    from optbench.cli.console import console, warn
    from optbench.results.candidates import select_problems
    from optbench.results.results import load, share_labels
    from optbench.wording.standings import tabulate_standings

    (results,) = share_labels([load(folder)], labels)
    if results.missing:
        warn(f"{folder}: {results.missing}")
    answer = select_problems(results, problems).ask(judge_by)
    if json:
        level = 1 - spent_alpha(answer.looks[0])
        ranking = label_variants(answer.ranking, answer.labels)
        print_json({"folder": folder, "judge_by": answer.judge_by, "level": level, "ranking": ranking})
    else:
        print(*tabulate_standings(answer, console.width), sep="\n")


def _load_targets(targets: list[str]) -> tuple[Results, Results | None, tuple[str, str] | None]:
    """Return the results of A and of B (None: those of A), and the two optimizers; None for all that both have.

    targets: the arguments as typed, folders and optimizers. Raises OptbenchError for other combinations.
    """
    from optbench.results.results import load

    if not 2 <= len(targets) <= 4:
        raise OptbenchError(USAGE)
    first = load(targets[0])
    known = {*first.runs["optimizer"], *first.labels.values()}
    if len(targets) == 2:
        if targets[1] in known and not Path(targets[1]).is_dir():
            raise OptbenchError(f"{targets[1]!r} is an optimizer of {targets[0]!r}: name two of them")
        return first, load(targets[1]), None
    if len(targets) == 3:
        if targets[1] not in known and Path(targets[1]).is_dir():
            raise OptbenchError(f"two folders and one optimizer: write --optimizers {targets[2]}, or name two of them")
        return first, None, (targets[1], targets[2])
    return first, load(targets[1]), (targets[2], targets[3])


def _as_json(found: Comparison, strict: bool, failed: bool) -> dict[str, Any]:
    """Return the content of ``--json``. failed: True if the command ends with 1."""
    variants = {name: shown for name in found.labels if (shown := label_variant(name, found.labels)) != name}
    found = replace(found, labels=variants).labeled()
    over = found.table.drop(found.rows.index).to_dict("records")
    return {
        "a": found.sides[0], "b": found.sides[1], "by": found.by, "judge_by": found.judge_by, "level": found.level,
        "fail_above": found.above, "strict": strict, "failed": failed,
        "differences": found.differences, "missing": found.missing, "provenance": found.provenance, "time": found.time,
        "rows": found.rows.to_dict("records"), "overall": over[0] if over else None,
    }  # fmt: skip
