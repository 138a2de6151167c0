"""Read a result folder. Curves, the one large table, are read for the runs that are drawn and no others."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from pyarrow import ArrowException

HINT = 'write one with "python -m optbench sweep --out {folder}"'


@dataclass(frozen=True)
class Results:
    """The tables of one sweep. `landscapes` is empty where no problem is 2-D."""

    folder: Path
    runs: pd.DataFrame
    timings: pd.DataFrame
    problems: pd.DataFrame
    landscapes: pd.DataFrame
    provenance: dict

    @property
    def tuning_seeds(self) -> list[int]:
        return [int(seed) for seed in self.provenance.get("tuning_seeds", [])]

    @property
    def foot(self) -> str:
        """The command and version that every figure carries."""
        version = self.provenance.get("optbench", "unknown version")
        return f"optbench {version}  ·  {self.provenance.get('command', 'command not recorded')}"

    def problem(self, name: str) -> dict:
        """The row of `problems` for one problem; empty where it has none."""
        rows = self.problems[self.problems["problem"] == name]
        return rows.iloc[0].to_dict() if len(rows) else {}

    def curves(self, run_ids: Iterable[str]) -> pd.DataFrame:
        """The rows of `curves` of these runs, with the columns that the figures use."""
        path = self.folder / "curves.parquet"
        wanted = ["run_id", "step", "epoch", "samples", "train_loss", "w_1", "w_2"]
        return _read(path, wanted, filters=[("run_id", "in", list(run_ids))])


def load_results(folder: Path) -> Results:
    """Read the tables of `folder`; the errors say in one line what is missing and what to do about it."""
    if not folder.is_dir():
        raise FileNotFoundError(f"no result folder {folder}: {HINT.format(folder=folder)}")
    for name in ("runs.parquet", "curves.parquet", "timings.parquet", "problems.parquet", "provenance.json"):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"{folder} has no {name}: it is not the folder of a finished sweep; {HINT.format(folder=folder)}"
            )
    try:
        provenance = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{folder / 'provenance.json'} is not JSON ({error}): run the sweep again") from None
    if not isinstance(provenance, dict):
        raise ValueError(f"{folder / 'provenance.json'} is not a JSON object: run the sweep again")
    path = folder / "landscapes.parquet"
    landscapes = _read(path) if path.is_file() else pd.DataFrame(columns=["problem", "w_1", "w_2", "value"])
    runs = _read(folder / "runs.parquet")
    if runs.empty:
        raise ValueError(f"{folder / 'runs.parquet'} holds no runs: run the sweep again with at least one problem")
    return Results(
        folder, runs, _read(folder / "timings.parquet"), _read(folder / "problems.parquet"), landscapes, provenance
    )


def _read(path: Path, wanted: list[str] | None = None, **keywords) -> pd.DataFrame:
    """A table, or those of the `wanted` columns that it has."""
    try:
        columns = wanted and [name for name in wanted if name in pq.read_schema(path).names]
        return pq.read_table(path, columns=columns, **keywords).to_pandas()
    except (ArrowException, OSError, ValueError) as error:
        reason = (str(error).splitlines() or ["unknown"])[0]
        raise ValueError(f"cannot read {path} ({reason}): run the sweep again") from None
