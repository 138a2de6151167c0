"""What was run, where and with what, in words: counts, facts of problems, provenance."""

from __future__ import annotations

import pandas as pd

from optbench.figures.evidence import Tables
from optbench.wording import labels


def counts(results: Tables) -> str:
    """One sentence: how many runs of what."""
    runs = results.runs
    kinds = [_counted(runs[name].nunique(), name) for name in ("optimizer", "problem", "seed")]
    parts = [f"{_counted(len(runs), 'run')}: {kinds[0]} on {kinds[1]}", kinds[2]]
    if budget := results.provenance.get("budget"):
        parts.append(f"budget {budget} a run")
    text = ", ".join(parts)
    diverged, cut = (int((runs["status"] == name).sum()) for name in ("diverged", "deadline"))
    text += f". {_counted(diverged, 'run')} diverged" if diverged else ". None diverged"
    return text + (f", {cut:,} stopped by the deadline." if cut else ".")


def facts(row: dict) -> str:
    """What is known of a problem, from its row of the table of problems."""
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
    """(key, text) of all that is recorded, the parts of a group a row each."""
    rows = []
    for key, value in provenance.items():
        if isinstance(value, dict):
            rows += [(f"{key}: {name}", _flat(part)) for name, part in value.items() if part != ""]
        else:
            rows.append((key, _flat(value)))
    return rows


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _flat(value) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
