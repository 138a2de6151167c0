"""A sweep whose seeds stand in blocks: which runs each stage makes, against choices by hand from its tables."""

import itertools

import numpy as np
import pandas as pd
import pytest
from harness import plan_of

import optbench
from optbench.analysis import tail_values
from optbench.contract.errors import OptbenchError
from optbench.engine import runner
from optbench.report import write_report
from optbench.sweeps.spec import make_spec, read_spec
from optbench.sweeps.stages import plan_largest_stages
from optbench.wording.answers import answer_of

SPEC = {"problems": ["quadratic(dim=4)", "logistic(data=gaussian(examples=60, features=3, classes=2), l2=0.1)"],
        "optimizers": ["gd", "momentum(beta1=[0.5, 0.9])", "lbfgs"], "batch_sizes": [16, "full"],
        "schedules": ["constant", "sqrt_step"], "learning_rates": "1e-3:10:5", "epochs": 10, "blocks": 3, "screen": 2,
        "race": 2, "holdout": 2, "finalists": 3}  # fmt: skip
KEYS = ["problem", "optimizer", "beta1", "batch_size", "schedule", "lr"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    table = optbench.sweep(SPEC, out=tmp_path_factory.mktemp("blocks"), workers=1).runs
    return table.assign(y=tail_values(table), setting=list(map(tuple, table[KEYS].fillna(-1).to_numpy())))


def best(table, count):
    """Return the settings of a problem, optimizer and block with the lowest means, and the gap to the next one."""
    means = table.groupby("setting")["y"].mean().sort_values(kind="stable")
    return set(means.index[:count]), means


def each_block(runs):
    for (problem, optimizer, block), part in runs.groupby(["problem", "optimizer", "block"]):
        yield f"{problem}, {optimizer}, block {block}", part


def test_every_seed_belongs_to_one_stage_of_one_block(runs):
    places = runs.groupby("seed")[["stage", "block"]].agg(["nunique", "first"])
    assert (places.xs("nunique", axis=1, level=1) == 1).all().all()
    stages = places["stage"]["first"].tolist()
    assert stages == ["screen", "screen", "race", "race", "holdout", "holdout"] * 3
    assert places["block"]["first"].tolist() == [0] * 6 + [1] * 6 + [2] * 6


def test_all_settings_are_screened(runs):
    screen = runs[runs["stage"] == "screen"]
    for _, part in screen.groupby("block"):  # each with rates of its own
        counts = part.groupby("optimizer")["setting"].nunique()
        assert counts["gd"] == 2 * 20 and counts["momentum"] == 2 * 40 and counts["lbfgs"] == 2
    rates = screen[screen["optimizer"] != "lbfgs"].groupby(["optimizer", "block"])["lr"].unique()
    assert len(set(np.concatenate(rates.to_list()))) == 2 * 3 * 2 * 2 * 5, "by optimizer, block, size and schedule"
    assert (screen.groupby(["setting", "seed"]).size() == 1).all() and screen["seed"].nunique() == 6


def test_the_best_of_the_screen_race(runs):
    for name, part in each_block(runs):
        screen, race = (part[part["stage"] == stage] for stage in ("screen", "race"))
        wanted, means = best(screen, 3)
        assert set(race["setting"]) == wanted, f"{name}: {means.head()}"
        assert (race.groupby("setting")["seed"].nunique() == 2).all()


def test_reported_are_the_blocks_choice_and_what_all_recommend(runs):
    for name, part in each_block(runs):
        raced = set(part.loc[part["stage"] == "race", "setting"])
        tuning = part[part["stage"].isin(["screen", "race"]) & part["setting"].isin(raced)]
        (chosen,), _ = best(tuning, 1)
        reported = part[part["stage"] == "holdout"]
        settings = set(reported["setting"])
        assert chosen in settings and len(settings) <= 2, name
        assert (reported.groupby("setting")["seed"].nunique() == 2).all()
    for _, part in runs[runs["stage"] == "holdout"].groupby(["problem", "optimizer"]):
        blocks = part.groupby("setting")["block"].nunique()
        assert blocks.max() == 3, "one setting is reported on in every block"


def test_what_later_stages_may_take_is_counted_beforehand(runs):
    later = plan_largest_stages(plan_of(make_spec(SPEC, {})))
    for stage, limit in {"race": 3, "holdout": 2}.items():
        planned = later[stage]
        count = pd.Series({(p.cohort.problem.name, p.cohort.optimizer.name): 0 for p in planned})
        for each in planned:
            assert each.stage == stage and each.cohort.seed in set(runs.loc[runs["stage"] == stage, "seed"])
            count[each.cohort.problem.name, each.cohort.optimizer.name] += each.runs
        ran = runs[runs["stage"] == stage].groupby(["problem", "optimizer"]).size()
        # 3 blocks of 2 seeds; lbfgs has but one setting a problem.
        assert {(name, number) for (_, name), number in count.items()} == {
            ("gd", 6 * limit), ("momentum", 6 * limit), ("lbfgs", 6)
        }  # fmt: skip
        assert (ran <= count[ran.index]).all() and (stage == "holdout" or (ran == count[ran.index]).all())
    both = plan_largest_stages(plan_of(make_spec(SPEC, {"dtypes": "float64,float32", "problems": SPEC["problems"][0]})))
    assert sum(each.runs for each in both["race"]) == 6 * (3 + 3 + 2)
    assert {
        stage: len(each) for stage, each in plan_largest_stages(plan_of(make_spec(SPEC, {"seeds": 3}))).items()
    } == {
        "race": 0,
        "holdout": 0,
    }


def test_the_same_bytes_from_any_number_of_workers_and_after_a_cut(tmp_path, monkeypatch):
    small = {**SPEC, "problems": SPEC["problems"][:1], "optimizers": ["gd"]}
    optbench.sweep(small, out=tmp_path / "whole", workers=2)
    asked = itertools.count()

    def stop(*_):
        if next(asked) == 15:  # in the middle of the race
            raise KeyboardInterrupt
        return original(*_)

    original = runner.Runner.run
    monkeypatch.setattr(runner.Runner, "run", stop)
    with pytest.raises(KeyboardInterrupt):
        optbench.sweep(small, out=tmp_path / "cut", workers=1)
    monkeypatch.undo()
    assert not (tmp_path / "cut" / "runs.parquet").exists()
    optbench.sweep(small, out=tmp_path / "cut", workers=1)
    for name in ("runs", "curves"):
        first, second = ((tmp_path / folder / f"{name}.parquet").read_bytes() for folder in ("whole", "cut"))
        assert first == second, name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"blocks": 1}, "blocks: 1 must be at least 2"),
        ({"blocks": 3, "holdout": 0}, "holdout: 0 must be at least 1"),
        ({"blocks": 3, "seeds": 5}, "seeds and blocks: give one; 3 blocks take 18 seeds"),
        ({"choose_by": "test_los"}, "did you mean 'test_loss'"),
        ({"finalists": 0}, "finalists: 0 must be at least 1"),
        ({"blocks": 10**9}, "blocks=1000000000 takes more than 100,000 seeds"),
        ({"blocks": 0}, "screen is for seeds in blocks"),
        ({"widen": -1}, "widen: -1 must be at least 0"),
        ({"final": 0}, "final: 0 must be at least 1"),
        ({"report": 1001}, "report: 1001 must be at most 1,000"),
        ({"choose_by": "log_tail"}, "unknown measure to choose by 'log_tail'"),
        ({"choose_by": "time, time"}, "choose_by has an entry twice"),
        ({"search_seed": 3, "learning_rates": [0.1]}, "search_seed is for trials"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, message):
    with pytest.raises(OptbenchError, match=message):
        optbench.sweep({**SPEC, **changes}, workers=1)


