"""The sweep command: what it counts, what it ends with, which flags reach the spec."""

import json
import re
import shlex
import sys
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_cases import BLOCKS, SMALL, line
from quick import slow
from records import finished
from typer.main import get_command

from optbench.cli import app
from optbench.cli.sweep_options import KEY_OPTIONS
from optbench.contract.errors import WARNING
from optbench.plan.spec import Spec
from optbench.plan.spec_files import ABLATE, DATA_KEYS
from optbench.run import time_limit
from optbench.run.loop import ExecutionOptions


def test_a_sweep_ends_with_its_winners(run):
    code, out, err = run(*SMALL, "--out", "mine")
    assert code == 0 and not err
    said = " ".join(out.split())
    assert re.match(r"(gd or momentum|momentum or gd) may be best on rosenbrock", said)
    assert "Nothing is told apart on rosenbrock: a single block of seeds: more are needed." in said
    assert re.search(r" (gd|momentum) +(100|full) +0.001", said)
    assert "24 runs of 2 optimizers on 1 problem, 3 seeds; 12 diverged; tables " in said
    assert said.endswith(" in mine all optimizers, with ratio, verdict, seconds and memory: optbench compare mine")
    runs = pd.read_parquet("mine/runs.parquet")
    assert len(runs) == 24 and (runs["status"] == "diverged").sum() == 12
    command = json.loads(Path("mine/provenance.json").read_text())["command"]
    assert command == " ".join(["optbench", *SMALL, "--out", "mine"])


def test_a_dry_run_counts_and_leaves_nothing(run):
    code, out, err = run(
        *SMALL, "--problems", "rosenbrock, saddle", "--optimizers", "gd, adam(beta1=[0.8,0.9])", "--dry-run"
    )
    assert code == 0 and not err
    # Per problem: 2 batch sizes x 3 seeds; gd has 2 rates, adam 2 rates x 2 values, and each batch size is a trial.
    for problem in ("rosenbrock", "saddle"):
        assert f"{problem} gd 100, full 4 12 60" in out and f"{problem} adam 100, full 8 24 120" in out
    assert "unequal numbers of trials, and the best of more is better: gd 4, adam 8" in out
    assert "24 cohorts, 72 runs" in out and "about less than a second with" in out
    assert not list(Path().iterdir())


def test_a_dry_run_counts_trials_and_says_where_they_come_from(run):
    flags = ["--problems", "rosenbrock", "--optimizers", "gd, adam(beta1=0.9), lbfgs", "--trials", "12", "--seeds", "3"]
    code, out, err = run(
        "sweep", *flags, "--batch-sizes", "16,64", "--schedules", "constant", "--steps", "5", "--dry-run"
    )
    assert code == 0 and err.strip() == "searched by all alike: lr=log_uniform(0.0001, 30)"
    assert "rosenbrock gd 16, 64 12 36 180" in out and "rosenbrock lbfgs full 4 12 60" in out
    assert "gd searches lr=log_uniform(0.0001, 30)" in out and "lbfgs searches memory=choice(3, 5, 10, 20)" in out
    assert "adam searches lr=log_uniform(0.0001, 30), beta2=one_minus_log_uniform(0.001, 0.2)" in out
    assert "unequal numbers of trials, and the best of more is better: gd 12, adam 12, lbfgs 4" in out


def test_a_dry_run_says_what_follows_the_screen(run):
    flags = ["--problems", "rosenbrock, saddle", "--lr", "1e-3:1:12", "--blocks", "4", "--steps", "5", "--dry-run"]
    code, out, err = run("sweep", "--schedules", "constant", "--optimizers", "gd, lbfgs", *flags)
    assert code == 0 and not err
    # gd: 12 rates x 4 batch sizes on each of 2 problems. In each of 4 blocks 2 choices, of optimizers and batch sizes,
    # race with 5 settings on 2 seeds, and run on 1; lbfgs has a single setting. Then the choices of 4 blocks race, 8 on
    # 5 seeds and 8 on 15, counted as 8 on 20; and two of each choice report on 20.
    assert "rosenbrock gd 4, 16, 64, full 48 192 960" in out and "rosenbrock lbfgs full 1 4 20" in out
    assert "40 cohorts, 392 runs screen all settings on 1 seed in each of 4 blocks, and up to 4 times " in out
    assert f"race on 2 more seeds (up to {2 * 4 * 2 * (10 + 1)} runs); what each block has chosen runs on 1 " in out
    assert f"fresh seed (up to {2 * 4 * 1 * (2 + 1)} runs); the blocks' choices race on 20 seeds in common " in out
    assert f"(up to {2 * 20 * (8 + 1)} runs), and the best of them and its runner-up report on 20 " in out
    assert f"(up to {2 * 20 * (4 + 1)} runs), the best on up to 200 where results spread" in out
    Path("no-race.toml").write_text(
        'problems = ["saddle"]\noptimizers = ["gd"]\nlearning_rates = [0.1, 1]\nsteps = 3\nblocks = 2\nrace = 0\n'
        "widen = 0\n"
    )
    code, out, err = run("sweep", "no-race.toml", "--dry-run")
    assert "in each of 2 blocks; then what each block has chosen runs on 4 fresh seeds (up to 16 runs)" in out


