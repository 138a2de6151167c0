"""Commands for programs: with --json one JSON value on standard output, and an exit code that says how it ended."""

import json
import math
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from command_cases import SMALL
from quick import slow
from staged import answer_of, staged_table, with_effects
from synthetic import make_tables, write_folder

import optbench
from optbench.cli import app
from optbench.cli.output import EXIT_CODES
from optbench.cli.sweep_json import list_next_steps

ROOT = Path(__file__).parents[2]
PARTS = [*SMALL, "--seeds", "4"]


@pytest.mark.slow
def test_a_candidate_that_lacks_an_optimizer_is_a_warning(run):
    assert run(*SMALL, "--out", "a")[0] == run(*SMALL, "--optimizers", "gd, adam", "--out", "b")[0] == 0
    gate = ["compare", "a", "b", "--fail-above", "5%"]
    code, _, err = run(*gate)
    assert code == 0
    assert err == "optbench: warning: B lacks what A has, and was not compared there: momentum on rosenbrock"
    code, out, _ = run(*gate, "--format", "github")
    assert code == 0 and "::warning title=B lacks 1 of 2 rows::momentum on rosenbrock" in out
    suite = ElementTree.fromstring(run(*gate, "--format", "junit")[1]).find("testsuite")
    assert (suite.get("tests"), suite.get("skipped"), suite.get("failures")) == ("2", "1", "0")
    assert suite.find("testcase[@name='momentum on rosenbrock']/skipped") is not None
    [missing] = json.loads(run(*gate, "--json")[1])["missing"]
    names = {"optimizer": "momentum", "a": "momentum", "b": "momentum"}
    assert missing == {"problem": "rosenbrock", **names, "reason": "B has no such runs"}
    code, out, err = run(*gate, "--json", "--format", "junit")
    assert code == 2 and "--json and --format junit: give one of them" in err


@pytest.mark.slow
def test_a_candidate_that_cannot_run_is_a_regression(run):
    """A gate that passes because nothing is left to compare would be worse than none."""
    head = "from optbench import optimizer\n\n\n@optimizer(source='a test')\ndef mine(w, g, lr):\n"
    sweep = [*SMALL, "--optimizers", "gd, mine", "--plugin", "mine.py"]
    Path("mine.py").write_text(f"{head}    return w - lr * g\n")
    assert run(*sweep, "--out", "a")[0] == 0
    Path("mine.py").write_text(f"{head}    if w < 1e300:\n        raise ValueError('no')\n    return w - lr * g\n")
    assert run(*sweep, "--out", "b")[0] == 2
    gate = ["compare", "a", "b", "--fail-above", "5%"]
    code, out, err = run(*gate)
    why = "could not run in B: ValueError: no"
    assert code == 1 and err.endswith(f"compared there: mine on rosenbrock ({why})")
    assert "that are there in both are identical" in out and f"mine on rosenbrock: {why}" in out
    assert " mine - could not run in B" in out
    assert out.endswith("is shown where both ran fails: could not run in B: mine on rosenbrock")
    code, out, _ = run(*gate, "--format", "github")
    assert code == 1 and re.search(rf"::error title=B lacks 1 of \d rows::mine on rosenbrock \({why}", out)
    suite = ElementTree.fromstring(run(*gate, "--format", "junit")[1]).find("testsuite")
    assert suite.get("failures") == "1"
    assert suite.find("testcase[@name='mine on rosenbrock']/failure").get("message") == why
    data = json.loads(run(*gate, "--json")[1])
    assert data["failed"] and data["missing"][0]["reason"] == "ValueError: no" and run("compare", "a", "b")[0] == 0
    same = ElementTree.fromstring(run("compare", "a", "a", "--format", "junit")[1]).find("testsuite")
    names = [{case.get("name") for case in each.findall("testcase")} for each in (suite, same)]
    assert names[0] == names[1], "a case keeps its name whatever the outcome"
    code, out, _ = run(*gate, "--optimizers", "mine")
    assert code == 1 and out.count("mine on rosenbrock") == 2 and "regression" not in out and "over all" not in out
    code, out, _ = run("compare", "a", "b", "--format", "junit")
    assert code == 0 and ElementTree.fromstring(out).find("testsuite").get("failures") == "0"


