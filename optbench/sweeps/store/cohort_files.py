"""Cohort files: a set of cohorts on disk, each in a file named by its id, with a checksum over all of it.

A file is a line of magic, the sha256 of all behind it, a line of JSON (the cohort's id, the names and lengths of its
tables), and the tables as Arrow streams. It appears by renaming a finished one, so a killed sweep loses no cohort.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import pyarrow as pa

from optbench.contract.errors import OptbenchError
from optbench.sweeps.store import schemas
from optbench.sweeps.store.files import read_bytes, write_bytes

TABLES = ("runs", "curves", "timings")
AGAIN = "run the sweep again, and it is put right from what is there"
_MAGIC = b"optbench cohort 1\n"
# Characters: a sha256 in hexadecimal digits
_HEX = 64
_START = len(_MAGIC) + _HEX + 1
# Rows of a table: below, it is written as it is: its 250 rows of a curve take 0.2 ms, and packed several times that
_SMALL = 1000
# Rows written at a time: 5 MB of a curve, which stay in the L3 cache: two million rows at once took 1.15 s, so 0.7
# (measured)
_AT_ONCE = 1 << 16
# Bytes: of an Arrow stream: a mark, and the length of the schema behind it
_PREFIX = 8
_ENDING = ".cohort"


class Damaged(Exception):
    """Raised for bytes that are not the file of a cohort; the text is the reason."""


def encode(cohort_id: str, tables: Mapping[str, pa.Table]) -> bytes:
    """Return the content of a cohort's file."""
    streams = {name: _stream(table) for name, table in tables.items()}
    lengths = {name: stream.size for name, stream in streams.items()}
    head = json.dumps({"cohort": cohort_id, "tables": lengths}).encode() + b"\n"
    digest = hashlib.sha256(head)
    for stream in streams.values():
        digest.update(stream)
    return b"".join([_MAGIC, digest.hexdigest().encode(), b"\n", head, *streams.values()])


def decode(content: bytes, cohort_id: str) -> dict[str, pa.Table]:
    """Return the tables. Raise Damaged if a bit is wrong, something is missing, or the file is another cohort's."""
    return {name: _table(stream) for name, stream in _checked(content, cohort_id).items()}


class CohortFiles:
    """The cohort files of a results folder."""

    def __init__(self, folder: Path):
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
        streams = _checked(content, cohort_id)
        for name in TABLES:
            if name not in streams:
                raise Damaged(f"it has no table {name}")
            if wrong := _wrong_schema(name, _schema_bytes(streams[name])):
                raise Damaged(f"its table {name} is none of a sweep: {wrong}")
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

    def tables(self, cohort_id: str) -> dict[str, pa.Table]:
        """Return the tables of a cohort. Raise OptbenchError if its file is damaged."""
        with self.readable(cohort_id):
            return decode(read_bytes(self.path(cohort_id)), cohort_id)

    def table(self, cohort_id: str, name: str) -> pa.Table:
        """Return one table of a cohort whose file was verified; name: "runs", "curves" or "timings"."""
        with self.readable(cohort_id):
            return _table(_split(read_bytes(self.path(cohort_id)))[1][name])

    def schemas(self, cohort_id: str) -> dict[str, pa.Schema]:
        """Return the schemas of the tables of a cohort whose file was verified."""
        with self.readable(cohort_id):
            streams = _split(read_bytes(self.path(cohort_id)))[1]
            return {name: _schema(_schema_bytes(streams[name])) for name in TABLES}

    @contextmanager
    def readable(self, cohort_id: str) -> Iterator[None]:
        """Turn the errors of reading a cohort's file into an OptbenchError that names it."""
        try:
            yield
        except (OSError, Damaged) as error:
            raise OptbenchError(f"{str(self.path(cohort_id))!r} is damaged ({error}): {AGAIN}") from None


def _checked(content: bytes, cohort_id: str) -> dict[str, memoryview]:
    """Return the streams by the names of their tables. Raise Damaged."""
    if not content.startswith(_MAGIC):
        raise Damaged("it is not a file of a cohort")
    if hashlib.sha256(memoryview(content)[_START:]).hexdigest().encode() + b"\n" != content[len(_MAGIC) : _START]:
        raise Damaged("its checksum is wrong")
    found, streams = _split(content)
    if found != cohort_id:
        raise Damaged(f"it holds cohort {found}")
    return streams


def _split(content: bytes) -> tuple[str, dict[str, memoryview]]:
    """Return the cohort's id, and the streams by name. Raise Damaged if the line of JSON is none of a cohort's."""
    at = content.find(b"\n", _START) + 1
    try:
        head = json.loads(content[_START:at])
        cohort_id, lengths = head["cohort"], head["tables"]
        if not isinstance(cohort_id, str) or not all(type(length) is int and length > 0 for length in lengths.values()):
            raise TypeError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Damaged("its first lines are not those of a cohort's file") from None
    if at + sum(lengths.values()) != len(content):
        raise Damaged("its tables are not as long as it says")
    streams, whole = {}, memoryview(content)
    for name, length in lengths.items():
        streams[name] = whole[at : at + length]
        at += length
    return cohort_id, streams


def _schema_bytes(stream: memoryview) -> bytes:
    """Return the schema of a stream as Arrow writes it: most cohorts of a sweep have the same."""
    return bytes(stream[: _PREFIX + int.from_bytes(stream[4:_PREFIX], "little")])


@lru_cache(maxsize=1000)
def _schema(text: bytes) -> pa.Schema:
    return pa.ipc.read_schema(pa.py_buffer(text))


@lru_cache(maxsize=1000)
def _wrong_schema(name: str, text: bytes) -> str:
    """Return the fault in the schema of that table, in words; "" if there is none. text: the schema as Arrow bytes."""
    try:
        schemas.check_cohort(name, _schema(text))
    except (OptbenchError, pa.ArrowException, OSError, ValueError) as error:
        return " ".join(str(error).split())
    return ""


def _table(stream: memoryview) -> pa.Table:
    """Return the table. Raise Damaged if Arrow cannot read it: Arrow does not check what it is given."""
    try:
        # A copy: the table may point into it, and would else keep the whole file in memory.
        found = pa.ipc.open_stream(pa.py_buffer(bytes(stream))).read_all()
        found.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Damaged(" ".join(str(error).split())) from None
    return found


def _stream(table: pa.Table) -> pa.Buffer:
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
