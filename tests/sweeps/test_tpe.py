"""Trials that Optuna's TPE draws: as many as without it, the same however a sweep runs, and better ones."""

import importlib.util
import sys
import warnings

import numpy as np
import pytest
from synthetic import runs_table

import optbench
from optbench.cli.dry_run import _describe_stages
from optbench.contract.errors import OptbenchError
from optbench.sweeps import plan, stages, tpe
from optbench.sweeps.run import loop
from optbench.sweeps.spec import make_spec

BASE = {
    "problems": ["rosenbrock"], "optimizers": ["momentum", "lbfgs"], "batch_sizes": [16, 64], "blocks": 2, "trials": 12,
    "search": "tpe", "race": 1, "holdout": 1, "final": 1, "report": 1, "widen": 0, "steps": 20,
    "schedules": ["constant", "cosine"],
}  # fmt: skip
TABLES = ("runs", "curves")


def test_the_first_trials_and_the_rounds_add_up():
    assert make_spec(BASE).first_trials == 5 and make_spec(BASE | {"trials": 3}).first_trials == 3
    assert make_spec(BASE | {"schedules": ["constant", "cosine", "linear"]}).first_trials == 8
    assert make_spec(BASE | {"search": "sobol"}).first_trials == 12
    for trials, rounds in ((3, 0), (5, 0), (6, 1), (7, 1), (12, 3), (50, 8)):
        assert tpe.count_rounds(make_spec(BASE | {"trials": trials})) == rounds
    assert tpe.count_rounds(make_spec(BASE | {"search": "sobol"})) == 0


@pytest.mark.parametrize(("trials", "said"), [(4, "TPE draws 0"), (9, "TPE draws 4"), (10, "")])
def test_too_few_trials_to_differ_are_told(catalogue, trials, said):
    made = plan.expand(make_spec(BASE | {"trials": trials}), catalogue)
    found = [text for text in made.warnings if "--search tpe" in text]
    assert len(found) == bool(said) and said in "".join(found)
    assert "0 more" not in _describe_stages(made, stages.plan_largest_stages(made))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"search": "tpee"}, "unknown search 'tpee': did you mean 'tpe'"),
        ({"search": "random"}, "unknown search 'random': valid names: sobol, tpe"),
        ({"trials": None, "learning_rates": [0.1]}, "search is for trials: say how many, trials = 20"),
        ({"seeds": 3, "blocks": None, **dict.fromkeys(("race", "holdout", "final", "report", "widen"))},
         "search: 'tpe' goes on from the first runs of a block: say how many, blocks = 8"),
    ],
)  # fmt: skip
def test_what_tpe_cannot_do_is_refused_in_one_line(changes, words):
    raw = {key: value for key, value in (BASE | changes).items() if value is not None}
    with pytest.raises(OptbenchError, match=words) as caught:
        make_spec(raw)
    assert "\n" not in str(caught.value)


def test_schedules_with_ranges_are_refused(catalogue):
    spec = make_spec(BASE | {"schedules": ["inverse(decay_rate=uniform(0, 1))"]})
    with pytest.raises(OptbenchError, match="search: 'tpe' draws no parameters of schedules, as in 'inverse"):
        plan.expand(spec, catalogue)


def test_without_the_extra_one_line_says_how_to_get_it(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "optuna" else find(name, *a))
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(OptbenchError, match=r"search = 'tpe' needs Optuna: pip install 'optbench\[optuna\]'"):
        optbench.sweep(BASE)
    results = optbench.sweep({**BASE, "search": "sobol", "trials": 3})
    with pytest.raises(OptbenchError, match=r"importances\(\) needs Optuna: pip install 'optbench\[optuna\]'"):
        results.importances()


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """The folder of BASE, and its results."""
    out = tmp_path_factory.mktemp("tpe") / "out"
    return out, optbench.sweep(BASE, out=out, workers=1)


def same_tables(first, second):
    for name in TABLES:
        assert (first / f"{name}.parquet").read_bytes() == (second / f"{name}.parquet").read_bytes(), name


@pytest.mark.optuna
def test_each_optimizer_has_as_many_trials_in_each_block_as_without(swept):
    _, results = swept
    screen = results.runs[results.runs["stage"] == "screen"]
    keys = ["lr", "batch_size", "schedule", "beta1", "memory"]
    counts = screen.groupby(["optimizer", "block"])[keys].apply(lambda part: len(part.drop_duplicates()))
    assert counts.to_dict() == {("momentum", 0): 12, ("momentum", 1): 12, ("lbfgs", 0): 4, ("lbfgs", 1): 4}
    assert set(results.runs["stage"]) == {"screen", "race", "holdout", "final", "report"}
    assert results.provenance["search"] == "tpe"
    tried = screen[screen["optimizer"] == "momentum"]
    assert set(tried["batch_size"]) == {16, 64} and set(tried["schedule"]) > {"constant"}
    assert tried["lr"].between(1e-3, 30).all() and all(float(f"{lr:.4g}") == lr for lr in tried["lr"])


