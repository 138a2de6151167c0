"""The page of one sweep: the answer first, then the evidence, all in one file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from optbench.analysis.comparison import ALL
from optbench.analysis.selection import staged
from optbench.contract.errors import OptbenchError
from optbench.figures.evidence import Evidence
from optbench.report import environment
from optbench.report.cards import cards
from optbench.report.explorer import explorer
from optbench.report.exports import write_tables
from optbench.report.filling import fill, write_file
from optbench.report.finished import Finished
from optbench.report.kinds import EXPLORED, KINDS
from optbench.report.options import Options
from optbench.report.pictures import OVERALL, embedded, write_pictures
from optbench.report.tables.budgets import budget_tables
from optbench.report.tables.costs import cost_tables
from optbench.report.tables.pairs import pair_table
from optbench.report.tables.settings import SettingsTables
from optbench.report.tables.times import time_tables
from optbench.wording import answers, labels
from optbench.wording.certainty import EQUIVALENT, FIRST, state, sure_text
from optbench.wording.eager import eager_text

ROOM, ROOM_BESIDE_EXPLORER = 6_000_000, 800_000
"""Bytes of pictures in a page: the rest of it takes under two megabytes, and under seven with the explorer."""


def write_page(
    of: Path | Finished, options: Options, progress: Callable[[str], None], tell: Callable[[str], None]
) -> Path:
    """Write the page of a folder, which may have been read already; see `optbench.report.write_report`."""
    progress("tables")
    finished = Finished(of) if isinstance(of, Path) else of
    if finished.results.missing:
        tell(finished.results.missing)
    if finished.results.runs.empty:
        raise OptbenchError("every run failed: there is nothing to report; " + finished.failures[0])
    evidence = Evidence(finished.results, finished.answer)
    room = ROOM if options.static else ROOM_BESIDE_EXPLORER
    kinds = [name for name in KINDS if options.static or name not in EXPLORED]
    pictures, undrawn = embedded(evidence, progress, kinds, room)
    progress("page")
    text = render(evidence, pictures, finished.failures, undrawn, not options.static)
    page = options.page(finished.directory / "report")
    write_file(page, text)
    if options.tables:
        progress("tables as files")
        write_tables(evidence, page.parent / "tables", options.tables)
    if options.formats:
        write_pictures(evidence, page.parent / "figures", options.formats, options.style, progress)
    return page


def render(
    evidence: Evidence,
    pictures: dict[str, list[dict]],
    failures: Sequence[str] = (),
    undrawn: int = 0,
    interactive: bool = True,
) -> str:
    """The page as text; every value from the tables is escaped.

    failures: what could not run. interactive: with the explorer, which brings a foreign script.
    """
    results, answer = evidence.results, evidence.answer
    files = labels.file_names(results.runs["problem"].unique())
    anchors = {problem: f"problem-{file}" for problem, file in files.items()}
    settings, sizes = SettingsTables(evidence), budget_tables(results, files)
    spent = cost_tables(evidence.costs, files, settings.most)
    problems = [
        {
            "card": card,
            "facts": environment.facts(results.problem(problem)),
            "settings": settings.of_problem(problem, files[problem]),
            "costs": spent.get(problem),
            "budgets": sizes.get(problem),
            "figures": pictures.get(problem, []),
        }
        for problem, card in zip(anchors, cards(evidence, anchors), strict=True)
    ]
    return fill(
        "report.html",
        problems=problems,
        measure=answers.measure_text(answer, results.choose_by, results.runs),
        overall=answer.overall(),
        overall_sure=_sure_of_all(answer, problems),
        # The page is read anywhere, so its commands are to be run where the results are.
        wider=[
            text.split("; wider: ")
            for text in answers.edge_texts(answer.edges, ".", results.provenance.get("plugin_files"))
        ],
        failures=failures,
        staged=staged(results.runs),
        value=answers.value_word(results.choose_by),
        settings=settings.of_all(anchors),
        pairs=pair_table(answer),
        held_out=bool(answer.best["held_out"].all()),
        missing=getattr(results, "missing", ""),
        coverage=sorted({labels.number(100 * value) for value in answer.best["coverage"]}),
        counts=environment.counts(results),
        schedules=[(short, full) for full, short in evidence.short.items() if short != full],
        timings=time_tables(results),
        eager=eager_text(results.runs, results.timings),
        provenance=environment.provenance_rows(results.provenance),
        command=results.provenance.get("command", "not recorded"),
        version=results.provenance.get("optbench", "unknown"),
        tuning_seeds=", ".join(map(str, results.tuning_seeds)) or "none",
        explorer=explorer(evidence) if interactive else None,
        figures=pictures.get(OVERALL, []),
        undrawn=undrawn,
    )


def _sure_of_all(answer: answers.Answer, problems: list) -> str:
    """How sure first place over all problems is; what is undecided stands in the sentence."""
    known = len(problems) > 1 and state(answer, ALL) in (FIRST, EQUIVALENT)
    return sure_text(answer, ALL, 0) if known else ""
