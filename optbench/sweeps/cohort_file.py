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
    file, places = _opened(path)
    return _reader(file, places, name)


def schemas_of(path: Path, names: Iterable[str]) -> dict[str, pa.Schema]:
    """The schemas of some tables of such a file."""
    file, places = _opened(path)
    return {name: _reader(file, places, name).schema for name in names}


def _opened(path: Path) -> tuple[pa.MemoryMappedFile, dict[str, int]]:
    """A file, and where in it each table begins."""
    file = pa.memory_map(str(path))
    file.seek(_START)
    head = b""
    while b"\n" not in head:
        head += file.read(_HEAD)
    line = head.split(b"\n", 1)[0]
    lengths = json.loads(line)["tables"]
    return file, dict(zip(lengths, accumulate(lengths.values(), initial=_START + len(line) + 1), strict=False))


def _reader(file: pa.MemoryMappedFile, places: Mapping[str, int], name: str) -> pa.RecordBatchStreamReader:
    if name not in places:
        raise Damaged(f"it has no table {name}")
    file.seek(places[name])
    return pa.ipc.open_stream(file)


def _stream(table: pa.Table) -> pa.Buffer:
    # A cohort of a few lanes takes a few milliseconds: to pack its tables would be a good part of that. And zstd would
    # take three times as long as lz4, for files a tenth smaller.
    options = pa.ipc.IpcWriteOptions(compression=None if table.num_rows < _SMALL else "lz4")
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        for first in range(0, max(table.num_rows, 1), _AT_ONCE):  # of a million rows no second copy is made
            writer.write_table(table.slice(first, _AT_ONCE).combine_chunks())
    return sink.getvalue()
