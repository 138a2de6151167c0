"""Output for programs: one JSON value on standard output, and the exit codes.

With ``--json`` all else that is printed, also by plug-ins, goes to standard error, and an error is JSON, too; with
``--format github`` an error is an annotation, and with ``--format junit`` a suite of its own. Imports nothing slow.
"""

import io
import json
import math
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from itertools import pairwise
from typing import Any, NoReturn, TextIO
from xml.etree import ElementTree

from optbench.contract.errors import OptbenchError

NO, MISTAKE, UNFINISHED, BUG = 1, 2, 3, 70
EXIT_CODES = {
    "0": "done, and nothing that was asked about is wrong",
    str(NO): "the answer is no: compare or rank --fail-above shows a regression (--strict: does not rule it out), or "
    "check finds a fault",
    str(MISTAKE): "bad input, too little memory or disk, or runs that failed; one line says what",
    str(UNFINISHED): "unfinished: merge lacks cohorts, or sweep has reached --time-limit; "
    "tables hold what has finished",
    str(BUG): "a bug of optbench, with its traceback",
    "129, 130, 143": "ended by SIGHUP, Ctrl-C or SIGTERM; the same command resumes a sweep",
    "141": "the program that reads the output has ended",
}
"""By code, what it means, for the help page."""
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""A character that XML 1.0 does not allow."""
_stdout: TextIO | None = None
"""Standard output while it is kept for a JSON value; None without ``--json``, and once the value is printed."""


class _Stdout(io.FileIO):
    """Standard output of the process, without a buffer."""

    def write(self, data: Any) -> int:
        """Write the bytes. Raises OptbenchError if they cannot be written, as on a full disk."""
        try:
            return super().write(data)
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())  # Python flushes what is left when it ends
            if isinstance(error, BrokenPipeError):
                raise
            raise OptbenchError(f"cannot write to standard output: {error.strerror}") from None


def open_stdout() -> None:
    """Let standard output tell an error of its own from any other: to be called once, before anything is printed."""
    if isinstance(old := sys.stdout, io.TextIOWrapper):  # None if it is closed
        raw = _Stdout(old.fileno(), "w", closefd=False)
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(raw), old.encoding, None, None, old.line_buffering, old.write_through
        )


@contextmanager
def keep_stdout() -> Iterator[None]:
    """Where the command was typed with ``--json``, send what is printed to standard error, except by `print_json`."""
    global _stdout
    if "--json" not in sys.argv[1:] and not _has_typed("json"):
        yield
        return
    _stdout = sys.stdout
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _stdout = None


def _has_typed(form: str) -> bool:
    """Return whether ``--format`` with this value was typed."""
    typed = sys.argv[1:]
    return f"--format={form}" in typed or ("--format", form) in pairwise(typed)


def annotate(level: str, title: str, text: str) -> str:
    """Return the workflow command of GitHub for an annotation. level: error, warning or notice."""
    title, text = (each.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A") for each in (title, text))
    return f"::{level} title={title.replace(':', '%3A').replace(',', '%2C')}::{text}"


def clean(text: str) -> str:
    """Return a text with a replacement character for each that XML does not allow."""
    return _NO_XML.sub("\ufffd", text)


def to_xml(suite: ElementTree.Element) -> str:
    """Return the file of JUnit that has this suite."""
    whole = ElementTree.Element("testsuites")
    whole.append(suite)
    ElementTree.indent(whole)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(whole).decode("ascii")


def print_json(data: Any) -> None:
    """Print the answer as JSON: a table as a list of its rows, and null for a number that is not finite."""
    global _stdout
    stream, _stdout = _stdout or sys.stdout, None
    print(json.dumps(_to_plain(data), indent=2, allow_nan=False), file=stream, flush=True)


def print_error(text: str, code: int) -> None:
    """Print an error as JSON if that was asked for, and nothing else has been printed as such; or as ``--format`` says.

    What is unfinished has the keys that say so in any other answer, too.
    """
    if _stdout:
        unfinished = {"finished": False, "answers": {}} if code == UNFINISHED else {}
        print_json({"error": text, "exit_code": code} | unfinished)
    elif _has_typed("github"):
        print(annotate("error", "optbench", text))
    elif _has_typed("junit"):
        counts = {"tests": "1", "failures": "0", "skipped": "0", "errors": "1"}
        suite = ElementTree.Element("testsuite", {"name": "optbench", **counts})
        case = ElementTree.SubElement(suite, "testcase", classname="optbench", name="input")
        ElementTree.SubElement(case, "error", message=clean(text))
        print(to_xml(suite))


def fail(text: str, code: int = MISTAKE) -> NoReturn:
    """End the command with an exit code and a line on standard error, and as `print_error` prints it."""
    print(f"optbench: {text}", file=sys.stderr)
    print_error(text, code)
    sys.exit(code)


def _to_plain(value: Any) -> Any:
    """Return a value in terms of JSON."""
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        value = value.to_dict("records")
    if isinstance(value, Mapping):
        return {str(key): _to_plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_plain(each) for each in value]
    if hasattr(value, "item"):  # a number of NumPy
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if hasattr(value, "__fspath__") else None  # a path; pandas' NA
