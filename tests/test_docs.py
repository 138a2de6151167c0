"""The pages of docs/, README.md and CONTRIBUTING.md: their commands and code, run as they stand, and what they list.

One mechanism runs all: the blocks of a page in order, in a folder of its own. ``sh`` are commands of optbench, a line
each; ``python`` is code; what begins with ``# file: NAME`` is written there first. A second word, as in ``sh torch``,
names the library that the block needs. ``text`` is a part of what the block before it prints. Other blocks are shown
only: ``console`` sets up, takes long, or needs other machines. docs/pipelines.md needs a cluster: test_pipelines.py.
"""

import re
import shlex
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from quick import some_quick

import optbench
from optbench import datasets, figures
from optbench.cli import app
from optbench.contract.columns import TABLES, TARGETS, target_column
from tests import write_docs

ROOT = Path(__file__).parents[1]
LESS = "--blocks 2 --widen 0 --epochs 1"  # of a table: 8,000 runs would take a minute
QUICK = ("docs/catalogue.md", "docs/results.md")
"""Pages of a few seconds, which run among the README's tests; the others run in CI's slow part."""
LIBRARIES = ("torch", "optax")


class Block(NamedTuple):
    """A block of a page, with its second word."""

    kind: str
    word: str
    text: str


def read_blocks(page: str) -> list[Block]:
    """Return the blocks of a page, in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [Block(*found) for found in re.findall(r"^```(\w+)(?: (\w+))?\n(.*?)^```$", text, flags=re.M | re.S)]


def is_file(block: Block) -> bool:
    return block.text.startswith("# file: ")


def list_pages():
    """Yield the pages with something to run; those that need a library, and long ones, are marked."""
    paths = ("README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")), "CONTRIBUTING.md")
    for page in paths:
        blocks = [each for each in read_blocks(page) if each.kind in ("sh", "python") and not is_file(each)]
        if blocks and page != "docs/pipelines.md":
            marks = [getattr(pytest.mark, name) for name in LIBRARIES if name in {each.word for each in blocks}]
            yield pytest.param(page, marks=marks if page in QUICK else [*marks, pytest.mark.slow])


def write_customers(path):
    """Write a table with an id, a date, gaps, texts and three classes."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"customer": [f"C{number}" for number in range(120)], "age": rng.integers(18, 80, 120)})
    table["since"] = pd.date_range("2020-01-01", periods=120).astype(str)
    table["plan"] = rng.choice(["basic", "plus", "pro", None], 120)
    table["status"] = pd.cut(table["age"] + rng.normal(0, 5, 120), 3, labels=["leaves", "stays", "buys more"])
    table["age"] = table["age"].where(rng.random(120) > 0.1)
    table.to_csv(path, index=False)


def run_command(line, monkeypatch):
    """Run a command in this process, which has everything loaded."""
    program, *arguments = shlex.split(line)
    assert program == "optbench"
    more = shlex.split(LESS) * ("--data" in arguments)
    if arguments[0] == "sweep" and "--no-report" not in arguments:
        more.append("--no-report")  # each would take ten seconds; `optbench report` draws one where a page has it
    monkeypatch.setattr(sys, "argv", [program, *arguments, *more])
    try:
        app.main()
    except SystemExit as end:
        assert not end.code, line


def run_code(text, path, scope):
    """Run code as a notebook runs a cell: from a temporary file, where its source can be read."""
    path.write_text(text, encoding="utf-8")
    exec(compile(text, path, "exec"), scope)


