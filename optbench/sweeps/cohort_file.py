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
_SMALL = 1000
_AT_ONCE = 1 << 16
_HEX = 64
_START = len(_MAGIC) + _HEX + 1
_HEAD = 200
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
    at = check(content, cohort_id)
    lengths = json.loads(content[_START : at - 1])["tables"]
    tables, whole = {}, memoryview(content)
    for name, length in lengths.items():
        tables[name] = pa.ipc.open_stream(pa.py_buffer(whole[at : at + length])).read_all()
        at += length
    return tables


def check(content: bytes, cohort_id: str) -> int:
    """Where the tables begin in the content of a whole file. Raises Damaged like :func:`decode`."""
    if not content.startswith(_MAGIC):
        raise Damaged("it is not a file of a cohort")
    if hashlib.sha256(memoryview(content)[_START:]).hexdigest().encode() + b"\n" != content[len(_MAGIC) : _START]:
        raise Damaged("its checksum is wrong")
    end = content.index(b"\n", _START)
    held = json.loads(content[_START:end])["cohort"]
    if held != cohort_id:
        raise Damaged(f"it holds cohort {held}")
    return end + 1


def stream(path: Path, name: str) -> pa.RecordBatchStreamReader:
    """One table of a file that was checked before: its schema is there at once, its rows when they are read."""
    file = pa.memory_map(str(path))
    file.seek(_START)
    head = b""
    while b"\n" not in head:
        head += file.read(_HEAD)
    places = _places(head[: head.index(b"\n") + 1])
    if name not in places:
        raise Damaged(f"it has no table {name}")
    file.seek(places[name])
    return pa.ipc.open_stream(file)


def schemas_of(path: Path, names: Iterable[str]) -> dict[str, bytes]:
    """The schemas of some tables of such a file, as Arrow writes them: most cohorts of a sweep have the same."""
    with path.open("rb", buffering=_BUFFER) as file:
        file.seek(_START)
        places, schemas = _places(file.readline()), {}
        for name in names:
            file.seek(places[name])
            start = file.read(_PREFIX)
            schemas[name] = start + file.read(int.from_bytes(start[-4:], "little"))
    return schemas


def _places(head: bytes) -> dict[str, int]:
    """Where in a file with this line of JSON each table begins."""
    lengths = json.loads(head)["tables"]
    return dict(zip(lengths, accumulate(lengths.values(), initial=_START + len(head)), strict=False))


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
