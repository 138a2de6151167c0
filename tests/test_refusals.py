"""Every mistake in Python is one line that says what is wrong: the lines stand in `refusals.txt`, one file for a room.

Such a file is Python. Above its dashes stands what its cases share; each case is code, and below it, after "! ", the
line that it raises. `python -m tests.test_refusals [ROOM ...]` writes these anew, for a diff that is read like any
other.
"""

import os
import re
import sys
import tempfile
from contextlib import chdir
from functools import cache
from pathlib import Path

import pytest

from optbench import OptbenchError

HERE = Path(__file__).parent


def read_cases(room: str) -> dict[tuple[int, int], str]:
    """Return the messages by the lines of their code, those before the second number."""
    lines, cases = (HERE / room / "refusals.txt").read_text(encoding="utf-8").split("\n"), {}
    start = lines.index("---") + 1
    for at, line in enumerate(lines):
        if line.startswith("! "):
            cases[start, at] = line[2:]
            start = at + 1
    return cases


CASES = [
    (file.parent.name, *case)
    for file in sorted(HERE.glob("*/refusals.txt"))
    for case in read_cases(file.parent.name).items()
]


@cache
def run_shared(room: str) -> tuple[Path, dict]:
    """Run what the cases of a room share; return the folder in which it ran, and its names."""
    folder, names = Path(tempfile.mkdtemp()), {"__name__": "refusals"}
    run(room, (0, (HERE / room / "refusals.txt").read_text(encoding="utf-8").split("\n").index("---")), folder, names)
    return folder, names


def run(room: str, part: tuple[int, int], folder: Path, names: dict) -> None:
    """Run some lines of a room's file. They keep their numbers: functions in them have a source that can be read."""
    file = HERE / room / "refusals.txt"
    lines = file.read_text(encoding="utf-8").split("\n")[: part[1]]
    code = "\n" * part[0] + "\n".join(lines[part[0] :])
    with chdir(folder):
        exec(compile(code, str(file), "exec"), names)


def find_message(room: str, part: tuple[int, int]) -> str:
    """Return what a case raises; names that are not there raise Python's own error, which is called so."""
    folder, names = run_shared(room)
    before = sorted(os.listdir(folder))
    try:
        run(room, part, folder, dict(names))
    except OptbenchError as error:
        message = str(error)
    except AttributeError as error:
        message = f"AttributeError: {error}"
    else:
        message = "nothing is refused"
    assert sorted(os.listdir(folder)) == before, f"{part}: what is refused leaves nothing behind"
    message = re.sub(r"(this machine has) [\d.]+ \w+", r"\1 SO MUCH", message)
    return message.replace(str(folder), "FOLDER")


def name_case(room: str, part: tuple[int, int]) -> str:
    lines = (HERE / room / "refusals.txt").read_text(encoding="utf-8").split("\n")[slice(*part)]
    return next(f"{room}: {line}" for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize(("room", "part", "message"), CASES, ids=[name_case(*case[:2]) for case in CASES])
def test_a_mistake_is_one_line(room, part, message):
    assert find_message(room, part) == message
    assert message.isprintable() and len(message) < 1000 and message != "nothing is refused"


def write(room: str) -> None:
    """Write the messages of a room anew."""
    file = HERE / room / "refusals.txt"
    lines = file.read_text(encoding="utf-8").split("\n")
    for part in read_cases(room):
        lines[part[1]] = f"! {find_message(room, part)}"
    file.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    sys.path.append(str(HERE))  # where pytest finds the helpers of tests, too
    with tempfile.TemporaryDirectory() as tempfile.tempdir:
        for each in sys.argv[1:] or dict.fromkeys(case[0] for case in CASES):
            write(each)
