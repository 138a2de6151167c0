"""``optbench rank``: what it prints, writes and refuses."""

import json
import re
import shutil
from pathlib import Path

import pytest
from quick import slow

import optbench

RULE = """
from optbench import optimizer


@optimizer(source="gd that stands still in two of three steps")
def {name}(w, g, n, lr):
    n = n + 1
    w = w - lr * g if n % 3 == 0 else w
    return w, n
"""


@pytest.mark.slow
def test_keep_adds_its_runs_to_the_sweep(small_sweep, run):
    shutil.copytree(small_sweep, "copy")
    assert run("rank", "adam", "copy", "--out", "own", "--keep", "--no-report")[0] == 0
    runs, own = optbench.load("copy").runs, optbench.load("own").runs
    assert set(own["run_id"]) <= set(runs["run_id"])
    assert optbench.load("copy").provenance["extended_by"]


@pytest.mark.parametrize(("arguments", "message"), [
    (["adam", "no/where"], "no folder, and so no finished sweep, in 'no/where'"),
    (["adamm", "SWEEP"], "unknown optimizer 'adamm': did you mean 'adam"),
    (["adam", "SWEEP", "--against", "adamw"], "unknown optimizer to rank against 'adamw'"),
    (["mine.py", "SWEEP"], "no file 'mine.py': name a Python file with an optimizer, or an optimizer"),
    (["two.py", "SWEEP"], "two.py defines lazy and other: name one or several, and --plugin two.py"),
    (["none.py", "SWEEP"], "none.py defines no optimizer; a class of PyTorch's kind is 'torch:Name(file=none.py)'"),
    (["broken.py", "SWEEP"], "the plug-in broken.py does not load: ZeroDivisionError"),
    (["adam_*", "SWEEP"], "adam_* names 2 optimizers: rank one at a time"),
    (["gd", "SWEEP", "--against", "", "--fail-above", "5%"], "--fail-above needs a reference: --against OPTIMIZER"),
    (["gd", "SWEEP", "--format", "html"], "unknown format 'html'"),
    (["lion", "--keep"], "--keep needs a folder"),
    (["lion", "soap", "--json"], "are for one optimizer"),
    (["lion", "soap", "--confirm"], "are for one optimizer"),
    (["lion", "SWEEP", "--fast"], "a fast ranking is one on a part of the atlas: leave the folder out"),
    (["sophia_g", "--fast"], "most problems of the atlas draw none: rank it in a sweep on problems that do"),
    (["adam", "nowhere"], "unknown optimizer 'nowhere'"),
    (["lazy.py", "nowhere"], "unknown optimizer 'nowhere'"),
    (["adam", "./nowhere/"], "no folder, and so no finished sweep, in 'nowhere'"),
    slow(["lazy.py", "lazy_too.py", "SWEEP"], "two of them define 'lazy': rename one, or rank one at a time"),
    (["gd", "gd"], "'gd' stands twice: name it once"),
    (["gd", "SWEEP", "SWEEP"], "stands twice: name it once"),
    (["gd", "SWEEP", "--fail-above", "x"], "--fail-above: 'x' must be a share such as 5% or 0.05"),
])  # fmt: skip
def test_what_cannot_be_ranked_is_one_line(small_sweep, run, arguments, message):
    Path("lazy.py").write_text(RULE.format(name="lazy"))
    Path("lazy_too.py").write_text(RULE.format(name="lazy"))
    Path("two.py").write_text(RULE.format(name="lazy") + RULE.format(name="other"))
    Path("none.py").write_text("x = 1\n")
    Path("broken.py").write_text("1 / 0\n")
    code, _, errors = run("rank", *[small_sweep if each == "SWEEP" else each for each in arguments])
    assert code == 2
    assert message in errors
    assert not Path("ranked").exists()


@pytest.mark.parametrize(("result", "code", "message"), [
    ("w - lr * g, g", 2, "optimizer mine: returns the new w and every state slot: returns 2 values, not w and the 0 "),
    ("w - lr * g * float('nan')", 2, "optimizer mine: moves w, to finite values: w becomes NaN or infinite in the fir"),
    ("w", 2, "optimizer mine: moves w, to finite values: 10 steps change no weight"),
    slow("w - 0.01 * g", 0, "warning: optimizer mine: moves at the rate that it is given: moves by"),
])  # fmt: skip
def test_a_rule_is_checked_before_it_runs(small_sweep, run, result, code, message):
    head = "from optbench import optimizer\n\n\n@optimizer(source='none')\ndef mine(w, g, lr):\n"
    Path("mine.py").write_text(f"{head}    return {result}\n")
    got, _, errors = run("rank", "mine.py", small_sweep, "--no-report")
    assert got == code
    assert message in errors
    assert Path("ranked").exists() == (code == 0)


def test_exit_code_formats_and_json(small_sweep, run):
    worse, better = "momentum", "gd"
    line = ("rank", worse, small_sweep, "--against", better, "--fail-above", "0")
    code, out, _ = run(*line, "--format", "json")
    found = json.loads(out)
    assert code == 1
    assert found["failed"]
    assert not found["ran"]
    assert [row["problem"] for row in found["table"]] == ["quadratic(dim=4)", "rosenbrock", "all"]
    code, out, errors = run(*line)
    assert code == 1
    assert "momentum ranks 2 of 2 [" in out
    assert "regression above 0% shown: momentum / gd on " in errors
    assert "regression" not in run("rank", worse, small_sweep, "--against", better, "--fail-above", "1000000%")[2]
    code, out, _ = run(*line, "--format", "markdown")
    assert code == 1
    assert "| rosenbrock | 2 [" in out
    code, out, _ = run(*line, "--format", "latex")
    assert code == 1
    assert out.count("\\\\") == 4
    assert "\\bottomrule" in out


