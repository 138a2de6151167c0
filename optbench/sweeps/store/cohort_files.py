"""Cohort files: a set of cohorts on disk, each in a file named by its id, with a checksum over all of it.

A file is a line of magic, the sha256 of all behind it, a line of JSON (the cohort's id, the names and lengths of its
tables), and the tables as Arrow streams. It appears by renaming a finished one, so a killed sweep loses no cohort.
"""

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from optbench.contract.errors import OptbenchError
from optbench.sweeps.store.files import read_bytes, write_bytes
from optbench.sweeps.store.schemas import check_schema

TABLES = ("runs", "curves", "timings")
AGAIN = "run the sweep again, and it is put right from what is there"
_MAGIC = b"optbench cohort 1\n"
# Characters: a sha256 in hexadecimal digits
_HEX = 64
_START = len(_MAGIC) + _HEX + 1
# Rows: a shorter table is not compressed. 250 rows of a curve take 0.2 ms, and several times that when compressed
_SMALL = 1000
# Rows written at a time: 5 MB of a curve, which stay in the L3 cache. Measured, two million rows: 0.7 s, and 1.15 s all
# at once
_AT_ONCE = 1 << 16
# Bytes of an Arrow stream: the length of the schema's message behind them
_LENGTH = slice(4, 8)
_ENDING = ".cohort"


class DamagedFile(OptbenchError):
    """Raised for a file of a folder that is not what was written, or is being written anew."""


class Damaged(Exception):
    """Raised for bytes that are not the file of a cohort; the text is the reason."""


def encode_cohort(cohort_id: str, tables: Mapping[str, pa.Table]) -> bytes:
    """Return the content of a cohort's file."""
    streams = {name: _write_stream(table) for name, table in tables.items()}
    lengths = {name: stream.size for name, stream in streams.items()}
    head = json.dumps({"cohort": cohort_id, "tables": lengths}).encode() + b"\n"
    digest = hashlib.sha256(head)
    for stream in streams.values():
        digest.update(stream)
    return b"".join([_MAGIC, digest.hexdigest().encode(), b"\n", head, *streams.values()])


def decode_cohort(content: bytes, cohort_id: str) -> dict[str, pa.Table]:
    """Return the tables of a cohort's file by name.

    Raises Damaged if a bit is wrong, a table is missing, or the file is another cohort's.
    """
    _check_sum(content)
    streams = _split_content(content, cohort_id)
    return {name: _read_stream(streams[name]) for name in TABLES}