@pytest.mark.parametrize("page", [*list_pages()])
def test_a_page_runs(page, tmp_path, capsys, monkeypatch):
    blocks = read_blocks(page)
    monkeypatch.chdir(tmp_path)
    write_customers(tmp_path / "customers.csv")
    temperatures = Path("optbench/lecture/data/seattle_temperature.csv")
    temperatures.parent.mkdir(parents=True)
    temperatures.write_bytes((ROOT / temperatures).read_bytes())
    for block in filter(is_file, blocks):
        name = block.text.split()[2]
        assert name.endswith({"python": ".py", "toml": ".toml"}[block.kind])
        Path(name).write_text(block.text, encoding="utf-8")
    # What stands before all commands is quoted from the committed example.
    scope, printed = {"__name__": "__main__"}, (ROOT / "reports/sweep/answer.txt").read_text(encoding="utf-8")
    for number, block in enumerate(blocks):
        if block.kind == "text":
            assert block.text in printed
        elif is_file(block) or block.kind not in ("sh", "python"):
            continue
        elif block.kind == "python":
            run_code(block.text, tmp_path / f"cell_{number}.py", scope)
            printed = capsys.readouterr().out
        else:
            for line in block.text.replace("\\\n", "").splitlines():
                if line.startswith("python3 -m venv"):  # the README's two, which CI runs
                    continue
                run_command(line, monkeypatch)
                printed, err = capsys.readouterr()
                assert "FAIL" not in printed, line
                if " sweep " in line and "--dry-run" not in line:
                    assert " runs of " in printed and "every run failed" not in printed + err, line


@pytest.mark.parametrize(
    "page",
    some_quick(write_docs.PARTS, {*write_docs.PARTS} - {"agreement.md", "published.md"}),
)
def test_a_part_that_follows_from_the_code_is_current(page):
    text = (write_docs.DOCS / page).read_text(encoding="utf-8")
    assert write_docs.renew(page) == text, "it lags behind: run `python -m tests.write_docs`"


def test_the_catalogue_is_the_registry(catalogue):
    text = (write_docs.DOCS / "catalogue.md").read_text(encoding="utf-8").split(write_docs.BEGIN)[1]
    rows = re.findall(r"^\| `(\w+)` \|", text, flags=re.M)
    assert sorted(rows) == sorted([*datasets.NAMES, *(key.split(" ")[1] for key in catalogue.files)])


def test_every_public_name_is_in_the_reference():
    pages = [path.read_text(encoding="utf-8") for path in (write_docs.DOCS / "python").glob("*.md")]
    listed = [name for page in pages for name in re.findall(r"^::: ([\w.]+)$", page, flags=re.M)]
    names = [getattr(optbench, name) for name in optbench.__all__ if name != "__version__"]
    names += [getattr(figures, name) for name in figures.__all__ if name != "Plot"]
    assert sorted(listed) == sorted(f"{each.__module__}.{each.__name__}" for each in names)


def test_every_column_of_the_tables_is_explained():
    text = (write_docs.DOCS / "results.md").read_text(encoding="utf-8")
    targets = [target_column(share) for share in TARGETS]
    for heading in re.findall(r"^## (`.*)$", text, flags=re.M):
        section = text.split(f"## {heading}\n")[1].split("\n## ")[0]
        explained = [name for cells in re.findall(r"^\| (`.*?) \|", section, flags=re.M) for name in _codes(cells)]
        columns = [column.name for name in _codes(heading) for column in TABLES[name]]
        between = set(targets[1:-1])
        assert sorted(explained) == sorted(name for name in columns if name not in between), heading
    assert set(TABLES) == {name for names in re.findall(r"^## (`.*)$", text, flags=re.M) for name in _codes(names)}


def _codes(text):
    return re.findall(r"`([^`]+)`", text)


def test_extras_are_installed_from_the_clone():
    """The package is in no index: pip finds nothing of this name, or a stranger's package."""
    files = [*ROOT.glob("*.md")]
    for name in ("optbench", "docs", "benchmarks", "tests"):
        files += (ROOT / name).rglob("*.*")
    files = [path for path in files if path.suffix in (".py", ".md")]
    assert [str(path) for path in files if re.search(r"optbench\[[a-z{]", path.read_text(encoding="utf-8"))] == []
