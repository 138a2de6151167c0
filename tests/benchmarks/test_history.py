"""The performance history: which changes are regressions, and what the page shows of asv's files."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from asv_files import MIDDLE, NEW, OLD, record, three_commits
from browser import opened, scrolls_sideways

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "history.py"


@pytest.fixture(scope="module")
def history():
    spec = importlib.util.spec_from_file_location("performance_history", SCRIPT)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path):
    return three_commits(tmp_path / "asv" / "results")


@pytest.mark.parametrize(
    ("old", "new", "halfwidth", "more_is_better", "verdict"),
    [
        (1.0, 1.101, 0.01, False, "worse"),  # 1.111 * 0.99 = 1.09 > 1.01
        (1.0, 1.099, 0.01, False, "same"),
        (1.0, 1.2, 0.1, False, "unclear"),  # 1.08 to 1.32 meets 0.9 to 1.1
        (1.0, 1.3, 0.1, False, "worse"),  # 1.17 to 1.43 does not
        (1.0, 0.9, 0.0, False, "better"),  # 1 / 0.9 = 1.11
        (1.0, 0.8, 0.01, True, "worse"),
    ],
)
def test_a_regression_exceeds_a_tenth_and_the_noise(history, old, new, halfwidth, more_is_better, verdict):
    one, two = (history.Measured(value, value * (1 - halfwidth), value * (1 + halfwidth)) for value in (old, new))
    found = history.Series("b", "", "seconds", more_is_better, {}).change(two, one)
    assert found.verdict == verdict and found.ratio == pytest.approx(old / new if more_is_better else new / old)


def test_commits_are_in_the_order_of_their_dates_and_other_versions_are_left_out(history, folder):
    record(folder, NEW, 3000, [1.2e-3, 0.7e-3, 3e-3, None], 0.5)
    record(folder, "d" * 40, 4000, [1.0, 1.0, 1.0, 1.0], 0.5, version="another")
    (found,) = history.read(folder).values()
    assert found["commits"] == [OLD, MIDDLE, NEW, "d" * 40] and found["other"] == 1
    assert found["series"]["updates.Lanes.time_step", "adam, 64"].values == {NEW: None}


def test_the_page_and_the_terminal_begin_with_what_became_worse(folder):
    command = [sys.executable, SCRIPT, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    page = folder.parent / "history.html"
    assert done.stdout.splitlines() == [
        ": 1 of 5 benchmarks over 10% worse in cccccccc than in bbbbbbbb",
        "Lanes.time_step (gd, 1): 1.2 ms, \u25b2 +20% against 1 ms in bbbbbbbb",
        f"performance history: {page}",
    ]
    text = page.read_text()
    assert "<title>optbench cccccccc against bbbbbbbb: 1 of 5 benchmarks worse, 1 better</title>" in text
    changes = text[text.index('<ul class="changes">') : text.index("</ul>")].split("<li>")[1:]
    assert len(changes) == 2  # the worse one first, and the share that is unclear is none
    assert all(each in changes[0] for each in ("time_step (gd, 1)", "\u25b2 +20%", "1 ms in bbbbbbbb, now 1.2 ms"))
    assert "time_step (gd, 64)" in changes[1] and "now 700 \u00b5s" in changes[1] and "&lt;b&gt;fast" in text
    assert "<b>fast" not in text and "http" not in text and "Beside other libraries" not in text
    folds = re.findall(r"<summary>.*</summary>", text)
    assert "time_step" in folds[0] and "2 unchanged of 4" in folds[0] and "track_share" in folds[1]


def test_a_line_goes_up_with_the_logarithm_and_ends_in_the_color_of_its_change(history):
    """By hand: 84 by 22 pixels with a margin of 3; a doubling takes 16 pixels where the span is one of 2."""
    drawing = history.sparkline([[1.0, None, 2.0]], "worse")
    assert 'points="3.0,19.0 81.0,3.0"' in drawing and '<circle class="worse" cx="81.0" cy="3.0"' in drawing
    assert history.sparkline([[1.0, None, None]]) == ""
    assert history.sparkline([[1.0, 1.0, 4.0], [1.0, 1.0, 1.0]]).count("<polyline") == 2


@pytest.mark.browser
@pytest.mark.slow
def test_what_is_recorded_fits_ten_screens_of_a_phone_and_prints_whole(chromium, history, tmp_path):
    results, page = ROOT / "reports" / "asv" / "results", tmp_path / "page.html"
    subprocess.run([sys.executable, SCRIPT, results, "--out", page], capture_output=True, check=True)
    changes = sum(
        len(each[kind])
        for key, found in history.read(results).items()
        for each in [history.compared(results, found)]
        for kind in ("regressions", "improvements")
    )
    for width, scheme in ((390, "dark"), (1440, "light")):
        with opened(chromium, page, width=width, height=844, color_scheme=scheme) as view:
            assert "benchmarks worse" in view.title() and not scrolls_sideways(view)
            assert view.evaluate("document.documentElement.scrollHeight") < 10 * 844
            assert view.locator(".changes li:visible").count() == changes > 20
            assert view.locator("tbody tr:visible").count() == 0
            view.locator(".behind summary").first.click()
            assert view.locator("tbody tr:visible").count() > 20 and not scrolls_sideways(view)
            view.emulate_media(media="print")
            rows = view.locator("tbody tr")
            assert view.locator("tbody tr:visible").count() == rows.count() > 450


def test_a_folder_without_results_is_one_line(tmp_path):
    for _ in range(2):  # without the list of benchmarks, and with nothing else
        done = subprocess.run([sys.executable, SCRIPT, tmp_path], capture_output=True, text=True, check=False)
        assert done.returncode == 2 and done.stderr.startswith("history.py: ") and len(done.stderr.splitlines()) == 1
        (tmp_path / "benchmarks.json").write_text("{}")


def test_a_slower_benchmark_ends_with_1_above_the_share_that_is_given(folder):
    for share, code, count in (("15%", 1, 1), ("0.15", 1, 1), ("25%", 0, 0)):
        command = [sys.executable, SCRIPT, folder, "--fail-above", share]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == code and f"beyond the noise: {count} benchmarks" in done.stdout, done.stderr
    for share in ("5%", "x", "-1"):
        done = subprocess.run([sys.executable, SCRIPT, folder, f"--fail-above={share}"], capture_output=True, text=True)
        assert done.returncode == 2 and "--fail-above" in done.stderr and "Traceback" not in done.stderr
