"""The field guide: its numbers are those of a table reckoned by hand, and its page and tables say the same."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import opened, scrolls_sideways

import optbench
from optbench.atlas import field_guide
from optbench.atlas.kinds import find_kind
from optbench.wording import guide_texts

RATES = (0.001, 0.01, 0.1, 1.0)
BUDGET = 1000
# Samples to the target at these rates with batch 16 and a constant schedule; None: missed, which counts two budgets.
SAMPLES = {
    ("quadratic", "adamw"): (400, 100, 140, None),
    ("ellipsoid", "adamw"): (800, 200, None, None),
    ("logistic", "adamw"): (None, 300, 100, None),
    ("quadratic", "lion"): (100, 149, None, None),
    ("ellipsoid", "lion"): (200, 800, None, None),
    ("logistic", "lion"): (500, 50, None, None),
}


@pytest.fixture
def trials() -> pd.DataFrame:
    """The table that `list_trials` returns, of these samples."""
    rows = [
        {"problem": problem, "optimizer": optimizer, "batch_size": 16, "schedule": "constant", "lr": rate,
         "stage": "screen", "block": 0, "y": np.log(samples or 3 * BUDGET), "cost": np.log(samples or 2 * BUDGET),
         "hit": samples is not None, "kind": find_kind(problem), "log_rate": np.log10(rate)}
        for (problem, optimizer), found in SAMPLES.items() for rate, samples in zip(RATES, found, strict=True)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def mean(*values):
    return float(np.exp(np.mean(np.log(values))))


def test_one_setting_is_chosen_on_the_problems_of_other_kinds(trials):
    table = field_guide.measure_tuning(trials).set_index("optimizer")
    # logistic takes the best rate of the two quadratics; these take the best of logistic
    assert table.loc["adamw", "one"] == pytest.approx(mean(300 / 100, 140 / 100, 2000 / 200))
    assert table.loc["adamw", "one_missed"] == 1
    assert table.loc["lion", "one"] == pytest.approx(mean(500 / 50, 149 / 100, 800 / 200))
    # the best on all three, which the page names
    assert table.loc["adamw", "lr"] == pytest.approx(0.01) and table.loc["lion", "lr"] == pytest.approx(0.01)
    assert table.loc["adamw", ["batch_size", "schedule"]].tolist() == [16, "constant"]


def test_the_shipped_rate_is_the_middle_of_the_range_that_ships(trials):
    table = field_guide.measure_tuning(trials).set_index("optimizer")
    assert table["default_rate"].to_dict() == pytest.approx({"adamw": 0.01, "lion": 0.001})
    assert table.loc["adamw", "default"] == pytest.approx(mean(1, 1, 300 / 100))
    assert table.loc["lion", "default"] == pytest.approx(mean(1, 1, 500 / 50))
    moved = trials.assign(lr=trials["lr"] * 1.4, log_rate=trials["log_rate"] + np.log10(1.4))
    same = field_guide.measure_tuning(moved).set_index("optimizer")["default"]
    assert same.to_dict() == table["default"].to_dict(), "the nearest rate that was tried stands for it"


def test_rates_are_near_up_to_where_the_line_between_two_is_beyond_the_factor(trials):
    table = field_guide.measure_sensitivity(trials).set_index("optimizer")
    assert table["problems"].to_dict() == {"adamw": 3, "lion": 3}
    # at 1.5 times the 100 samples of the best rate
    first = np.log(1.5) / np.log(400 / 100) + 1 + np.log(150 / 140) / np.log(2000 / 140)
    one = trials[(trials["problem"] == "quadratic") & (trials["optimizer"] == "adamw")]
    assert field_guide.measure_sensitivity(one)["decades"].tolist() == pytest.approx([first])
    others = [
        np.log(1.5) / np.log(800 / 200) + np.log(1.5) / np.log(2000 / 200),
        np.log(150 / 100) / np.log(300 / 100) + np.log(150 / 100) / np.log(2000 / 100),
    ]
    assert table.loc["adamw", "decades"] == pytest.approx(sorted([first, *others])[1])


def test_best_rates_are_told_beside_those_of_adamw(trials):
    table = field_guide.compare_rates(trials).set_index("optimizer")
    assert table.loc["lion", ["ratio", "ratio_low", "ratio_high"]].tolist() == pytest.approx([0.1, 0.1, 0.1])
    assert table.loc["adamw", "ratio"] == 1 and table.loc["lion", "problems"] == 3
    trials.loc[(trials["problem"] == "logistic") & (trials["lr"] == 0.1), ["y", "hit"]] = np.log(3 * BUDGET), False
    row = field_guide.compare_rates(trials).set_index("optimizer").loc["lion"]
    logs = np.log([0.1, 0.1, 1.0])
    half = 4.302653 * logs.std(ddof=1) / np.sqrt(3)  # Student's t of two degrees of freedom
    expected = np.exp([logs.mean(), logs.mean() - half, logs.mean() + half])
    assert row[["ratio", "ratio_low", "ratio_high"]].tolist() == pytest.approx(expected.tolist(), rel=1e-6)


def test_a_problem_that_no_setting_solves_counts_nowhere(trials):
    lost = trials[trials["problem"] == "ellipsoid"].index
    trials.loc[lost, ["y", "cost", "hit"]] = np.log(3 * BUDGET), np.log(2 * BUDGET), False
    assert set(field_guide.measure_tuning(trials)["problems"]) == {2}
    assert set(field_guide.compare_rates(trials)["problems"]) == {2}


@pytest.fixture(scope="module")
def guide(small_sweep) -> Path:
    """The folder of the guide of a small sweep."""
    from optbench.atlas.guide_page import write_guide

    return write_guide(optbench.load(small_sweep).ask(), small_sweep.parent / "guide", "optbench guide").parent


def test_trials_are_those_of_the_block_that_drew_the_recommended_setting(small_sweep):
    answer = optbench.load(small_sweep).ask()
    trials = field_guide.list_trials(answer)
    runs = answer.runs[answer.runs["stage"].isin(["screen", "widen"])]
    drew = answer.settings.set_index(["problem", "optimizer"])["block"]
    for (problem, optimizer), part in trials.groupby(["problem", "optimizer"]):
        there = runs.query("problem == @problem and optimizer == @optimizer")
        there = there[there["block"] == drew[problem, optimizer]]
        assert sorted(part["lr"]) == sorted(there["lr"])
        target = answer.targets[problem]
        samples = there.set_index("lr")[f"samples_to_{target:g}"].astype(float)
        hits = part[part["hit"]].set_index("lr")["cost"]
        assert np.exp(hits).to_dict() == pytest.approx(samples[np.isfinite(samples)].to_dict())


@pytest.mark.slow
def test_the_guide_of_the_atlas_tells_of_advice_and_of_published_orders(tmp_path):
    from optbench.atlas import archive
    from optbench.atlas.guide_page import write_guide

    atlas = archive.read()
    page = write_guide(atlas.ask(), tmp_path, "optbench guide").read_text(encoding="utf-8")
    advice, published = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("advice", "published"))
    assert set(advice["problem"]) == set(atlas.runs["problem"])
    assert (advice["three"] <= advice["first"]).all() and (advice["three_tuned"] <= advice["three"]).all()
    assert len(published) == published["source"].nunique() * 7
    assert all(f'id="{name}"' in page for name in ("advice", "published"))


def test_ratios_and_ranks_are_those_of_the_ranking(small_sweep):
    answer = optbench.load(small_sweep).ask()
    ranking, guide = optbench.load(small_sweep).ranking(), field_guide.make_guide(answer)
    for row in guide.ratios.to_dict("records"):
        there = ranking[(ranking["optimizer"] == row["optimizer"]) & (ranking["problem"].map(find_kind) == row["kind"])]
        assert row["ratio"] == pytest.approx(mean(*there["ratio"]))
        assert row["may_be_best"] == there["place"].eq(1).sum() and row["problems"] == len(there) == 1
    over = ranking[ranking["problem"] == "all"].set_index("optimizer")["mean_rank"]
    assert guide.ranks.set_index("optimizer")["mean_rank"].to_dict() == over.to_dict()


def test_the_page_says_what_its_tables_do(guide):
    page = (guide / "index.html").read_text()
    assert "and that of optbench rank, by the mean of ln ratio, can differ" in " ".join(page.split())
    assert len(page) < 2e6 and "http://" not in page.replace("http://www.w3.org", "") and "https://" not in page
    names = ["kinds", "mean_ranks", "rates", "ratios", "sensitivity", "tuning"]
    tables = {name: pd.read_csv(guide / f"{name}.csv") for name in names}
    assert sorted(path.name for path in guide.iterdir()) == sorted([*(f"{name}.csv" for name in names), "index.html"])
    first = tables["mean_ranks"].iloc[0]
    assert f"Best mean rank of 2 optimizers on 2 problems: {first['optimizer']}, {first['mean_rank']:.1f}" in page
    heads = re.findall(r'<span class="head">([^<]+)', page)
    assert heads == tables["kinds"]["kind"].tolist() == ["classical", "quadratics"]
    assert (
        "optbench guide" in page[page.index('id="made"') :] and optbench.__version__ in page[page.index('id="made"') :]
    )


def test_every_sign_in_the_cells_is_in_the_legend(guide):
    row = {"kind": "classical", "ratio": 15.0, "bound": True, "may_be_best": 0, "problems": 6, "failed": 1}
    assert guide_texts.say_ratio(row, "gd")[0] == "≥ 15*"
    assert guide_texts.say_ratio({**row, "bound": False, "failed": 0}, "gd")[0] == "15"
    page = (guide / "index.html").read_text()
    assert re.findall(r'<span class="sign">(.)</span>', page) == ["≥", "*"]


@pytest.mark.parametrize("width", [390, 1440])
def test_the_page_needs_no_script_and_fits_a_phone(guide, chromium, width):
    with opened(chromium, guide / "index.html", width=width, java_script_enabled=False) as view:
        assert view.locator("h1").inner_text().startswith("Best mean rank")
        heads, cells = (view.locator(f".matrix .line:nth-child({line}) > span") for line in (1, 2))
        places = [[each.bounding_box()["x"] for each in line.all()] for line in (heads, cells)]
        assert len(places[0]) == len(places[1]) == 3
    with opened(chromium, guide / "index.html", width=width, color_scheme="dark") as view:
        assert not scrolls_sideways(view)


@pytest.mark.parametrize("width", [400, 1280])
def test_a_field_filters_every_picture_by_name_and_family(guide, chromium, width):
    with opened(chromium, guide / "index.html", width=width, height=300) as view:
        view.get_by_role("link", name="Skip to the content").focus()
        field, lines = view.get_by_label("Filter the optimizers by name or family"), view.locator(".line[data-words]")
        while not field.evaluate("field => field === document.activeElement"):
            view.keyboard.press("Tab")
        charts = view.locator(".lines").count()
        assert lines.count() == 2 * charts and view.locator("#families option").count() == 1
        for text, names in (("family:momentum", {"gd", "momentum"}), ("family GD", {"gd"}), ("adam gd", set())):
            field.fill(text)
            shown = [line.locator(".who").inner_text() for line in lines.all() if line.is_visible()]
            assert set(shown) == names and len(shown) == charts * len(names)
            said = f"{len(names)} of 2 optimizers"
            assert {head.inner_text() for head in view.locator(".heads .who").all()} == {said}
            assert view.locator(".bar [role=status]").text_content() == said and not scrolls_sideways(view)
        field.fill("")
        view.evaluate("document.getElementById('tuning').scrollIntoView()")
        place = view.locator("#tuning").bounding_box()["y"]
        view.keyboard.type("gd")
        assert view.locator("#tuning").bounding_box()["y"] == pytest.approx(place, abs=2)
        field.fill("")
        assert all(line.is_visible() for line in lines.all())


@pytest.mark.parametrize(("arguments", "message"), [
    (["nowhere"], "no folder, and so no finished sweep, in 'nowhere'"),
    (["SWEEP", "--out", "taken"], "--out: cannot write 'taken': File exists"),
    (["SWEEP", "--out", ""], "--out must name a folder"),
    (["single"], "a field guide needs several problems"),
    (["plain"], "a field guide needs a sweep with blocks and a grid of learning rates"),
])  # fmt: skip
def test_bad_input_is_one_line(small_sweep, command, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    Path("taken").touch()
    small = {"problems": ["quadratic(dim=4)"], "optimizers": ["gd"], "learning_rates": [0.01, 0.1], "epochs": 2}
    if arguments[0] == "single":
        optbench.sweep(small, blocks=2, batch_sizes=[16], schedules=["constant"], out="single")
    if arguments[0] == "plain":
        optbench.sweep(small, seeds=2, out="plain")
    code, out, errors = command("guide", *[small_sweep if each == "SWEEP" else each for each in arguments])
    assert code == 2 and not out and len(errors.splitlines()) == 1 and message in errors