def test_the_shipped_specs_ask_the_same_question():
    default, thorough = read_spec(), read_spec("thorough")
    same = {"problems", "optimizers", "batch_sizes", "schedules", "learning_rates", "epochs", "steps", "dtypes"}
    assert default.model_dump(include=same) == thorough.model_dump(include=same)
    assert thorough.blocks > default.blocks >= 8 and thorough.holdout >= default.holdout >= 3
    with pytest.raises(OptbenchError, match="unknown spec 'thorogh': did you mean 'thorough'"):
        read_spec("thorogh")


def test_the_chosen_settings_are_left_as_a_spec_that_runs(tmp_path):
    spec = {
        **SPEC,
        "optimizers": ["gd", "clip(adam, norm=1)", "lbfgs"],
        "problems": SPEC["problems"][:1],
        "finalists": 2,
    }
    runs = optbench.sweep(spec, out=tmp_path / "whole", workers=1).runs
    again = optbench.sweep(tmp_path / "whole" / "chosen.toml", seeds=4, workers=1).runs
    assert again.groupby("optimizer").size().to_dict() == {"gd": 4, "clip(adam)": 4, "lbfgs": 4}
    keys = ["optimizer", "batch_size", "schedule", "lr"]
    everywhere = runs[runs["stage"] == "holdout"].groupby(keys)["block"].nunique()
    for setting in again[keys].drop_duplicates().itertuples(index=False, name=None):
        assert everywhere[setting] == 3, "what is chosen was reported on in every block"
    assert set(again["norm"].dropna()) == {1.0}


