"""A cohort's tables as one file that tells whether it is whole, and whose it is.

A line of magic, the sha256 of all that follows, a line of JSON (the cohort's id, the names and lengths of the tables),
and the tables one behind the other as Arrow streams.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from itertools import accumulate
from pathlib import Path

import pyarrow as pa

_MAGIC = b"optbench cohort 1\n"
# Rows of a cohort's table: below, it is written as it is: its 250 rows of a curve take 0.2 ms, and packed several
# times that
_SMALL = 1000
# Rows of a cohort's table written at a time: 5 MB of a curve, which stay in the L3 cache: two million rows at once
# took 1.15 s, so 0.7 (measured)
_AT_ONCE = 1 << 16
# Characters: a sha256 in hexadecimal digits
_HEX = 64
_START = len(_MAGIC) + _HEX + 1
# Bytes: a file's line of JSON is about 150 long; the rest of a longer one is read as well
_HEAD = 200
# _PREFIX, Bytes: of an Arrow stream: a mark, and the length of the schema behind it
# _BUFFER, Bytes read at a time: a head with the first schema takes 2 to 3 KB
_PREFIX, _BUFFER = 8, 1 << 12


class Damaged(Exception):
    """The bytes are not those of that cohort; the text says why."""


def encode(cohort_id: str, tables: Mapping[str, pa.Table]) -> bytes:
    """The file's content."""
    bodies = [_stream(table) for table in tables.values()]
    lengths = {name: len(body) for name, body in zip(tables, bodies, strict=True)}
    head = json.dumps({"cohort": cohort_id, "tables": lengths}).encode() + b"\n"
    digest = hashlib.sha256(head)
    for body in bodies:
        digest.update(body)
    return b"".join([_MAGIC, digest.hexdigest().encode(), b"\n", head, *bodies])


def decode(content: bytes, cohort_id: str) -> dict[str, pa.Table]:
    """The tables. Raises Damaged where a bit is not what it was, something is missing, or it is another cohort's."""
    places, whole = check(content, cohort_id), memoryview(content)
    return {name: _table(pa.py_buffer(whole[place])) for name, place in places.items()}


def check(content: bytes, cohort_id: str) -> dict[str, slice]:
    """Where each table stands in the content of a whole file. Raises Damaged like :func:`decode`."""
    if not content.startswith(_MAGIC):
        raise Damaged("it is not a file of a cohort")
    if hashlib.sha256(memoryview(content)[_START:]).hexdigest().encode() + b"\n" != content[len(_MAGIC) : _START]:
        raise Damaged("its checksum is wrong")
    held, places = _head(content[_START : content.find(b"\n", _START) + 1])
    if held != cohort_id:
        raise Damaged(f"it holds cohort {held}")
    if len(content) != max((place.stop for place in places.values()), default=0):
        raise Damaged("its tables are not as long as it says")
    return places


def table(path: Path, name: str) -> pa.Table:
    """One table of a file that was checked before. Raises Damaged, and OSError where it has gone."""
    with pa.memory_map(str(path)) as file:
        file.seek(_START)
        head = b""
        while b"\n" not in head:
            head += file.read(_HEAD)
        _, places = _head(head[: head.index(b"\n") + 1])
        file.seek(places[name].start)
        return _table(file)


def schema_in(content: bytes, place: slice) -> bytes:
    """The schema of the table at that place, as Arrow writes it: most cohorts of a sweep have the same."""
    start = place.start + _PREFIX
    return content[place.start : start + int.from_bytes(content[start - 4 : start], "little")]


def schemas_of(path: Path, names: Iterable[str]) -> dict[str, bytes]:
    """The schemas of some tables of a file that was checked before."""
    with path.open("rb", buffering=_BUFFER) as file:
        file.seek(_START)
        _, places = _head(file.readline())
        schemas = {}
        for name in names:
            file.seek(places[name].start)
            start = file.read(_PREFIX)
            schemas[name] = start + file.read(int.from_bytes(start[-4:], "little"))
    return schemas


def _head(line: bytes) -> tuple[str, dict[str, slice]]:
    """What the line of JSON says: the cohort's id, and where in the file each table stands. Raises Damaged."""
    try:
        head = json.loads(line)
        held, lengths = head["cohort"], head["tables"]
        if not isinstance(held, str) or not all(type(length) is int and length > 0 for length in lengths.values()):
            raise TypeError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Damaged("its first lines are not those of a cohort's file") from None
    ends = [*accumulate(lengths.values(), initial=_START + len(line))]
    return held, {name: slice(*ends[place : place + 2]) for place, name in enumerate(lengths)}


def _table(source: pa.Buffer | pa.NativeFile) -> pa.Table:
    """The table that stands there. Raises Damaged where Arrow cannot read it: what it is given it does not check."""
    try:
        found = pa.ipc.open_stream(source).read_all()
        found.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Damaged(f"its tables cannot be read: {' '.join(str(error).split())}") from None
    return found


def _stream(table: pa.Table) -> pa.Buffer:
    # A cohort of a few lanes takes a few milliseconds: to pack its tables would be a good part of that. And zstd would
    # take three times as long as lz4, for files a tenth smaller. Arrow's own threads would wait for the workers' cores.
    rows, sink = table.num_rows, pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=None if rows < _SMALL else "lz4", use_threads=False)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        for first in range(0, max(rows, 1), _AT_ONCE):  # of a million rows no second copy is made
            part = table if rows <= _AT_ONCE else table.slice(first, _AT_ONCE)
            writer.write_table(part.combine_chunks())
    return sink.getvalue()