@pytest.mark.parametrize("width", [80, slow(40)])
def test_nothing_of_a_dry_run_is_cut(run, monkeypatch, width):
    from optbench.cli.console import console

    monkeypatch.setattr(console, "_width", width)
    name = "logistic(data='gaussian(classes=2, examples=400, features=33)', l2=0.25)"
    flags = ["--problems", name, "--optimizers", "clip(lookahead(adam(beta1=[0.8, 0.9, 0.95])), norm=2)", "--dry-run"]
    code, out, err = run("sweep", "--batch-sizes", "8,16,32,64,128,full", *flags)
    assert code == 0 and not err and "…" not in out
    # 3 schedules x 9 rates x 3 values x 6 sizes, on 8 seeds; 3 epochs of 40 + 20 + 10 + 5 + 3 + 1 steps.
    assert (
        "problem optimizer" in out
        and "486 3,888 153,576" in out
        and f"(up to {8 * 2 * 3 * 5} runs)" in out  # 3 choices: of optimizers, batch sizes, and schedules
        and f"(up to {8 * 1 * 3} runs)" in out
    )


def test_flags_reach_the_spec_over_the_file(run):
    Path("my.toml").write_text('problems = ["rosenbrock"]\noptimizers = ["gd"]\nlearning_rates = [0.001]\nepochs = 1\n')
    flags = ["--problems", "saddle", "--optimizers", "momentum(beta1=0.5)", "--batch-sizes", "512", "--schedules",
             "inverse(decay_rate=2)", "--lr", "0.01:0.1:2", "--seeds", "3,4", "--tuning-seeds", "1", "--steps", "3",
             "--dtype", "float32", "--run-timeout", "60", "--out", "mine", "--workers", "1", "--no-report"]  # fmt: skip
    assert run("sweep", "my.toml", *flags)[0] == 0
    runs = pd.read_parquet("mine/runs.parquet")
    columns = ["problem", "optimizer", "beta1", "batch_size", "schedule", "lr", "seed", "steps", "dtype"]
    values = {name: sorted(set(runs[name])) for name in columns}
    assert values == {
        "problem": ["saddle"], "optimizer": ["momentum"], "beta1": [0.5], "batch_size": [512],
        "schedule": ["inverse(decay_rate=2.0)"], "lr": [0.01, 0.1], "seed": [3, 4], "steps": [3], "dtype": ["float32"],
    }  # fmt: skip
    assert json.loads(Path("mine/provenance.json").read_text())["tuning_seeds"] == [3]


@pytest.mark.slow
def test_cuda_without_a_gpu_is_a_mistake_and_auto_takes_the_cpu(run, no_gpu):
    for more in ([], ["--dry-run"]):
        code, out, err = run(*SMALL, "--device", "cuda", *more)
        assert code == 2 and not out
        assert line(err) == f"--device: cuda cannot run here: {no_gpu}; cpu or auto works"
        code, out, err = run(*SMALL, "--device", "auto", *more)
        assert code == 0 and "24 runs" in out and err == f"on the CPU: {no_gpu}"
    assert pd.read_parquet("results/timings.parquet")["device"].eq("cpu").all()
    assert pd.read_parquet("results/timings.parquet")["device_note"].eq("").all()
    assert "device" in Path("results/spec.toml").read_text()


@pytest.mark.slow
def test_settings_are_chosen_by_the_measure_that_is_asked_for(run):
    code, out, err = run(*BLOCKS, "--choose-by", "test_accuracy", "--out", "mine")
    assert code == 0 and not err and "Only gd ran" in out
    assert 'choose_by = ["test_accuracy"]\njudge_by = "test_accuracy"\n' in Path("mine/spec.toml").read_text()
    assert 'choose_by = ["test_accuracy"]\njudge_by = "test_accuracy"\n' in Path("mine/chosen.toml").read_text()
    code, out, err = run("sweep", "mine/chosen.toml", "--seeds", "4", "--no-report")
    assert code == 0 and "Only gd ran" in out


