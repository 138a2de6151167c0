"""The report on full, small and broken result folders: what the page says, which pictures there are."""

import base64
import io
import math
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread
from staged import answer_of
from synthetic import make_tables, runs_table, write_folder

from optbench import OptbenchError
from optbench.analysis import timing_summary
from optbench.report import write_report
from optbench.report.page import find_code, group_codes
from optbench.report.pictures import KINDS
from optbench.wording import labels
from optbench.wording.answers import describe_problem
from optbench.wording.headlines import headline

WORDS = {name: KINDS[name].words for name in ("curves", "rates", "heatmap", "paths")}
SUFFIXES = (".html", ".png", ".csv")


SMALL = {"batch_sizes": (16, "full"), "rates": (0.01, 0.1), "points": 8, "schedules": ("constant", "sqrt_step(k=1.0)")}


class Page(HTMLParser):
    """Text and links of a page; refuses tags that do not close in order."""

    def __init__(self, path):
        super().__init__()
        self.open, self.words, self.sources, self.anchors, self.links, self.pictures = [], [], [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))
        assert self.open == [] and len(set(self.pictures)) == len(self.pictures)
        self.pictures = [each for each in self.pictures if each.endswith(tuple(WORDS.values()))]
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.sources += [attrs["src"]] if "src" in attrs else []
        self.anchors += [attrs["id"]] if "id" in attrs else []
        self.links += [attrs["href"]] if "href" in attrs else []
        self.pictures += [attrs["alt"].partition(". ")[0]] if tag == "img" else []
        if tag not in ("meta", "img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)


def report(folder, tables):
    """Write the tables, report on them; the page, which is one file with all that it shows, and its pictures."""
    path = write_report(write_folder(folder, tables), static=True)
    assert path == folder / "report" / "index.html" and {each.suffix for each in path.parent.iterdir()} == {*SUFFIXES}
    page = Page(path)
    assert all(source.startswith("data:image/") for source in page.sources)
    assert {link[1:] for link in page.links} <= set(page.anchors) and len(set(page.anchors)) == len(page.anchors)
    return page, page.pictures


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    tables = make_tables(**SMALL)
    parts = []
    folder = write_folder(tmp_path_factory.mktemp("usual"), tables)
    path = write_report(folder, progress=parts.append, static=True)
    return tables, Page(path), path, parts


@pytest.mark.slow
def test_every_problem_has_its_pictures(usual):
    tables, page, path, parts = usual
    wanted = [f"{name}: {words}" for name in tables["problems"]["problem"] for words in list(WORDS.values())[:3]]
    assert sorted(page.pictures) == sorted([*wanted, f"rosenbrock: {WORDS['paths']}"])
    for source in page.sources:
        height, width, _ = imread(io.BytesIO(base64.b64decode(source.partition(",")[2]))).shape
        assert 600 < width < 1800 and 150 < height < 1800
    assert len(parts) == 3 + 4 and "figures of rosenbrock" in parts
    assert path.stat().st_size < 1_000_000


@pytest.mark.slow
def test_page_reports_the_held_out_numbers(usual):
    tables, page, _, _ = usual
    runs = tables["runs"]
    answer = answer_of(runs, [0, 1, 2])
    best = answer.best.set_index(["problem", "optimizer"])
    for problem in runs["problem"].unique():
        sentence = describe_problem(answer, problem).removeprefix(f"{problem}: ")
        assert f"{sentence[1:]}." in page.text
        for optimizer in answer.firsts(problem):
            row = best.loc[(problem, optimizer)]
            rate, *ends = labels.number(row["lr"], 4), labels.number(row["low"]), labels.number(row["high"])
            numbers = f"{rate} {labels.number(row['median'])} loss [{', '.join(ends)}] covers 96.9%"
            assert f"{numbers} {labels.failure_text(row)}" in page.text
    assert headline(answer) in page.text
    assert "Not held out" not in page.text and "tuning seeds (0, 1, 2)" in page.text


def test_that_nothing_was_learned_is_on_the_first_screen(tmp_path):
    tables = make_tables(["quadratic"], **SMALL)
    tables["runs"]["test_accuracy"] = 0.5 + 0.01 * np.sin(tables["runs"]["seed"])
    tables["problems"] = tables["problems"].assign(constant_answer="a", constant_accuracy=0.6)
    page = Page(write_report(write_folder(tmp_path, tables)))
    words = "quadratic: by accuracy, as far as the test data tell, no better than a constant answer (0.6)."
    assert words in page.text.partition("Unfold all")[0]


def test_page_carries_provenance_timings_and_words(usual):
    tables, page, path, _ = usual
    levels = tables["runs"].groupby("problem")[["optimizer", "batch_size", "schedule"]].nunique()
    assert f"this page has {(levels > 1).to_numpy().sum()} families of intervals" in page.text
    for text in ("python -m optbench sweep --out results --seeds 9", "0.1.0", "Example CPU <8 cores>", "nsz, arcp",
                 "plugins: adam", "steps, all runs", "suboptimality", "minimum 0.0462 (closed form)"):  # fmt: skip
        assert text in page.text
    source = path.read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in source and "@media print" in source and "<8 cores>" not in source
    assert "6%" in page.text  # share of evaluation


def test_what_the_switch_of_measures_leaves_says_what_it_is_by(usual):
    _, page, path, _ = usual
    first, *_ = re.findall(r'name="judge" value="\w+".*?<span>(.*?)</span>', path.read_text(encoding="utf-8"))
    assert "Judge by" in page.text
    for heading in ("What matters most here", "Settings", "All settings"):
        assert f"{heading}, by {first} " in page.text


@pytest.mark.slow
def test_same_tables_same_page(usual, tmp_path):
    tables, _, path, _ = usual
    again = write_report(write_folder(tmp_path / "b", tables), static=True)
    assert again.read_text() == path.read_text()


def test_commands_that_settle_it_stand_alone_and_name_no_folder(usual):
    _, page, path, _ = usual
    table = path.read_text(encoding="utf-8").partition('<table class="settle')[2].partition("</table>")[0]
    rows = table.partition("<tbody>")[2].split("<tr>")[1:]
    commands = re.findall("<code>(optbench .+?)</code></pre>", table)
    assert commands and len(commands) == len(rows)
    assert "wider:" not in table and all(
        command.startswith("optbench sweep --extend --out . --") for command in commands
    )
    assert "run it in their folder, the one that holds runs.parquet" in page.text


@pytest.mark.slow
def test_a_page_with_an_explorer_has_no_pictures(tmp_path):
    path = write_report(write_folder(tmp_path, make_tables(problems=["saddle"], optimizers=["gd", "adam"], **SMALL)))
    page = Page(path)
    assert page.pictures == [] and "explorer" in page.anchors
    assert path.stat().st_size < 500_000


@pytest.mark.slow
def test_a_single_run(tmp_path):
    tables = make_tables(["rosenbrock"], ["adam"], ["full"], ["constant"], [0.01], seeds=[0])
    page, pictures = report(tmp_path, tables)
    assert len(pictures) == 3
    assert "1 run of 1 optimizer on 1 problem, 1 seed" in page.text
    assert "Not held out" in page.text and "one seed: no interval" in page.text
    assert "rate of the grid" not in page.text


@pytest.mark.slow
def test_everything_diverged(tmp_path):
    tables = make_tables(["rosenbrock", "breast_cancer"], ["gd", "adam"], diverge_above=0.0, **SMALL)
    page, pictures = report(tmp_path, tables)
    assert len(pictures) == 7
    assert "every seed failed" in page.text and "6/6" in page.text


@pytest.mark.slow
def test_runs_that_never_got_anywhere(tmp_path):
    tables = make_tables(["breast_cancer"], ["gd"], diverge_above=0.0, **SMALL)
    tables["curves"] = tables["curves"].query("step == 0").assign(train_loss=np.nan)
    page, pictures = report(tmp_path, tables)
    assert "every seed failed" in page.text and len(pictures) == 2


@pytest.mark.slow
def test_odd_names_no_minimum_no_landscape_one_batch(tmp_path):
    odd = 'a "very" odd <problem>/..\\name: $\\x_1$ 函数 ' + "long " * 20
    twin = odd.replace("odd", "ODD")
    tables = make_tables([odd, twin], ["gd", "lion"], [32], rates=(0.001, 0.1), seeds=range(4), points=6)
    tables["problems"]["minimum"] = np.nan
    tables["runs"]["suboptimality_final"] = np.nan
    tables["runs"]["loss_final"] -= 50.0
    tables["curves"]["train_loss"] -= 50.0
    page, pictures = report(tmp_path, tables)
    links = {link[1:] for link in page.links if link.startswith("#problem-")}
    assert len(pictures) == 6 and len(links) == 2
    assert all(re.fullmatch(r"problem-[a-z0-9._-]{1,80}", link) for link in links)
    assert " ".join(odd.split()) in page.text and "minimum not known" in page.text
    assert "interval covers 0% only" not in page.text and "one seed: no interval" in page.text


def test_timing_summary_by_hand():
    runs = runs_table([{"problem": "a"}, {"problem": "a"}, {"problem": "b"}]).assign(
        cohort_id=["x", "x", "y"], steps=[100, 7, 10]
    )
    timings = pd.DataFrame(
        {
            "cohort_id": ["x", "y"], "lanes": [2, 1], "steps": [100, 10], "seconds": [2.0, 0.0],
            "evaluation_seconds": [0.5, 0.0], "ns_per_run_step": [10.0, 0.0], "compile_seconds": [1.0, 0.0],
        }
    )  # fmt: skip
    one, two = timing_summary(timings, runs).to_dict("records")
    assert (one["runs"], one["run_steps"], one["evaluation_share"]) == (2, 107, 0.25)
    assert one["ns_per_run_step"] == pytest.approx(10)
    assert two["compile_seconds"] == 0.0 and np.isnan(two["evaluation_share"]) and np.isnan(two["ns_per_run_step"])


def test_time_per_step_is_all_time_by_all_steps_that_were_timed():
    """A cohort whose lanes all diverged after ten of a thousand steps weighs as much as it took."""
    runs = runs_table([{"problem": "a"}, {"problem": "a"}]).assign(cohort_id=["x", "y"], steps=[1000, 10])
    seconds = np.array([1000 * 20e-9, 10 * 4000e-9])
    timings = pd.DataFrame(
        {
            "cohort_id": ["x", "y"], "lanes": [1, 1], "steps": [1000, 1000], "seconds": seconds + 1.0,
            "evaluation_seconds": [1.0, 1.0], "ns_per_run_step": [20.0, 4000.0], "compile_seconds": [0.0, 0.0],
        }
    )  # fmt: skip
    total = timing_summary(timings, runs).iloc[0]
    assert total["run_steps"] == 1010 and total["ns_per_run_step"] == pytest.approx(1e9 * seconds.sum() / 1010)


def test_missing_or_broken_folders_say_what_to_do(tmp_path):
    with pytest.raises(OptbenchError, match="no folder, and so no finished sweep, in .*: run optbench sweep --out"):
        write_report(tmp_path / "nowhere")
    with pytest.raises(OptbenchError, match="no finished sweep in .*runs.parquet is missing"):
        write_report(tmp_path)
    tables = make_tables(["saddle"], ["gd"], **SMALL)
    folder = write_folder(tmp_path / "broken", tables)
    (folder / "runs.parquet").write_text("not a table", encoding="utf-8")
    with pytest.raises(OptbenchError, match="cannot read") as caught:
        write_report(folder)
    assert "\n" not in str(caught.value) and "run the sweep again" in str(caught.value)
    empty = write_folder(tmp_path / "empty", {**tables, "runs": tables["runs"].iloc[:0]})
    with pytest.raises(OptbenchError, match="holds no runs"):
        write_report(empty)
    assert not (empty / "report" / "index.html").exists()


def test_the_rate_of_pytorch_is_that_of_the_table_and_unknown_of_older_folders():
    row = {"problem": "p", "optimizer": "momentum", "schedule": "constant", "batch_size": 4, "lr": 0.5}
    code = {"hyperparameters": "{}", "library": "PyTorch", "equal": True, "code": "SGD(lr=0.5 * (1 - 0.8))"}
    for more, rate in (({"rate": 0.1}, 0.1), ({}, math.nan)):
        (found,) = find_code(group_codes(pd.DataFrame([row | code | more])), row, [])
        assert found["rate"] == pytest.approx(rate, nan_ok=True)


TINY = {"batch_sizes": (16,), "rates": (0.01,), "points": 8, "schedules": ("constant",), "seeds": range(5)}


def test_a_problem_with_test_data_is_not_said_to_have_none(tmp_path):
    """Of a regression there is a test loss, but no accuracy."""
    tables = make_tables(["rosenbrock", "diabetes", "breast_cancer"], ["gd", "adam"], **TINY)
    lacking = tables["curves"]["run_id"].isin(tables["runs"].loc[tables["runs"]["problem"] == "diabetes", "run_id"])
    tables["curves"].loc[lacking, "test_accuracy"] = np.nan
    tables["runs"].loc[tables["runs"]["problem"] == "diabetes", "test_accuracy"] = np.nan
    page = Page(write_report(write_folder(tmp_path / "r", tables)))
    assert "no test data" not in page.text.lower() and page.text.count("There is no test accuracy here") == 2
    for noun in ("figures", "rows", "pairs"):
        assert not re.search(rf"\b1 {noun}", page.text)
