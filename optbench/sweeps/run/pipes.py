"""Messages between a sweep and its worker processes: JSON, followed by the content of files.

Reading a message executes nothing: whatever a user's file has done to its worker stays there.
"""

import json
import struct
from collections.abc import Iterable
from typing import IO, Any

_HEAD = struct.Struct("<Q")
"""Stands before the JSON of a message: its length in bytes."""
_MOST_JSON = 1 << 28
"""Bytes of JSON in one message: the plan of a sweep with a million settings takes a tenth of it."""

Message = tuple[Any, tuple[bytes, ...]]
"""The content of the JSON, and the files."""


def send(stream: IO[bytes], content: Any, files: Iterable[bytes] = ()) -> None:
    """Write one message. Raises OSError if the reader has gone."""
    files = tuple(files)
    text = json.dumps([content, [len(file) for file in files]]).encode()
    for part in (_HEAD.pack(len(text)), text, *files):
        stream.write(part)
    stream.flush()


def receive(stream: IO[bytes]) -> Message:
    """Wait for the next message and return it. Raises EOFError at the end, ValueError for bytes that are no message."""
    (length,) = _HEAD.unpack(_read_bytes(stream, _HEAD.size))
    if length > _MOST_JSON:
        raise ValueError("this is no message")
    content, lengths = json.loads(_read_bytes(stream, length))
    if min(lengths, default=0) < 0:
        raise ValueError("this is no message")
    return content, tuple(_read_bytes(stream, length) for length in lengths)


def _read_bytes(stream: IO[bytes], count: int) -> bytes:
    """Return that many bytes. Raises EOFError if the stream ends before."""
    content = stream.read(count)
    if len(content) < count:
        raise EOFError
    return content
