"""``optbench compare`` on small sweeps: what it says, how it ends, and that JSON and Python hold the same numbers."""

import json
import math
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from staged import staged_table, with_effects
from synthetic import make_tables, runs_table, write_folder

import optbench
from optbench.analysis.folders import Comparison
from optbench.cli import compare_text
from optbench.figures.data import report_data
from optbench.wording import comparisons
from optbench.wording.certainty import advise_both, advise_more_runs

SPEC = {"problems": ["rosenbrock", "quadratic(dim=4)"], "optimizers": ["gd", "momentum"], "batch_sizes": ["full"],
        "learning_rates": [1e-4, 3e-4], "seeds": 6, "steps": 20}  # fmt: skip
LONG = "logistic(data=gaussian(examples=60, features=3, classes=2), l2=0.1, and_a_parameter_that_makes_it_longer=12)"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A small sweep; the same with the losses of momentum doubled; and one that has nothing of it."""
    root = tmp_path_factory.mktemp("compare")
    optbench.sweep(SPEC, out=root / "old", workers=1)
    optbench.sweep({**SPEC, "problems": ["quadratic(dim=5)"]}, out=root / "other", workers=1)
    results = optbench.load(root / "old")
    slow = results.runs["optimizer"] == "momentum"
    shift = math.log(2) + 0.01 * (results.runs["seed"] % 3)  # equal differences would say nothing of their spread
    runs = results.runs.assign(log_tail=results.runs["log_tail"] + shift * slow)
    timings = results.timings.assign(ns_per_run_step=results.timings["ns_per_run_step"] * 1.5)
    provenance = {**results.provenance, "optbench": "0.0.1"}
    tables = {"runs": runs, "curves": results.curves, "timings": timings, "problems": results.problems}
    write_folder(root / "new", {**tables, "provenance": provenance})
    return root


@pytest.fixture
def run(command, monkeypatch, folders):
    """run(*arguments) -> (exit code, standard output, standard error)."""
    monkeypatch.chdir(folders)
    return partial(command, "compare")


@pytest.mark.slow
def test_a_folder_with_itself(run):
    code, out, err = run("old", "old", "--fail-above", "0")
    assert code == 0 and not err
    lines = out.splitlines()
    assert lines[0].startswith(f"A: old (optbench {optbench.__version__}, 48 runs)") and lines[1].startswith("B: old")
    measure = "expected samples to a target (quadratic(dim=4) by loss)"
    assert f"the same settings in both, 2 a row, by {measure}, on the 6 seeds on which both" in " ".join(out.split())
    assert "all 48 pairs of runs are identical" in out and "note: " not in out
    assert "no regression above 0% is shown" in out


@pytest.mark.slow
def test_a_minimum_that_is_too_high_is_told(run, folders):
    """All runs count as having reached it, and so as equal, whatever their losses are."""
    results = optbench.load("old")
    runs, momentum = results.runs, results.runs["optimizer"] == "momentum"
    gap = runs["suboptimality_final"] - 1e6
    low = runs.assign(suboptimality_final=gap, log_tail=math.log(1e-8))
    tables = {"curves": results.curves, "timings": results.timings, "problems": results.problems}
    write_folder(folders / "low", {"runs": low, **tables, "provenance": results.provenance})
    losses = {name: low[name] + momentum for name in ("loss_final", "loss_best", "suboptimality_final")}
    write_folder(folders / "lower", {"runs": low.assign(**losses), **tables, "provenance": results.provenance})
    code, out, err = run("low", "lower", "--fail-above", "5%")
    assert code == 0 and not err
    assert (
        "note: Losses of rosenbrock lie up to 1e6 below the minimum that it states: its suboptimalities are wrong"
        in out
    )
    words = "momentum is open (losses lie up to 1e+06 below the stated minimum)"
    assert words in out and "gd is identical in both" in out and "all 48 pairs" not in out
    (line,) = json.loads(run("low", "lower", "gd", "momentum", "--json")[1])["differences"][-1:]
    assert line.startswith("Losses of quadratic(dim=4) lie up to 1e6 below")
    assert "pairs of runs are identical" not in run("low", "gd", "momentum")[1]
    for html in (optbench.load("low")._repr_html_(), optbench.load("low").in_memory()._repr_html_()):
        assert "losses of rosenbrock lie up to 1e6" in html.lower().replace("\n", " "), html


def test_a_planted_regression_ends_with_1(run):
    code, out, err = run("old", "new", "--judge-by", "loss", "--fail-above", "5%")
    assert code == 1 and not err
    assert "rosenbrock: momentum loses by a factor of 2.02 in B [1.99, 2.05]; gd is identical in both" in out
    assert "intervals of 97.5%, for all rows at once" in out
    assert f"note: optbench: {optbench.__version__} in A, 0.0.1 in B" in out
    assert "regression above 5% shown: momentum on rosenbrock, 2.02 times [1.99, 2.05]; momentum on quadratic" in out
    assert "a step 1.5, an evaluation 1 times as long in B (24 cohorts in common)" in out
    loss = ("--judge-by", "loss", "--fail-above")
    assert run("old", "new")[0] == 0 and run("old", "new", *loss, "150%")[0] == 0
    assert run("new", "old", *loss, "0.05")[0] == 0
    assert run("old", "new", *loss, "5%", "--optimizers", "gd")[0] == 0


@pytest.mark.slow
def test_what_is_open_has_its_interval_and_what_is_known(run, tmp_path):
    """A verdict and a regression follow from the intervals, which hold for all rows together."""
    tables = make_tables(problems=("rosenbrock",), optimizers=("gd",), seeds=range(2)) | {"landscapes": None}

    def compared(effects, *arguments):
        for name, runs in zip("ab", with_effects(effects), strict=True):
            write_folder(tmp_path / name, {**tables, "runs": runs})
        code, out, err = run(str(tmp_path / "a"), str(tmp_path / "b"), "--judge-by", "loss", *arguments)
        assert not err
        return code, out

    code, out = compared([(math.log(1.3), 0.2), (0.06, 0.02)], "--fail-above", "5%")
    assert code == 0
    middle, half = math.log(1.3), 0.2 * stats.t.isf((1 - 0.975**0.5) / 2, 7) / math.sqrt(8)
    ends = f"[{math.exp(middle - half):.3g}, {math.exp(middle + half):.3g}]"
    assert "p0: gd is open (behind, perhaps by less than 5%)" in out and f"1.3 {ends}" in out
    assert "p1: gd ties" in out
    assert (
        f"no regression above 5% is shown\nnot ruled out in 2 of 2 rows: gd on p0 (up to {math.exp(middle + half):.3g}"
        in out
    )
    code, out = compared([(math.log(2), 0.2), (0.06, 0.02)], "--fail-above", "5%")
    assert code == 1 and "p0: gd loses by a factor of 2 in B [" in out


@pytest.mark.slow
def test_what_is_open_comes_with_the_commands_that_would_settle_it():
    row = {"problem": "p", "verdict": "open", "regression": "open", "blocks": 8, "blocks_needed": math.inf}
    table = pd.DataFrame([row | {"regression_blocks": 19.2}, row | {"problem": "q", "regression_blocks": math.inf}])
    found = Comparison(table, "tuned", above=0.05)
    runs, timings = pd.DataFrame({"cohort_id": ["c"]}), pd.DataFrame({"cohort_id": ["c"], "seconds": [160.0]})
    made = {"blocks": 8, "seeds": range(56), "cores": 2, "plugin_files": ["my rule.py"], "optbench": "0.2"}
    a = SimpleNamespace(path="old", provenance=made, runs=runs, timings=timings, missing="")
    b = SimpleNamespace(path="new", provenance=made | {"blocks": 10}, runs=runs, timings=timings, missing="")
    (step,) = advise_both(found, [a, b])
    assert step["text"] == (  # of the 80 s that 8 and 10 blocks took, 12 and 10 more
        "a regression above 5% is open in 2 rows: 1 of them needs at most 20 blocks in all in both folders (about 3 "
        "min here)"
    )
    assert step["commands"] == [
        f"optbench sweep --extend --out {name} --plugin 'my rule.py' --blocks 20" for name in ("old", "new")
    ]
    assert advise_both(replace(found, above=None), [a]) == []
    b.provenance |= {"blocks": 20, "optbench": "0.0.1"}
    (step,) = advise_both(replace(found, table=table[:1]), [a, b])
    assert step["commands"] == [
        "optbench sweep --extend --out old --plugin 'my rule.py' --blocks 20  # with optbench 0.2"
    ]
    more = advise_both(replace(found, table=table.assign(regression_blocks=[19.2, 341.0])), [a])
    assert [step["commands"][0].split()[-1] for step in more] == ["20", "341"]
    plain = SimpleNamespace(path="old", provenance={"seeds": range(10)}, runs=runs, timings=timings, missing="")
    assert advise_both(replace(found, table=table[:1]), [plain])[0]["commands"][0].endswith(" --seeds 24")
    plain.missing = "half"
    assert not advise_both(found, [plain]) and not advise_both(replace(found, table=table[:0]), [a])


def test_a_sweep_and_a_comparison_of_its_optimizers_say_one_number_of_blocks(tmp_path):
    """Of one pair alone, above 100 blocks, and of a sweep whose blocks are made of its seeds."""

    def value(problem, optimizer, rate, stage, block, seed):
        return 0.02 * (optimizer == "adam") + rate + 0.2 * np.random.default_rng(seed).normal() * (optimizer == "gd")

    staged = staged_table(value, rates=(0.1, 0.2), blocks=8, race=0, holdout=1)
    made = {"blocks": 8, "seeds": list(range(16)), "choose_by": ["loss"]}
    plain = staged[staged["stage"] == "screen"].drop(columns=["stage", "block"])
    for runs, given, option in (
        (staged, made, "--blocks"),
        (plain, {"seeds": list(range(8)), "choose_by": ["loss"]}, "--seeds"),
    ):
        results = optbench.Results(runs, None, pd.DataFrame(), provenance=given)
        results.path = tmp_path
        (advice,) = advise_more_runs(report_data(results).answer, results.timings, tmp_path, given)
        more = " ".join(advice.command[-2:])
        (other,) = advise_both(optbench.compare(results, pair=("gd", "adam"), judge_by="loss"), [results])
        assert more.startswith(option) and int(more.split()[1]) > 100
        assert other["commands"][0].endswith(more)


@pytest.mark.slow
def test_two_settings_of_one_rule_have_two_names(run, tmp_path, monkeypatch):
    """And what else was tried on one side alone is told."""
    monkeypatch.chdir(tmp_path)
    small = {"problems": ["rosenbrock"], "batch_sizes": ["full"], "steps": 20, "seeds": 4, "schedules": ["constant"]}
    for folder, text, rates in (("a", "momentum(beta1=0.9)", [1e-4]), ("b", "momentum(beta1=0.5)", [1e-4, 3e-4])):
        optbench.sweep({**small, "optimizers": [text, "gd"], "learning_rates": rates}, out=folder, workers=1)
    monkeypatch.undo()
    first, second = str(tmp_path / "a"), str(tmp_path / "b")
    code, out, err = run(first, second, "momentum", "momentum")
    assert code == 0 and not err
    assert "momentum(lr=0.0001, beta1=0.9)" in out and "momentum(lr=[0.0001, 0.0003], beta1=0.5)" in out
    assert (
        "note: momentum: lr 0.0001 in A, 0.0001 and 0.0003 in B" in out
        and "note: momentum: beta1 0.9 in A, 0.5 in B" in out
    )
    assert "note: gd" not in out and "momentum and momentum" not in out
    table = optbench.compare(first, second, by="tuned").table
    assert table[["a", "b"]].to_numpy().tolist() == [
        ["momentum(lr=0.0001, beta1=0.9)", "momentum(lr=[0.0001, 0.0003], beta1=0.5)"],
        ["gd(lr=0.0001)", "gd(lr=[0.0001, 0.0003])"],
    ]  # fmt: skip
    same = optbench.compare(first, second, optimizers="gd")
    assert same.by == "settings" and same.table[["a", "b"]].to_numpy().tolist() == [["gd", "gd"]]
    assert "gd: lr 0.0001 in A, 0.0001 and 0.0003 in B" in same.differences


def test_the_measure_is_said_once():
    """In the header, with the problems on which the loss stands in."""
    one = {"a": "gd", "b": "gd", "blocks": 20, "seeds": 20, "trials_a": 4, "trials_b": 4}
    table = pd.DataFrame([one | {"problem": "p", "measure": "time"}, one | {"problem": "q", "measure": "loss"}])
    sides = [{"folder": name, "optimizer": None, "optbench": "1", "runs": 9} for name in "ab"]
    time, loss = "expected samples to a target", "the loss at the end of a run, above the minimum"
    for rows, words in ((table, f"{time} (q by loss)"), (table[:1], time), (table[1:], loss)):
        found = Comparison(rows, "tuned", judge_by="time", in_common=True, sides=sides)
        said = list(comparisons.describe_sides(found))[2]
        assert said == f"compared: each side as it was tuned, by {words}, on 20 seeds in common that chose nothing"


def test_seconds_get_a_ratio_and_no_verdict(run, folders):
    """Two sweeps of one code under another load: whatever the factor, nothing is shown."""
    code, out, _ = run("old", "new", "--cost", "seconds")
    assert code == 0 and "seconds of a run, by 24 cohorts in common; seconds get no verdict" in " ".join(out.split())
    assert not {"wins", "loses", "tie", "ties", "open", "intervals"} & {*out.replace(",", " ").split()}
    assert run("old", "new", "--cost", "seconds", "--fail-above", "5%") == (
        2, "", "optbench: --fail-above: seconds get no verdict: the machine may have been slower for one side; compare "
        "by loss\n"
    )  # fmt: skip
    results = optbench.load(folders / "old")
    noise = np.exp(0.01 * np.sin(17.0 * np.arange(len(results.timings))))
    slower = results.timings.assign(seconds=results.timings["seconds"] * 8.5 * noise)
    table = optbench.compare(results, optbench.Results(results.runs, None, slower), cost="seconds").table
    assert (table["verdict"] == "open").all() and table["ratio"].to_numpy() == pytest.approx(8.5, rel=0.02)
    one = optbench.compare(results, pair=("gd", "momentum"), cost="seconds").table
    assert (one["verdict"] == "open").all() and one["ratio"].notna().all()


def test_two_optimizers_of_a_folder(run):
    code, out, err = run("new", "gd", "momentum", "--judge-by", "loss", "--fail-above", "5%")
    assert code == 1 and not err
    assert out.startswith("A: gd of new") and "each side as it was tuned, by the loss at the end of a run" in out
    assert "in 3 blocks, on 3 seeds" in out
    row = optbench.compare("new", pair=("gd", "momentum"), judge_by="loss").table.iloc[0]
    words = f"by a factor of ~{row['ratio']:.3g} [{row['low']:.3g}, {row['high']:.3g}]"
    assert row["verdict"] == "loses" and f"rosenbrock: momentum loses to gd {words}" in out
    assert f"rosenbrock: gd wins against momentum {words}" in run("new", "momentum", "gd", "--judge-by", "loss")[1]
    code, other, _ = run("old", "new", "gd", "gd", "--by", "settings")
    assert code == 0 and "all 24 pairs of runs are identical" in other


@pytest.mark.slow
def test_an_optimizer_of_each_folder(run):
    code, out, err = run("old", "new", "gd", "momentum")
    assert code == 0 and not err and out.startswith("A: gd of old") and "B: momentum of new" in out
    assert "rosenbrock: " in out and "only A" not in out


@pytest.mark.slow
def test_problems_may_be_named_by_their_family(folders):
    table = optbench.compare(folders / "old", folders / "new", problems="quadratic", optimizers=["momentum"]).table
    assert table[["problem", "a", "b"]].values.tolist() == [["quadratic(dim=4)", "momentum", "momentum"]]


@pytest.mark.slow
def test_json_holds_the_numbers_of_the_table(run):
    code, out, err = run("old", "new", "--judge-by", "loss", "--fail-above", "5%", "--json")
    assert code == 1 and not err
    data = json.loads(out)
    found = optbench.compare("old", "new", judge_by="loss", fail_above=0.05)
    table = found.table
    assert list(data) == ["a", "b", "by", "judge_by", "level", "fail_above", "strict", "failed", "differences",
                          "missing", "provenance", "time", "rows", "overall", "next"]  # fmt: skip
    assert (data["by"], data["judge_by"], data["fail_above"], data["failed"]) == ("settings", "loss", 0.05, True)
    assert data["a"] == {"folder": "old", "optimizer": None, "optbench": optbench.__version__, "runs": 48,
                         "missing": ""}  # fmt: skip
    assert data["provenance"] == {"optbench": {"a": optbench.__version__, "b": "0.0.1"}}
    assert data["differences"] == found.differences and data["time"] == found.time
    assert data["overall"]["problem"] == "all" and len(data["rows"]) == 4
    for row, expected in zip([*data["rows"], data["overall"]], table.to_dict("records"), strict=True):
        assert list(row) == list(table.columns)
        for name, value in row.items():
            known = expected[name]
            finite = isinstance(known, str) or (known is not None and math.isfinite(known))
            assert value == known if finite else value is None
    assert data["overall"]["high"] is None and isinstance(data["rows"][0]["seeds"], int)


@pytest.mark.slow
def test_every_key_of_json_is_in_the_help(run):
    keys = {"by", "judge_by", "level", "fail_above", "strict", "failed", "differences", "provenance", "time", "rows",
            "overall", "next"}  # fmt: skip
    _, out, _ = run("--help")
    words = set(out.replace('"', " ").replace(",", " ").replace(".", " ").split())
    assert keys | set(optbench.compare("old", "old").table.columns) <= words


@pytest.mark.slow
def test_nothing_is_cut_or_wrapped_where_it_is_piped(run, folders, tmp_path):
    """Names of any length stand whole; a line of the table that holds no such name has 80 columns at most."""
    rows = [
        {"problem": problem, "optimizer": optimizer, "seed": seed, "log_tail": seed * 0.1 + shift,
         "status": "diverged" if seed == 9 and optimizer == "gd" else "ok"}
        for problem in ("p", LONG) for optimizer, shift in (("gd", 0.0), ("clip(adam, norm=1.0, and_more=2)", 1.0))
        for seed in range(10)
    ]  # fmt: skip
    tables = make_tables(problems=("rosenbrock",), optimizers=("gd",), seeds=range(2))
    for name, factor in (("a", 1.0), ("b", 1.7)):
        runs = runs_table(rows)
        runs["log_tail"] += factor * runs["seed"] ** 3 * 1e3 if name == "b" else 0.0
        write_folder(tmp_path / name, {**tables, "runs": runs, "landscapes": None})
    for arguments in ([str(tmp_path / "a"), str(tmp_path / "b")], [str(tmp_path / "a"), "gd", rows[-1]["optimizer"]]):
        code, out, err = run(*arguments, "--fail-above", "5%")
        assert code in (0, 1) and not err and LONG in out and rows[-1]["optimizer"] in out and "…" not in out
        table = out.split("\n\n")[2].splitlines()
        assert len(table) > 3 and all(len(line) <= 80 or LONG in line for line in table), max(table, key=len)


@pytest.mark.slow
def test_a_test_metric_of_what_was_chosen_by_loss(tmp_path):
    """The runs of the report are those of the sweep's own choice, whatever they are measured by."""
    spec = {**SPEC, "problems": ["logistic(data=gaussian(examples=320, features=3, classes=2))", "rosenbrock"],
            "blocks": 2, "screen": 1, "race": 1, "holdout": 2}  # fmt: skip
    spec.pop("seeds")
    results = optbench.sweep(spec, workers=1)
    assert results.provenance["choose_by"] == ["time", "loss"]
    found = optbench.compare(results, results, judge_by="test_loss")
    table = found.table
    assert (table["blocks"][:4] >= 20).all() and (table["reason"][:4] == "").all(), "seeds of the report"
    assert found.judge_by == "test_loss" and optbench.compare(results, results).judge_by == "time"
    assert found.differences == ["rosenbrock without test_loss, compared by loss"]


