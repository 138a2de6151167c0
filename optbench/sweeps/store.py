"""The result folder: every cohort written at once or not at all, so that a killed sweep loses nothing finished.

``cohorts/ID.cohort`` appears by renaming a finished file. The tables of the whole sweep are
put together from them in the order of the plan, and so do not depend on who ran what when.
"""

import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from optbench.contract import columns
from optbench.contract.errors import OptbenchError
from optbench.sweeps.cohort_file import Damaged, decode
from optbench.sweeps.failures import cohorts_with_failures
from optbench.sweeps.spec import Spec
from optbench.sweeps.spec_files import to_toml

TABLES = ("runs", "curves", "timings")


class Store:
    """A folder of results. Raises OptbenchError where it cannot be used, or holds another sweep."""

    def __init__(self, directory: str | Path, spec: Spec, provenance: Mapping):
        try:
            f"{directory}{to_toml(spec)}".encode()
        except UnicodeEncodeError:
            raise OptbenchError("the paths of --out and --plugin must be valid UTF-8") from None
        self.directory = Path(directory)
        self.cohorts = self.directory / "cohorts"
        try:
            self.cohorts.mkdir(parents=True, exist_ok=True)
            for leftover in self.cohorts.glob(".tmp-*"):
                leftover.unlink()
            for leftover in self.directory.glob(".tmp-*"):
                leftover.unlink()
            self._claim(spec)
            write_text(self.directory / "provenance.json", json.dumps(provenance, indent=1) + "\n")
        except OSError as error:
            raise OptbenchError(f"cannot write to {str(directory)!r}: {error.strerror}") from None

    def _claim(self, spec):
        path = self.directory / "spec.toml"
        text = to_toml(spec)
        if path.exists() and path.read_bytes() != text.encode():
            try:
                old = tomllib.loads(path.read_text(encoding="utf-8"))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError):
                old = {}
            new = tomllib.loads(text)
            changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
            raise OptbenchError(
                f"{str(self.directory)!r} holds another sweep (different: {', '.join(changed)}); "
                "choose another --out, or delete it"
            )
        write_text(path, text)

    def has(self, cohort_id: str) -> bool:
        return self._file(cohort_id).is_file()

    def has_failed(self, cohort_id: str) -> bool:
        """Whether a run of the cohort is there that failed."""
        return cohorts_with_failures(self._table(cohort_id, "runs"))

    def save(self, cohort_id: str, content: bytes) -> None:
        """Keep a finished cohort's file. Raises OptbenchError where the disk refuses; what was saved before stays."""
        scratch = self.cohorts / f".tmp-{os.getpid()}-{cohort_id}"
        try:
            scratch.write_bytes(content)
            scratch.rename(self._file(cohort_id))
        except OSError as error:
            scratch.unlink(missing_ok=True)
            raise self._unwritable(error) from None

    def _file(self, cohort_id: str) -> Path:
        return self.cohorts / f"{cohort_id}.cohort"

    def runs(self, cohort_ids: Sequence[str]) -> pd.DataFrame:
        """The runs of those of ``cohort_ids`` that are there, in that order: what the next stage is planned from."""
        parts = [self._table(cohort_id, "runs") for cohort_id in cohort_ids if self.has(cohort_id)]
        return _joined(parts, "runs").to_pandas()

    def finish(self, cohort_ids: Sequence[str], extra: Mapping[str, pa.Table]) -> None:
        """Write the tables of the whole sweep, from those of ``cohort_ids`` that are there, in that order."""
        present = [cohort_id for cohort_id in cohort_ids if self.has(cohort_id)]
        tables = {name: [self._table(cohort_id, name) for cohort_id in present] for name in TABLES}
        try:
            for name, parts in tables.items():
                if parts:
                    write_table(self.directory / f"{name}.parquet", _joined(parts, name))
            for name, table in extra.items():
                write_table(self.directory / f"{name}.parquet", table)
        except OSError as error:
            raise self._unwritable(error) from None

    def leave(self, name: str, text: str) -> None:
        """Write a file of text beside the tables. Raises OptbenchError where the disk refuses."""
        try:
            write_text(self.directory / name, text)
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> OptbenchError:
        return OptbenchError(
            f"cannot write to {str(self.directory)!r}: {error.strerror}; what was finished is kept, "
            "run the same command again to go on"
        )

    def _table(self, cohort_id, name):
        path = self._file(cohort_id)
        try:
            return decode(path.read_bytes(), cohort_id)[name]
        except (OSError, Damaged) as error:
            raise OptbenchError(
                f"{str(path)!r} is damaged ({error}); delete it and run the same command again"
            ) from None


def _joined(parts, name) -> pa.Table:
    """One table of all columns that any part has: the fixed ones, with the hyperparameters behind the optimizer's
    name and the metrics at the end."""
    table = pa.concat_tables(parts, promote_options="default")
    fixed = {"runs": columns.RUNS, "curves": columns.CURVES}.get(name, tuple(table.column_names))
    rest = [column for column in table.column_names if column not in fixed]
    metrics = [column for column in rest if columns.is_metric(column)]
    own = [column for column in rest if column not in metrics]
    cut = fixed.index("optimizer") + 1 if own else 0
    return table.select([*fixed[:cut], *own, *fixed[cut:], *metrics])


def write_table(path: Path, table: pa.Table) -> None:
    scratch = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    pq.write_table(table, scratch, compression="zstd")
    os.replace(scratch, path)


def write_text(path: Path, text: str) -> None:
    scratch = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    scratch.write_text(text, encoding="utf-8")
    os.replace(scratch, path)
