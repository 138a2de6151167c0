"""The page: all tables as text, all figures in place, written last so that a page never lacks its pictures."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from optbench.analysis import hyperparameter_columns, metric_columns, timing_summary, varied_hyperparameters
from optbench.analysis.selection import staged
from optbench.contract.errors import OptbenchError
from optbench.figures import highlights
from optbench.figures.evidence import Evidence
from optbench.report.budget_table import budget_tables
from optbench.report.cost_table import cost_tables, share_texts
from optbench.report.explorer import explorer
from optbench.report.failures import failure_texts, without_lost
from optbench.report.filling import fill
from optbench.report.pictures import draw_figures
from optbench.sweeps.results import Results, load
from optbench.wording import answers, labels
from optbench.wording.schedule_names import short_schedules


def write_page(directory: Path, progress: Callable[[str], None], tell: Callable[[str], None]) -> Path:
    """Read the tables of `directory`, draw the figures, write report/index.html; see `optbench.report.write_report`."""
    progress("tables")
    everything = load(directory)
    if everything.missing:
        tell(everything.missing)
    results = without_lost(everything)
    if results.runs.empty:
        raise OptbenchError("every run failed: there is nothing to report; " + failure_texts(everything.runs)[0])
    evidence = Evidence(results)
    folder = directory / "report"
    folder.mkdir(exist_ok=True)
    figures = draw_figures(evidence, folder, progress)
    progress("page")
    text = render(evidence, figures, failure_texts(everything.runs))
    page = folder / "index.html"
    draft = folder / "index.html.tmp"
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, page)
    return page


def render(evidence: Evidence, figures: dict[str, list[dict]], failures: Sequence[str] = ()) -> str:
    """The page as text; every value from the tables is escaped. failures: what could not run."""
    results, answer = evidence.results, evidence.answer
    write, best = _writer(results.runs), answer.best
    names = labels.file_names(figures)
    schedules = short_schedules(results.runs["schedule"].unique())
    spent, sizes = cost_tables(results, best), budget_tables(results)
    problems = [
        {
            "name": problem,
            "anchor": f"problem-{names[problem]}",
            "sentence": answer.sentence(problem).removeprefix(f"{problem}: "),
            "facts": _facts(results.problem(problem)),
            "rows": [write(row) for _, row in highlights.ranked(best[best["problem"] == problem]).iterrows()],
            "metrics": _metrics(best[best["problem"] == problem], results.runs),
            "costs": spent.get(problem, []),
            "budgets": sizes.get(problem, []),
            "figures": figures[problem],
        }
        for problem in figures
    ]
    return fill(
        "report.html",
        explorer=explorer(evidence),
        firsts=[
            {**write(row), "anchor": f"problem-{names[row['problem']]}"}
            for problem in figures
            for _, row in highlights.ranked(best[(best["problem"] == problem) & (best["place"] == 1)]).iterrows()
        ],
        measure=answers.measure_text(answer, results.choose_by, results.runs),
        overall=answer.overall(),
        wider=answers.edge_texts(answer.edges, results.directory),
        failures=failures,
        staged=staged(results.runs),
        value=answers.value_word(results.choose_by),
        shares=share_texts(),
        problems=problems,
        held_out=bool(best["held_out"].all()),
        missing=results.missing,
        coverage=sorted({labels.number(100 * value) for value in best["coverage"]}),
        counts=_counts(results),
        schedules=[(short, full) for full, short in schedules.items() if short != full],
        timings=_timings(results),
        provenance=_provenance(results.provenance),
        command=results.provenance.get("command", "not recorded"),
        version=results.provenance.get("optbench", "unknown"),
        budget=results.provenance.get("budget"),
        tuning_seeds=", ".join(map(str, results.tuning_seeds)) or "none",
    )  # fmt: skip


def _writer(runs: pd.DataFrame) -> Callable[[pd.Series], dict]:
    """A function: a row of `best_configurations` -> its texts."""
    varied, metrics = varied_hyperparameters(runs), ["test_loss", *metric_columns(runs)]
    hyperparameters, dtypes = hyperparameter_columns(runs), runs["dtype"].nunique()
    short = short_schedules(runs["schedule"].unique())

    def write(row: pd.Series) -> dict:
        return {
            "problem": row["problem"],
            "place": int(row["place"]),
            "optimizer": labels.optimizer_label(row, varied),
            "hyperparameters": labels.hyperparameter_text(row, hyperparameters),
            "dtype": row["dtype"] if dtypes > 1 else "",
            "batch": labels.batch_label(row["batch_size"], row["full_batch"]),
            "schedule": short[row["schedule"]],
            "full_schedule": row["schedule"] if short[row["schedule"]] != row["schedule"] else "",
            "lr": labels.number(row["lr"]),
            "median": labels.number(row["median"]),
            "interval": labels.interval_text(row),
            "coverage": f"{labels.number(100 * row['coverage'])}%",
            "failures": labels.failure_text(row),
            "failed": bool(row["failures"]),
            "metrics": {name: labels.number(row[name]) for name in metrics},
            "notes": labels.notes(row),
        }

    return write


def _metrics(best: pd.DataFrame, runs: pd.DataFrame) -> list[tuple[str, str]]:
    """The measured quantities that this problem has: (column, heading)."""
    names = [name for name in ("test_loss", *metric_columns(runs)) if best[name].notna().any()]
    return [(name, name.replace("_", " ")) for name in names]


def _facts(facts: dict) -> str:
    if not facts:
        return ""
    parts = []
    if pd.notna(facts.get("dim")):
        parts.append(f"{int(facts['dim'])} parameters")
    if isinstance(facts.get("data"), str) and facts["data"]:
        parts.append(facts["data"])
    elif pd.notna(facts.get("examples")) and facts["examples"] > 0:
        parts.append(f"{int(facts['examples'])} examples in an epoch")
    if pd.notna(facts.get("minimum")):
        source = f" ({facts['minimum_source']})" if isinstance(facts.get("minimum_source"), str) else ""
        parts.append(f"minimum {labels.number(facts['minimum'], 6)}{source}")
    else:
        parts.append("minimum not known: the training loss itself stands where suboptimality is written")
    return "; ".join(parts)


def _counts(results: Results) -> dict:
    runs = results.runs
    return {
        "runs": f"{len(runs):,}",
        "problems": runs["problem"].nunique(),
        "optimizers": runs["optimizer"].nunique(),
        "seeds": runs["seed"].nunique(),
        "diverged": f"{int((runs['status'] == 'diverged').sum()):,}",
        "deadline": f"{int((runs['status'] == 'deadline').sum()):,}",
    }


def _timings(results: Results) -> dict:
    """Totals per problem, and ns per run-step of each problem and optimizer.

    These are columns of the totals while there is room; many optimizers get a table of their own, a row each.
    """
    total = timing_summary(results.timings, results.runs)
    pairs = timing_summary(results.timings, results.runs, by=("problem", "optimizer"))
    optimizers = list(results.runs["optimizer"].unique())
    cost = {(row.problem, row.optimizer): labels.number(row.ns_per_run_step) for row in pairs.itertuples(index=False)}
    rows = [
        {
            "problem": row.problem,
            "run_steps": labels.number(row.run_steps),
            "seconds": labels.number(row.seconds),
            "evaluation": "–" if pd.isna(row.evaluation_share) else f"{labels.number(100 * row.evaluation_share)}%",
            "compile": labels.number(row.compile_seconds),
            "cost": [cost.get((row.problem, name), "–") for name in optimizers],
        }
        for row in total.itertuples(index=False)
    ]
    if len(optimizers) <= highlights.SHOWN:
        return {"optimizers": optimizers, "rows": rows, "apart": []}
    apart = [(name, [row["cost"][place] for row in rows]) for place, name in enumerate(optimizers)]
    return {"optimizers": [], "rows": [{**row, "cost": []} for row in rows], "apart": apart}


def _provenance(provenance: dict) -> list[tuple[str, str]]:
    rows = []
    for key, value in provenance.items():
        if isinstance(value, dict):
            rows += [(f"{key}: {name}", _flat(part)) for name, part in value.items()]
        else:
            rows.append((key, _flat(value)))
    return rows


def _flat(value) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
