"""Cohort files: records of finished cohorts, one behind the other, each with a checksum over all of it.

A record is a line of magic, the sha256 of all behind it, a line of JSON (by the ids of its cohorts the rows that each
has of every table, the lengths of the tables and of what they are compressed to), and the tables as Arrow streams, in
which one cohort stands behind the other. A process that writes has a file of its own, and only appends to it: what
kills it costs the record that it was writing. Of two records of a cohort the later one counts.
"""

import hashlib
import json
import os
import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from optbench.contract.errors import OptbenchError
from optbench.contract.names import join_names
from optbench.store.atomic_files import append_bytes, flush_to_disk, read_bytes
from optbench.store.schemas import check_schema

TABLES = ("runs", "curves", "timings")
AGAIN = "run the sweep again, and it is put right from what is there"
_MAGIC = b"optbench cohort 1\n"
# Characters: a sha256 in hexadecimal digits
_START = len(_MAGIC) + 64 + 1
_CODEC = "zstd"
# Arrow's own threads would wait for the workers' cores
_OPTIONS = pa.ipc.IpcWriteOptions(use_threads=False)
_AT_ONCE = 1 << 16
"""Rows written at a time: 5 MB of a curve, which stay in the L3 cache."""
# Bytes of an Arrow stream: the length of the schema's message behind them
_LENGTH = slice(4, 8)
_ENDING = ".cohorts"
_WRONG = OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, MemoryError, RecursionError
"""What reading a record raises whose line of JSON says anything."""
_FLUSH_SECONDS = 1.0
"""Seconds after which what was saved is flushed to the disk: a power cut costs no more. It takes 4 ms of a disk."""
_OPENED = 8
"""Records that stay in memory, checked: the next cohort is often in one of them."""
_NAMED = 5
"""The most damaged files that a message names."""


class DamagedFile(OptbenchError):
    """Raised for a file of a folder that is not what was written, or is being written anew."""


class Damaged(Exception):
    """Raised for bytes that are no record of a cohort; the text is the reason."""


def encode_cohorts(cohort_ids: Sequence[str], tables: Mapping[str, pa.Table]) -> bytes:
    """Return the record of cohorts, whose rows stand in this order in all tables."""
    rows = {cohort_ids[0]: tuple(len(tables[name]) for name in TABLES if name in tables)}
    if len(cohort_ids) > 1:
        ids, runs = pa.array(cohort_ids), tables["runs"]
        of_run = pc.index_in(runs["cohort_id"], ids)
        of_curve = of_run.take(pc.index_in(tables["curves"]["run_id"], runs["run_id"].combine_chunks()))
        owners = of_run, of_curve, pc.index_in(tables["timings"]["cohort_id"], ids)
        counts = [np.bincount(each, minlength=len(ids)).tolist() for each in owners]
        rows = dict(zip(cohort_ids, zip(*counts, strict=True), strict=True))
    sink, lengths = pa.BufferOutputStream(), {}
    with pa.CompressedOutputStream(sink, _CODEC) as stream:
        for name, table in tables.items():
            begin = stream.tell()
            with pa.ipc.new_stream(stream, table.schema, options=_OPTIONS) as writer:
                writer.write_table(table, _AT_ONCE)
            lengths[name] = stream.tell() - begin
    body = sink.getvalue()
    head = json.dumps({"cohorts": rows, "tables": lengths, "compressed": body.size}).encode() + b"\n"
    digest = hashlib.sha256(head)
    digest.update(body)
    return b"".join([_MAGIC, digest.hexdigest().encode(), b"\n", head, body])


