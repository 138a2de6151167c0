"""The performance history: what asv's files say, which changes are regressions, and what a bad file costs."""

import json
import subprocess

import pytest
from asv_files import MIDDLE, NEW, OLD, record, three_commits

from optbench.contract.errors import OptbenchError
from optbench.report.history.changes import change, course
from optbench.report.history.files import Measured, read
from optbench.report.history.page import write_history
from optbench.report.history.sparklines import sparkline


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
        (1.0, 0.92, 0.0, False, "same"),  # by 8.7% less
        (1.0, 0.9, 0.0, False, "better"),  # 1 / 0.9 = 1.11
        (1.0, 0.8, 0.01, True, "worse"),
        (1.0, 1.25, 0.01, True, "better"),
    ],
)
def test_a_regression_is_more_than_a_tenth_and_more_than_the_noise(old, new, halfwidth, more_is_better, verdict):
    one, two = (Measured(value, value * (1 - halfwidth), value * (1 + halfwidth)) for value in (old, new))
    found = change(two, one, more_is_better)
    assert found.verdict == verdict and found.ratio == pytest.approx(old / new if more_is_better else new / old)


def test_without_an_interval_nothing_is_certain_but_sizes():
    assert change(Measured(1.2), Measured(1.0, 0.9, 1.1), False).verdict == "unclear"
    assert change(Measured(1.2), Measured(1.0), False, exact=True).verdict == "worse"
    assert change(Measured(0.0), Measured(1.0), False) is None


def test_commits_are_in_the_order_of_their_dates_and_gaps_are_jumped(folder):
    (history,) = read(folder)
    assert history.commits == [OLD, MIDDLE, NEW] and history.machine == "here"
    courses = {
        (one.series.measure, one.series.parameters): one for one in (course(s, history.commits) for s in history.series)
    }
    assert list(courses) == [
        ("time_step", "adam, 1"), ("time_step", "adam, 64"), ("time_step", "gd, 1"), ("time_step", "gd, 64"),
        ("track_share", ""),
    ]  # fmt: skip
    slower, share = courses["time_step", "gd, 1"], courses["track_share", ""]
    assert slower.best == OLD and slower.against_best.ratio == pytest.approx(2.4)
    assert {commit: step.verdict for commit, step in slower.steps.items()} == {MIDDLE: "worse", NEW: "worse"}
    assert share.best == OLD and share.steps[NEW].ratio == pytest.approx(1.2) and share.steps[NEW].verdict == "unclear"
    assert not courses["time_step", "adam, 64"].steps and courses["time_step", "adam, 64"].against_best is None


def test_the_page_lists_what_got_worse_first_and_escapes_what_files_say(folder):
    told = []
    text = write_history(folder, tell=told.append).read_text()
    assert told == [
        "here: 1 of 5 benchmarks over 10% worse in cccccccc than in bbbbbbbb",
        "Lanes.time_step (gd, 1): 1.2 ms, \u25b2 +20% against 1 ms in bbbbbbbb",
    ]
    start, end = text.index("Regressions: 1"), text.index("Improvements: 1")
    worse, better = text[start:end], text[end : text.index("All benchmarks</h2>")]
    assert worse.count("Lanes.time_step") == 1 and "Lanes.track_share" not in worse and "\u25b2 +20%" in worse
    assert "gd, 64" in better and "700 \u00b5s" in better and "&lt;b&gt;fast" in text and "<b>fast" not in text
    assert "http" not in text and "Beside other libraries" not in text


def test_without_a_regression_that_is_told_and_of_one_commit_nothing(tmp_path):
    folder, told = three_commits(tmp_path / "asv" / "results"), []
    record(folder, NEW, 3000, [1.0e-3, 1.0e-3, 3e-3, 4e-3], 0.6)
    write_history(folder, tell=told.append)
    assert told == ["here: 0 of 5 benchmarks over 10% worse in cccccccc than in bbbbbbbb"]
    for path in (folder / "here").glob("[ab]*.json"):
        path.unlink()
    told.clear()
    write_history(folder, tell=told.append)
    assert told == []


def test_a_commit_is_named_by_its_version(folder, tmp_path):
    def git(*words):
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    (tmp_path / "optbench").mkdir()
    (tmp_path / "optbench" / "__init__.py").write_text('"""No more."""\n__version__ = "7.8.9"\n')
    git("init", "-q")
    git("add", "optbench")
    git("commit", "-qm", "one")
    commit = git("rev-parse", "HEAD")
    record(folder, commit, 4000, [1.0, 1.0, 1.0, 1.0], 0.5)
    (history,) = read(folder)
    assert history.labels == {OLD: "", MIDDLE: "", NEW: "", commit: "7.8.9"}


def test_results_of_a_benchmark_that_was_changed_are_left_out(folder):
    record(folder, NEW, 3000, [1.2e-3, 0.7e-3, 3e-3, 4e-3], 0.5, version="another")
    (history,) = read(folder)
    assert history.other == 1 and all(NEW not in s.values for s in history.series if s.measure == "time_step")