@pytest.mark.slow
def test_a_staged_sweep_is_compared_as_it_was_tuned(tmp_path):
    spec = {**SPEC, "problems": ["quadratic(dim=4)"], "blocks": 3, "screen": 1, "race": 1, "holdout": 2}
    spec.pop("seeds")
    results = optbench.sweep(spec, workers=1)
    found = optbench.compare(results, results, fail_above=0.05)
    table = found.table
    assert found.by == "tuned" and (table["blocks"] == 20).all() and (table["seeds"] == 20).all()
    assert (table["ratio"] == 1.0).all() and (table["regression"] == "ruled out").all()
    said = list(comparisons.describe_sides(found))[2]
    assert said.endswith(
        " by the loss at the end of a run, above the minimum, on 20 seeds in common that chose nothing"
    )
    table = optbench.compare(results, results, by="settings").table
    assert (table["seeds"] == 3).all() and (table["runs"] == 6).all() and isinstance(table, pd.DataFrame)


@pytest.mark.slow
def test_what_is_too_noisy_has_no_numbers_and_one_rule_no_two_names():
    row = {"problem": "p", "a": "Ours(beta1=0.9, beta2=0.99)", "b": "Ours", "verdict": "open", "reason": "",
           "ratio": 1.2, "bound": "", "low": 2.31e-7, "high": 5.86e6, "known": "too noisy to place", "blocks": 3,
           "blocks_needed": math.inf, "seeds": 6, "failures_a": 0.0, "failures_b": 0.0}  # fmt: skip
    assert comparisons.describe_row(row) == "open: too noisy to place"
    assert comparisons.name_row(row) == "Ours (beta1=0.9, beta2=0.99 in A) on p"
    assert comparisons.name_row(row | {"b": "adam"}) == "adam for Ours(beta1=0.9, beta2=0.99) on p"
    assert comparisons.bound_regression(row) == "too noisy to place"
    found = Comparison(pd.DataFrame([row]), "tuned")
    lines = [line if isinstance(line, str) else line[0] for line in compare_text._format_table(found, False)]
    assert lines[-1].split(maxsplit=1) == ["-", "too noisy to place   open           6"] and max(map(len, lines)) <= 80
    near = row | {"low": 0.5, "high": 1e6}
    assert "[0.5, 1e+06]" in comparisons.describe_row(near)
    assert comparisons._format_range(pd.Series([0, 3]), "block") == "up to 3 blocks"


def test_the_table_of_all_optimizers_may_be_of_some_problems(run, folders):
    first, second, *_ = optbench.load(folders / "old").runs["problem"].unique()
    code, out, _ = run("old", "--problems", first)
    assert code == 0 and f"\n{first}: " in out and f"\n{second}: " not in out