@pytest.mark.slow
def test_the_measure_to_judge_by_is_kept_and_what_is_tuned_for_may_grow(run):
    assert run(*BLOCKS, "--choose-by", "time,loss", "--judge-by", "loss", "--widen", "0", "--out", "mine")[0] == 0
    provenance = json.loads(Path("mine/provenance.json").read_text())
    assert (provenance["choose_by"], provenance["judge_by"]) == (["time", "loss"], "loss")
    first = pd.read_parquet("mine/runs.parquet")
    code, _, err = run(*BLOCKS, "--choose-by", "time,loss", "--judge-by", "time", "--widen", "0", "--out", "mine")
    assert code == 0 and not err and 'judge_by = "time"' in Path("mine/spec.toml").read_text()
    assert pd.read_parquet("mine/runs.parquet").equals(first)
    code, _, err = run(*BLOCKS, "--judge-by", "test_accuracy", "--widen", "0", "--out", "mine")
    assert code == 2 and "(different: choose_by); choose another --out or out=, extend it (--extend)" in line(err)
    code, _, err = run("sweep", "--extend", "--judge-by", "test_accuracy", "--no-report", "--out", "mine")
    assert code == 0, err
    kept = Path("mine/spec.toml").read_text()
    assert 'choose_by = ["time", "loss", "test_accuracy"]' in kept and 'judge_by = "test_accuracy"' in kept


@pytest.mark.slow
def test_a_budget_that_is_over_says_how_to_go_on_in_a_line_of_its_own(tmp_path, monkeypatch, capsys):
    """It is there to be copied: the command alone, not wrapped, however narrow the terminal."""
    typed = [*SMALL, "--seeds", "30", "--time-limit", "1h", "--workers", "1", "--out", "my folder"]

    def late(ways):  # when the first seed is surely complete, long before all 120 are saved
        return ways.until is not None and len(finished(tmp_path / "my folder")) >= 70

    monkeypatch.setattr(ExecutionOptions, "is_late", late)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["/usr/bin/optbench", *typed])
    with pytest.raises(SystemExit) as end:
        app.main()
    assert end.value.code == 3  # unfinished
    *told, command = capsys.readouterr().out.splitlines()
    text = " ".join(" ".join(told).split())
    assert text.endswith("left out; what was finished is kept; resume with:")
    assert "(another answer, with more runs, is a further look: intervals are then at " in text
    assert command == f"    optbench {shlex.join(typed)}" and "'my folder'" in command


@pytest.mark.slow
def test_a_block_that_would_not_fit_is_why_a_sweep_with_a_time_limit_ends(run, monkeypatch):
    monkeypatch.setattr(time_limit, "_MARGIN", 1e12)
    code, out, _ = run(*BLOCKS, "--time-limit", "1h")
    assert code == 3 and " 2 blocks;" not in out
    reason = (
        "stopped by the time limit of 60 min: at the pace so far, pauses included, another block of seeds would not"
    )
    assert reason in " ".join(out.split())


@pytest.mark.slow
def test_a_file_and_its_target_are_named_and_a_dummy_is_warned_of(run):
    rows = np.random.default_rng(0).standard_normal((30, 2))
    table = pd.DataFrame(rows, columns=["a", "b"]).assign(kind_x=[1, 0, 0] * 10, kind_y=[0, 1, 0] * 10)
    table.to_csv("my.csv", index=False)
    flags = ["--problems", "logistic(data=my.csv), softmax(data=my.csv), saddle", "--optimizers", "gd"]
    facts = (
        "logistic and softmax on my.csv: 18 training, 6 validation and 6 test rows, 3 features, target column 'kind_y' "
        "(the last one), 2 classes: 0 (20 rows), 1 (10 rows)"
    )
    rest = ("validation and test rows drawn with seed 0 (a fifth each)", "features standardized by the training rows")
    first = " ".join(
        (facts.removeprefix("logistic and softmax on "), *rest, "kind_y has 2 classes: logistic regression")
    )
    warning = (
        "optbench: warning: data set my.csv: the last column, 'kind_y', was taken as the target and looks like one of "
        "the dummies kind_x, kind_y; name another: file(path='my.csv', target='NAME'), or --target NAME"
    )
    for more in ([], ["--dry-run"]):
        code, out, err = run(*SMALL, *flags, *more)
        assert code == 0 and err == warning and facts not in out
        assert out.startswith(first), "before the answer, and before the table of a dry run"
    code, out, err = run("show", "logistic(data=my.csv)")
    assert code == 0 and err == warning and "data my.csv: 18 training, 6 validation and 6 test rows, 3 feat" in out
    code, out, err = run("show", "logistic(data=my.csv)", "--json")
    assert code == 0 and err == warning and json.loads(out)[0]["data_warning"] == warning.removeprefix(f"{WARNING} ")
    assert run(*SMALL, *flags[:1], "least_squares(data='file(path=my.csv, target=a)')", "--out", "named")[2] == ""
    problems = pd.read_parquet("results/problems.parquet").set_index("problem")["data"]
    assert "; ".join((facts.removeprefix("logistic and softmax on "), *rest)) == problems["softmax(data='my.csv')"]
    assert problems["saddle"] == ""
    Path("my.csv").unlink()  # what was found stands in the tables: the file is not read again
    code, out, err = run("report", "results")
    page = " ".join(unescape(Path("results/report/index.html").read_text()).split())
    assert code == 0 and page.count(f"parameters; {problems.iloc[0]}; minimum") == 2


