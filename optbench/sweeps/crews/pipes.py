"""Python objects over a pipe: each as a pickle, its length before it."""

import pickle
from typing import Any, BinaryIO

_HEAD = 8


def send(stream: BinaryIO, message: Any) -> None:
    """Write one message. Raises OSError where nobody reads any more."""
    content = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(len(content).to_bytes(_HEAD, "little"))
    stream.write(content)
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """The next message. Raises EOFError where the other side has ended, or has written what is none."""
    head = stream.read(_HEAD)
    if len(head) < _HEAD:
        raise EOFError
    size = int.from_bytes(head, "little")
    try:
        content = stream.read(size)
    except (MemoryError, OverflowError):
        raise EOFError from None
    if len(content) < size:
        raise EOFError
    try:
        return pickle.loads(content)
    except Exception:
        raise EOFError from None
