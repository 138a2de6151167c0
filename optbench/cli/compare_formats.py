"""``optbench compare --format``: GitHub's annotations, and a JUnit report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

from optbench.analysis.folders import Comparison
from optbench.analysis.verdicts import LOSES
from optbench.cli.output import annotate, clean, to_xml
from optbench.contract.names import join_names
from optbench.wording import comparisons


def list_annotations(found: Comparison, strict: bool = False, steps: Sequence[dict[str, Any]] = ()) -> Iterator[str]:
    """Yield GitHub's annotations, a line each: errors for what fails, warnings for losses, gaps of B and what is open.

    Arguments as for `compare_text.print_comparison`, here as below.
    """
    yield annotate("notice", "optbench compare", "\n".join(comparisons.describe_sides(found)))
    found = comparisons.drop_gaps(found)
    table, above = found.table, found.above
    limit, count = f"{100 * (above or 0):.4g}%", len(found.rows)
    for folder, missing in _find_unfinished(found).items():
        yield annotate("warning", folder, missing)
    for row in table.to_dict("records"):
        if row["regression"] == "shown":
            yield annotate(
                "error",
                f"{comparisons.name_row(row)}: regression above {limit}",
                f"B over A: {comparisons.format_times(row)}",
            )
        elif row["verdict"] == LOSES:
            yield annotate("warning", comparisons.name_row(row), comparisons.describe_row(row))
    if lacking := comparisons.list_missing(found):
        level = "error" if strict or (above is not None and found.lost) else "warning"
        yield annotate(level, f"B lacks {len(lacking)} of {count + len(lacking)} rows", join_names(lacking, 20))
    if rows := comparisons.list_open(found):
        words = [f"{comparisons.name_row(row)} ({comparisons.bound_regression(row)})" for row in rows]
        title = "open" if above is None else f"a regression above {limit} is not ruled out"
        level = "error" if strict and comparisons.list_unsettled(table) else "warning"
        words = [join_names(words, len(words)), *_list_lines(steps)]
        yield annotate(level, f"{title} in {len(rows)} of {count} rows", "\n".join(words))


def _list_lines(steps: Sequence[dict[str, Any]]) -> list[str]:
    """Return the lines of `advise_both`: each text, and its commands below it."""
    return [line for step in steps for line in (step["text"], *step["commands"])]


def make_junit(found: Comparison, strict: bool = False, steps: Sequence[dict[str, Any]] = ()) -> str:
    """Return JUnit's XML: a test case a row, failed where a regression is shown, and skipped if open or missing.

    strict: open and missing rows fail, too, in place of missing rows of which no run of B could run alone.
    """
    folders = " ".join(side["folder"] for side in found.sides)
    suite = ElementTree.Element("testsuite", name=clean(f"optbench compare {folders}"))
    facts = [(f"line {place}", line) for place, line in enumerate(comparisons.describe_sides(found), 1)]
    facts += [("unfinished", f"{folder}: {missing}") for folder, missing in _find_unfinished(found).items()]
    facts += [("next", line) for line in _list_lines(steps)]
    properties = ElementTree.SubElement(suite, "properties")
    for name, text in facts:
        ElementTree.SubElement(properties, "property", name=name, value=clean(text))

    def add(row: comparisons.Row, outcome: str, message: str) -> ElementTree.Element:
        """Return a new case for a row; outcome: "failure", "skipped", or "" for one that passes."""
        owner = clean(f"optbench.{row['problem']}")
        case = ElementTree.SubElement(suite, "testcase", classname=owner, name=clean(comparisons.name_row(row)))
        if outcome:
            ElementTree.SubElement(case, outcome, message=clean(message))
        return case

    found = comparisons.drop_gaps(found)
    open_rows = [comparisons.name_row(row) for row in comparisons.list_open(found)]
    unsettled = [comparisons.name_row(row) for row in comparisons.list_unsettled(found.table)] if strict else []
    for row in found.table.to_dict("records"):
        name, outcome, message = comparisons.name_row(row), "", ""
        if row["regression"] == "shown":
            outcome, message = "failure", f"{name}: B over A: {comparisons.format_times(row)}"
        elif name in open_rows:
            outcome, message = (
                "failure" if name in unsettled else "skipped",
                f"open: {comparisons.bound_regression(row)}",
            )
        ElementTree.SubElement(add(row, outcome, message), "system-out").text = clean(comparisons.describe_row(row))
    lost = [] if found.above is None else found.missing if strict else found.lost
    for each in found.missing:
        add(each, "failure" if each in lost else "skipped", comparisons.describe_gap(each, found))
    found_in = {"tests": "testcase", "failures": "*/failure", "skipped": "*/skipped"}
    suite.attrib |= {name: str(len(suite.findall(path))) for name, path in found_in.items()} | {"errors": "0"}
    return to_xml(suite)


def _find_unfinished(found: Comparison) -> dict[str, str]:
    """Return by folder what is missing there, of those that are not finished."""
    return {each["folder"]: each["missing"] for each in found.sides if each["missing"]}
