"""The output of ``optbench compare``: sentences, then a table that fits into 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from optbench.analysis.folders import SECONDS, Comparison
from optbench.analysis.verdicts import ALL
from optbench.cli.console import command, filled, print_lines, write_plainly
from optbench.contract.names import count_noun, join_names
from optbench.wording import comparisons
from optbench.wording.judged import explain_signs
from optbench.wording.verdict_texts import TOO_NOISY

Row = dict[str, Any]
"""A row of the table of `optbench.compare`, by column."""
# Letters: with it a line of the table has 80 columns; longer names have a line to themselves
_NAME = 20


def print_comparison(found: Comparison, strict: bool = False, steps: Sequence[Row] = ()) -> None:
    """Print a comparison: both sides, the measure, other differences, a sentence for each problem, table, regressions.

    strict: whether rows in which a regression is not ruled out, and what B lacks, fail as well. steps: of
    `advise_both`.
    """
    table, missing = found.table, found.missing
    single_pair = len(table[["a", "b"]].drop_duplicates()) == 1 and table["a"].iloc[0] != table["b"].iloc[0]
    for line in comparisons.describe_sides(found):
        print_lines(filled(line, 2))
    found = comparisons.drop_gaps(found)
    table, rows = found.table, found.rows
    print_lines("")
    same = len(rows) > 0 and bool((rows["identical"] == 1).all())
    if same:
        count, there = int(rows["runs"].sum()), " that are there in both" * bool(missing)
        all_ = f"all {count:,} pairs of runs{there} are" if count > 1 else f"the only pair of runs{there} is"
        print_lines(f"{all_} identical")
    silent = same or found.by == SECONDS
    for problem, part in () if silent else rows.groupby("problem", sort=False):
        print_lines(filled(f"{problem}: {comparisons.describe_problem(part, single_pair)}", 2))
    for row in () if silent else table[table["problem"] == ALL].to_dict("records"):
        several = "" if single_pair or row["b"] != ALL else f" and {len(rows[['a', 'b']].drop_duplicates())} optimizers"
        problems = count_noun(int(row["blocks"]), "problem")
        print_lines(filled(f"over all {problems}{several}: {comparisons.describe_row(row, single_pair)}", 2))
    for row in missing:
        print_lines(filled(f"{comparisons.name_row(row, single_pair)}: {comparisons.describe_gap(row, found)}", 2))
    lines = list(_format_table(replace(found, table=rows if same else table), single_pair))
    print_lines("", *lines, "")
    for line in explain_signs([line for line in lines if isinstance(line, str)]):
        print_lines(filled(line, 2))
    for line in comparisons.describe_notes(found, single_pair):
        print_lines(filled(line, 2))
    for step in steps:
        print_lines(filled(step["text"] + ":" * bool(step["commands"]), 2))
        for line in step["commands"]:
            command(line)
    gaps = [(len(comparisons.list_unsettled(table)), "not ruled out"), (len(missing) - len(found.lost), "missing in B")]
    if strict and (words := [f"{count_noun(count, 'row')} {what}" for count, what in gaps if count]):
        print_lines(f"--strict: fails for {' and '.join(words)}")
    if found.above is not None and (lost := [comparisons.name_row(row, single_pair) for row in found.lost]):
        print_lines(filled(f"fails: could not run in B: {join_names(lost, 20)}", 2))


def _format_table(found: Comparison, single_pair: bool) -> Iterator[str | tuple[str, str]]:
    """Yield the lines of the table, a row each below its problem's; a long name gets a line of its own."""
    table, missing, before = found.table, found.missing, None
    failed = bool((table[["failures_a", "failures_b"]].max(axis=None)) > 0)
    rows = [
        *found.rows.to_dict("records"),
        *missing,
        *table[table["problem"] == ALL].to_dict("records"),
    ]
    names = [write_plainly(row["problem" if single_pair else "b"]) for row in rows]
    width = min(_NAME, max([9, *(len(name) + 2 for name in names)]))
    head = f"{'problem' if single_pair else 'optimizer':<{width}} {'B / A':>8} {'interval':<20} {'verdict':<10} seeds"
    yield (head + "  failed A, B" * failed, "bold")
    places = list(dict.fromkeys(row["problem"] for row in rows))
    for row in sorted(rows, key=lambda row: places.index(row["problem"])):
        problem = "over all" if row["problem"] == ALL else write_plainly(row["problem"])
        if not single_pair and problem != before:
            yield problem
        before = problem
        name = problem if single_pair else f"  {write_plainly(comparisons.join_optimizers([row]))}"
        if len(name) > width:
            yield name
            name = ""
        if row in missing:
            yield f"{name:<{width}} {'-':>8} {'could not run in B' if row in found.lost else 'missing in B'}"
            continue
        noisy, interval = comparisons.is_noisy(row), comparisons.bracket(row, as_factor=False)
        ratio, interval = ("-", TOO_NOISY) if noisy else (comparisons.write_ratio(row), interval)
        verdict = "-" if found.by == SECONDS else row["verdict"]
        cells = f"{name:<{width}} {ratio:>8} {interval:<20} {verdict:<10} "
        shares = f"  {_format_share(row['failures_a'])}, {_format_share(row['failures_b'])}" if failed else ""
        yield f"{cells}{row['seeds']:>5,.0f}{shares}"


def _format_share(share: float) -> str:
    """Return a share in percent; "<1%" for less than one, "-" where it is not known."""
    return "<1%" if 0 < share < 0.01 else f"{share:.0%}" if np.isfinite(share) else "-"
