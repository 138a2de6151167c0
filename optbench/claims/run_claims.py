"""Run claims one after the other; each writes its tables, its figure and its verdict before the next one starts.

``claims/ID.json`` is written last, so what has one is whole. It holds a hash of the code and the budget: a second start
with the same of both goes on where the first one ended.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from pydantic import TypeAdapter

from optbench.catalogue.loader import shipped_files
from optbench.claims.claim import Budget, Claim, Outcome, Paper, Verdict
from optbench.claims.claim_pages import badge, write_page
from optbench.claims.drawing import translate
from optbench.claims.slides import make_slide
from optbench.contract.errors import OptbenchError, in_one_line
from optbench.engine.run_cohorts import limited_threads
from optbench.figures import style
from optbench.figures.fonts import has_letters
from optbench.report.report_tables import csv_text
from optbench.store.atomic_files import write_text
from optbench.store.provenance import record_environment
from optbench.wording.languages import ENGLISH, Language

# Dots an inch: sharp on screens with two dots a pixel
DPI = 192
_PACKAGE = Path(__file__).parents[1]


def run(
    claims: Sequence[Claim],
    directory: str | Path,
    budget: Budget,
    paper: Paper,
    command: str = "",
    watch: Callable[[Claim, int], None] = lambda claim, done: None,
    known: Sequence[Claim] = (),
    formats: Collection[str] = (),
) -> list[Outcome]:
    """Try `claims` in turn, or those that the folder does not have yet; write results, provenance and page.

    A claim whose experiment cannot run has an `error`, and the others go on. `command`: what was typed. `watch` is
    called before each claim with the number of those that are done. `known`: all claims, in order; the
    page keeps what the folder has of them. formats: of figures, besides PNG and SVG. The page is in the language of the
    paper, and so are figures if a font has its letters; results are in English. Raises OptbenchError if the folder
    cannot be written.
    """
    folder, outcomes = Path(directory), []
    language = paper.language if has_letters(paper.language.name) else ENGLISH
    written: list[str] = []
    try:
        for name in ("claims", "figures", "tables", *(["slides"] if paper.slides else [])):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for done, claim in enumerate(claims):
            watch(claim, done)
            outcomes.append(finished(claim, folder, budget) or _try_claim(claim, folder, budget, written))
            _draw_again(outcomes[-1], folder, formats, language, paper.slides)
        about = record_environment(command or paper.program)
        write_text(folder / "provenance.json", json.dumps(about, indent=1) + "\n")
        tried = {outcome.claim.id: outcome for outcome in outcomes}
        known_outcomes = [tried.get(claim.id) or finished(claim, folder, budget) for claim in known or claims]
        shown = [outcome for outcome in known_outcomes if outcome]
        _write_results(shown, paper, folder)
        write_page(shown, paper, about, folder)
    except OSError as error:
        raise OptbenchError(f"cannot write to {str(directory)!r}: {error.strerror or error}") from None
    return outcomes


@dataclass(frozen=True)
class _Saved:
    """The content of ``claims/ID.json``: the hash of code and budget, and what `Outcome` has of the same names."""

    key: str
    verdict: Verdict
    seconds: float
    tables: tuple[str, ...]
    language: str


def finished(claim: Claim, folder: Path, budget: Budget) -> Outcome | None:
    """Return the outcome that an earlier call wrote into the folder, if code and budget are the same; else None."""
    try:
        saved = TypeAdapter(_Saved).validate_json((folder / "claims" / f"{claim.id}.json").read_bytes())
    except (OSError, ValueError):
        return None
    return (
        Outcome(
            claim, saved.verdict, saved.seconds, budget.quick, saved.tables, seeds=budget.seeds, language=saved.language
        )
        if saved.key == _result_key(budget)
        else None
    )


def _try_claim(claim: Claim, folder: Path, budget: Budget, written: list) -> Outcome:
    """Run the experiment of a claim, and write its tables, figure and verdict; return the outcome, maybe with an error.

    written: (table, name) of all tables written so far, extended here. Raises OSError if a file cannot be written.
    """
    begin = time.perf_counter()
    try:
        with limited_threads():
            tables = claim.experiment(budget)
        verdict = claim.judge(tables)
        with style.detached(), style.styled():
            figure = claim.figure(dict(tables), verdict)
            _save_figure(figure, folder / "figures" / claim.id, claim)
    except OSError:
        raise
    except Exception as error:  # the others go on, whatever it was
        seconds = time.perf_counter() - begin
        return Outcome(claim, None, seconds, budget.quick, error=in_one_line(error), seeds=budget.seeds)
    names = tuple(_save_table(table, f"tables/{claim.id}-{name}", folder, written) for name, table in tables.items())
    outcome = Outcome(claim, verdict, time.perf_counter() - begin, budget.quick, names, seeds=budget.seeds)
    _save_outcome(outcome, verdict, folder)
    return outcome


def _save_outcome(outcome: Outcome, verdict: Verdict, folder: Path) -> None:
    """Write ``claims/ID.json``."""
    key = _result_key(Budget(outcome.quick, seeds=outcome.seeds))
    saved = asdict(_Saved(key, verdict, outcome.seconds, outcome.tables, outcome.language))
    saved["verdict"] = _to_json_values(saved["verdict"])
    write_text(folder / "claims" / f"{outcome.claim.id}.json", json.dumps(saved, indent=1) + "\n")


def _draw_again(outcome: Outcome, folder: Path, formats: Collection[str], language: Language, slides: bool) -> None:
    """Save a claim's figure in further formats, in another language or as a slide, from the tables in the folder."""
    anew = outcome.language != language.code
    if outcome.verdict is None or not (formats or anew or slides):
        return
    tables = {name.partition("-")[2]: pd.read_parquet(folder / f"{name}.parquet") for name in outcome.tables}
    with style.detached(), style.styled():
        figure = outcome.claim.figure(tables, outcome.verdict)
        translate(figure, language)
        if anew:
            _save_figure(figure, folder / outcome.figure, outcome.claim)
            _save_outcome(replace(outcome, language=language.code), outcome.verdict, folder)
        _save_formats(figure, folder / outcome.figure, outcome.claim, formats)
        if slides:
            mark = badge(outcome)
            run = f" ({language('quick run')})" if outcome.quick else ""
            verdict = f"{outcome.claim.id} {mark['symbol']} {language(mark['words'])}{run}"
            measured = map(language, filter(None, (outcome.verdict.answer, outcome.verdict.where)))
            make_slide(figure, verdict, language(outcome.claim.sentence), *measured)
            _save_figure(figure, folder / "slides" / outcome.claim.id, outcome.claim)
            _save_formats(figure, folder / "slides" / outcome.claim.id, outcome.claim, formats)