@pytest.mark.slow
def test_the_page_has_the_newcomer_in_front(small_sweep, run):
    code, out, _ = run("rank", "adam", small_sweep, "--out", "own")
    assert code == 0
    assert "report: own/report/index.html" in out
    page = Path("own/report/index.html").read_text(encoding="utf-8")
    heads = page[page.index("<table") :]
    assert 0 < heads.index("adam") < heads.index("momentum")


def test_archived_optimizers_are_compared_without_a_run(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = command("rank", "adamw", "lion", "gd")
    assert code == 0
    assert not Path("ranked").exists()
    rows = [line.split() for line in out.splitlines()[1:4]]
    assert {row[0] for row in rows} == {"adamw", "lion", "gd"}
    assert out.splitlines()[0].endswith("to adamw")
    assert "The last column is beside adamw: --against, or against=, names another reference" in out
    assert all(row[-1] == "1" if row[0] == "adamw" else row[-1][-1] == "]" for row in rows)
    found = optbench.rank("lion").table.iloc[-1]
    counts = optbench.rank("adamw").pairs.query("b == 'lion' and problem != 'all'")["verdict"].value_counts()
    assert f"adamw beats lion on {counts.get('wins', 0)} of 28 problems and loses to it on {counts['loses']}; " in out
    assert found["rank"] == next(int(row[1]) for row in rows if row[0] == "lion")


@pytest.mark.slow
def test_two_rules_of_the_users_are_compared_with_each_other(small_sweep, run):
    Path("two.py").write_text(RULE.format(name="lazy") + RULE.format(name="quick").replace("n % 3 == 0", "n > 0"))
    code, out, _ = run("rank", "lazy", "quick", small_sweep, "--plugin", "two.py", "--no-report")
    assert code == 0
    loses, ratio = re.search(
        r"lazy beats quick on 0 of 2 problems and loses to it on (\d); over all its ratio is ~?([\d.]+)", out
    ).groups()
    assert int(loses) >= 1 and 2 < float(ratio) < 4, "it needs three times the samples"
    for name in ("lazy", "quick"):
        counts = re.search(rf"{name} +\d \[\d–\d\] +(\d) +(\d) +(\d) +(\d) ", out).groups()
        assert sum(map(int, counts)) == 3, "gd, momentum, and the other of the two"


def test_the_second_line_counts_what_is_shown(command):
    out = command("rank", "adamw")[1]
    row = optbench.rank("adamw").table.iloc[-1]
    beats, loses, open_, others = (row[key] for key in ("beats", "loses", "open", "optimizers"))
    second = out.splitlines()[1]
    assert second.startswith(
        f"Shown: it beats {beats} of {others - 1} and loses to {loses}; {open_} are open. It beats"
    )
    assert "open beside" not in out


def test_signs_and_missed_targets_are_explained(run):
    out = run("rank", "adamw")[1]
    assert "≥ at least, ≤ at most, ~ about: a target was missed" in out
    assert "Of adamw no run reached the target on 2 of 28 problems (nqm(dim=100), zipf_recall)." in out
    assert "nqm missed 0 0 3 62" in out and "zipf_recall missed " in out and out.count(" missed ") == 2
    assert "missed: none of its runs reached the target, so it has no rank there" in out
    assert "no run reached" not in run("rank", "gd", "--fast")[1]


def test_no_rank_depends_on_the_reference(run):
    one, other = (run("rank", "lion", "--fast", *more)[1] for more in ([], ["--against", "gd"]))
    assert "The last column is beside adamw: " in one and "The last column is beside gd: " in other
    ranks = [re.findall(r" (\w+ \[\d+–\d+\]) ", text.partition(" beats, ")[0]) for text in (one, other)]
    assert ranks[0] == ranks[1] and len(ranks[0]) == 10
    assert "against=" not in run("rank", "lion", "--fast", "--format", "latex")[1]


def test_names_of_problems_are_told_apart_in_80_columns(command):
    lines = command("rank", "adamw")[1].split("\n\n")[1].splitlines()
    assert max(map(len, lines)) <= 80
    names = [line.split()[0] for line in lines[1:]]
    assert len(set(names)) == 29 and {"matrix_factorization", "noisy(quadratic)", "char_transformer"} < set(names)
    assert [name for name in names if "…" in name] == ["quadratic…n=10000.0)"], "beside quadratic"


@pytest.mark.slow
def test_a_rule_is_ranked_in_a_part_of_the_atlas(run):
    Path("lazy.py").write_text(RULE.format(name="lazy"))
    code, out, _ = run("rank", "lazy.py", "--fast", "--against", "gd", "--report")
    assert code == 0
    assert "lazy ranks " in Path("ranked/atlas-fast/lazy/report/index.html").read_text(encoding="utf-8")
    assert "lazy ranks " in out and "over these 8 problems" in out
    assert Path("ranked/atlas-fast/lazy/runs.parquet").is_file()
