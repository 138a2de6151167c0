"""The commands and code of README.md, docs/training.md and CONTRIBUTING.md, run as they stand.

Of CONTRIBUTING.md, blocks of the kind ``console`` are shown only: they set up, take long, or need other machines.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from optbench import datasets
from optbench.cli import app
from optbench.contract.version import __version__

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
TRAINING = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT + TRAINING + CONTRIBUTING, flags=re.M | re.S)
OF_TORCH = re.findall(r"^```(\w+) torch\n(.*?)^```$", TEXT + TRAINING, flags=re.M | re.S)
"""Blocks that need PyTorch: "sh torch" is shown as "sh" is."""
SHELL = [text for kind, text in BLOCKS if kind == "sh"]
LINES = [line for text in SHELL[2:] for line in text.splitlines()]
OF_TABLE = next(line for line in LINES if "--data" in line)
LESS = "--blocks 2 --widen 0 --epochs 1 --no-report"  # 8,000 runs would take a minute
MOST_LINES = 360  # of the README: five minutes to read, and a page for who brings something along


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the files that the README shows."""
    folder = tmp_path_factory.mktemp("readme")
    for kind, text in BLOCKS:
        name = re.match(r"# file: (\S+)\n", text)
        if name:
            assert name[1].endswith({"python": ".py", "toml": ".toml"}[kind])
            (folder / name[1]).write_text(text, encoding="utf-8")
    data = Path("optbench/lecture/data/seattle_temperature.csv")
    (folder / data).parent.mkdir(parents=True)
    (folder / data).write_bytes((ROOT / data).read_bytes())
    write_customers(folder / "customers.csv")
    run(["-m", *shlex.split(f"{OF_TABLE} {LESS}")], folder)
    return folder


def write_customers(path):
    """Write a table with an id, a date, gaps, texts and three classes."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"customer": [f"C{number}" for number in range(120)], "age": rng.integers(18, 80, 120)})
    table["since"] = pd.date_range("2020-01-01", periods=120).astype(str)
    table["plan"] = rng.choice(["basic", "plus", "pro", None], 120)
    table["status"] = pd.cut(table["age"] + rng.normal(0, 5, 120), 3, labels=["leaves", "stays", "buys more"])
    table["age"] = table["age"].where(rng.random(120) > 0.1)
    table.to_csv(path, index=False)


def run(arguments, folder):
    """Run Python in another process, and return its output."""
    places = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = os.environ | {"PYTHONPATH": places, "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def run_here(folder, capsys, monkeypatch):
    """run_here(*arguments) -> what the command prints, in this process, which has everything loaded."""
    monkeypatch.chdir(folder)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["optbench", *arguments])
        try:
            app.main()
        except SystemExit as end:
            assert not end.code, capsys.readouterr().err
        return capsys.readouterr().out

    return call


def test_commands(folder, run_here):
    """The first in a process of its own."""
    for k, line in enumerate(line for line in LINES if line != OF_TABLE):
        program, *arguments = shlex.split(line)
        assert program == "optbench"
        out = run(["-m", "optbench", *arguments], folder) if k == 0 else run_here(*arguments)
        assert "FAIL" not in out, line
        if "sweep" in arguments and "--dry-run" not in arguments:
            assert "Compared by " in out and "every run failed" not in out, line


@pytest.mark.filterwarnings("ignore:OptbenchClassifier. columns left out:UserWarning")  # an id and a date
def test_python(folder, capsys, monkeypatch):
    """The first in a process of its own."""
    code = [text for kind, text in BLOCKS if kind == "python" and not text.startswith("# file:")]
    first, *others = code
    out = [run(["-W", "error", "-c", first], folder)]  # a function, which a notebook and python -c have without a file
    monkeypatch.chdir(folder)
    for text in others:
        exec(compile(text, "README.md", "exec"), {"__name__": "__main__"})
        out.append(capsys.readouterr().out)
    function, table, first, second, data, loop = out
    assert "central differences" in function and "valley" in function and "[1. 1.]" in function
    assert "Best(mlp" in table and table.count("['") == 2
    assert "ok" in first and "adam_torch" in first
    assert second.startswith("True\n[")
    assert float(data) > 0.9
    assert loop.startswith("100 0.") and loop.endswith("(64,)\n")


@pytest.mark.torch
@pytest.mark.slow
def test_what_needs_another_library(folder, run_here):
    kinds = [kind for kind, _ in OF_TORCH]
    assert kinds == ["sh", "python"]
    for kind, text in OF_TORCH:
        if kind == "python":
            run(["-c", text], folder)
            continue
        for line in text.splitlines():
            out = run_here(*shlex.split(line)[1:])
            assert "FAIL" not in out and ("Compared by " in out or "check" in line), line


def test_first_two_commands_are_single_lines_that_set_up_and_run():
    first, second = SHELL[:2]
    for command in (first, second):
        assert command.count("\n") == 1
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install -q -e ")
    assert first.rstrip().endswith(".venv/bin/python -m optbench sweep")
    assert ".venv/bin/python -m pytest" in second


def test_the_readme_counts_what_is_there(catalogue):
    for kind in ("optimizers", "wrappers", "schedules", "problems"):
        assert f"{len(getattr(catalogue, kind))} {kind}" in TEXT


def test_the_readme_is_short():
    assert len(TEXT.splitlines()) <= MOST_LINES


PAGES = [
    path.relative_to(ROOT).as_posix()
    for path in (*sorted((ROOT / "docs").iterdir()), *sorted((ROOT / "reports").rglob("*.html")))
]
LINKS = {".md": r"\]\(([^)#:]+)(?:#[\w-]+)?\)", ".html": r'(?:href|src)="([^"#:]+)(?:#[^"]*)?"'}


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "reports/README.md", *PAGES])
def test_linked_files_are_there(name):
    path = ROOT / name
    targets = re.findall(LINKS[path.suffix], path.read_text(encoding="utf-8"))
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_every_data_set_and_named_folder_is_there():
    for name in datasets.NAMES:
        assert f"`{name}" in TEXT or f"={name}(" in TEXT, f"data set {name} is missing from the README"
    for name in ("benchmarks/peers.py", "reports/asv", "tests", "problems", "optbench/engine"):
        assert (ROOT / name).exists()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra in re.findall(r"\.\[(\w+)\]", TEXT):
        assert extra in extras


def test_the_answer_that_the_readme_quotes_is_that_of_the_committed_report():
    quoted = " ".join(line.removeprefix("> ") for line in TEXT.splitlines() if line.startswith("> "))
    problem, sentence = quoted.split(": ", 1)
    page = (ROOT / "reports" / "sweep" / "report" / "index.html").read_text(encoding="utf-8")
    assert problem in ("quadratic", "logistic", "mlp") and page.count(f"{sentence}.") == 2


@pytest.mark.parametrize("name", ["sweep", "lecture"])
def test_committed_pages_are_of_this_version(name):
    made = json.loads((ROOT / "reports" / name / "provenance.json").read_text(encoding="utf-8"))
    assert made["optbench"] == __version__ and made["command"].startswith(f"python -m optbench {name}")