def _save_formats(figure: Figure, path: Path, claim: Claim, formats: Collection[str]) -> None:
    """Save the figure of a claim in formats besides PNG and SVG; path: without the ending."""
    for each in formats:
        about = {"Title": claim.id, "CreationDate": None} if each == "pdf" else None
        figure.savefig(f"{path}.{each}", facecolor="white", dpi=DPI, metadata=about)


def _save_figure(figure: Figure, path: Path, claim: Claim) -> None:
    """Save the figure of a claim as PNG and SVG; path: without the ending."""
    about = f"{claim.id}: {claim.sentence}"
    common: dict[str, Any] = {"facecolor": "white", "dpi": DPI}
    figure.savefig(f"{path}.png", **common, metadata={"Description": about, "Software": "optbench"})
    with mpl.rc_context({"svg.hashsalt": claim.id}):  # the same picture is the same file
        figure.savefig(f"{path}.svg", **common, metadata={"Description": about, "Creator": "optbench", "Date": None})


def _save_table(table: pd.DataFrame, name: str, folder: Path, written: list) -> str:
    """Write a table as .parquet and .csv, unless the same one was written before; return its name.

    written: (table, name) of all tables written so far, extended here.
    """
    for earlier, known in written:
        if earlier is table:
            return known
    table.to_parquet(folder / f"{name}.parquet", index=False, compression="zstd")
    write_text(folder / f"{name}.csv", csv_text(table))
    written.append((table, name))
    return name


def _write_results(outcomes: list[Outcome], paper: Paper, folder: Path) -> None:
    """Write the outcomes as results.json and results.parquet."""
    rows = [_outcome_row(outcome, paper) for outcome in outcomes]
    write_text(
        folder / "results.json", json.dumps([_to_json_values(row) for row in rows], indent=1, ensure_ascii=False) + "\n"
    )
    frame = pd.DataFrame(rows)
    frame["tables"] = frame["tables"].map(" ".join)
    frame.to_parquet(folder / "results.parquet", index=False)
    write_text(folder / "results.csv", csv_text(frame))


def _outcome_row(outcome: Outcome, paper: Paper) -> dict:
    """Return the row of a claim in the table of outcomes: its sentence, criterion, verdict, error, time and files."""
    claim, nothing = outcome.claim, {"verdict": None, "effect": math.nan, "low": math.nan, "high": math.nan}
    empty = nothing | dict.fromkeys(("measure", "answer", "on", "detail", "kind"), "")
    verdict = asdict(outcome.verdict) if outcome.verdict else empty
    for name in ("settings", "where"):  # `on` has them in words
        verdict.pop(name, None)
    return {
        "id": claim.id, "sentence": claim.sentence, "criterion": claim.criterion.sentence, **verdict,
        "error": outcome.error, "seconds": round(outcome.seconds, 3), "quick": outcome.quick,
        "command": outcome.command(paper.program), "figure": f"{outcome.figure}.png", "tables": list(outcome.tables),
    }  # fmt: skip


def _to_json_values(row: dict) -> dict:
    """Return a row for JSON, which has no infinity: such numbers become texts, "inf"."""
    return {
        key: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in row.items()
    }


def _result_key(budget: Budget) -> str:
    """Return a text of all that a finished claim depends on: the budget and the hash of the code."""
    return f"{'quick' if budget.quick else 'full'} {budget.seeds or 'own'} {_code_hash()}"


@cache
def _code_hash() -> str:
    """Return the sha256 of all code that a verdict can depend on."""
    digest = hashlib.sha256()
    for path in sorted({*_PACKAGE.rglob("*.py"), *shipped_files()}):
        digest.update(path.read_bytes())
    return digest.hexdigest()
