"""Every mistake ends with exit code 2, one line on standard error and nothing else: the lines stand in `messages.txt`.

`python -m tests.cli.test_messages` writes that file anew, for a diff that is read like any other.
"""

import contextlib
import io
import json
import os
import shlex
import sys
import tempfile
from pathlib import Path

import pytest

from optbench.cli import app
from tests.synthetic import make_tables, write_folder

TABLE = Path(__file__).with_name("messages.txt")
CASES = [case.split("\n") for case in TABLE.read_text(encoding="utf-8").strip().split("\n\n")]
SMALL = {"problems": ["rosenbrock", "saddle"], "optimizers": ["gd", "momentum"], "batch_sizes": (16,), "points": 4,
         "rates": (0.01,), "schedules": ("constant",), "seeds": range(4)}  # fmt: skip
DAYS = "date,temp,sky\n2020-01-01,40,sun\n2020-01-02,49,rain\n2020-01-03,45,rain\n"
FILES = {
    "days.csv": DAYS, "more.csv": f"{DAYS}x,y,z\n", "gap.csv": "a,b\n1,2\n3\n", "gaps.csv": DAYS.replace("49", ""),
    "header.csv": "temp\n", "no-values.csv": "temp,a\n,1\n,2\n", "two.csv": "a,b\n1,2\n", "words.csv": "a\nx\n",
    "same.csv": "a,a\n1,2\n", "bad.toml": "seeds = 'x'\n", "empty.py": "x = 1\n",
}  # fmt: skip


def make_folder(folder: Path) -> None:
    """Write the files and the results folders that the commands name."""
    for name, text in FILES.items():
        (folder / name).write_text(text)
    for name in ("old", "new"):
        write_folder(folder / name, make_tables(**SMALL))


def call(command: str) -> tuple[int, str, str]:
    """Run a command in this process; return its exit code, standard output and standard error."""
    sys.argv = shlex.split(command)
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        try:
            app.main()
            code = 0
        except SystemExit as end:
            code = end.code
    return code, out.getvalue(), err.getvalue().replace(str(Path.cwd()), "FOLDER")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the files and results folders that the commands name."""
    folder = tmp_path_factory.mktemp("messages")
    make_folder(folder)
    return folder


@pytest.mark.parametrize(("command", "message"), CASES, ids=[command.removeprefix("optbench ") for command, _ in CASES])
def test_a_mistake_is_one_line_on_standard_error(folder, monkeypatch, command, message):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [])
    before = sorted(folder.iterdir())
    code, out, err = call(command)
    assert (code, err) == (2, f"{message}\n")
    if "--json" in command:
        assert json.loads(out) == {"error": message.removeprefix("optbench: "), "exit_code": 2}
    else:
        assert not out
    assert sorted(folder.iterdir()) == before


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        make_folder(Path(made))
        os.chdir(made)
        TABLE.write_text("\n".join(f"{command}\n{call(command)[2]}" for command, _ in CASES), encoding="utf-8")
