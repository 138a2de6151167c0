"""What is drawn anew in each block: uniform, of its own block and optimizer, and the same however the sweep grows."""

import hashlib
import json
import math
from collections import defaultdict

import numpy as np
import pytest
from harness import CATALOGUE
from scipy import stats

from optbench.contract.search import parse_range
from optbench.plan import planned_cohorts
from optbench.plan.spec_files import make_spec

LOW, HIGH, COUNT = 1e-3, 10.0, 5
BASE = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "batch_sizes": [16, "full"], "steps": 3, "blocks": 3,
        "schedules": ["constant", "inverse"], "learning_rates": f"{LOW}:{HIGH}:{COUNT}"}  # fmt: skip
DRAWN = {**BASE, "learning_rates": None, "trials": 12}


def make(base=BASE, **changes):
    raw = {key: value for key, value in (base | changes).items() if value is not None}
    return planned_cohorts.expand(make_spec(raw), CATALOGUE)


def offsets(made):
    """Return the offset of each (block, optimizer, schedule, batch size) in steps, from the rates of its lanes."""
    found = defaultdict(set)
    for series in made.series:
        cohort = series.cohort
        size = "full" if cohort.batch_size == cohort.problem.examples else cohort.batch_size
        rates = defaultdict(list)
        for lane in cohort.lanes:
            rates[lane.schedule.text, *lane.hyperparameters.values()].append(lane.lr)
        for (schedule, *_), values in rates.items():
            steps = np.log(np.array(values) / LOW) / math.log((HIGH / LOW) ** (1 / (COUNT - 1))) - np.arange(COUNT)
            assert np.ptp(steps) < 1e-3, "all rates are moved by the same"
            found[series.block, cohort.optimizer.name, schedule, size].add(round(float(steps.mean()), 3))
    assert all(len(each) == 1 for each in found.values()), "the same for all hyperparameters and problems"
    return {key: value for key, (value,) in found.items()}


def run_ids(made):
    return {run_id for planned in made.cohorts for run_id in planned.run_ids}


def test_offsets_are_uniform_and_those_of_two_are_independent():
    found = offsets(make(blocks=1500, screen=1, race=0, holdout=1))
    by_kind = defaultdict(list)
    for (block, *kind), offset in sorted(found.items(), key=repr):
        by_kind[tuple(kind)].append((block, offset))
    assert len(by_kind) == 2 * 2 * 2
    columns = np.array([[offset for _, offset in sorted(each)] for each in by_kind.values()])
    for each in columns:
        assert -0.5005 <= each.min() < -0.49 and 0.49 < each.max() <= 0.5005
        assert stats.kstest(each, stats.uniform(-0.5, 1).cdf).pvalue > 0.01
    assert stats.kstest(columns.ravel(), stats.uniform(-0.5, 1).cdf).pvalue > 0.01
    rho = stats.spearmanr(columns.T).statistic[np.triu_indices(8, 1)]
    assert abs(rho).max() < 4 / math.sqrt(columns.shape[1]), "28 pairs, each with a deviation of 1 / sqrt(n)"
    following = [np.corrcoef(each[:-1], each[1:])[0, 1] for each in columns]
    assert np.abs(following).max() < 4 / math.sqrt(columns.shape[1])


def test_an_offset_is_the_hash_of_what_it_belongs_to():
    """Computed here once more, so that no version draws other rates."""
    found = offsets(make(search_seed=7))
    assert found.keys() == {
        (block, optimizer, schedule, size)
        for block in range(3)
        for optimizer in ("gd", "adam")
        for schedule in ("constant", "inverse(decay_rate=1.0)")
        for size in (16, "full")
    }
    for (block, optimizer, schedule, size), offset in found.items():
        digest = hashlib.sha256(json.dumps([7, block, optimizer, schedule, str(size)]).encode()).hexdigest()
        assert offset == pytest.approx(int(digest[:16], 16) / 2**64 - 0.5, abs=2e-3)


@pytest.mark.parametrize(
    "changes",
    [
        {"problems": ["saddle", "rosenbrock"]},
        {"optimizers": ["momentum", "adam(beta1=[0.8, 0.9])", "gd"]},
        {"batch_sizes": [64, "full", 16]},
        {"batch_sizes": [16, 5000]},
        {"schedules": ["cosine", "inverse(decay_rate=1)", "constant"]},
        {"blocks": 5},
        {"dtypes": "float32, float64"},
        {"steps": 9, "screen": 2, "race": 0, "finalists": 9, "choose_by": "test_loss", "widen": 0},
    ],
    ids=repr,
)
def test_nothing_else_in_a_spec_has_a_part_in_them(changes):
    before, after = offsets(make()), offsets(make(**changes))
    assert len(before) == 3 * 2 * 2 * 2 and before.items() <= after.items()
    if not {"steps", "screen"} & changes.keys():
        assert run_ids(make()) <= run_ids(make(**changes)), "a sweep that grows keeps its runs"


