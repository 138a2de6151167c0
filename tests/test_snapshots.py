"""What is refused, and what is said, in words: snippets in files of each room, with the lines that they give.

`refusals.txt` has what a mistake in Python raises, the others what is told of names, data and made-up tables. Such a
file is Python. Above its dashes stands what its cases share; each case is code, and below it, after "! ", the one line
that it raises, or, after "> ", its value, a line for each line or entry. `python -m tests.test_snapshots [ROOM ...]`
writes these anew, for a diff that is read like any other.
"""

import ast
import atexit
import os
import re
import shutil
import sys
import tempfile
from contextlib import chdir
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from optbench import OptbenchError

HERE = Path(__file__).parent
FILES = sorted(file for file in HERE.glob("*/*.txt") if file.name != "messages.txt")


class Case(NamedTuple):
    """Code from a line of a file to another one, and the lines that it gives, which stand below it."""

    file: Path
    begin: int
    end: int
    told: list[str]

    @property
    def name(self) -> str:
        code = read(self.file)[self.begin : self.end]
        return f"{self.file.parent.name}: {next(line for line in code if line and not line.startswith('#'))}"


@cache
def read(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").rstrip("\n").split("\n")


def find_cases(file: Path) -> list[Case]:
    cases = [Case(file, read(file).index("---") + 1, 0, [])]
    for at, line in enumerate(read(file)[cases[0].begin :], cases[0].begin):
        if line.startswith(("! ", "> ")):
            cases[-1].told.append(line)
        elif cases[-1].told:  # the first line of the next case
            cases.append(Case(file, at, 0, []))
        if not cases[-1].told:
            cases[-1] = cases[-1]._replace(end=at + 1)
    return cases


CASES = [case for file in FILES for case in find_cases(file)]


def run(file: Path, begin: int, end: int, folder: Path, names: dict) -> object:
    """Run lines of a file and return the value of the last one. They keep their numbers: functions have a source."""
    code = ast.parse("\n" * begin + "\n".join(read(file)[begin:end]))
    last = ast.Expression(code.body.pop().value) if code.body and isinstance(code.body[-1], ast.Expr) else None
    with chdir(folder):
        exec(compile(code, str(file), "exec"), names)
        return last and eval(compile(last, str(file), "eval"), names)


@cache
def run_shared(file: Path) -> tuple[Path, dict]:
    """Run what the cases of a file share; return the folder in which it ran, and its names."""
    folder, names = Path(tempfile.mkdtemp()), {"__name__": "__main__"}
    atexit.register(shutil.rmtree, folder)
    run(file, 0, read(file).index("---"), folder, names)
    return folder, names


def find_told(case: Case) -> list[str]:
    """Return what a case gives; names that are not there raise Python's own error, which is called so."""
    folder, names = run_shared(case.file)
    before = sorted(os.listdir(folder))
    try:
        value = run(*case[:3], folder, dict(names))
    except (OptbenchError, AttributeError) as error:
        assert sorted(os.listdir(folder)) == before, f"{case.name}: what is refused leaves nothing behind"
        text = f"! {error}" if isinstance(error, OptbenchError) else f"! AttributeError: {error}"
        text = re.sub(r"(this machine has) [\d.]+ \w+", r"\1 SO MUCH", text)
        return [text.replace(str(folder), "FOLDER")]
    entries = value.split("\n") if isinstance(value, str) else value if isinstance(value, list) else [value]
    return [f"> {entry}" if entry != "" else "> ''" for entry in entries]


# What sweeps answer is judged anew in each case, which takes half a second.
MARKED = [pytest.param(case, id=case.name, marks=[pytest.mark.slow] * (case.file.stem == "answers")) for case in CASES]


@pytest.mark.parametrize("case", MARKED)
def test_a_snippet_gives_the_lines_below_it(case):
    assert find_told(case) == case.told
    assert case.file.stem != "refusals" or case.told[0].startswith("! ")
    assert all(line.isprintable() and len(line) < 1000 for line in case.told)


def write(file: Path) -> None:
    """Write the lines of all cases of a file anew."""
    lines = list(read(file))
    for case in reversed(find_cases(file)):
        lines[case.end : case.end + len(case.told)] = find_told(case)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.path.append(str(HERE))  # where pytest finds the helpers of tests, too
    for each in FILES:
        if each.parent.name in (sys.argv[1:] or each.parts):
            write(each)