class Record:
    """A record, whose tables are read when they are first asked for.

    Attributes:
        end: the number of its bytes.
    """

    def __init__(self, content: bytes):
        """Take the record with which these bytes begin. Raises Damaged if a bit is wrong or a table is missing."""
        if not content.startswith(_MAGIC):
            raise Damaged("it is no record of a cohort")
        at = content.find(b"\n", _START) + 1
        try:
            head = json.loads(content[_START:at])
            lengths = head["tables"]
            size = sum(lengths.values())
            self.end = at + head["compressed"]
            if hashlib.sha256(content[_START : self.end]).hexdigest().encode() + b"\n" != content[len(_MAGIC) : _START]:
                raise Damaged("its checksum is wrong")
            body = memoryview(pa.decompress(memoryview(content)[at : self.end], size, _CODEC))
            if self.end > len(content) or min(lengths[name] for name in TABLES) <= 0:
                raise ValueError
            ends = dict(zip(lengths, accumulate(lengths.values()), strict=True))
            self._streams = {name: body[stop - lengths[name] : stop] for name, stop in ends.items()}
            self._rows = np.array([*head["cohorts"].values()], np.uint32).reshape(-1, 3)
            self._places = {cohort_id: place for place, cohort_id in enumerate(head["cohorts"])}
        except _WRONG:
            raise Damaged("its tables are not what it says") from None
        self._tables: dict[str, tuple[pa.Table, list[int]]] = {}
        """By name those that were read, with the row behind each cohort."""

    @property
    def cohort_ids(self) -> list[str]:
        """The ids of its cohorts."""
        return list(self._places)

    def read_schemas(self) -> dict[str, pa.Schema]:
        """Return the schemas of its tables by name. Raise Damaged if one is none of a sweep's."""
        ends = {name: _LENGTH.stop + int.from_bytes(self._streams[name][_LENGTH], "little") for name in TABLES}
        return {name: _parse_schema(name, bytes(self._streams[name][:end])) for name, end in ends.items()}

    def read(self, cohort_id: str, names: Iterable[str] = TABLES) -> dict[str, pa.Table]:
        """Return tables of one of its cohorts by name, by default all. Raise Damaged if they are none."""
        return {name: self._read_table(cohort_id, name) for name in names}

    def _read_table(self, cohort_id: str, name: str) -> pa.Table:
        """Return the rows of a cohort in a table, which is read as a whole, once."""
        if name not in self._tables:
            table = _read_stream(self._streams[name])
            ends = np.cumsum(self._rows[:, TABLES.index(name)]).tolist()
            if ends[-1] != len(table):
                raise Damaged(f"its table {name} has other rows than it says")
            self._tables[name] = table, ends
        (table, ends), place = self._tables[name], self._places[cohort_id]
        begin = ends[place - 1] if place else 0
        return table.slice(begin, ends[place] - begin)


class CohortFiles:
    """The records of a results folder: those that were whole when it was opened, and what was saved since."""

    def __init__(self, folder: Path):
        """Take the results folder, and find the records in the files in the folder "cohorts" below it.

        Raises OptbenchError if that cannot be read.
        """
        self.folder = folder / "cohorts"
        self.damaged: dict[str, str] = {}
        """The names of the files that hold what is no record, with the reason: a write may just not have ended."""
        self.schemas: dict[str, dict[str, pa.Schema]] = {}
        """By cohort, the schemas of its tables by name."""
        self._places: dict[str, tuple[Path, int, int]] = {}
        """By cohort, the file of its record, where that begins, and its length."""
        self._opened: dict[tuple[Path, int, int], Record] = {}
        """The last records that were read."""
        self._own: Path | None = None
        self._flushed, self._lock = 0.0, threading.Lock()
        try:
            with os.scandir(self.folder) as found:
                paths = [Path(file.path) for file in found if file.name.endswith(_ENDING) and file.is_file()]
        except (FileNotFoundError, NotADirectoryError):
            paths = []
        except OSError as error:
            raise OptbenchError(f"cannot read {str(self.folder)!r}: {error.strerror}") from None
        for path in sorted(paths):
            try:
                self._find_records(path, read_bytes(path))
            except OSError as error:
                self.damaged[path.name] = str(error.strerror)

    def _find_records(self, path: Path, content: bytes) -> None:
        """Add the records in the content of a file. Behind what is none, go on where the magic stands again."""
        magics = [found.start() for found in re.finditer(_MAGIC, content)]
        for begin, end in pairwise([0, *(at for at in magics if at), len(content)]):
            try:
                record = Record(content[begin:end])
                self._add(record, path, begin)
                if record.end < end - begin:
                    raise Damaged("more stands behind its record")
            except Damaged as error:
                self.damaged[path.name] = f"{error}, at byte {begin:,}"

    def _add(self, record: Record, path: Path, begin: int) -> None:
        """Add a record in a file. Raise Damaged if its tables are none of a sweep's."""
        schemas = record.read_schemas()
        for cohort_id in record.cohort_ids:
            self.schemas[cohort_id], self._places[cohort_id] = schemas, (path, begin, record.end)

    def __contains__(self, cohort_id: str) -> bool:
        """Return whether there is a record of a cohort."""
        return cohort_id in self._places

    def ids(self) -> list[str]:
        """Return the ids of the cohorts, sorted."""
        return sorted(self._places)

    def content(self, cohort_id: str) -> bytes:
        """Return the record with a cohort. Raises OptbenchError if it cannot be read."""
        path, begin, length = self._places[cohort_id]
        try:
            with path.open("rb") as file:
                file.seek(begin)
                return file.read(length)
        except OSError as error:
            raise DamagedFile(f"cannot read {str(path)!r} ({error.strerror}): {AGAIN}") from None

    def read(self, cohort_id: str, names: Iterable[str] = TABLES) -> dict[str, pa.Table]:
        """Return tables of a cohort by name, by default all. Raise OptbenchError if its record is damaged."""
        place = self._places[cohort_id]
        try:
            if place not in self._opened:
                if len(self._opened) == _OPENED:
                    del self._opened[next(iter(self._opened))]
                self._opened[place] = Record(self.content(cohort_id))
            return self._opened[place].read(cohort_id, names)
        except Damaged as error:
            raise DamagedFile(f"{str(place[0])!r} is damaged ({error}): {AGAIN}") from None

    def read_runs(self, cohort_id: str) -> pa.Table:
        """Return the table ``runs`` of a cohort. Raises the same errors as :meth:`read`."""
        return self.read(cohort_id, ["runs"])["runs"]

    def save(self, content: bytes) -> None:
        """Append a record to the file of this process. Raises OSError if that fails."""
        with self._lock:
            path = self._own
            if path is None:
                numbers = [int(path.stem) for path in self.folder.glob(f"*{_ENDING}") if path.stem.isdecimal()]
                path = self.folder / f"{max(numbers, default=0) + 1:06}{_ENDING}"
            begin = append_bytes(path, content, new=self._own is None)
            self._own = path
            self._add(Record(content), path, begin)
            if time.monotonic() > self._flushed + _FLUSH_SECONDS:
                self.flush()

    def flush(self) -> None:
        """Flush what was saved to the disk. Raises OSError if that fails."""
        self._flushed = time.monotonic()
        for path in (self._own, self.folder) if self._own else ():
            flush_to_disk(path)

    def set_aside(self) -> str:
        """Move damaged files into the folder "damaged", and copy their records to the file of this process.

        Returns a text that names them; "" if none is damaged. Raises OSError if writing fails.
        """
        text, aside = self.describe_damage(), self.folder / "damaged"
        for name in self.damaged:
            whole = {place: each for each, place in self._places.items() if place[0].name == name}
            for cohort_id in whole.values():
                self.save(self.content(cohort_id))
            self.flush()
            aside.mkdir(exist_ok=True)
            (self.folder / name).replace(aside / name)
        self.damaged = {}
        return text and f"damaged, set aside in {aside} and run again: {text}"

    def describe_damage(self) -> str:
        """Return the first damaged files with the reasons, in one line; "" if none is."""
        return join_names((f"{name} ({reason})" for name, reason in self.damaged.items()), _NAMED)


