"""Several folders on one page: what each says, values and ratios where seeds are shared, names as they are."""

import math
import re

import numpy as np
import pytest
from synthetic import make_tables, write_folder
from test_report import Page

from optbench import compare, load
from optbench.report import write_side_by_side
from optbench.wording.judged import format_ratio

SMALL = {"problems": ["saddle", "rosenbrock"], "optimizers": ["gd", "adam"], "batch_sizes": (16,), "points": 4,
         "rates": (0.01, 0.1), "schedules": ("constant",)}  # fmt: skip


@pytest.mark.slow
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
    row = compare(*results).table.query("problem == 'saddle' and b == 'adam'").iloc[0]
    assert row["verdict"] in page.text and f"[{format_ratio(row['low'])[:3]}" in page.text
    for each in results:
        values = each.ranking().query("problem == 'saddle'").set_index("optimizer")["value"]
        assert all(f"{value:.3g}".split("e")[0] in page.text for value in values)
    assert {link[1:] for link in page.links} <= set(page.anchors)


def test_marks_stand_where_the_ratios_of_the_comparison_are(tmp_path):
    """By hand: on a logarithmic axis, with the interval beside them; who is told apart is filled."""
    folders = [write_folder(tmp_path / name, make_tables(**SMALL, random_seed=seed)) for seed, name in enumerate("ab")]
    page = write_side_by_side(folders, out=tmp_path / "page.html").read_text()
    table = compare(*map(load, folders)).table.query("problem != 'all'")
    axis = re.search(r'<symbol id="grid-B">.*</symbol>', page)[0]
    one = (float(re.search(r'class="tie" x="(.*?)%"', axis)[1]), float(re.search(r'width="(.*?)%"', axis)[1]))
    scale = one[1] / (2 * math.log(1.1))  # percent of the axis by unit of the logarithm: the band is a tenth wide
    for problem in SMALL["problems"]:
        row = page[page.index(f'id="B-{problem}"') :]
        marks = re.findall(
            r'<use href="#mark-\d+" x="(.*?)%" y=".*?"( class="hollow")?/>', row[: row.index("</summary>")]
        )
        rows = table[table["problem"] == problem]
        assert len(marks) == len(rows) == 2
        for (x, hollow), ratio, verdict in zip(marks, rows["ratio"], rows["verdict"], strict=True):
            assert float(x) == pytest.approx(one[0] + one[1] / 2 + scale * math.log(ratio), abs=0.3)
            assert bool(hollow) == (verdict == "open")


@pytest.mark.slow
def test_curves_are_the_medians_of_the_reported_seeds_on_shared_axes(tmp_path):
    """With one setting, its median by pandas; B has a hundredth of A's suboptimality throughout."""
    tables = make_tables(**{**SMALL, "problems": ["saddle"], "optimizers": ["gd"], "rates": (0.01,)})
    runs = tables["runs"] = tables["runs"].assign(status="ok")
    minimum = tables["problems"]["minimum"].iloc[0]
    a = write_folder(tmp_path / "a", tables)
    loss = tables["curves"]["train_loss"]
    tables["curves"] = tables["curves"].assign(train_loss=minimum + (loss - minimum) / 100)
    page = write_side_by_side([a, write_folder(tmp_path / "b", tables)], out=tmp_path / "page.html").read_text()
    held = runs.loc[~runs["seed"].isin(load(a).tuning_seeds), "run_id"]
    there = load(a).curves_of(held)
    wanted = np.log((there.groupby("samples")["train_loss"].median() - minimum).to_numpy())
    lines = [re.findall(r"([\d.]+),([\d.]+)", points) for points in re.findall(r'<polyline[^>]* points="(.*?)"', page)]
    one, two = (np.array(line, dtype=float) for line in lines)
    span = wanted.max() - (wanted.min() - math.log(100))
    assert one[:, 1] == pytest.approx(90 * (wanted.max() - wanted) / span, abs=0.06)
    assert two[:, 1] - one[:, 1] == pytest.approx(90 * math.log(100) / span, abs=0.11)
    samples = np.sort(there["samples"].unique())
    assert one[:, 0] == pytest.approx(200 * samples / samples.max(), abs=0.06) and len(samples) > 3


@pytest.mark.slow
def test_three_folders_each_against_the_first(tmp_path):
    tables = make_tables(**SMALL)
    folders = [write_folder(tmp_path / name, tables) for name in "abc"]
    page = Page(write_side_by_side(folders, out=tmp_path / "page.html"))
    title = "B against A: identical on both problems; C: identical on both problems"
    assert page.text.startswith(f"{title} \u00b7 optbench") and page.text.count("C against A: identical") == 1
    assert page.text.count("4 cases, each an optimizer on a problem: all identical") == 2
    assert not re.search(r"over all \d", page.text) and "Over all problems it" not in page.text
    assert {"B-saddle", "B-rosenbrock", "C-saddle", "C-rosenbrock"} <= set(page.anchors)


@pytest.mark.slow
def test_of_many_optimizers_the_chart_has_eleven_and_says_so(tmp_path):
    names = ["gd", "adam", *(f"mine{place}" for place in range(12))]
    tables = make_tables(**{**SMALL, "problems": ["saddle"], "optimizers": names})
    folders = [write_folder(tmp_path / name, tables) for name in "ab"]
    page = write_side_by_side(folders, out=tmp_path / "page.html").read_text()
    row = page[page.index('id="B-saddle"') :]
    assert row[: row.index("</summary>")].count('<use href="#mark-') == 11 and "3 optimizers not shown" in page
    assert 10 <= page.count('<polyline class="before"') <= 11


@pytest.mark.slow
def test_other_settings_of_an_optimizer_are_beside_each_other_and_named(tmp_path):
    """Of which the values stand in one row, and the page says whose they are."""
    for name, beta in (("a", 0.9), ("b", 0.5)):
        tables = make_tables(**{**SMALL, "problems": ["saddle"], "optimizers": ["adam"]}, seeds=range(4))
        tables["runs"]["beta1"] = tables["runs"]["beta1"].replace(0.9, beta)
        write_folder(tmp_path / name, tables)
    page = Page(write_side_by_side([tmp_path / "a", tmp_path / "b"], out=tmp_path / "page.html"))
    assert "adam: beta1 0.9 in A, 0.5 in B" in page.text
    assert "A: adam(beta1=0.9); B: adam(beta1=0.5)" in page.text  # the row's name
    assert "1 [1, 1] identical Filled" in page.text  # in the row of adam, for the losses are the same here


@pytest.mark.slow
def test_nothing_in_common_is_told_and_the_rest_is_shown(tmp_path):
    write_folder(tmp_path / "a", make_tables(**{**SMALL, "problems": ["saddle"]}))
    write_folder(tmp_path / "b", make_tables(**{**SMALL, "problems": ["diabetes"]}))
    page = Page(write_side_by_side([tmp_path / "a", tmp_path / "b"], out=tmp_path / "page.html"))
    assert "Not compared with A" in page.text and "diabetes" in page.text
