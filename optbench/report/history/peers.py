"""What `benchmarks/peers.py` has measured: optbench beside other libraries, as tables of texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from optbench.contract.errors import OptbenchError
from optbench.report.history.quantities import digits


def peers_beside(path: Path) -> dict[str, Any] | None:
    """Its tables, one for each kind of work with a column for each peer; None where there is no file."""
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        around, rows = content["environment"], content["rows"]
        versions = dict(around.get("versions", {}))
        return {
            "cpu": str(around.get("cpu", "")),
            "system": str(around.get("system", "")),
            "ours": str(versions.pop("optbench", "")),
            "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
            "tables": [_peer_table(per, [row for row in rows if row["per"] == per]) for per in _unique(rows, "per")],
            "jobs": _jobs_table(content["jobs"]) if "jobs" in content else None,
        }
    except OSError as error:
        raise OptbenchError(f"cannot read {str(path)!r}: {error.strerror}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise OptbenchError(f"{str(path)!r} is damaged or not by benchmarks/peers.py: {error}") from None


def _jobs_table(jobs: dict[str, Any]) -> dict[str, Any]:
    """Whole jobs as rows of such a table, in seconds."""
    rows = [
        {
            "case": row["job"], "dtype": row["start"], "lanes": row["cores"], "peer": row["peer"],
            "variant": row["variant"], "optbench_ns": row["optbench_seconds"], "peer_ns": row["peer_seconds"],
            "ratio": row["ratio"],
        }
        for row in jobs["rows"]
    ]  # fmt: skip
    versions = jobs["environment"].get("versions", {})
    return _peer_table("job", rows, ("start", "cores")) | {
        "cpu": str(jobs["environment"]["cpu"]),
        "ours": str(versions.get("optbench", "")),
    }


def _peer_table(per: str, rows: list[dict[str, Any]], columns: tuple[str, str] = ("dtype", "lanes")) -> dict[str, Any]:
    """``columns``: what the two are called that tell a kind of work's rows apart."""
    peers = _unique(rows, "peer")
    lines = []
    for key in dict.fromkeys((row["case"], row["dtype"], row["lanes"]) for row in rows):
        sides = {row["peer"]: row for row in rows if (row["case"], row["dtype"], row["lanes"]) == key}
        ours = next(iter(sides.values()))["optbench_ns"]
        cells = [_peer_cell(sides.get(peer)) for peer in peers]
        lines.append(
            {"work": key[0], "dtype": key[1], "lanes": key[2], "ours": digits(ours), "sort": ours, "cells": cells}
        )
    return {"per": str(per), "peers": peers, "rows": lines, "columns": columns}


def _peer_cell(row: dict[str, Any] | None) -> dict[str, str]:
    if row is None:
        return {"value": "", "ratio": "", "verdict": "", "variant": "", "sort": ""}
    ratio = float(row["ratio"])  # the median of the turns' own ratios
    verdict = "better" if ratio < 1 else "worse"
    return {
        "value": digits(row["peer_ns"]),
        "ratio": f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}",
        "verdict": verdict,
        "variant": row["variant"],
        "sort": row["peer_ns"],
    }


def _unique(rows: list[dict[str, Any]], key: str) -> list[Any]:
    return list(dict.fromkeys(row[key] for row in rows))