def test_what_failed_is_told(folder):
    record(folder, NEW, 3000, [1.2e-3, 0.7e-3, 3e-3, None], 0.5)
    (history,) = read(folder)
    assert [(series.parameters, series.failed) for series in history.series if series.failed] == [("adam, 64", {NEW})]
    assert "Failed in cccccccc: Lanes.time_step (adam, 64)." in write_history(folder).read_text()


def test_two_machines_are_two_histories(folder):
    record(folder, NEW, 3000, [1.0, 1.0, 1.0, 1.0], 0.5, machine="there")
    assert [(history.machine, len(history.commits)) for history in read(folder)] == [("here", 3), ("there", 1)]
    assert "nothing to compare it with yet" in write_history(folder).read_text()


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("benchmarks.json", "{", "is damaged"),
        ("benchmarks.json", "[]", "holds no object"),
        ("here/aaaaaaaa-py.json", '{"commit_hash": "--upload-pack=x"}', "is no result of asv in its format 2"),
        ("here/aaaaaaaa-py.json", '{"results": {}, "result_columns": []}', "is no result of asv in its format 2"),
        pytest.param("here/aaaaaaaa-py.json", "[" * 10**5, "is damaged", id="brackets without end"),
        (
            "here/aaaaaaaa-py.json",
            '{"commit_hash": "abcdef12", "results": {"updates.Lanes.time_step": [1]}, "result_columns": [{}]}',
            "is no result of asv in its format 2",
        ),
        ("../../peers.json", '{"rows": 3}', "is damaged or not by benchmarks/peers.py"),
    ],
)
def test_a_bad_file_is_one_line(folder, file, text, message):
    (folder / file).write_text(text)
    with pytest.raises(OptbenchError, match=message) as error:
        write_history(folder)
    assert "\n" not in str(error.value) and not (folder.parent / "history.html").exists()


def test_half_a_letter_is_spelled_out(folder):
    path = record(folder, NEW, 3000, [1.2e-3, 0.7e-3, 3e-3, 4e-3], 0.5)
    content = json.loads(path.read_text())
    content["params"] = {"cpu": "half \ud800"}
    path.write_text(json.dumps(content))
    assert "half \\ud800" in write_history(folder).read_text(encoding="utf-8")


def test_rows_of_a_wrong_shape_are_one_line(folder):
    path = record(folder, NEW, 3000, [1.0, 1.0, 1.0, 1.0], 0.5)
    content = json.loads(path.read_text())
    content["results"]["updates.Lanes.time_step"][:2] = 3, 4
    path.write_text(json.dumps(content))
    with pytest.raises(OptbenchError, match=r"the results of updates\.Lanes\.time_step are not in asv's format"):
        read(folder)


def test_missing_folders_say_what_they_should_be(tmp_path):
    with pytest.raises(OptbenchError, match="takes the results of `asv run`"):
        read(tmp_path / "none")
    with pytest.raises(OptbenchError, match=r"holds no benchmarks\.json"):
        read(tmp_path)
    (tmp_path / "benchmarks.json").write_text("{}")
    with pytest.raises(OptbenchError, match="holds no results yet"):
        read(tmp_path)


def test_peers_stand_beside_it(folder):
    row = {"case": "mlp", "dtype": "float64", "lanes": 64, "per": "run-step", "variant": "vmap", "optbench_ns": 30.0}
    rows = [
        row | {"peer": "JAX", "peer_ns": 40.0, "ratio": 0.74},
        row | {"peer": "JAX tuned", "peer_ns": 20.0, "ratio": 1.5},
    ]
    content = {"environment": {"cpu": "a core", "versions": {"jax": "1", "optbench": "7.8.9"}}, "rows": rows}
    (folder.parent.parent / "peers.json").write_text(json.dumps(content))
    text = write_history(folder).read_text()
    table = text[text.index('id="peers"') :]
    assert "optbench 7.8.9; jax 1." in table
    assert '40<span class="under better">0.74</span>' in table and '20<span class="under worse">1.50</span>' in table


def test_whole_jobs_stand_below_them(folder):
    row = {
        "job": "digits-mlp", "cores": 2, "start": "first", "peer": "JAX", "variant": "scan", "optbench_seconds": 20.0,
        "peer_seconds": 50.0, "ratio": 0.4,
    }  # fmt: skip
    around = {"cpu": "two cores", "versions": {"optbench": "7.8.9"}}
    content = {"environment": around, "rows": [], "jobs": {"environment": around, "rows": [row]}}
    (folder.parent.parent / "peers.json").write_text(json.dumps(content))
    text = write_history(folder).read_text()
    table = text[text.index("<h3>Whole jobs</h3>") :]
    assert "of two cores; optbench 7.8.9" in table and '50<span class="under better">0.40</span>' in table
    assert '<th scope="col">start</th><th scope="col" class="number">cores</th>' in table


def test_a_sparkline_has_a_point_for_each_value():
    drawing = sparkline([1.0, None, 4.0])
    # from the lower left to the upper right of 84 x 22 with an edge of 3
    assert 'points="3.0,19.0 81.0,3.0"' in drawing
    assert sparkline([1.0, None]) == "" and 'points="3.0,11.0 81.0,11.0"' in sparkline([2.0, 2.0])
