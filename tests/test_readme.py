"""The README's commands and code, run as they stand."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import optbench

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, flags=re.M | re.S)
SHELL = [text for kind, text in BLOCKS if kind == "sh"]
LINES = [line for text in SHELL[2:] for line in text.splitlines()]
# asv builds environments and takes minutes; the tests' own asv check and the benchmarks' tests stand in for it.
ELSEWHERE = ("asv ",)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the files that the README shows."""
    folder = tmp_path_factory.mktemp("readme")
    for kind, text in BLOCKS:
        name = re.match(r"# file: (\S+)\n", text)
        if name:
            assert name[1].endswith({"python": ".py", "toml": ".toml"}[kind])
            (folder / name[1]).write_text(text, encoding="utf-8")
    return folder


def run(arguments, folder):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    found = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_commands(folder):
    for line in LINES:
        if line.startswith(ELSEWHERE):
            continue
        program, *arguments = shlex.split(line)
        assert program == "optbench"
        out = run(["-m", "optbench", *arguments], folder)
        assert "FAIL" not in out, line
        if "sweep" in arguments and "--dry-run" not in arguments:
            assert "suboptimality" in out, line


def test_python(folder):
    code = [text for kind, text in BLOCKS if kind == "python" and not text.startswith("# file:")]
    assert len(code) == 1
    out = run(["-W", "error", "-c", code[0]], folder)
    assert "ok" in out and "adam_torch" in out


def test_first_two_commands_are_single_lines_that_set_up_and_run():
    first, second = SHELL[:2]
    for command in (first, second):
        assert command.count("\n") == 1
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install -q -e ")
    assert first.rstrip().endswith(".venv/bin/python -m optbench sweep")
    assert ".venv/bin/python -m pytest" in second


def test_every_shipped_name_and_linked_file_is_there():
    for name in (*optbench.optimizers(), *optbench.schedules(), *optbench.problems()):
        assert f"`{name}`" in TEXT, f"{name} is missing from the README"
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (ROOT / target).exists(), target
    for name in ("benchmarks/peers.py", "reports/asv", "tests", "problems", "optbench/engine"):
        assert (ROOT / name).exists()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra in re.findall(r"\.\[(\w+)\]", TEXT):
        assert extra in extras