def test_another_search_seed_moves_all_of_them():
    before, after = offsets(make()), offsets(make(search_seed=1))
    assert before.keys() == after.keys() and not any(before[key] == after[key] for key in before)
    assert not run_ids(make()) & run_ids(make(search_seed=1))


def test_rates_have_four_digits_and_stand_beyond_the_grid_by_half_a_step_at_most():
    step = math.sqrt((HIGH / LOW) ** (1 / (COUNT - 1)))
    rates = [lane.lr for series in make(blocks=100, race=0).series for lane in series.cohort.lanes]
    assert all(float(f"{rate:.4g}") == rate for rate in rates)
    assert 0.99 * LOW / step < min(rates) < LOW and HIGH < max(rates) < 1.01 * HIGH * step
    assert make(learning_rates="0.1:0.1:1").series[0].cohort.lanes[0].lr == 0.1


@pytest.mark.parametrize("rates", [[0.1, 0.2], [0.1]])
def test_rates_of_a_list_are_exact_and_every_block_shares_them(rates):
    made = make(learning_rates=rates, optimizers="gd, lbfgs", problems="rosenbrock, saddle")
    gd = [series.cohort.lanes for series in made.series if series.cohort.optimizer.name == "gd"]
    assert all({lane.lr for lane in lanes} == set(rates) for lanes in gd)
    assert len(gd) == 2 * 2 * 3 and len({id(lanes) for lanes in gd}) == 1
    assert {lane.lr for series in make(optimizers="lbfgs").series for lane in series.cohort.lanes} == {1.0}


def trials(made):
    """Return by optimizer and block its settings, in the order in which they stand."""
    found = defaultdict(list)
    for series in made.series:
        cohort = series.cohort
        found[cohort.optimizer.name, series.block] += [
            (cohort.batch_size, lane.lr, lane.schedule.text, *lane.hyperparameters.values()) for lane in cohort.lanes
        ]
    return found


def test_trials_are_drawn_for_each_optimizer_in_each_block():
    found = trials(make(DRAWN, optimizers="adam, adamw, gd"))
    assert found.keys() == {(name, block) for name in ("adam", "adamw", "gd") for block in range(3)}
    rates = {key: {trial[1] for trial in each} for key, each in found.items()}
    assert all(len(set(each)) == len(each) == 12 for each in found.values())
    assert sum(map(len, rates.values())) == len(set.union(*rates.values())), "no two draw the same rate"
    assert trials(make(DRAWN, search_seed=1))["gd", 0] != found["gd", 0]


@pytest.mark.parametrize(
    "changes",
    [{"trials": 40}, {"blocks": 6}, {"optimizers": "rmsprop, gd, adam"}, {"problems": "saddle, rosenbrock"}],
    ids=repr,
)
def test_the_first_trials_of_a_block_stay_when_a_sweep_grows(changes):
    few, many = make(DRAWN), make(DRAWN, **changes)
    first, more = trials(few), trials(many)
    assert all(set(each) <= set(more[key]) for key, each in first.items())
    assert run_ids(few) <= run_ids(many)
    assert few.trials == {("rosenbrock", "gd"): 12, ("rosenbrock", "adam"): 12} and few.unequal == ""


def test_trials_of_all_blocks_together_are_spread_as_the_range_says():
    found = trials(make(DRAWN, optimizers="gd", blocks=60, race=0))
    made = parse_range("log_uniform(0.001, 30)")
    shares = [made.share(trial[1]) for each in found.values() for trial in each]
    assert len(shares) == 720 and stats.kstest(shares, "uniform").pvalue > 0.01
    firsts = [made.share(each[0][1]) for each in found.values()]
    assert stats.kstest(firsts, "uniform").pvalue > 0.01, "the first trial of a block as well"


@pytest.mark.slow
def test_problems_share_what_is_drawn_and_a_million_runs_make_no_cohort(monkeypatch):
    """Counts of what is made, in the place of a clock and of memory."""
    monkeypatch.setattr(planned_cohorts, "PlannedCohort", None)
    monkeypatch.setattr(planned_cohorts.LaneHashes, "texts", None)
    problems = ["rosenbrock", "saddle", "plateau", "beale"]
    large = make(problems=problems, learning_rates="1e-4:1:32", schedules=["constant", "cosine"], blocks=1000, race=0,
                 dtypes="float32, float64")  # fmt: skip
    assert large.runs == len(problems) * 2 * 2 * 2 * 1000 * 2 * 32 == 2_048_000
    assert len({id(series.cohort.lanes) for series in large.series}) == 2 * 2 * 1000
    assert len({id(series.hashes) for series in large.series}) == 2 * 2 * 1000
    assert large.trials["saddle", "gd"] == 2 * 2 * 32 and len(large.records()) == len(problems) + 2 + 2
