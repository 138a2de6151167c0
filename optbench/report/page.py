"""The page of one sweep: the answer first, then the evidence, all in one file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from optbench.analysis import hyperparameter_columns, varied_hyperparameters
from optbench.analysis.comparison import ALL
from optbench.analysis.selection import staged
from optbench.figures.data import Tables
from optbench.report.explorer import explorer
from optbench.report.loaded import LoadedSweep
from optbench.report.output import Options, fill, write_file
from optbench.report.pictures import EXPLORED, KINDS, OVERALL, embedded, write_pictures
from optbench.report.tables import SweepTables, write_tables
from optbench.sweeps.chosen import hyperparameters_text
from optbench.wording import answers, labels
from optbench.wording.certainty import (
    ALONE,
    EQUIVALENT,
    FAILED,
    FIRST,
    UNDECIDED,
    budget_text,
    cost_text,
    state,
    sure_text,
)
from optbench.wording.eager import eager_text

PICTURE_BYTES, PICTURE_BYTES_WITH_EXPLORER = 6_000_000, 800_000
"""Bytes of pictures in a page: the rest of it takes under two megabytes, and under seven with the explorer."""
CHIPS = {FIRST: "decided", EQUIVALENT: "equivalent", UNDECIDED: "undecided", ALONE: "alone", FAILED: "failed"}
MAX_SETTINGS = 3
"""Settings on a card; the table of the problem has them all."""
MAX_SENTENCE = 300
"""Letters of a sentence that fits a card."""


def write_page(
    of: Path | LoadedSweep, options: Options, progress: Callable[[str], None], warn: Callable[[str], None]
) -> Path:
    """Write the page of a folder, which may have been loaded already; see `optbench.report.write_report`."""
    progress("tables")
    sweep = LoadedSweep(of) if isinstance(of, Path) else of
    if sweep.results.missing:
        warn(sweep.results.missing)
    sweep.check()
    kinds = [name for name in KINDS if options.static or name not in EXPLORED]
    most = PICTURE_BYTES if options.static else PICTURE_BYTES_WITH_EXPLORER
    pictures, undrawn = embedded(sweep.evidence, progress, kinds, most)
    progress("page")
    page = options.page(sweep.directory / "report")
    write_file(page, render(sweep, pictures, undrawn, not options.static))
    if options.tables:
        progress("tables as files")
        write_tables(sweep, page.parent / "tables", options.tables)
    if options.formats:
        write_pictures(sweep.evidence, page.parent / "figures", options.formats, options.style, progress)
    return page


def render(sweep: LoadedSweep, pictures: dict[str, list[dict]], undrawn: int = 0, interactive: bool = True) -> str:
    """Return the page as text; every value from the tables is escaped.

    undrawn: the number of pictures left out. interactive: with the explorer, which needs a third-party script.
    """
    results, answer, tables = sweep.results, sweep.answer, SweepTables(sweep)
    anchors = {problem: f"problem-{file}" for problem, file in sweep.files.items()}
    problems = [
        {
            "card": card,
            "facts": facts(results.problem(problem)),
            "settings": tables.settings(problem),
            "costs": tables.costs.get(problem),
            "budgets": tables.budgets.get(problem),
            "figures": pictures.get(problem, []),
        }
        for problem, card in zip(anchors, cards(sweep, anchors), strict=True)
    ]
    is_overall_sure = len(problems) > 1 and state(answer, ALL) in (FIRST, EQUIVALENT)
    return fill(
        "report.html",
        problems=problems,
        measure=answers.measure_text(answer, results.choose_by, results.runs),
        overall=answer.overall(),
        overall_sure=sure_text(answer, ALL, 0) if is_overall_sure else "",
        # The page is read anywhere, so its commands are to be run where the results are.
        wider=[
            text.split("; wider: ")
            for text in answers.edge_texts(answer.edges, ".", results.provenance.get("plugin_files"))
        ],
        failures=sweep.failures,
        staged=staged(results.runs),
        value=answers.value_word(results.choose_by),
        settings=tables.all_settings(anchors),
        pairs=tables.pairs(),
        held_out=bool(answer.best["held_out"].all()),
        missing=getattr(results, "missing", ""),
        coverage=sorted({labels.number(100 * value) for value in answer.best["coverage"]}),
        counts=counts(results),
        schedules=[(short, full) for full, short in sweep.evidence.short.items() if short != full],
        timings=tables.times(),
        eager=eager_text(results.runs, results.timings),
        provenance=provenance_rows(results.provenance),
        command=results.provenance.get("command", "not recorded"),
        version=results.provenance.get("optbench", "unknown"),
        tuning_seeds=", ".join(map(str, results.tuning_seeds)) or "none",
        explorer=explorer(sweep.evidence) if interactive else None,
        figures=pictures.get(OVERALL, []),
        undrawn=undrawn,
    )


def cards(sweep: LoadedSweep, anchors: dict[str, str]) -> list[dict]:
    """Return the texts of each problem's card: what to use, by how much, how sure, at what cost and budget.

    anchors: problem -> anchor of its section.
    """
    evidence, answer, runs = sweep.evidence, sweep.answer, sweep.results.runs
    hyperparameters, varied, seeds = hyperparameter_columns(runs), varied_hyperparameters(runs), seeds_of_a_block(runs)
    best, spent = (
        {(row["problem"], row["optimizer"]): row for row in table.to_dict("records")}
        for table in (evidence.best, evidence.costs)
    )
    given = dict(iter(evidence.reported.groupby(["problem", "optimizer"], sort=False)))
    out = []
    for problem, anchor in anchors.items():
        firsts = answer.firsts(problem)
        settings = []
        for name in firsts[:MAX_SETTINGS]:
            row = best[problem, name]
            batch = "full batch" if row["full_batch"] else f"batch {int(row['batch_size'])}"
            rate = f"rate {labels.number(row['lr'], 4)}"
            settings.append({
                "name": labels.optimizer_label(row, varied),
                "setting": f"{batch} · {evidence.short[row['schedule']]} · {rate}" + " · eager" * (name in sweep.eager),
                "more": labels.hyperparameter_text(row, hyperparameters),
                "notes": "; ".join(labels.notes(row)),
                "codes": _codes(sweep.results.snippets, row, hyperparameters),
            })  # fmt: skip
        leader = (problem, firsts[0]) if firsts else None
        known = state(answer, problem)
        sentence = answer.sentence(problem).removeprefix(f"{problem}: ")
        out.append({
            "name": problem, "anchor": anchor, "kind": known, "chip": CHIPS[known],
            "settings": settings, "others": max(len(firsts) - MAX_SETTINGS, 0),
            "sentence": sentence, "brief": _brief(sentence),
            "sure": sure_text(answer, problem, seeds),
            "cost": cost_text(spent[leader]) if leader in spent else "",
            "leader": firsts[0] if len(firsts) > 1 else "",
            "budget": budget_text(given[leader]) if leader in given else "",
        })  # fmt: skip
    return out


def _codes(snippets: pd.DataFrame, row: Mapping, hyperparameters: Sequence[str]) -> list[dict]:
    """Return the code of a setting for each library, as the sweep has written it; none for another setting."""
    values = {key: row[key] for key in hyperparameters if not pd.isna(row[key])}
    lr = 1.0 if pd.isna(row["lr"]) else row["lr"]
    same = (snippets["hyperparameters"] == hyperparameters_text(values)) & (snippets["lr"] == lr)
    for key in ("problem", "optimizer", "schedule", "batch_size"):
        same &= snippets[key] == row[key]
    found = snippets.loc[same, ["library", "equal", "code"]]
    return [{"name": each.library, "equal": bool(each.equal), "code": each.code} for each in found.itertuples()]


def seeds_of_a_block(runs: pd.DataFrame) -> int:
    """Return how many seeds one more block takes."""
    if "block" in runs and (runs["block"] >= 0).any():
        return int(runs[runs["block"] >= 0].groupby("block")["seed"].nunique().max())
    return 2  # without blocks: one seed to tune on and one held out


def _brief(sentence: str) -> str:
    """Return the sentence, or the first parts of a long one."""
    if len(sentence) <= MAX_SENTENCE:
        return sentence
    parts, text = sentence.split(", "), ""
    for place, part in enumerate(parts):
        longer = f"{text}, {part}" if text else part
        if len(longer) > MAX_SENTENCE and text.count("[") == text.count("]") and text:
            return f"{text}, and {len(parts) - place} more"
        text = longer
    return text


def counts(results: Tables) -> str:
    """Return the sentences that count runs, optimizers, problems, seeds, and runs that diverged or were stopped."""
    runs = results.runs
    kinds = [_counted(runs[name].nunique(), name) for name in ("optimizer", "problem", "seed")]
    text = f"{_counted(len(runs), 'run')}: {kinds[0]} on {kinds[1]}, {kinds[2]}"
    if budget := results.provenance.get("budget"):
        text += f", budget {budget} a run"
    diverged, stopped = (int((runs["status"] == name).sum()) for name in ("diverged", "deadline"))
    text += f". {_counted(diverged, 'run')} diverged" if diverged else ". None diverged"
    return text + (f", {stopped:,} stopped by --run-timeout." if stopped else ".")


def facts(row: dict) -> str:
    """Describe a problem from its row of the table of problems."""
    if not row:
        return ""
    parts = []
    if pd.notna(row.get("dim")):
        parts.append(_counted(int(row["dim"]), "parameter"))
    if isinstance(row.get("data"), str) and row["data"]:
        parts.append(row["data"])
    elif pd.notna(row.get("examples")) and row["examples"] > 0:
        parts.append(f"{_counted(int(row['examples']), 'example')} in an epoch")
    if pd.notna(row.get("minimum")):
        source = f" ({row['minimum_source']})" if isinstance(row.get("minimum_source"), str) else ""
        parts.append(f"minimum {labels.number(row['minimum'], 6)}{source}")
    else:
        parts.append("minimum not known: the training loss itself stands where suboptimality is written")
    return "; ".join(parts)


def provenance_rows(provenance: dict) -> list[tuple[str, str]]:
    """Return (key, text) of all that is recorded, each part of a group in a row of its own."""
    rows = []
    for key, value in provenance.items():
        if isinstance(value, dict):
            rows += [(f"{key}: {name}", _flat(part)) for name, part in value.items() if part != ""]
        else:
            rows.append((key, _flat(value)))
    return rows


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _flat(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
