"""A limit to what is waited for: code that nobody has tried yet may loop for ever."""

import os
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def ended_within(seconds: float, findings: Iterable[T]) -> Iterator[T]:
    """The findings, each of which may take so long; else the process ends with code 1, and says why.

    A thread waits beside them: neither Python nor a compiled loop can be stopped from within.
    """
    pending = iter(findings)
    while True:
        clock = threading.Timer(seconds, _give_up, [seconds])
        clock.daemon = True
        clock.start()
        try:
            finding = next(pending)
        except StopIteration:
            return
        finally:
            clock.cancel()
        yield finding


def _give_up(seconds: float) -> None:
    print(
        f"  FAIL no answer in {seconds:g} s: what is checked next loops, or takes longer (--check-timeout 10m)",
        flush=True,
    )
    sys.stderr.flush()
    os._exit(1)