@pytest.mark.parametrize("blocks", [0, 3])
def test_the_spec_that_is_left_has_the_settings_that_the_answer_names(tmp_path, blocks):
    spec = {"problems": ["quadratic(dim=4)"], "optimizers": ["gd", "adam"], "batch_sizes": [16],
            "learning_rates": "1e-2:1e-1:9", "steps": 40}  # fmt: skip
    results = optbench.sweep(spec, **({"blocks": blocks} if blocks else {"seeds": 9}), out=tmp_path, workers=1)
    best = answer_of(results.runs, results.tuning_seeds, results.choose_by).best
    left = [(entry.optimizer.partition("(")[0], entry.lr) for entry in read_spec(tmp_path / "chosen.toml").chosen]
    assert left == best[["optimizer", "lr"]].to_records(index=False).tolist()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizers": ["gd"]}, "chosen names whole settings: leave optimizers out"),
        ({"problems": ["saddle"]}, "chosen has the problem 'rosenbrock', which is not among problems"),
        ({"chosen": [{"problem": "rosenbrock", "optimizer": "gd", "lr": -1.0}]}, "must be a positive finite number"),
        ({"chosen": [{"problem": "rosenbrock", "optimizer": "gdd", "lr": 1.0}]}, "did you mean 'gd'"),
        (
            {"chosen": [{"problem": "rosenbrock", "optimizer": name} for name in ("adam", "adam(beta1=0.9)")]},
            "chosen has a setting of adam on rosenbrock twice",
        ),
        (
            {"chosen": [{"problem": "rosenbrock", "optimizer": "lbfgs", "batch_size": 5}]},
            "on the full batch",
        ),
    ],
)
def test_chosen_settings_that_make_no_sense_are_refused(changes, message):
    spec = {"problems": ["rosenbrock"], "steps": 3, "chosen": [{"problem": "rosenbrock", "optimizer": "gd", "lr": 0.1}]}
    assert len(optbench.sweep(spec, seeds=2, workers=1).runs) == 2
    with pytest.raises(OptbenchError, match=message):
        optbench.sweep({**spec, **changes}, seeds=2, workers=1)


def test_a_sweep_that_a_deadline_cut_at_once_still_has_a_page(tmp_path):
    """Every run ended before its first step: nothing to choose, nothing against the budget, and no traceback."""
    spec = {**SPEC, "problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "run_timeout": 1e-9}
    results = optbench.sweep(spec, out=tmp_path / "cut", workers=1)
    assert (results.runs["status"] == "deadline").all() and len(results.curves_of([])) == 0
    assert optbench.load(tmp_path / "cut").curves_of([]).empty
    assert write_report(tmp_path / "cut").exists()
