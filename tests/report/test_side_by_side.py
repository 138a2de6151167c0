"""Several folders on one page: what each says, values and ratios where seeds are shared, names as they are."""

import pytest
from synthetic import make_tables, write_folder
from test_report import Page

from optbench import OptbenchError, compare, load
from optbench.report import write_side_by_side
from optbench.wording.answers import format_ratio

SMALL = {"problems": ["saddle", "rosenbrock"], "optimizers": ["gd", "adam"], "batch_sizes": (16,), "points": 4,
         "rates": (0.01, 0.1), "schedules": ("constant",)}  # fmt: skip


def test_a_version_beside_another(tmp_path):
    name = 'v2 <b>"new"</b> 최적화'
    old, new = tmp_path / "old", tmp_path / name
    write_folder(old, make_tables(**SMALL))
    tables = make_tables(**{**SMALL, "problems": ["saddle"]}, random_seed=1)
    tables["provenance"]["optbench"] = "9.9.9"
    write_folder(new, tables)
    path = write_side_by_side([old, new])
    assert path == new / "report" / "side-by-side.html"
    page = Page(path)
    assert name in page.text and "9.9.9" in page.text and "not in this folder" in page.text
    results = load(old), load(new)
    row = compare(*results).query("problem == 'saddle' and b == 'adam'").iloc[0]
    assert row["verdict"] in page.text and f"[{format_ratio(row['low'])[:3]}" in page.text
    for each in results:
        values = each.ranking().query("problem == 'saddle'").set_index("optimizer")["value"]
        assert all(f"{value:.3g}".split("e")[0] in page.text for value in values)
    assert {link[1:] for link in page.links} <= set(page.anchors)


def test_other_settings_of_an_optimizer_are_beside_each_other_and_named(tmp_path):
    """Of which the values stand in one row, and the comparison says whose they are."""
    for name, beta in (("a", 0.9), ("b", 0.5)):
        tables = make_tables(**{**SMALL, "problems": ["saddle"], "optimizers": ["adam"]}, seeds=range(4))
        tables["runs"]["beta1"] = tables["runs"]["beta1"].replace(0.9, beta)
        write_folder(tmp_path / name, tables)
    page = Page(write_side_by_side([tmp_path / "a", tmp_path / "b"], out=tmp_path / "page.html"))
    assert "adam: beta1 0.9 in A, 0.5 in B" in page.text and "adam(beta1=0.5) for adam(beta1=0.9) is" in page.text
    assert "A: adam(beta1=0.9); B: adam(beta1=0.5)" in page.text  # the row's name
    assert page.text.rstrip().endswith("1 [1, 1] identical")  # in the row of adam, for the losses are the same here


def test_nothing_in_common_is_told_and_the_rest_is_shown(tmp_path):
    write_folder(tmp_path / "a", make_tables(**{**SMALL, "problems": ["saddle"]}))
    write_folder(tmp_path / "b", make_tables(**{**SMALL, "problems": ["diabetes"]}))
    page = Page(write_side_by_side([tmp_path / "a", tmp_path / "b"], out=tmp_path / "page.html"))
    assert "Not compared with A" in page.text and "diabetes" in page.text


def test_what_one_page_does_not_take(tmp_path):
    with pytest.raises(OptbenchError, match="take one result folder"):
        write_side_by_side([tmp_path, tmp_path], tables=["csv"])
    with pytest.raises(OptbenchError, match="9 result folders are too many"):
        write_side_by_side([tmp_path] * 9)
