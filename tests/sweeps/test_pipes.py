"""Messages between a sweep and its workers: JSON and files, whatever pieces they arrive in."""

import io
import math
import pickle

import pytest

from optbench.sweeps.run.pipes import Decoder, receive, send

MESSAGES = [(["done", {"a": [1.5, None, "é"]}], (b"one", b"", b"\0" * 1000)), (["steps", 3], ())]


def written(messages):
    stream = io.BytesIO()
    for content, files in messages:
        send(stream, content, files)
    return stream.getvalue()


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_pieces_of_any_size(size):
    content, decoder = written(MESSAGES), Decoder()
    found = [message for i in range(0, len(content), size) for message in decoder.feed(content[i : i + size])]
    assert found == MESSAGES


def test_one_after_the_other_until_the_end():
    stream = io.BytesIO(written(MESSAGES))
    assert [receive(stream) for _ in MESSAGES] == MESSAGES
    with pytest.raises(EOFError):
        receive(stream)


def test_numbers_come_back_as_they_were():
    numbers = [0.1, 1e-320, math.inf, -math.inf, 2**60]
    ((content, _),) = Decoder().feed(written([(numbers, ())]))
    assert content == numbers


@pytest.mark.parametrize(
    "bad", [b"\xff" * 64, pickle.dumps(print) * 4, written([("x", ())])[:16] + b"[1]", b"\x02" + bytes(15) + b"{}"]
)
def test_what_is_no_message_is_an_error(bad):
    with pytest.raises((ValueError, TypeError)):
        list(Decoder().feed(bad + bytes(64)))
