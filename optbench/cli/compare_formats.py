"""``optbench compare --format``: GitHub's annotations, and a JUnit report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

from optbench.analysis.folders import Comparison
from optbench.analysis.verdicts import ALL, LOSES
from optbench.cli.compare_text import (
    bound_regression,
    describe_gap,
    describe_row,
    describe_sides,
    drop_gaps,
    format_times,
    list_missing,
    list_open,
    list_unsettled,
    name_row,
)
from optbench.cli.output import annotate, clean, to_xml
from optbench.contract.names import join_names


def list_annotations(
    found: Comparison,
    sides: list[dict[str, Any]],
    above: float | None,
    strict: bool = False,
    steps: Sequence[dict[str, Any]] = (),
) -> Iterator[str]:
    """Yield GitHub's annotations, a line each: errors for what fails, warnings for losses, gaps of B and what is open.

    Arguments as for `compare_text.print_comparison`, here as below; steps: of `compare_next.list_steps`.
    """
    yield annotate("notice", "optbench compare", "\n".join(describe_sides(found, sides)))
    found = drop_gaps(found)
    table = found.table
    limit, count = f"{100 * (above or 0):.4g}%", int((table["problem"] != ALL).sum())
    for folder, missing in _find_unfinished(sides).items():
        yield annotate("warning", folder, missing)
    for row in table.to_dict("records"):
        if row["regression"] == "shown":
            yield annotate("error", f"{name_row(row)}: regression above {limit}", f"B over A: {format_times(row)}")
        elif row["verdict"] == LOSES:
            yield annotate("warning", name_row(row), describe_row(row))
    if lacking := list_missing(found):
        level = "error" if strict or (above is not None and found.lost) else "warning"
        yield annotate(level, f"B lacks {len(lacking)} of {count + len(lacking)} rows", join_names(lacking, 20))
    if rows := list_open(found, above):
        words = [f"{name_row(row)} ({bound_regression(row)})" for row in rows]
        title = "open" if above is None else f"a regression above {limit} is not ruled out"
        level = "error" if strict and list_unsettled(table) else "warning"
        words = [join_names(words, len(words)), *_list_lines(steps)]
        yield annotate(level, f"{title} in {len(rows)} of {count} rows", "\n".join(words))


def _list_lines(steps: Sequence[dict[str, Any]]) -> list[str]:
    """Return the lines of `compare_next.list_steps`: each text, and its commands below it."""
    return [line for step in steps for line in (step["text"], *step["commands"])]


def make_junit(
    found: Comparison,
    sides: list[dict[str, Any]],
    above: float | None,
    strict: bool = False,
    steps: Sequence[dict[str, Any]] = (),
) -> str:
    """Return JUnit's XML: a test case a row, failed where a regression is shown, and skipped if open or missing.

    above: the regression that fails; None: nothing fails. strict: open and missing rows fail, too, in place of missing
    rows of which no run of B could run alone.
    """
    suite = ElementTree.Element("testsuite", name=clean(f"optbench compare {sides[0]['folder']} {sides[1]['folder']}"))
    facts = ElementTree.SubElement(suite, "properties")
    for place, line in enumerate(describe_sides(found, sides)):
        ElementTree.SubElement(facts, "property", name=f"line {place + 1}", value=clean(line))
    for folder, missing in _find_unfinished(sides).items():
        ElementTree.SubElement(facts, "property", name="unfinished", value=clean(f"{folder}: {missing}"))
    for line in _list_lines(steps):
        ElementTree.SubElement(facts, "property", name="next", value=clean(line))
    found = drop_gaps(found)
    table, failed = found.table, 0
    open_rows = {name_row(row): row for row in list_open(found, above)}
    unsettled = [name_row(row) for row in list_unsettled(table)] if strict else []
    for row in table.to_dict("records"):
        name = name_row(row)
        case = ElementTree.SubElement(
            suite, "testcase", classname=clean(f"optbench.{row['problem']}"), name=clean(name)
        )
        if row["regression"] == "shown":
            failed += 1
            ElementTree.SubElement(case, "failure", message=clean(f"{name}: B over A: {format_times(row)}"))
        elif name in open_rows:
            failed += name in unsettled
            what = "failure" if name in unsettled else "skipped"
            ElementTree.SubElement(case, what, message=clean(f"open: {bound_regression(row)}"))
        ElementTree.SubElement(case, "system-out").text = clean(describe_row(row))
    lacking, lost = found.missing, [] if above is None else found.missing if strict else found.lost
    for each in lacking:
        case = ElementTree.SubElement(
            suite, "testcase", classname=clean(f"optbench.{each['problem']}"), name=clean(name_row(each))
        )
        what = "failure" if each in lost else "skipped"
        ElementTree.SubElement(case, what, message=clean(describe_gap(each, found)))
    skipped = len(open_rows) - len(unsettled) + len(lacking) - len(lost)
    counts = {"tests": len(table) + len(lacking), "failures": failed + len(lost), "skipped": skipped}
    suite.attrib |= {name: str(count) for name, count in counts.items()} | {"errors": "0"}
    return to_xml(suite)


def _find_unfinished(sides: list[dict[str, Any]]) -> dict[str, str]:
    """Return by folder what is missing there, of those that are not finished."""
    return {each["folder"]: each["missing"] for each in sides if each["missing"]}
