"""Messages between a sweep and its workers: JSON and files, one after the other until the stream ends."""

import io
import math
import pickle

import pytest

from optbench.sweeps.run.pipes import receive, send

NUMBERS = [0.1, 1e-320, math.inf, -math.inf, 2**60]
MESSAGES = [(["done", {"a": [1.5, None, "é"]}], (b"one", b"", b"\0" * 1000)), (["steps", NUMBERS], ())]


def written(messages):
    stream = io.BytesIO()
    for content, files in messages:
        send(stream, content, files)
    return stream.getvalue()


def test_messages_come_back_as_they_were_until_the_end():
    stream = io.BytesIO(written(MESSAGES))
    assert [receive(stream) for _ in MESSAGES] == MESSAGES
    with pytest.raises(EOFError):
        receive(stream)
    with pytest.raises(EOFError):
        receive(io.BytesIO(written(MESSAGES)[:40]))


@pytest.mark.parametrize("bad", [b"\xff" * 64, pickle.dumps(print) * 4, b"\x02" + bytes(7) + b"{}"])
def test_what_is_no_message_is_an_error(bad):
    with pytest.raises((ValueError, TypeError)):
        receive(io.BytesIO(bad + bytes(64)))
