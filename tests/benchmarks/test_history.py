"""The performance history: which changes are regressions, and what the page shows of asv's files."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from asv_files import MIDDLE, NEW, OLD, record, three_commits

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
    start, end = text.index("Regressions: 1"), text.index("Improvements: 1")
    worse, better = text[start:end], text[end : text.index("All benchmarks</h3>")]
    assert worse.count("Lanes.time_step") == 1 and "Lanes.track_share" not in worse and "\u25b2 +20%" in worse
    assert "gd, 64" in better and "700 \u00b5s" in better and "&lt;b&gt;fast" in text and "<b>fast" not in text
    # 84 by 22 pixels, from the first of three commits to the last
    assert text.count('<svg class="spark"') == 4 and "http" not in text and "Beside other libraries" not in text


def test_a_folder_without_results_is_one_line(tmp_path):
    done = subprocess.run([sys.executable, SCRIPT, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.startswith("history.py: ") and len(done.stderr.splitlines()) == 1


def test_a_slower_benchmark_ends_with_1_above_the_share_that_is_given(folder):
    for share, code, count in (("15%", 1, 1), ("0.15", 1, 1), ("25%", 0, 0)):
        command = [sys.executable, SCRIPT, folder, "--fail-above", share]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == code and f"beyond the noise: {count} benchmarks" in done.stdout, done.stderr
    for share in ("5%", "x", "-1"):
        done = subprocess.run([sys.executable, SCRIPT, folder, f"--fail-above={share}"], capture_output=True, text=True)
        assert done.returncode == 2 and "--fail-above" in done.stderr and "Traceback" not in done.stderr