@pytest.mark.slow
def test_a_report_is_drawn_at_the_end_and_one_that_is_older_than_the_tables_is_named(run):
    whole = [part for part in SMALL if part != "--no-report"]
    code, out, err = run(*whole, "--out", "mine")
    assert code == 0 and not err and "report: mine/report/index.html" in out and "is out of date" not in out
    _, out, _ = run(*SMALL, "--optimizers", "gd, momentum, adam", "--extend", "--out", "mine")
    assert "mine/report/index.html is out of date: optbench report mine draws it again" in " ".join(out.split())


@pytest.mark.slow
def test_another_sweep_in_the_folder_is_refused(run):
    assert run(*SMALL, "--out", "mine")[0] == 0
    code, _, err = run(*SMALL, "--out", "mine", "--lr", "0.5")
    assert code == 2 and "'mine' holds another sweep (different: learning_rates)" in line(err)


@pytest.mark.slow
def test_a_damaged_folder_is_named(run):
    assert run(*SMALL, "--out", "mine")[0] == 0
    Path("mine/runs.parquet").write_bytes(b"no")
    code, _, err = run("report", "mine")
    assert code == 2 and "mine" in line(err)


@pytest.mark.slow
def test_the_sweep_of_a_table(run):
    rng = np.random.default_rng(3)
    table = pd.DataFrame(rng.standard_normal((90, 2)), columns=["a", "b"])
    status = np.array(["active", "churned", "paused"])[rng.integers(0, 3, 90)]
    table.assign(status=status, id=range(90)).to_csv("customers.csv", index=False)
    command = ["sweep", "--data", "customers.csv", "--target", "status", "--blocks", "2", "--epochs", "2"]
    command += ["--optimizers", "gd,adamw", "--widen", "1", "--no-report", "--out", "mine"]
    code, out, err = run(*command)
    said = " ".join(out.split())
    assert code == 0 and not err
    assert said.startswith("customers.csv: 54 training, 18 validation and 18 test rows, 2 features, target column ")
    assert "columns left out: id (numbers the rows)" in said
    assert "status has 3 classes: softmax regression and an MLP, 2 epochs each, judged by test_accuracy" in said
    assert " softmax errors 0." in said and "better on this table (errors: " in said
    runs = Path("mine/runs.parquet").read_bytes()
    assert run(*command)[0] == 0 and Path("mine/runs.parquet").read_bytes() == runs
    code, out, err = run("sweep", "--data", "customers.csv", "--target", "status", "--dry-run")
    assert code == 0 and out.count("target column 'status'") == 1 and "80 cohorts" not in out


TYPED = {
    "data": "iris.csv", "target": "kind", "model": "net.py", "problems": "rosenbrock", "optimizers": "gd",
    "batch_sizes": "16", "schedules": "constant", "learning_rates": "0.01", "plugins": "mine.py", "labels": "gd=GD",
    "dtypes": "float32",
    "trials": "3", "search_seed": "1", "ranges": "own", "choose_by": "loss", "judge_by": "loss", "seeds": "2",
    "tuning_seeds": "1", "blocks": "2", "widen": "1", "folds": "2", "epochs": "0.5", "steps": "5", "run_timeout": "9s",
    "device": "cpu", "ablate": "adam(beta1=0.5|0.9)", "have": "adam, lr=0.1",
}  # fmt: skip


@pytest.mark.parametrize("option", KEY_OPTIONS, ids=lambda option: option.key)
def test_every_key_of_a_spec_is_an_option(option):
    """That is taken, and that reaches the spec under the name of the key; what it means the spec says."""
    command = get_command(app.app).get_command(None, "sweep")
    context = command.make_context("sweep", [option.flag, TYPED[option.key]])
    assert str(TYPED[option.key]) in str(context.params[option.key])
    assert option.key in {*Spec.model_fields, *DATA_KEYS, ABLATE}
