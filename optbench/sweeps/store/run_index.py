"""An index from runs to the files that hold them, and cohorts composed of the runs of several files."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from optbench.sweeps.store.cohort_files import CohortFiles

_ID = "S16"


@dataclass(frozen=True)
class RunIndex:
    """The runs of some cohort files, as sorted arrays: a million take 20 MB."""

    files: Sequence[str] = ()
    """The ids of the files."""
    run_ids: np.ndarray = field(default_factory=lambda: np.empty(0, _ID))
    numbers: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))
    """The number of the file that holds each run."""

    @classmethod
    def of(cls, files: CohortFiles, ids: Sequence[str]) -> "RunIndex":
        """Return the index of these files, which were verified."""
        if not ids:
            return cls()
        parts = [np.array(files.table(name, "runs")["run_id"].to_pylist(), _ID) for name in ids]
        numbers = np.repeat(np.arange(len(ids), dtype=np.int32), [len(part) for part in parts])
        run_ids = np.concatenate(parts)
        order = np.argsort(run_ids, kind="stable")
        return cls(ids, run_ids[order], numbers[order])

    def __len__(self) -> int:
        return len(self.run_ids)

    def only(self, files: Container[str]) -> "RunIndex":
        """Return the index of these files alone."""
        used = np.isin(self.numbers, [i for i, name in enumerate(self.files) if name in files])
        return RunIndex(self.files, self.run_ids[used], self.numbers[used])

    def find(self, run_ids: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return (runs,) bool, True where a cohort file holds the run, and the ids of the files that hold any."""
        if not len(self):
            return np.zeros(len(run_ids), dtype=bool), ()
        wanted = np.array(run_ids, _ID)
        at = np.minimum(np.searchsorted(self.run_ids, wanted), len(self) - 1)
        found = self.run_ids[at] == wanted
        return found, tuple(self.files[i] for i in np.unique(self.numbers[at[found]]))

    def outside(self, run_ids: np.ndarray) -> dict[str, int]:
        """Return {file id: number of its runs that are not in ``run_ids``}, without files of which all are."""
        numbers, counts = np.unique(self.numbers[~np.isin(self.run_ids, run_ids)], return_counts=True)
        return {self.files[i]: int(count) for i, count in zip(numbers, counts, strict=True)}


def composed(cohort_id: str, run_ids: Sequence[str], files: Sequence[Mapping[str, pa.Table]]) -> dict[str, pa.Table]:
    """Return the tables of a cohort of these runs, in their order, from the tables of the files that hold them."""
    left = {run_id: place for place, run_id in enumerate(run_ids)}
    parts: dict[str, list[tuple[pa.Table, np.ndarray]]] = {"runs": [], "curves": []}
    used = []
    for tables in files:  # a run that two files hold is taken from the first
        mine = {run_id: left.pop(run_id) for run_id in tables["runs"]["run_id"].to_pylist() if run_id in left}
        used.append(len(mine))
        for name, each in parts.items():
            each.append(_rows(tables[name], mine))
    assert not left, f"no file holds {next(iter(left))}"
    made = {}
    for name, each in parts.items():
        table = pa.concat_tables([rows for rows, _ in each], promote_options="default")
        made[name] = table.take(np.argsort(np.concatenate([at for _, at in each]), kind="stable")).combine_chunks()
    column = made["runs"].column_names.index("cohort_id")
    repeated = pa.repeat(pa.scalar(cohort_id), len(run_ids))
    made["runs"] = made["runs"].set_column(column, made["runs"].field(column), repeated)
    return {**made, "timings": _timings(cohort_id, [tables["timings"] for tables in files], used)}


def _rows(table: pa.Table, places: Mapping[str, int]) -> tuple[pa.Table, np.ndarray]:
    """Return the rows of these runs, and the place of the run of each row."""
    at = np.array([places.get(run_id, -1) for run_id in table["run_id"].to_pylist()], dtype=np.int64)
    return table.filter(pa.array(at >= 0)), at[at >= 0]


def _timings(cohort_id: str, parts: Sequence[pa.Table], used: Sequence[int]) -> pa.Table:
    """Return one row: the seconds of the files, each in the share of its runs that is used."""
    rows = [(part.to_pylist() or [{}])[0] for part in parts]  # of runs that failed there may be none
    if not all(rows):
        return parts[0].slice(0, 0)
    most = int(np.argmax(used))
    row = {**rows[most], "cohort_id": cohort_id, "lanes": sum(used)}
    for name in ("seconds", "evaluation_seconds", "compile_seconds"):
        row[name] = sum(each[name] * count / max(each["lanes"], 1) for each, count in zip(rows, used, strict=True))
    row["ns_per_run_step"] = np.average([each["ns_per_run_step"] for each in rows], weights=used)
    return pa.Table.from_pylist([row], schema=parts[most].schema)
