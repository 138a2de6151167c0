"""A sweep whose seeds stand in blocks: which runs each stage makes, against choices by hand from its tables."""

import collections
import shutil
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from harness import plan_of
from quick import slow
from staged import answer_of
from tuning_twin import Twin, group

import optbench
from optbench.contract.types import Stage
from optbench.plan.spec_files import make_spec, read_spec
from optbench.plan.stages import plan_largest_stages
from optbench.report import write_report
from optbench.run.loop import SweepRun
from optbench.run.merging import select_shard

LOGISTIC = "logistic(data=gaussian(examples=60, features=3, classes=2), l2=0.1)"
SPEC = {"problems": ["quadratic(dim=4)", LOGISTIC], "optimizers": ["gd", "momentum"], "batch_sizes": [16, "full"],
        "schedules": ["constant", "sqrt_step"], "learning_rates": "1e-2:1:3", "epochs": 6, "blocks": 3, "screen": 1,
        "race": 2, "holdout": 2, "finalists": 2, "widen": 2, "final": 2, "report": 3}  # fmt: skip
STAGES = get_args(Stage)
MEASURES, LEVELS = ("time", "loss"), ("batch_size", "schedule")
IN_BLOCKS = ["screen", "widen", "race", "holdout"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of SPEC, which tests leave as it is."""
    folder = tmp_path_factory.mktemp("blocks")
    optbench.sweep(SPEC, out=folder, workers=1)
    return folder


@pytest.fixture(scope="module")
def twin(folder):
    return Twin(optbench.load(folder), ["beta1"])


def test_every_seed_belongs_to_one_stage_of_one_block(twin):
    found = {(run["seed"], run["stage"].replace("widen", "screen"), run["block"]) for run in twin.runs}
    wanted = {(5 * block + place, stage, block) for block in range(3)
              for place, stage in enumerate(["screen", "race", "race", "holdout", "holdout"])}  # fmt: skip
    wanted |= {(1_000_000 + i, "final", -1) for i in range(2)} | {(1_001_000 + i, "report", -1) for i in range(3)}
    assert found == wanted
    order = [run["stage"] for run in twin.runs]
    assert list(dict.fromkeys(order)) == [*IN_BLOCKS, "final", "report"] and order == sorted(order, key=STAGES.index)


def test_all_settings_are_screened(twin):
    for settings in twin.settings("screen").values():  # each with rates of its own
        assert [sum(each[1] == name for each in settings) for name in ("gd", "momentum")] == [12, 12]
    rates = {(run["problem"], run["lr"]) for run in twin.of_stages("screen")}
    assert len(rates) == 2 * 3 * 24, "by optimizer, block, size and schedule"


def test_the_best_of_the_screen_race(twin):
    """Of each optimizer for each measure, and of each batch size and schedule for the one that is judged."""
    wanted = twin.choices(2, MEASURES, "time", LEVELS, ("screen", "widen"))
    assert twin.settings("race") == wanted
    alone = [twin.choices(2, (measure,), measure, (), ("screen", "widen")) for measure in MEASURES]
    assert alone[0] != alone[1] and any(wanted[place] > alone[0][place] | alone[1][place] for place in wanted)


def test_reported_is_what_the_blocks_chose(twin):
    assert twin.settings("holdout") == twin.choices(1, MEASURES, "time", LEVELS, ("screen", "widen", "race"))


def test_all_seeds_of_a_stage_run(twin):
    for stage, count in {"race": 2, "holdout": 2, "report": 3}.items():
        for runs in twin.by_block(stage).values():
            assert {len({run["seed"] for run in each}) for each in group(runs).values()} == {count}, stage


def test_the_choices_of_all_blocks_meet_and_the_best_report_beside_their_runners_up(twin, folder):
    """All on the first seed in common; the best four of each optimizer, batch size and schedule on the other one."""
    finals, reports = twin.settings("final"), twin.settings("report")
    tried, named = twin.choices(1, MEASURES, "time", LEVELS, ("screen", "widen", "race")), set()
    sides = [(measure, "optimizer") for measure in MEASURES] + [("time", name) for name in LEVELS]
    for problem, block in finals:
        chosen = [found for place, found in tried.items() if place[0] == problem]
        assert finals[problem, block] == set().union(*chosen)
        screened = [run for run in twin.of_stages("screen") if run["problem"] == problem]
        raced, target = twin.by_block("final")[problem, block], twin.shared_target(problem)
        first, late, best = [run for run in raced if run["seed"] == 1_000_000], set(), set()
        for measure, name in sides:
            for level in {run[name] for run in screened}:
                late |= {*twin.rank([run for run in first if run[name] == level], measure, target)[:4]}
                ranked = twin.rank([run for run in raced if run[name] == level], measure, target)
                best |= {*ranked[:2]}
                named |= {ranked[0]} if (measure, name) == ("time", "optimizer") else set()
        assert {run["setting"] for run in raced if run["seed"] == 1_000_001} == late <= finals[problem, block]
        assert reports[problem, block] == best
    left = {(entry.problem, entry.optimizer.partition("(")[0], entry.lr) for entry in
            read_spec(folder / "chosen.toml").chosen}  # fmt: skip
    assert left == {(setting[0], setting[1], setting[4]) for setting in named}


@pytest.mark.slow
def test_judging_by_another_measure_moves_batch_sizes_and_schedules_alone(twin):
    small = {**SPEC, "problems": SPEC["problems"][:1], "judge_by": "loss"}
    other = Twin(optbench.sweep(small, workers=1), ["beta1"])
    assert {run["setting"] for run in other.of_stages("widen")} == {
        run["setting"] for run in twin.of_stages("widen") if run["problem"].startswith("quadratic")
    }
    assert other.settings("race") == other.choices(2, MEASURES, "loss", LEVELS, ("screen", "widen"))


@pytest.mark.slow
def test_one_size_or_schedule_of_a_problem_does_not_race():
    """Neither are the full batches of two problems two sizes, nor is the one of a method of SciPy."""
    spec = {**SPEC, "schedules": ["constant"], "widen": 0}
    found = Twin(optbench.sweep({**spec, "batch_sizes": ["full"]}, workers=1), ["beta1"])
    assert found.settings("race") == found.choices(2, MEASURES, "time", (), ("screen",))
    plan = plan_of(make_spec({**spec, "optimizers": ["gd", "lbfgs"], "batch_sizes": [16]}, {}))
    drawn = {**spec, "schedules": ["constant", "inverse(decay_rate=log_uniform(0.01, 1))"], "trials": 4}
    drawn["learning_rates"] = "log_uniform(0.01, 1)"
    for each in (plan, plan_of(make_spec({**drawn, "batch_sizes": [16]}, {}))):
        counts = [sum(one.runs for one in stage) for stage in plan_largest_stages(each).values()]
        assert counts[1] == 2 * 3 * 2 * sum(min(2, number) for number in list(each.trials.values())[:2])


def test_what_later_stages_may_take_is_counted_beforehand(twin):
    later = plan_largest_stages(plan_of(make_spec(SPEC, {})))
    most = {"race": 2 * 4 * 6, "holdout": 4 * 6, "final": 12 * 2, "report": 8 * 3}  # settings times seeds of a pair
    assert list(later) == list(most)
    for stage, limit in most.items():
        count = dict.fromkeys({(run["problem"], run["optimizer"]) for run in twin.runs}, 0)
        for each in later[stage]:
            assert each.stage == stage and each.block == (-1 if stage in ("final", "report") else each.cohort.seed // 5)
            count[each.cohort.problem.name, each.cohort.optimizer.name] += each.runs
        assert set(count.values()) == {limit}
        ran = collections.Counter((run["problem"], run["optimizer"]) for run in twin.of_stages(stage))
        assert all(ran[pair] <= 2 * limit for pair in count), "levels may choose the settings of one optimizer"
    both = plan_largest_stages(plan_of(make_spec(SPEC, {"dtypes": "float64,float32", "problems": SPEC["problems"][0]})))
    assert sum(each.runs for each in both["race"]) == 2 * most["race"]
    assert plan_largest_stages(plan_of(make_spec(SPEC, {"seeds": 3}))) == {}
    parts = [select_shard(plan_of(make_spec(SPEC, {})), f"{number}/3") for number in (1, 2, 3)]
    races = [plan_largest_stages(part)["race"] for part in parts]
    assert sum(each.runs for race in races for each in race) == 4 * most["race"]


@pytest.mark.slow
def test_the_same_bytes_whatever_stage_a_sweep_is_killed_in(folder, tmp_path, monkeypatch):
    """It is killed in each of them, halfway, and goes on with another number of workers."""
    run = SweepRun.run
    for workers, stage in enumerate([*IN_BLOCKS, "final", "report"], start=1):
        killed = False

        def stop(sweep, cohorts, stage=stage, **limits):
            nonlocal killed
            if not cohorts or cohorts[0].stage != stage:
                return run(sweep, cohorts, **limits)
            run(sweep, cohorts[: len(cohorts) // 2], **limits)
            killed = True
            raise KeyboardInterrupt

        monkeypatch.setattr(SweepRun, "run", stop)
        with pytest.raises(KeyboardInterrupt):
            optbench.sweep(SPEC, out=tmp_path, workers=1 + workers % 2)
        assert killed and not (tmp_path / "runs.parquet").exists()
    monkeypatch.undo()
    optbench.sweep(SPEC, out=tmp_path, workers=2)
    for name in ("runs", "curves", "paths", "snippets"):
        first, second = ((place / f"{name}.parquet").read_bytes() for place in (folder, tmp_path))
        assert first == second, name
    assert (folder / "chosen.toml").read_text() == (tmp_path / "chosen.toml").read_text()


@pytest.mark.slow
def test_more_blocks_change_no_run_of_those_before(folder, tmp_path):
    """What meets on common seeds is planned anew, and what reports where another target is in reach of all blocks."""
    shutil.copytree(folder, tmp_path / "more")
    more = optbench.sweep(out=tmp_path / "more", extend=True, blocks=4, workers=1)
    new, old = (each.runs.drop(columns=["cohort_id", "first_look"]) for each in (more, optbench.load(folder)))
    tuning = [each[each["block"].between(0, 2) & (each["stage"] != "holdout")] for each in (new, old)]
    pd.testing.assert_frame_equal(*(each.sort_values("run_id", ignore_index=True) for each in tuning))
    both = new.merge(old, on="run_id", suffixes=("", "_before"))
    assert {"holdout", "report"} <= set(both["stage"])
    # Beside other lanes, a run is rounded otherwise.
    np.testing.assert_allclose(both["loss_final"], both["loss_final_before"], rtol=1e-9)
    assert set(new["block"]) == {-1, 0, 1, 2, 3} and not more.missing
    later = Twin(more, ["beta1"])
    every = {
        each
        for found in later.choices(1, MEASURES, "time", LEVELS, ("screen", "widen", "race")).values()
        for each in found
    }
    assert {run["setting"] for run in later.of_stages("final")} == every
    assert set(new.loc[new["block"] < 0, "seed"]) == set(old.loc[old["block"] < 0, "seed"])


def test_the_shipped_specs_ask_the_same_question():
    default, thorough = read_spec(), read_spec("thorough")
    same = {"problems", "optimizers", "batch_sizes", "schedules", "learning_rates", "epochs", "steps", "dtypes"}
    assert default.model_dump(include=same) == thorough.model_dump(include=same)
    assert thorough.blocks > default.blocks >= 8 and thorough.race > default.race


@pytest.mark.slow
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
    reported = set(runs.loc[runs["stage"] == "report", keys].itertuples(index=False, name=None))
    assert set(again[keys].itertuples(index=False, name=None)) <= reported
    assert set(again["norm"].dropna()) == {1.0}


@pytest.mark.parametrize("blocks", [0, slow(3)])
def test_the_spec_that_is_left_has_the_settings_that_the_answer_names(tmp_path, blocks):
    spec = {"problems": ["quadratic(dim=4)"], "optimizers": ["gd", "adam"], "batch_sizes": [16],
            "learning_rates": "1e-2:1e-1:9", "steps": 40}  # fmt: skip
    results = optbench.sweep(spec, **({"blocks": blocks} if blocks else {"seeds": 9}), out=tmp_path, workers=1)
    best = answer_of(results.runs, results.tuning_seeds, results.judge_by).best
    left = [(entry.optimizer.partition("(")[0], entry.lr) for entry in read_spec(tmp_path / "chosen.toml").chosen]
    assert left == best[["optimizer", "lr"]].to_records(index=False).tolist()


def test_chosen_settings_of_some_problems_have_the_budget_of_theirs(tmp_path):
    """A problem without any has none of its runs, and is in nobody's way."""
    spec = {"problems": ["rosenbrock", {"name": "saddle", "steps": 7}], "steps": 3, "judge_by": "loss",
            "chosen": [{"problem": "saddle", "optimizer": "gd", "lr": lr} for lr in (0.1, 0.01)]}  # fmt: skip
    runs = optbench.sweep(spec, seeds=3, out=tmp_path, workers=1).runs
    assert set(runs["problem"]) == {"saddle"} and set(runs["steps"]) == {7}
    left = read_spec(tmp_path / "chosen.toml")
    assert [(entry.problem, entry.optimizer) for entry in left.chosen] == [("saddle", "gd")]
    assert left.judge_by == "loss" and [entry.steps for entry in left.problems] == [None, 7]


@pytest.mark.slow
def test_a_sweep_that_a_deadline_cut_at_once_still_has_a_page(tmp_path):
    """Every run ended before its first step: nothing to choose, and no traceback."""
    spec = {**SPEC, "problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "run_timeout": 1e-9}
    results = optbench.sweep(spec, out=tmp_path / "cut", workers=1)
    assert (results.runs["status"] == "deadline").all() and len(results.curves_of([])) == 0
    assert optbench.load(tmp_path / "cut").curves_of([]).empty
    assert write_report(tmp_path / "cut").exists()
