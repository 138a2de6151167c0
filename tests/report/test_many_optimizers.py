"""The page on more optimizers than can be told apart: every one has its rows, and what is short is said in full."""

import re

import pytest
from synthetic import make_tables, write_folder

from optbench.report import write_report
from optbench.wording.answers import answer_of

WARMUP = "warmup(cosine(final=0.0), fraction=0.1, steps=0.0, start=0.0)"
FIELD = [f"rule_{letter}" for letter in "abcdefghijk"] + ["lbfgs", "long_" * 30]


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    tables = make_tables(
        ["breast_cancer"], FIELD, (16, "full"), ["constant", WARMUP], (0.01, 0.1), range(5), points=6, epochs=8
    )
    page = write_report(write_folder(tmp_path_factory.mktemp("many"), tables))
    return tables, page.read_text(encoding="utf-8")


def test_everyone_has_a_row_in_the_order_of_rank(large):
    tables, page = large
    best = answer_of(tables["runs"], [0, 1, 2]).best.sort_values(["place", "median"])
    section = page[page.index('<h2 id="problem-breast_cancer">') : page.index('<h2 id="settings">')]
    listed = re.findall(r'<tr><th scope="row"[^>]*>(\w+)</th><td data-label="place"', section)
    assert listed == best["optimizer"].tolist() and len(listed) == 13


def test_times_of_many_optimizers_are_rows(large):
    _, page = large
    time = page[page.index('<h2 id="time">') : page.index('<h2 id="method">')]
    assert all(f">{name}</th>" in time for name in FIELD)


def test_short_schedules_stand_in_full(large):
    _, page = large
    assert f'title="{WARMUP}">warmup(cosine)</td>' in page
    assert f"<dt>warmup(cosine)</dt><dd>Short for the schedule <code>{WARMUP}</code>." in page


def test_a_baseline_has_no_edge(large):
    _, page = large
    row = re.search(r'<tr><th scope="row"[^>]*>lbfgs</th><td data-label="place".*?</tr>', page, re.S)[0]
    assert ">full<" in row and "rate that was tried" not in row
