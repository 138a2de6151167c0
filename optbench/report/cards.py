"""The cards that the page begins with: of each problem what to use, by how much, how sure, at what cost and budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from optbench.analysis import hyperparameter_columns, varied_hyperparameters
from optbench.figures.evidence import Evidence
from optbench.sweeps.snippets import values_text
from optbench.wording import labels
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
from optbench.wording.eager import eager_optimizers

CHIPS = {FIRST: "decided", EQUIVALENT: "equivalent", UNDECIDED: "undecided", ALONE: "alone", FAILED: "failed"}
MOST_SETTINGS = 3
"""Settings on a card; the table of the problem has them all."""
LONG = 300
"""Letters of a sentence that a card has room for."""


def cards(evidence: Evidence, anchors: dict[str, str]) -> list[dict]:
    """The texts of a card each, in the order of `anchors`: problem -> anchor of its section."""
    runs = evidence.results.runs
    hyperparameters, varied, seeds = hyperparameter_columns(runs), varied_hyperparameters(runs), seeds_of_a_block(runs)
    best = {(row["problem"], row["optimizer"]): row for row in evidence.best.to_dict("records")}
    spent = {(row["problem"], row["optimizer"]): row for row in evidence.costs.to_dict("records")}
    eager = eager_optimizers(runs, evidence.results.timings)
    given = dict(iter(evidence.reported.groupby(["problem", "optimizer"], sort=False)))
    snippets, out = evidence.results.snippets, []
    for problem, anchor in anchors.items():
        firsts = evidence.answer.firsts(problem)
        settings = []
        for name in firsts[:MOST_SETTINGS]:
            row = best[problem, name]
            batch = "full batch" if row["full_batch"] else f"batch {int(row['batch_size'])}"
            rate = f"rate {labels.number(row['lr'], 4)}"
            settings.append({
                "name": labels.optimizer_label(row, varied),
                "setting": f"{batch} · {evidence.short[row['schedule']]} · {rate}" + " · eager" * (name in eager),
                "more": labels.hyperparameter_text(row, hyperparameters),
                "notes": "; ".join(labels.notes(row)), "codes": _codes(snippets, row, hyperparameters),
            })  # fmt: skip
        lead = (problem, firsts[0]) if firsts else None
        known = state(evidence.answer, problem)
        sentence = evidence.answer.sentence(problem).removeprefix(f"{problem}: ")
        out.append({
            "name": problem, "anchor": anchor, "kind": known, "chip": CHIPS[known],
            "settings": settings, "others": max(len(firsts) - MOST_SETTINGS, 0),
            "sentence": sentence, "brief": _brief(sentence),
            "sure": sure_text(evidence.answer, problem, seeds),
            "cost": cost_text(spent[lead]) if lead in spent else "",
            "leader": firsts[0] if len(firsts) > 1 else "",
            "budget": budget_text(given[lead]) if lead in given else "",
        })  # fmt: skip
    return out


def _codes(snippets: pd.DataFrame, row: Mapping, hyperparameters: Sequence[str]) -> list[dict]:
    """Return the code of a setting for each library, as the sweep has written it; none for another setting."""
    values = {key: row[key] for key in hyperparameters if not pd.isna(row[key])}
    lr = 1.0 if pd.isna(row["lr"]) else row["lr"]
    same = (snippets["hyperparameters"] == values_text(values)) & (snippets["lr"] == lr)
    for key in ("problem", "optimizer", "schedule", "batch_size"):
        same &= snippets[key] == row[key]
    found = snippets.loc[same, ["library", "equal", "code"]]
    return [{"name": each.library, "equal": bool(each.equal), "code": each.code} for each in found.itertuples()]


def seeds_of_a_block(runs) -> int:
    """How many seeds one more block takes."""
    if "block" in runs and (runs["block"] >= 0).any():
        return int(runs[runs["block"] >= 0].groupby("block")["seed"].nunique().max())
    return 2  # a block of a sweep without blocks tunes on one seed and reports on another


def _brief(sentence: str) -> str:
    """The sentence, or where it is long its beginning, whole parts of it."""
    if len(sentence) <= LONG:
        return sentence
    parts, text = sentence.split(", "), ""
    for place, part in enumerate(parts):
        longer = f"{text}, {part}" if text else part
        if len(longer) > LONG and text.count("[") == text.count("]") and text:
            return f"{text}, and {len(parts) - place} more"
        text = longer
    return text
