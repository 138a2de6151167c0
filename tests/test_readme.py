"""README.md, and the links of all pages; tests/test_docs.py runs what they show."""

import json
import re
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from optbench.contract.version import __version__

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
SHELL = re.findall(r"^```sh\n(.*?)^```$", TEXT, flags=re.M | re.S)
MOST_LINES = 160  # what it is, and the five things that one does next; everything else is in docs/


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


def test_the_version_to_cite_is_this_one():
    assert f"version = {{{__version__.split('.dev')[0]}}}" in TEXT


def test_the_readme_is_short():
    assert len(TEXT.splitlines()) <= MOST_LINES


PAGES = [
    path.relative_to(ROOT).as_posix()
    for path in (*sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "reports").rglob("*.html")))
]
LINKS = {".md": r"\]\(([^)#:]+)(?:#[\w-]+)?\)", ".html": r'(?:href|src)="([^"#:]+)(?:#[^"]*)?"'}


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "reports/README.md", *PAGES])
def test_linked_files_are_there(name):
    path = ROOT / name
    targets = re.findall(LINKS[path.suffix], path.read_text(encoding="utf-8"))
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_every_named_extra_is_there():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))]
    named = [
        name
        for text in texts
        for names in re.findall(r"(?:\.|optbench)\[([a-z0-9,]+)\]", text)
        for name in names.split(",")
    ]
    assert "docs" in named and set(named) <= set(extras)


def test_the_answer_that_the_readme_quotes_is_that_of_the_committed_report():
    quoted, *_ = re.findall(r"^```text\n(.*?)^```$", TEXT, flags=re.M | re.S)  # the others: tests/test_docs.py
    answer = (ROOT / "reports" / "sweep" / "answer.txt").read_text(encoding="utf-8")
    assert quoted in answer
    page = " ".join((ROOT / "reports" / "sweep" / "report" / "index.html").read_text("utf-8").split())
    title, in_short = " ".join(answer.split("\n\n")[0].split()).split(" In short: ")
    assert title in page and f"In short: {in_short}" in page


def test_the_examples_of_the_pages_are_those_of_the_committed_sweep():
    verdicts, questions = (
        " ".join((ROOT / "docs" / name).read_text("utf-8").split()) for name in ("verdicts.md", "faq.md")
    )
    ranking = pd.read_csv(ROOT / "reports" / "sweep" / "report" / "tables" / "ranking.csv")
    row = ranking[ranking["problem"] == "quadratic"].set_index("optimizer")
    assert row["leader"].idxmax() == "nesterov"
    assert [*row.index[row["may_be_best"]]] == ["gd", "momentum", "nesterov"]
    assert f"of `nesterov` is {row.value['nesterov']:,.0f} samples" in verdicts
    assert f"that of `rmsprop` {row.value['rmsprop']:,.0f}" in verdicts
    low, high = row.ratio_low["rmsprop"], row.ratio_high["rmsprop"]
    assert f"{row.ratio['rmsprop']:.1f} times the samples, with an interval of {low:.1f} to {high:.1f}" in verdicts
    answer = (ROOT / "reports" / "sweep" / "answer.txt").read_text(encoding="utf-8")
    batch_size, optimizer = re.findall(r" ([\d.]+)×", answer.split(";")[0])
    assert f"({batch_size} times the samples) than a wrong optimizer ({optimizer})" in questions


def test_what_the_readme_shows_first_is_run_and_true():
    rows = re.findall(r"^\| .*\? \| `(optbench .*?)` \| `(.*?)`", TEXT, flags=re.M)
    table, rank, lecture = (command for command, _ in rows)
    assert f"{table}\n" in (ROOT / "docs" / "start.md").read_text(encoding="utf-8")
    assert f"{rank}\n```\n\n```text\n{rows[1][1]}\n" in TEXT
    assert lecture == "optbench lecture"
    assert rows[2][1] in (ROOT / "reports" / "lecture" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["sweep", "lecture"])
def test_committed_pages_are_of_this_version(name):
    made = json.loads((ROOT / "reports" / name / "provenance.json").read_text(encoding="utf-8"))
    assert made["optbench"] == __version__ and made["command"].startswith(f"python -m optbench {name}")


def test_the_committed_field_guide_is_of_this_version_and_of_the_atlas_that_ships():
    page = " ".join((ROOT / "reports" / "atlas" / "index.html").read_text(encoding="utf-8").split())
    assert f"optbench {__version__} made this page" in page and "python -m optbench guide --out reports/atlas" in page
    made = json.loads((ROOT / "optbench" / "atlas" / "archive" / "provenance.json").read_text(encoding="utf-8"))
    assert made["command"] in page
