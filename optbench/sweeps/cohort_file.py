"""A cohort's tables as one file that tells whether it is whole, and whose it is.

A line of magic, the sha256 of all that follows, a line of JSON (the cohort's id, the names and lengths of the tables),
and the tables one behind the other as Arrow streams.
"""

import hashlib
import json
from collections.abc import Mapping

import pyarrow as pa

_MAGIC = b"optbench cohort 1\n"
_SMALL = 1000
_HEX = 64


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
    rest = memoryview(content)[len(_MAGIC) + _HEX + 1 :]
    if not content.startswith(_MAGIC):
        raise Damaged("it is not a file of a cohort")
    if hashlib.sha256(rest).hexdigest().encode() + b"\n" != content[len(_MAGIC) : len(_MAGIC) + _HEX + 1]:
        raise Damaged("its checksum is wrong")
    line, at = bytes(rest).split(b"\n", 1)[0], 0
    head = json.loads(line)
    if head["cohort"] != cohort_id:
        raise Damaged(f"it holds cohort {head['cohort']}")
    tables, at = {}, len(line) + 1
    for name, length in head["tables"].items():
        tables[name] = pa.ipc.open_stream(pa.py_buffer(rest[at : at + length])).read_all()
        at += length
    return tables


def _stream(table: pa.Table) -> pa.Buffer:
    # A cohort of a few lanes takes a few milliseconds: to pack its tables would be a good part of that.
    options = pa.ipc.IpcWriteOptions(compression=None if table.num_rows < _SMALL else "zstd")
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table.combine_chunks())
    return sink.getvalue()