@pytest.mark.optuna
def test_the_bytes_are_the_same_whatever_workers_and_interruptions(swept, tmp_path, monkeypatch):
    folder, _ = swept
    optbench.sweep(BASE, out=tmp_path / "two", workers=2)
    same_tables(folder, tmp_path / "two")
    run, count = loop.SweepRun.run, [0]

    def stop(self, *args, **named):
        count[0] += 1
        if count[0] == 3:  # before the second round
            raise KeyboardInterrupt
        return run(self, *args, **named)

    with monkeypatch.context() as patch:
        patch.setattr(loop.SweepRun, "run", stop)
        with pytest.raises(KeyboardInterrupt):
            optbench.sweep(BASE, out=tmp_path / "cut", workers=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # not that runs are lost
        optbench.sweep(BASE, out=tmp_path / "cut", workers=1)
        optbench.sweep(BASE, out=tmp_path / "cut", workers=1)
    same_tables(folder, tmp_path / "cut")


@pytest.mark.optuna
def test_more_trials_blocks_and_optimizers_keep_those_that_are_there(swept, tmp_path):
    small = {**BASE, "optimizers": ["momentum"], "trials": 8}
    with pytest.warns(UserWarning, match="fewer than 10 trials hardly differ from sobol"):
        before = optbench.sweep(small, out=tmp_path, workers=1).runs
    more = optbench.sweep(out=tmp_path, extend=True, trials=12, optimizers="lbfgs", workers=1).runs
    # A run's last bits may depend on the number of runs in its cohort, so that bytes are not asked for.
    assert set(more["run_id"]) == set(swept[1].runs["run_id"])
    screened = set(before.loc[before["stage"] == "screen", "run_id"])
    longer = optbench.sweep(out=tmp_path, extend=True, blocks=3, workers=1).runs
    assert screened <= set(longer["run_id"]) and longer["block"].max() == 2


@pytest.mark.optuna
def test_a_time_limit_that_is_never_met_changes_nothing(swept, tmp_path):
    optbench.sweep(BASE, out=tmp_path, workers=1, time_limit="10m")
    same_tables(swept[0], tmp_path)


def simulate(catalogue, search, trials, blocks):
    """Return the planted distance from the optimum of each block's best trial, by what its noisy runs say."""
    spec = {**BASE, "optimizers": ["momentum"], "batch_sizes": [16], "schedules": ["constant"], "blocks": blocks}
    made = plan.expand(make_spec({**spec, "trials": trials, "search": search, "choose_by": ["loss"]}), catalogue)
    assert made.searched["momentum"] == {"lr": "log_uniform(0.001, 30)", "beta1": "one_minus_log_uniform(0.005, 0.3)"}
    cohorts, rows = list(made.cohorts), []
    while cohorts:
        for each in cohorts:
            for lane in each.cohort.lanes:
                beta = lane.hyperparameters["beta1"]
                far = np.log10(lane.lr / 0.7) ** 2 + 2 * np.log10((1 - beta) / 0.03) ** 2
                noise = np.random.default_rng([each.block, len(rows)]).normal(0, 0.02)
                rows.append({
                    "optimizer": "momentum", "problem": "rosenbrock", "block": each.block, "stage": "screen",
                    "seed": each.cohort.seed, "lr": lane.lr, "beta1": beta, "log_tail": far + noise, "far": far,
                    "batch_size": 16, "epochs": 20.0,
                })  # fmt: skip
        table = runs_table(rows)
        cohorts = stages.plan_round(made, table) if search == "tpe" else []
    table["far"] = [row["far"] for row in rows]
    assert (table.groupby("block")["lr"].nunique() == trials).all()
    return table.loc[table.groupby("block")["log_tail"].idxmin(), "far"].to_numpy()


@pytest.mark.optuna
def test_tpe_gets_nearer_to_a_planted_optimum_with_as_many_trials(catalogue):
    """The best of 30 trials, in 20 blocks; what is known to be the optimum has a distance of 0."""
    even, drawn = (simulate(catalogue, search, 30, 20) for search in ("sobol", "tpe"))
    ratio = np.exp(np.log(drawn + 1e-3).mean() - np.log(even + 1e-3).mean())
    assert ratio < 0.6, ratio


@pytest.mark.optuna
def test_importances_find_the_parameter_that_matters():
    rng = np.random.default_rng(0)
    rows = [
        {"block": block, "stage": "screen", "seed": block, "optimizer": "o", "lr": float(10 ** -(3 * shares[0])),
         "beta1": 1 - float(0.5 * 0.01 ** shares[1]), "nu": shares[2], "log_tail": 5 * (shares[1] - 0.4) ** 2}
        for block in range(10) for shares in rng.random((12, 3))
    ]  # fmt: skip
    searched = {
        "o": {"lr": "log_uniform(0.001, 1)", "beta1": "one_minus_log_uniform(0.005, 0.5)", "nu": "uniform(0, 1)"}
    }
    table = optbench.analysis.importances.importances(runs_table(rows), searched)
    assert table["parameter"].tolist()[0] == "beta1" and table["importance"].iloc[0] > 0.7
    assert table["importance"].sum() == pytest.approx(1) and set(table["trials"]) == {120}
    assert optbench.analysis.importances.importances(runs_table(rows[:30]), searched).empty  # too few to tell


def test_importances_are_of_trials(tmp_path):
    spec = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [0.001], "steps": 5, "seeds": 2}
    with pytest.raises(OptbenchError, match="importances are of drawn trials: this sweep has none"):
        optbench.sweep(spec).importances()
