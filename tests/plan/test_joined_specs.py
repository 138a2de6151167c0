"""Two sweeps: in which keys they differ, and the one sweep that runs all that both run."""

import pytest

from optbench.plan.joined_specs import find_differences, join_specs
from optbench.plan.spec_files import make_spec

WIDE = {"problems": ["rosenbrock", "quadratic(dim=3, condition=10)"], "optimizers": ["gd", "clip(adam, norm=1)"],
        "learning_rates": [0.1, 0.2], "batch_sizes": [16, "full"], "seeds": 4, "tuning_seeds": 2,
        "steps": 5}  # fmt: skip
DRAWN = {"problems": ["rosenbrock"], "optimizers": ["adam(beta1=uniform(0.8, 0.9), eps=1e-7)"], "trials": 4,
         "steps": 5, "seeds": 2}  # fmt: skip


def wide(base=WIDE, **changes):
    return make_spec(base, changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"learning_rates": [0.2, 0.1]},
        {"problems": "quadratic( condition=10.0,dim=3 ),rosenbrock"},
        {"optimizers": "clip( adam( ), norm=1.0 ), gd"},
        {"batch_sizes": "full,16"},
        {"seeds": [1, 0, 3, 2], "tuning_seeds": 2},
    ],
)
def test_two_specs_of_the_same_sweep(changes):
    assert find_differences(wide(), wide(**changes)) == []
    assert find_differences(wide(), join_specs(wide(), wide(**changes))) == []


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({"learning_rates": [0.1]}, ["learning_rates"]),
        ({"optimizers": "gd, clip(adam, norm=2)"}, ["optimizers"]),
        ({"seeds": [2, 1, 0, 3], "tuning_seeds": 2}, ["seeds"]),  # others of them tune
        ({"steps": 6, "dtypes": "float32"}, ["dtypes", "steps"]),
        ({"problems": [{"name": "rosenbrock", "steps": 9}, "quadratic(dim=3, condition=10)"]}, ["problems"]),
        ({"blocks": 2}, ["blocks"]),
    ],
)
def test_what_differs_is_named(changes, keys):
    if "blocks" in changes:
        base = {key: value for key, value in WIDE.items() if key not in ("seeds", "tuning_seeds")}
        assert set(keys) <= set(find_differences(wide(), make_spec(base, changes)))
    else:
        assert find_differences(wide(), wide(**changes)) == keys


def test_measures_are_joined_and_the_new_one_judges():
    old, new = wide(choose_by="loss,time"), wide(choose_by="test_loss,loss", judge_by="loss")
    both = join_specs(old, new)
    assert (both.choose_by, both.judge_by) == (("loss", "time", "test_loss"), "loss")
    assert find_differences(old, new) == ["choose_by"]
    assert find_differences(wide(choose_by="loss,time"), wide(choose_by="time,loss")) == []


def test_of_rounds_the_larger_number_is_taken():
    base = {key: value for key, value in WIDE.items() if key not in ("seeds", "tuning_seeds")} | {"blocks": 2}
    few, more = (make_spec(base | {"widen": rounds}) for rounds in (0, 3))
    assert join_specs(few, more).widen == join_specs(more, few).widen == 3


def test_lists_are_joined_in_order_and_entries_stand_once():
    both = join_specs(wide(), wide(learning_rates=[0.3, 0.1 * (1 + 1e-12)], optimizers="adam(beta1=[0.8, 0.9]), gd",
                               problems="beale, rosenbrock", seeds=6, batch_sizes=[8, 16]))  # fmt: skip
    assert both.learning_rates == (0.1, 0.2, 0.3)
    assert both.optimizers == ("gd", "clip(adam, norm=1)", "adam(beta1=[0.8, 0.9])")
    assert [entry.name for entry in both.problems] == ["rosenbrock", "quadratic(dim=3, condition=10)", "beale"]
    assert both.seeds == (0, 1, 2, 3, 4, 5) and both.tuning_seeds == 2 and both.batch_sizes == (16, "full", 8)
    more = join_specs(both, wide(optimizers="adam(beta1=[0.9, 0.95])"))
    assert more.optimizers[2:] == ("adam(beta1=[0.8, 0.9])", "adam(beta1=0.95)")
    assert join_specs(more, both) == more == join_specs(more, more)


def test_a_range_stands_in_the_place_of_the_old_one():
    wider = make_spec({**DRAWN, "optimizers": "adam(beta1=uniform(0.8, 0.99)), gd", "trials": 9}, {})
    both = join_specs(wide(DRAWN), wider)
    assert both.optimizers == ("adam(beta1='uniform(0.8, 0.99)', eps=1e-07)", "gd") and both.trials == 9
    assert join_specs(wide(DRAWN), wide(DRAWN, learning_rates="log_uniform(1e-3, 1)")).learning_rates is not None


def test_rules_of_one_wrapper_or_class_with_trials_stay_apart():
    texts = ("clip(adam)", "clip(gd, norm=2)", "torch:SGD", "torch:SGD(nesterov=True, momentum=0.9)")
    old, new = (make_spec({**DRAWN, "optimizers": [*texts], "trials": trials}) for trials in (4, 5))
    assert join_specs(old, new).optimizers == old.optimizers and len(old.optimizers) == 4
    wider = make_spec({**DRAWN, "optimizers": ["clip(gd, norm=log_uniform(1, 9))"]}, {})
    assert join_specs(old, wider).optimizers[:2] == ("clip(adam)", "clip(gd, norm='log_uniform(1, 9)')")