class CohortFiles:
    """The cohort files of a results folder."""

    def __init__(self, folder: Path):
        """Take the results folder; its files of cohorts lie in the folder "cohorts" below it."""
        self.folder = folder / "cohorts"
        self._verified: set[str] = set()

    def path(self, cohort_id: str) -> Path:
        """Return the path of a cohort's file."""
        return self.folder / f"{cohort_id}{_ENDING}"

    def ids(self) -> list[str]:
        """Return the ids of the cohorts that have a file. Raise OptbenchError if the folder cannot be read."""
        try:
            with os.scandir(self.folder) as found:
                files = [file.name for file in found if file.name.endswith(_ENDING) and file.is_file()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise OptbenchError(f"cannot read {str(self.folder)!r}: {error.strerror}") from None
        return sorted(name.removesuffix(_ENDING) for name in files if not name.startswith("."))

    def verify(self, cohort_id: str) -> None:
        """Check a file, once. Raise OSError if it cannot be read, Damaged if it is incomplete or not this cohort's."""
        if cohort_id not in self._verified:
            self.content(cohort_id)

    def content(self, cohort_id: str) -> bytes:
        """Return the content of a file, checked. Raises the same errors as :meth:`verify`."""
        content = read_bytes(self.path(cohort_id))
        _check_sum(content)
        _read_schemas(content, cohort_id)
        self._verified.add(cohort_id)
        return content

    def save(self, cohort_id: str, content: bytes) -> None:
        """Write the file of a cohort. Raise OSError if that fails; the previous file then stays."""
        write_bytes(self.path(cohort_id), content)
        self._verified.add(cohort_id)

    def remove(self, cohort_id: str) -> None:
        """Delete the file of a cohort."""
        self.path(cohort_id).unlink()
        self._verified.discard(cohort_id)

    def read(self, cohort_id: str) -> dict[str, pa.Table]:
        """Return the tables of a cohort by name. Raise OptbenchError if its file is missing or damaged."""
        with self._name_damage(cohort_id):
            self.verify(cohort_id)
            return decode_cohort(read_bytes(self.path(cohort_id)), cohort_id)

    def read_runs(self, cohort_id: str) -> pa.Table:
        """Return the table ``runs`` of a cohort. Raises the same errors as :meth:`read`."""
        with self._name_damage(cohort_id):
            self.verify(cohort_id)
            return _read_stream(_split_content(read_bytes(self.path(cohort_id)), cohort_id)["runs"])

    def read_schemas(self, cohort_id: str) -> dict[str, pa.Schema]:
        """Return the schemas of a cohort's tables by name. Raises the same errors as :meth:`read`."""
        with self._name_damage(cohort_id):
            self.verify(cohort_id)
            return _read_schemas(read_bytes(self.path(cohort_id)), cohort_id)

    @contextmanager
    def _name_damage(self, cohort_id: str) -> Iterator[None]:
        """Turn the errors of reading a cohort's file into an OptbenchError that names it."""
        try:
            yield
        except (OSError, Damaged) as error:
            raise DamagedFile(f"{str(self.path(cohort_id))!r} is damaged ({error}): {AGAIN}") from None


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


def _check_sum(content: bytes) -> None:
    """Raise Damaged if the content of a cohort's file has another checksum than the file says."""
    if not content.startswith(_MAGIC):
        raise Damaged("it is not a file of a cohort")
    if hashlib.sha256(memoryview(content)[_START:]).hexdigest().encode() + b"\n" != content[len(_MAGIC) : _START]:
        raise Damaged("its checksum is wrong")


def _split_content(content: bytes, cohort_id: str) -> dict[str, memoryview]:
    """Return the Arrow streams in a cohort's file by the names of their tables. Raise Damaged."""
    at = content.find(b"\n", _START) + 1
    try:
        head = json.loads(content[_START:at])
        found, lengths = head["cohort"], head["tables"]
        if not isinstance(found, str) or not all(type(length) is int and length > 0 for length in lengths.values()):
            raise TypeError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Damaged("its first lines are not those of a cohort's file") from None
    if at + sum(lengths.values()) != len(content):
        raise Damaged("its tables are not as long as it says")
    if missing := [name for name in TABLES if name not in lengths]:
        raise Damaged(f"it has no table {missing[0]}")
    if found != cohort_id:
        raise Damaged(f"it holds cohort {found}")
    streams, whole = {}, memoryview(content)
    for name, length in lengths.items():
        streams[name] = whole[at : at + length]
        at += length
    return streams


def _read_schemas(content: bytes, cohort_id: str) -> dict[str, pa.Schema]:
    """Return the schemas of the tables in a cohort's file by name. Raise Damaged if one is none of a sweep's."""
    schemas = {}
    for name, stream in _split_content(content, cohort_id).items():
        if name in TABLES:
            length = int.from_bytes(stream[_LENGTH], "little")
            schemas[name] = _parse_schema(name, bytes(stream[: _LENGTH.stop + length]))
    return schemas


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


def _write_stream(table: pa.Table) -> pa.Buffer:
    """Return a table as the bytes of an Arrow stream, compressed if it is long."""
    # A cohort of a few lanes takes a few milliseconds: to pack its tables would be a good part of that. And zstd would
    # take three times as long as lz4, for files a tenth smaller. Arrow's own threads would wait for the workers' cores.
    rows, sink = table.num_rows, pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=None if rows < _SMALL else "lz4", use_threads=False)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        for first in range(0, max(rows, 1), _AT_ONCE):  # of a million rows no second copy is made
            part = table if rows <= _AT_ONCE else table.slice(first, _AT_ONCE)
            writer.write_table(part.combine_chunks())
    return sink.getvalue()
