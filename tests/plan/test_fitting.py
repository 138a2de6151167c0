"""Sweeps cut to a time: as many blocks as fit, shorter runs where not even the fewest do."""

import pytest
from harness import plan_of

from optbench import OptbenchError
from optbench.plan.fitting import FEWEST, MOST, estimate_plan, fit_spec
from optbench.plan.spec_files import make_spec

SPEC = make_spec({
    "problems": ["rosenbrock", {"name": "quadratic(dim=50)", "epochs": 40}], "optimizers": ["gd", "adam"],
    "learning_rates": "1e-3:1:4", "blocks": 8, "epochs": 20,
})  # fmt: skip


def seconds_with(spec, **changes):
    return estimate_plan(plan_of(make_spec(spec.to_dict(), changes)), 2)


def fit(seconds, spec=SPEC):
    return fit_spec(spec, seconds, 2, plan_of)


@pytest.mark.parametrize("blocks", [4, 5, 11, 31])
def test_as_many_blocks_as_fit(blocks):
    """A time between what so many blocks take and what one more takes; three tenths are for tables and page."""
    time = (seconds_with(SPEC, blocks=blocks) + seconds_with(SPEC, blocks=blocks + 1)) / 2 / 0.7
    made, text = fit(time)
    assert made.blocks == blocks and made.epochs == 20 and made.problems == SPEC.problems
    assert f"{blocks} blocks in place of 8 and runs of full length" in text


def test_what_fits_already_stays_as_it_is_but_for_more_blocks():
    assert fit(1e6)[0] == make_spec(SPEC.to_dict(), {"blocks": MOST})
    assert fit((seconds_with(SPEC) + seconds_with(SPEC, blocks=9)) / 1.4)[0] == SPEC


def test_runs_become_shorter_where_the_fewest_blocks_do_not_fit():
    made, text = fit(0.8 * seconds_with(SPEC, blocks=FEWEST) / 0.7)
    assert made.blocks == FEWEST and made.epochs < 20 and made.problems[1].epochs == 2 * made.epochs
    assert "of their length" in text and estimate_plan(plan_of(made), 2) <= 0.8 * seconds_with(SPEC, blocks=FEWEST)


def test_steps_stay_whole_and_seeds_stay():
    keys = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [0.1], "seeds": 3}
    spec = make_spec({**keys, "steps": 999_999})
    made, text = fit(0.8 * estimate_plan(plan_of(spec), 2) / 0.7, spec)
    assert made.seeds == spec.seeds and made.steps in (499_999, 249_999, 124_999) and "blocks" not in text


def test_what_does_not_fit_is_refused_with_the_time_that_it_takes():
    with pytest.raises(OptbenchError, match=r"with 4 blocks and an eighth of its lengths this sweep takes about \d+ s"):
        fit(0.01)