@pytest.mark.slow
def test_a_reader_that_ends_early_is_no_regression(run):
    assert run(*SMALL, "--out", "a")[0] == 0
    command = [sys.executable, "-m", "optbench", "compare", "a", "gd", "momentum"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        process.stdout.close()
        assert process.wait(60) == 141


@pytest.mark.slow
def test_names_that_a_comparison_prints_are_understood(run):
    for name in ("0.9", "0.5"):
        assert run(*SMALL, "--optimizers", f"gd, momentum(beta1={name})", "--out", name)[0] == 0
    names = ["momentum(beta1=0.9)", "momentum(beta1=0.5)"]
    for typed in ([*names], [names[0].replace("0.9", " .90"), names[1]], ["--by", "tuned", "--optimizers", names[1]]):
        code, out, err = run("compare", "0.9", "0.5", *typed, "--json")
        assert code == 0, err
        assert [(row["a"], row["b"]) for row in json.loads(out)["rows"]] == [tuple(names)]
    code, _, err = run("compare", "0.9", "0.5", *reversed(names))
    assert (code, err) == (2, (
        "optbench: '0.9': unknown optimizer 'momentum(beta1=0.5)': did you mean 'momentum'? "
        "'0.5': unknown optimizer 'momentum(beta1=0.9)': did you mean 'momentum'?"
    ))  # fmt: skip


def test_a_sweep_answers_in_one_object(run):
    code, out, err = run(*SMALL, "--out", "my folder", "--json")
    data = json.loads(out)
    assert code == 0 and "gd or momentum may be best on rosenbrock" in err  # what people read is in the log
    assert err.startswith(data["headline"])
    assert (data["folder"], data["report"], data["finished"], data["missing"]) == ("my folder", None, True, "")
    assert data["runs"] == {"all": 24, "ok": 12, "diverged": 12, "deadline": 0, "failed": 0} and data["failures"] == []
    results = optbench.load("my folder")
    assert data["versions"]["optbench"] == optbench.__version__ and data["versions"]["numpy"] == np.__version__
    for name, table in (("verdicts", results.verdicts()), ("ranking", results.ranking())):
        assert all(set(table.columns) <= set(row) for row in data[name])
        assert [row["ratio" if name == "verdicts" else "place"] for row in data[name]] == pytest.approx(
            table["ratio" if name == "verdicts" else "place"].tolist()
        )
    assert {(row["optimizer"], row["lr"]) for row in data["recommended"]} == {("gd", 0.001), ("momentum", 0.001)}
    assert (
        data["answers"]["rosenbrock"].startswith("rosenbrock: gd or momentum may be best")
        and data["judge_by"] == "time"
    )
    lines = [shlex.split(step["command"]) for step in data["next"] if step["command"]]
    assert lines and all(line[:3] == ["optbench", "sweep", "--extend"] and "my folder" in line for line in lines)


@pytest.mark.slow
def test_runs_that_died_of_a_signal_run_again_and_are_not_searched_wider(run):
    run(*SMALL, "--out", "a", "--no-report")
    results = optbench.load("a")
    assert [line for _, line in list_next_steps(results.ask()) if "--lr" in line]
    lost = results.runs["lr"] == results.runs["lr"].max()
    reason = "its worker process died of SIGSEGV (segmentation fault)"
    results.runs.loc[lost, ["status", "failure"]] = ["failed", reason]
    steps = list_next_steps(results.ask())
    assert steps[0][0].startswith(f"{lost.sum()} runs of rosenbrock with gd, rosenbrock with momentum died of a signal")
    assert steps[0][1] == "optbench sweep a/spec.toml --out a --retry-failed"
    assert not [line for _, line in steps if "--lr" in line]


@pytest.mark.parametrize(("best", "first"), [(0.1, "the open pair"), (1.0, "at the upper end of the search")])
def test_a_wider_search_comes_first_where_what_to_start_with_lies_at_its_limit(best, first):
    """adam and gd are open on p; on q, where adam is best by far, gd always lies at the upper limit."""

    def value(problem, optimizer, rate, stage, block, seed):
        off = abs(math.log10(rate / (best if optimizer == "adam" else 1.0 if problem == "q" else 0.1)))
        return off + 3 * (problem == "q" and optimizer == "gd") + math.sin(17 * seed + len(optimizer))

    table = staged_table(value, ("adam", "gd"), rates=(0.01, 0.1, 1.0), blocks=8, problems=("p", "q"), holdout=3)
    steps = list_next_steps(answer_of(table, [], "loss"))
    assert len(steps) == 2 and steps[0][0].startswith(first)


def test_a_dry_run_counts_in_json(run):
    code, out, _ = run(*SMALL, "--dry-run", "--json")
    data = json.loads(out)
    assert code == 0 and (data["cohorts"], data["runs"], len(data["rows"])) == (12, 24, 2) and data["seconds"] >= 0


@pytest.mark.slow
def test_a_shard_is_unfinished_and_is_not_told_to_become_the_whole(run):
    code, out, err = run(*PARTS, "--shard", "1/2", "--out", "one", "--json")
    data = json.loads(out)
    assert code == 0 and (data["finished"], data["part"], data["next"]) == (False, "1/2", [])
    assert "part 1/2 of the sweep" in data["missing"] and "--extend" not in err
    code, _, err = run("sweep", "--extend", "--out", "one", "--seeds", "6")
    assert code == 2 and err.startswith("optbench: 'one' holds part 1/2 of a sweep: extend it with --shard 1/2")
    assert run("sweep", "--extend", "--out", "one", "--seeds", "6", "--shard", "1/2", "--no-report")[0] == 0


@pytest.mark.slow
def test_an_unfinished_merge_has_a_code_of_its_own_and_names_the_command(run):
    assert run(*PARTS, "--shard", "1/2", "--out", "one")[0] == 0
    code, out, err = run("merge", "one", "one-again", "--out", "all", "--json")
    assert code == 2 and json.loads(out)["exit_code"] == 2 and err.startswith("optbench: ")
    assert run(*PARTS, "--shard", "1/3", "--out", "other")[0] == 0
    missing = "unfinished: part 1/2 of the sweep"
    assert f"::warning title=one::{missing}" in run("compare", "one", "one", "--format", "github")[1]
    suite = ElementTree.fromstring(run("compare", "one", "one", "--format", "junit")[1])
    assert suite.find(".//property[@name='unfinished']").get("value").startswith(f"one: {missing}")
    code, out, err = run("merge", "one", "other", "--out", "all", "--no-report", "--json")
    data = json.loads(out)
    assert code == 3 and not data["finished"] and "missing" in data["missing"]
    resume = data["next"][0]["command"]
    assert resume == "optbench sweep all/spec.toml --out all" and resume in err
    code, out, err = run(*shlex.split(resume)[1:], "--no-report", "--json")
    assert code == 0 and json.loads(out)["finished"] and json.loads(out)["runs"]["all"] == 32
    assert run("merge", "all", "one", "--out", "whole", "--no-report")[0] == 0


@pytest.mark.parametrize("typed", ["sweep --lr x --json", "compare no where --json", "compare no where --format json",
                                   "compare no where --format=json", "list nothing --json", "show nothing --json",
                                   slow("check no.py --json"), "merge no where --out x --json"])  # fmt: skip
def test_a_mistake_is_json_too(run, typed):
    code, out, err = run(*shlex.split(typed))
    assert code == 2 and json.loads(out) == {"error": err.removeprefix("optbench: "), "exit_code": 2}


@pytest.mark.parametrize(("typed", "begin", "end"), [
    ("--problms rosenbrock", "No such option: --problms", ""),
    ("--optimizers gd adam momentum", "Got unexpected extra argument", "separate names by commas: gd,adam"),
])  # fmt: skip
def test_what_click_refuses_is_json_too(run, typed, begin, end):
    code, out, err = run("sweep", "--json", *typed.split())
    said = json.loads(out)["error"]
    assert code == 2 and said.startswith(begin) and said.endswith(end) and said in err


def test_a_bug_is_no_regression(command, monkeypatch):
    """Python's own exit code after a traceback is 1, which says that a regression is shown."""

    def fail(*arguments, **more):
        raise ZeroDivisionError("of a test")

    monkeypatch.setattr(app.stopping, "raise_on_signals", fail)
    code, out, err = command("list", "--json")
    assert code == 70 and "Traceback" in err
    assert json.loads(out) == {"error": "ZeroDivisionError: of a test", "exit_code": 70}


@pytest.mark.slow
def test_what_a_plug_in_prints_is_not_in_the_json(run):
    Path("noisy.py").write_text(
        'from optbench import optimizer\nprint("hello")\n\n\n@optimizer(source="of a test")\n'
        'def noisy(w, g, lr):\n    """w = w - lr g."""\n    return w - lr * g\n'
    )
    code, out, err = run("check", "noisy.py", "--json")
    (record,) = json.loads(out)
    assert code == 0 and "hello" in err and (record["kind"], record["name"]) == ("optimizer", "noisy")
    assert record["checks"] and all(each["ok"] for each in record["checks"])
    assert "noisy" in {row["name"] for row in json.loads(run("list", "--json", "--plugin", "noisy.py")[1])}


@pytest.fixture
def planted(tmp_path):
    """Folders a and b: b is twice as bad on p0, shown to be 8% to 13% worse on p1, open on p2."""
    tables = make_tables(problems=("rosenbrock",), optimizers=("gd",), seeds=range(2)) | {"landscapes": None}
    for name, runs in zip("ab", with_effects([(np.log(2), 0.2), (0.1, 0.02), (0.0, 0.3)]), strict=True):
        write_folder(tmp_path / name, {**tables, "runs": runs})
    return ["compare", "a", "b", "--judge-by", "loss"]


@pytest.mark.slow
def test_no_row_is_open_and_a_regression_that_is_shown(run, planted):
    for share in ("0", "1%", "5%", "7%", "20%"):
        rows = json.loads(run(*planted, "--fail-above", share, "--json")[1])["rows"]
        assert ("open", "shown") not in {(row["verdict"], row["regression"]) for row in rows}
    table = optbench.compare("a", "b", judge_by="loss", fail_above=0.05).table
    assert table["regression"].tolist()[:3] == ["shown", "shown", "open"]
    # Beyond 1%, but neither beyond the 5% of a verdict nor within 10%
    tables = make_tables(problems=("rosenbrock",), optimizers=("gd",), seeds=range(2)) | {"landscapes": None}
    for name, runs in zip("cd", with_effects([(0.075, 0.04)]), strict=True):
        write_folder(Path(name), {**tables, "runs": runs})
    row = optbench.compare("c", "d", judge_by="loss", fail_above=0.01).table.iloc[0]
    assert row["low"] < 1.05 < 1.1 < row["high"] and (row["verdict"], row["regression"]) == ("loses", "shown")
    assert optbench.compare("c", "d", judge_by="loss").table.iloc[0]["verdict"] == "open"


@pytest.mark.slow
def test_a_candidate_whose_every_run_fails_is_a_regression(run, tmp_path):
    small = {"problems": ["rosenbrock"], "optimizers": ["gd"], "batch_sizes": ["full"], "schedules": ["constant"],
             "blocks": 3, "screen": 1, "race": 0, "holdout": 2, "widen": 0, "steps": 20}  # fmt: skip
    for name, rate in (("good", 1e-3), ("bad", 1e6)):
        optbench.sweep({**small, "learning_rates": [rate, 2 * rate]}, out=tmp_path / name, workers=1)
    code, out, _ = run("compare", "good", "bad", "--fail-above", "5%")
    assert code == 1 and " as every run of B failed" in out
    assert "regression above 5% shown: rosenbrock, every run of B failed" in out


def test_annotations_of_github(run, planted, capsys):
    code, out, err = run(*planted, "--fail-above", "5%", "--format", "github")
    assert code == 1 and not err
    found = re.findall(r"::(notice|warning|error) title=([^:]*)::(.*?)(?= ::|$)", out)
    assert [level for level, *_ in found] == ["notice", "error", "error", "warning"]
    assert found[1][1:] == ("gd on p0%3A regression above 5%25", found[1][2]) and "B over A: 2 times [" in found[1][2]
    assert found[3][1] == "a regression above 5%25 is not ruled out in 1 of 3 rows" and "gd on p2 (up to" in found[3][2]
    assert "%0AB: b (optbench" in found[0][2]
    code, out, _ = run(*planted, "--format", "github")
    assert code == 0 and "::error" not in out and "::warning title=gd on p0::B loses by a factor of 2 [" in out


def test_junit_is_xml_and_counts(run, planted, capsys, monkeypatch):
    code, out, err = run(*planted, "--fail-above", "5%", "--format", "junit")
    suite = ElementTree.fromstring(out).find("testsuite")
    assert code == 1 and not err
    assert {name: suite.get(name) for name in ("tests", "failures", "skipped", "errors")} == {
        "tests": "4", "failures": "2", "skipped": "1", "errors": "0"}  # fmt: skip
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    assert list(cases) == ["gd on p0", "gd on p1", "gd on p2", "over all problems"]
    assert cases["gd on p0"].find("failure").get("message").startswith("gd on p0: B over A: 2 times [")
    assert cases["gd on p2"].find("failure") is None and "up to" in cases["gd on p2"].find("skipped").get("message")
    assert len(suite.findall("testcase/failure")) == 2


@pytest.mark.slow
def test_strict_fails_for_what_is_open_or_missing(run, tmp_path):
    """On p0 B is 5 times as good, on p1 the same to 1%, on p2 open; the row of all problems never counts."""
    tables = make_tables(problems=("rosenbrock",), optimizers=("gd",), seeds=range(2)) | {"landscapes": None}
    one, two = with_effects([(-np.log(5), 0.02), (0.0, 0.01), (0.0, 0.3)])
    for name, runs in (("a", one), ("b", two), ("less", two[two["problem"] != "p1"])):
        write_folder(tmp_path / name, {**tables, "runs": runs})

    def count(*arguments):
        """Return the exit code, failures and skipped cases of JUnit, and errors on GitHub, of a comparison."""
        gate = ["compare", *arguments, "--judge-by", "loss", "--fail-above", "5%"]
        code, out, _ = run(*gate, "--format", "junit")
        suite = ElementTree.fromstring(out).find("testsuite")
        assert [int(suite.get(name)) for name in ("failures", "skipped")] == [
            len(suite.findall(f"testcase/{name}")) for name in ("failure", "skipped")
        ]
        github, data = run(*gate, "--format", "github")[1], json.loads(run(*gate, "--json")[1])
        assert data["failed"] == (code == 1) and run(*gate)[0] == code
        return code, int(suite.get("failures")), int(suite.get("skipped")), github.count("::error")

    fine = ("--problems", "p0, p1")
    table = optbench.compare("a", "b", judge_by="loss", fail_above=0.05, problems="p0, p1").table
    assert table["regression"].tolist() == ["ruled out", "ruled out", "open"]
    assert count("a", "b", *fine, "--strict")[0] == 0
    assert count("a", "b")[0] == 0 and count("a", "b", "--strict")[:2] == (1, 1)
    assert count("a", "less", *fine)[0] == 0 and count("a", "less", *fine, "--strict") == (1, 1, 0, 1)
    out = run("compare", "a", "less", "--judge-by", "loss", "--fail-above", "5%", "--strict")[1]
    assert out.endswith("--strict: fails for 1 row not ruled out and 1 row missing in B")


def test_bad_input_is_seen_in_ci(run):
    code, out, err = run("compare", "none", "none", "--format", "github")
    text = err.removeprefix("optbench: ").strip()
    assert code == 2 and out.strip() == f"::error title=optbench::{text}" and "none" in text
    code, out, err = run("compare", "none", "none", "--format=junit")
    suite = ElementTree.fromstring(out).find("testsuite")
    assert code == 2 and err.strip() == f"optbench: {text}" and suite.get("errors") == "1"
    assert [each.get("message") for each in suite.findall("testcase/error")] == [text]


@pytest.mark.slow
def test_junit_of_a_hostile_name(tmp_path):
    from optbench.cli.compare_formats import list_annotations, make_junit

    tables = make_tables(problems=("rosenbrock",), optimizers=("gd",), seeds=range(2)) | {"landscapes": None}
    for name, runs in zip("ab", with_effects([(np.log(2), 0.2)]), strict=True):
        write_folder(tmp_path / name, {**tables, "runs": runs.assign(problem="<p>\x00\x1b&\"'::\n,%")})
    found = optbench.compare(tmp_path / "a", tmp_path / "b", judge_by="loss", fail_above=0.05)
    assert ElementTree.fromstring(make_junit(found)).find("testsuite/testcase/failure") is not None
    lines = list(list_annotations(found))
    assert len(lines) == 2 and all("\n" not in line for line in lines)


def test_the_exit_codes_are_on_the_help_page(run):
    text = run("--help")[1]
    assert all(f"{code} {words[:30]}" in text for code, words in EXIT_CODES.items())


def test_a_time_limit_in_which_nothing_completes_is_unfinished(run, monkeypatch):
    from optbench.run.loop import ExecutionOptions

    monkeypatch.setattr(ExecutionOptions, "is_late", lambda ways: ways.until is not None)
    code, out, _ = run(*SMALL, "--time-limit", "1m", "--json")
    data = json.loads(out)
    assert code == data["exit_code"] == 3 and "run the same command again" in data["error"]
    assert (data["finished"], data["answers"]) == (False, {})


@pytest.mark.slow
def test_a_reader_that_has_ended_is_no_bad_answer():
    """1 would say that something is wrong."""
    command = f"{shlex.quote(sys.executable)} -m optbench list optimizers --json | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
@pytest.mark.parametrize("arguments", [["list", "--json"], ["sweep", "--help"]], ids=" ".join)
def test_output_that_cannot_be_written_is_an_error_in_one_line(arguments):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "optbench", *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    told = "optbench: cannot write to standard output: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, told)
