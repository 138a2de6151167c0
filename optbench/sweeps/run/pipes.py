"""Messages between a sweep and its worker processes: JSON, followed by the content of files.

Reading a message executes nothing: whatever a user's file has done to its worker stays there.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

_HEAD = 16
"""Bytes before a message: the length of its JSON, and that of its files."""
_MOST_JSON = 1 << 28
"""Bytes of JSON in one message: the plan of a sweep with a million settings takes a tenth of it."""

Message = tuple[Any, tuple[bytes, ...]]
"""The content of the JSON, and the files."""


def send(stream: BinaryIO, content: Any, files: Iterable[bytes] = ()) -> None:
    """Write one message. Raises OSError if the reader has gone."""
    files = tuple(files)
    text = json.dumps([content, [len(file) for file in files]]).encode()
    stream.write(len(text).to_bytes(_HEAD // 2, "little") + sum(map(len, files)).to_bytes(_HEAD // 2, "little"))
    stream.write(text)
    for file in files:
        stream.write(file)
    stream.flush()


class Decoder:
    """Decodes messages from bytes as they arrive."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """Yield the messages that ``chunk`` completes. Raises ValueError for bytes that are no message."""
        self._bytes += chunk
        while len(self._bytes) >= _HEAD:
            text, rest = (int.from_bytes(self._bytes[i : i + _HEAD // 2], "little") for i in (0, _HEAD // 2))
            if text > _MOST_JSON:
                raise ValueError("this is no message")
            if len(self._bytes) < _HEAD + text + rest:
                return
            content, lengths = json.loads(bytes(self._bytes[_HEAD : _HEAD + text]))
            if sum(lengths) != rest or min(lengths, default=0) < 0:
                raise ValueError("this is no message")
            files, at = [], _HEAD + text
            for length in lengths:
                files.append(bytes(self._bytes[at : at + length]))
                at += length
            del self._bytes[:at]
            yield content, tuple(files)


def receive(stream: BinaryIO) -> Message:
    """Return the next message. Raises EOFError if the writer has ended."""
    head = stream.read(_HEAD)
    if len(head) < _HEAD:
        raise EOFError
    rest = sum(int.from_bytes(head[i : i + _HEAD // 2], "little") for i in (0, _HEAD // 2))
    (message,) = Decoder().feed(head + stream.read(rest))
    return message
