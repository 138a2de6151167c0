"""Which file holds which run, and cohorts put together from the runs of several files."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from optbench.sweeps.store.final_tables import runs_in

_ID = "S16"


@dataclass(frozen=True)
class HeldRuns:
    """The runs of some files, as sorted arrays: a million take 20 MB."""

    names: Sequence[str] = ()
    run_ids: np.ndarray = field(default_factory=lambda: np.empty(0, _ID))
    files: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))
    """The number of the file that holds each."""

    @classmethod
    def read(cls, cohorts: Path, names: Sequence[str]) -> "HeldRuns":
        """Those of these cohorts, whose files were checked before."""
        if not names:
            return cls()
        parts = [np.array(runs_in(cohorts, name)["run_id"].to_pylist(), _ID) for name in names]
        run_ids = np.concatenate(parts)
        files = np.repeat(np.arange(len(names), dtype=np.int32), [len(part) for part in parts])
        order = np.argsort(run_ids, kind="stable")
        return cls(names, run_ids[order], files[order])

    def __bool__(self) -> bool:
        return len(self.run_ids) > 0

    def only(self, names: Container[str]) -> "HeldRuns":
        """Those of these files."""
        used = np.isin(self.files, [i for i, name in enumerate(self.names) if name in names])
        return HeldRuns(self.names, self.run_ids[used], self.files[used])

    def missing(self, run_ids: Sequence[str]) -> tuple[list[int], tuple[str, ...]]:
        """The places of those runs that no file holds, and the files that hold the others."""
        if not self:
            return list(range(len(run_ids))), ()
        wanted = np.array(run_ids, _ID)
        at = np.minimum(np.searchsorted(self.run_ids, wanted), len(self.run_ids) - 1)
        there = self.run_ids[at] == wanted
        names = tuple(self.names[i] for i in np.unique(self.files[at[there]]))
        return np.flatnonzero(~there).tolist(), names

    def within(self, names: Sequence[str], run_ids: Sequence[str]) -> bool:
        """Whether these files hold none but some of the runs."""
        return bool(np.isin(self.only(names).run_ids, np.array(run_ids, _ID)).all())

    def outside(self, run_ids: np.ndarray) -> dict[str, int]:
        """By file, how many of its runs are not among these."""
        files, counts = np.unique(self.files[~np.isin(self.run_ids, run_ids)], return_counts=True)
        return {self.names[i]: int(count) for i, count in zip(files, counts, strict=True)}


def composed(
    cohort_id: str, run_ids: Sequence[str], files: Mapping[str, Mapping[str, pa.Table]]
) -> dict[str, pa.Table]:
    """The tables of a cohort of these runs, in their order, from those of the files that hold them."""
    place = {run_id: i for i, run_id in enumerate(run_ids)}
    parts: dict[str, list[tuple[pa.Table, np.ndarray]]] = {"runs": [], "curves": []}
    used = []
    for tables in files.values():  # a run that two files hold is taken from the first
        mine = {run_id: place.pop(run_id) for run_id in tables["runs"]["run_id"].to_pylist() if run_id in place}
        used.append(len(mine))
        for name, each in parts.items():
            each.append(_rows(tables[name], mine))
    assert not place, f"no file holds {next(iter(place))}"
    joined = {"timings": _timings(cohort_id, [tables["timings"] for tables in files.values()], used)}
    for name, each in parts.items():
        table = pa.concat_tables([rows for rows, _ in each], promote_options="default")
        joined[name] = table.take(np.argsort(np.concatenate([at for _, at in each]), kind="stable")).combine_chunks()
    runs = joined["runs"]
    column = runs.column_names.index("cohort_id")
    joined["runs"] = runs.set_column(column, runs.field(column), pa.repeat(pa.scalar(cohort_id), len(runs)))
    return {name: joined[name] for name in ("runs", "curves", "timings")}


def _rows(table: pa.Table, place: Mapping[str, int]) -> tuple[pa.Table, np.ndarray]:
    """The rows of these runs, and the place of each row's run."""
    at = np.array([place.get(run_id, -1) for run_id in table["run_id"].to_pylist()], dtype=np.int64)
    return table.filter(pa.array(at >= 0)), at[at >= 0]


def _timings(cohort_id: str, parts: Sequence[pa.Table], used: Sequence[int]) -> pa.Table:
    """One row: the seconds are those of the files, each in the share of its runs that is used."""
    rows = [(part.to_pylist() or [{}])[0] for part in parts]  # of runs that failed there may be none
    if not all(rows):
        return parts[0].slice(0, 0)
    most = max(range(len(rows)), key=lambda i: used[i])
    row = {**rows[most], "cohort_id": cohort_id, "lanes": sum(used)}
    for name in ("seconds", "evaluation_seconds", "compile_seconds"):
        row[name] = sum(each[name] * count / max(each["lanes"], 1) for each, count in zip(rows, used, strict=True))
    row["ns_per_run_step"] = sum(each["ns_per_run_step"] * count for each, count in zip(rows, used, strict=True)) / max(
        sum(used), 1
    )
    return pa.Table.from_pylist([row], schema=parts[most].schema)