def compose_tables(run_ids: Sequence[str], records: Sequence[Mapping[str, pa.Table]]) -> dict[str, pa.Table]:
    """Return the tables of a cohort of these runs, in their order, by name.

    records: the tables of the records that hold them; a run in several is taken from the first.
    """
    left, parts, counts = {*run_ids}, defaultdict(list), list[int]()
    for tables in records:
        mine = left & {*tables["runs"]["run_id"].to_pylist()}
        left -= mine
        counts.append(len(mine))
        for name in ("runs", "curves"):
            parts[name].append(tables[name].filter(pc.is_in(tables[name]["run_id"], pa.array(mine, pa.string()))))
    assert not left, f"no record holds {min(left)}"
    made = {"timings": _compose_timings([tables["timings"] for tables in records], counts)}
    for name, several in parts.items():
        whole = pa.concat_tables(several, promote_options="default")
        places = pc.index_in(whole["run_id"], pa.array(run_ids, pa.string()))
        made[name] = whole.take(pc.sort_indices(places)).combine_chunks()
    return {name: made[name] for name in TABLES}


def _compose_timings(parts: Sequence[pa.Table], counts: Sequence[int]) -> pa.Table:
    """Return one row of ``timings`` with the seconds of all records, each in the share of its runs that is used.

    parts: ``timings`` of each record; counts: the runs that are used of each. Empty if a record has no row.
    """
    rows = [(part.to_pylist() or [{}])[0] for part in parts]  # of runs that failed there may be none
    if not all(rows):
        return parts[0].slice(0, 0)
    most = int(np.argmax(counts))
    row = {**rows[most], "lanes": sum(counts)}
    for name in ("seconds", "evaluation_seconds", "compile_seconds"):
        row[name] = sum(each[name] * count / max(each["lanes"], 1) for each, count in zip(rows, counts, strict=True))
    row["ns_per_run_step"] = np.average([each["ns_per_run_step"] for each in rows], weights=counts)
    return pa.Table.from_pylist([row], schema=parts[most].schema)


@lru_cache(maxsize=1000)
def _parse_schema(name: str, message: bytes) -> pa.Schema:
    """Return the schema of a table from its bytes in an Arrow stream, which most cohorts of a sweep share."""
    try:
        schema = pa.ipc.read_schema(pa.py_buffer(message))
        check_schema(name, schema, exact=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Damaged(f"its table {name} is none of a sweep: {' '.join(str(error).split())}") from None
    return schema


def _read_stream(stream: memoryview) -> pa.Table:
    """Return the table in an Arrow stream. Raise Damaged if it is no such stream: Arrow itself does not check."""
    try:
        # A copy: the table may point into it, and would else keep the whole file in memory.
        table = pa.ipc.open_stream(pa.py_buffer(bytes(stream))).read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Damaged(" ".join(str(error).split())) from None
    return table
