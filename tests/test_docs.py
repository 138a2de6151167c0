"""The pages of docs/: what they list is what there is."""

import re

import pytest

import optbench
from optbench import datasets, figures
from optbench.contract.columns import TABLES, TARGETS, target_column
from tests import write_docs


@pytest.mark.parametrize("page", list(write_docs.PARTS))
def test_a_part_that_follows_from_the_code_is_current(page):
    text = (write_docs.DOCS / page).read_text(encoding="utf-8")
    assert write_docs.renew(page) == text, "it lags behind: run `python -m tests.write_docs`"


def test_the_catalogue_is_the_registry(catalogue):
    text = (write_docs.DOCS / "catalogue.md").read_text(encoding="utf-8").split(write_docs.BEGIN)[1]
    rows = re.findall(r"^\| `(\w+)` \|", text, flags=re.M)
    assert sorted(rows) == sorted([*datasets.NAMES, *(key.split(" ")[1] for key in catalogue.files)])


def test_every_public_name_is_in_the_reference():
    listed = re.findall(r"^::: ([\w.]+)$", (write_docs.DOCS / "python.md").read_text(encoding="utf-8"), flags=re.M)
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
