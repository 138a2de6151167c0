"""Trials: as many as were asked for, all different, the same for every optimizer, spread as the ranges say."""

import math
from collections import Counter

import numpy as np
import pytest
from quick import slow
from scipy import stats
from scipy.stats import qmc

import optbench
from optbench.contract.errors import OptbenchError
from optbench.contract.limits import enforce
from optbench.contract.search import parse_range
from optbench.plan import planned_cohorts
from optbench.plan.spec_files import make_spec, read_spec

BASE = {"problems": ["rosenbrock"], "optimizers": ["adam"], "batch_sizes": [16], "seeds": 1, "steps": 3, "trials": 20}


def make(catalogue, **changes):
    raw = {key: value for key, value in (BASE | changes).items() if value is not None}
    return planned_cohorts.expand(make_spec(raw, {}), catalogue)


def settings(catalogue, **changes):
    """Return by optimizer its trials in the order of cohorts: (batch size, rate, schedule, hyperparameters)."""
    found = {}
    for planned in make(catalogue, **changes).cohorts:
        cohort = planned.cohort
        found.setdefault(cohort.optimizer.name, []).extend(
            (cohort.batch_size, lane.lr, lane.schedule.text, tuple(lane.hyperparameters.items()))
            for lane in cohort.lanes
        )
    return found


def column(trials, key):
    """Return the values of a hyperparameter, or of the rate."""
    return np.array([lr if key == "lr" else dict(values)[key] for _, lr, _, values in trials])


@pytest.mark.parametrize("count", [1, slow(65), slow(300)])
def test_every_optimizer_gets_as_many_trials_as_were_asked_for(catalogue, count):
    """All registered ones, those in a wrapper too; all settings differ and lie where they may."""
    optimizers = [*catalogue.optimizers, "clip(adam)", "lookahead(clip(momentum))", "decoupled_decay(clip(lion))"]
    found = settings(
        catalogue, optimizers=optimizers, trials=count, batch_sizes="16,64", schedules="constant, cosine", ranges="own",
        problems=["softmax"],
    )  # fmt: skip
    assert list(found) == optimizers
    for name, trials in found.items():
        record, defaults = catalogue.optimizer(name)
        assert len(trials) == len(set(trials)) == count
        for _, lr, _, values in trials:
            enforce(name, {"lr": lr} | dict(values), {"lr": "(0, inf)"} | record.all_limits)
        for key, made in record.space.items():
            tried = column(trials, key)
            assert (min(made.ends) <= tried).all() and (tried <= max(made.ends)).all(), (name, key)
        for key in record.hyperparameters.keys() - record.space.keys():
            assert (column(trials, key) == defaults[key]).all()


@pytest.mark.parametrize("count", [20, 64, 200])
def test_trials_are_spread_as_the_ranges_say(catalogue, count):
    """KS distance of each dimension, and the discrepancy of all, below that of 95 of 100 sets of random points."""
    (trials,) = settings(catalogue, trials=count).values()
    expected = {
        "lr": stats.loguniform(1e-4, 1).cdf(column(trials, "lr")),
        "beta1": stats.loguniform(0.02, 0.5).cdf(1 - column(trials, "beta1")),
        "beta2": stats.loguniform(1e-3, 0.2).cdf(1 - column(trials, "beta2")),
        "eps_root": stats.loguniform(1e-16, 1).cdf(column(trials, "eps_root")),
    }
    for key, shares in expected.items():
        # Of any n points of a Sobol sequence, each binary interval holds its share to within 1: log2(n) / n at most.
        assert stats.ks_1samp(shares, stats.uniform.cdf).statistic <= (math.log2(count) + 1) / count, key
    random = np.random.default_rng(0).random((99, count, 4))
    points = np.clip(np.column_stack(list(expected.values())), 0, 1)
    assert qmc.discrepancy(points) < np.quantile([qmc.discrepancy(each) for each in random], 0.05)


def test_sizes_and_schedules_are_drawn_evenly(catalogue):
    (trials,) = settings(
        catalogue, trials=120, batch_sizes="16,64,full", schedules="constant, inverse(decay_rate=log_uniform(0.01, 10))"
    ).values()
    assert sorted(Counter(size for size, *_ in trials).items()) == [
        (16, pytest.approx(40, abs=4)), (64, pytest.approx(40, abs=4)), (1024, pytest.approx(40, abs=4))
    ]  # fmt: skip
    rates = [float(text[len("inverse(decay_rate=") : -1]) for *_, text, _ in trials if text != "constant"]
    assert len(set(rates)) == len(rates) == pytest.approx(60, abs=4)
    assert stats.ks_1samp(rates, stats.loguniform(0.01, 10).cdf).statistic < 0.1


def test_the_first_of_many_are_those_of_few(catalogue):
    few, many = (settings(catalogue, trials=n, optimizers="adam, lbfgs, gd") for n in (7, 50))
    assert few["adam"] == many["adam"][:7] and few["gd"] == many["gd"][:7] and few["lbfgs"] == many["lbfgs"]


def test_all_optimizers_see_the_same_points(catalogue):
    found = settings(
        catalogue, optimizers="adam, adamw, rmsprop, gd", batch_sizes="16,64", schedules="constant, cosine",
        ranges="own",
    )  # fmt: skip
    for name in ("adamw", "rmsprop"):
        assert [trial[:3] for trial in found[name]] == [trial[:3] for trial in found["adam"]]
    assert (column(found["adamw"], "beta1") == column(found["adam"], "beta1")).all()
    shares = {
        name: [catalogue.optimizers[name].search["lr"].share(lr) for lr in column(found[name], "lr")]
        for name in ("gd", "adam")
    }
    assert shares["gd"] == pytest.approx(shares["adam"], abs=2e-4)


def test_only_the_search_seed_changes_them(catalogue):
    first = settings(catalogue)
    same = {"seeds": [5], "steps": 9, "problems": ["saddle"], "run_timeout": 9.0}
    assert settings(catalogue, **same) == first != settings(catalogue, search_seed=1)


def test_the_points_are_those_of_other_versions_of_scipy(catalogue):
    """Results must not change with SciPy: these were drawn with 1.17, and with 1.13."""
    (trials,) = settings(catalogue, trials=3, optimizers="gd", learning_rates="log_uniform(0.001, 10)").values()
    assert [lr for _, lr, *_ in trials] == [0.04363, 0.1225, 6.549]


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("adam(beta1=0.9, beta2=0.99, eps_root=1e-8)", {"lr": "log_uniform(0.0001, 1)"}),
        ("adam(beta1=[0.8, 0.9], beta2=0.99, eps_root=1e-8:1e-4:3)",
         {"lr": "log_uniform(0.0001, 1)", "beta1": "choice(0.8, 0.9)", "eps_root": "choice(1e-8, 1e-6, 0.0001)"}),
        ("gd", {"lr": "log_uniform(0.001, 30)"}),
        ("clip(gd, norm=2)", {"lr": "log_uniform(0.001, 30)"}),
        ("clip(momentum(beta1=uniform(0, 0.5)), norm=log_uniform(1, 2))",
         {"lr": "log_uniform(0.001, 30)", "beta1": "uniform(0, 0.5)", "norm": "log_uniform(1, 2)"}),
        ("adam_torch(eps=0, beta1=choice(0.5, 0.9), beta2=0.9)",
         {"lr": "log_uniform(0.0001, 1)", "beta1": "choice(0.5, 0.9)"}),
        ("lbfgs", {"memory": "choice(3, 5, 10, 20)"}),
        ("lbfgs(memory=7)", {}),
        ("cg", {}),
    ],
)  # fmt: skip
def test_what_a_spec_says_goes_before_the_optimizers_own(catalogue, text, ranges):
    made = make(catalogue, optimizers=[text])
    assert list(made.searched.values()) == [ranges]
    (trials,) = settings(catalogue, optimizers=[text]).values()
    for key, range_ in ranges.items():
        assert len(set(column(trials, key))) > 1
        assert min(parse_range(range_).ends) <= column(trials, key).min()


def test_rates_may_be_a_list_a_grid_or_a_range(catalogue):
    for given, values in (([0.1, 0.2], {0.1, 0.2}), ("1e-2:1:3", {0.01, 0.1, 1.0}), ("choice(3, 4)", {3.0, 4.0})):
        (trials,) = settings(catalogue, learning_rates=given).values()
        assert set(column(trials, "lr")) == values
    (trials,) = settings(catalogue, learning_rates=optbench.uniform(5, 6)).values()
    assert 5 <= column(trials, "lr").min() < column(trials, "lr").max() <= 6


@pytest.mark.slow
def test_a_finite_space_gives_all_that_it_holds(catalogue):
    found = settings(
        catalogue, optimizers="adam(beta1=[0.8, 0.9], beta2=0.9, eps_root=0), gd, lbfgs, cg", learning_rates="0.1,0.2",
        batch_sizes="16,64", trials=50,
        schedules="constant, inverse(decay_rate=choice(1, 2)), exponential(base=choice(0.5, 0.6, 0.7))",
    )  # fmt: skip
    assert {name: len(set(trials)) for name, trials in found.items()} == {
        "adam": 48, "gd": 2 * 2 * 6, "lbfgs": 4, "cg": 1
    }  # fmt: skip
    made = make(catalogue, optimizers="gd, lbfgs, cg", learning_rates="0.1,0.2", seeds=3)
    assert made.trials == {("rosenbrock", "gd"): 2, ("rosenbrock", "lbfgs"): 4, ("rosenbrock", "cg"): 1}
    assert made.unequal.endswith("gd 2, lbfgs 4, cg 1") and made.runs == 3 * 7


def test_a_cohort_has_the_trials_of_one_batch_size(catalogue):
    made = make(catalogue, batch_sizes="16,64,full", seeds=2, problems="rosenbrock, logistic")
    for problem in ("rosenbrock", "logistic"):
        cohorts = [each.cohort for each in made.cohorts if each.cohort.problem.name == problem]
        assert len(cohorts) == 3 * 2 and made.trials[problem, "adam"] == 20
        lanes = {(each.batch_size, each.seed): len(each.lanes) for each in cohorts}
        assert sum(number for (_, seed), number in lanes.items() if seed == 0) == 20
        assert all(lanes[size, 0] == lanes[size, 1] for size, _ in lanes)
    by_problem = [
        [lane for each in made.cohorts if each.cohort.problem.name == problem for lane in each.cohort.lanes]
        for problem in ("rosenbrock", "logistic")
    ]
    assert by_problem[0] == by_problem[1]


@pytest.mark.torch
@pytest.mark.parametrize(
    ("rule", "other"), [("adamw", "torch:AdamW"), ("heavy_ball", "torch:SGD(momentum=[0.8, 0.9])")]
)
def test_a_rule_and_its_equal_in_pytorch_try_the_same(catalogue, rule, other):
    """Optimizers that take the same steps are tuned with the same trials."""
    ours = rule if rule == "adamw" else f"{rule}(beta1=[0.8, 0.9])"
    made = make(catalogue, optimizers=[ours, other])
    first, second = ([(lane.lr, lane.schedule.text, *lane.hyperparameters.values()) for lane in each.cohort.lanes]
                     for each in made.cohorts)  # fmt: skip
    assert len(first) == 20 and [trial[:3] for trial in first] == [trial[:3] for trial in second]
    assert set(first) == set(second) or rule != "adamw"


def test_too_many_ranges_are_refused(catalogue, monkeypatch):
    monkeypatch.setattr("optbench.plan.trials.COLUMNS", 3)
    with pytest.raises(OptbenchError, match="optimizer adam: no more than 3 ranges can be searched"):
        make(catalogue)


def test_trials_of_the_default_sweep_come_from_each_optimizers_own_rates():
    assert read_spec(None, {"trials": 5}).learning_rates is None
    assert read_spec(None, {"trials": 5, "learning_rates": "1e-3:1:4"}).learning_rates == (0.001, 0.01, 0.1, 1.0)
    assert read_spec(None, {}).learning_rates is not None


def test_a_sweep_with_trials_runs_and_goes_on(tmp_path):
    spec = BASE | {"optimizers": ["adam", "lbfgs"], "seeds": 2, "trials": 5, "batch_sizes": [16, "full"]}
    results = optbench.sweep(spec, out=tmp_path / "out", workers=1)
    counts = results.runs.groupby("optimizer")["run_id"].nunique()
    assert counts.to_dict() == {"adam": 10, "lbfgs": 8}
    assert results.provenance["trials"] == 5 and results.provenance["searched"]["lbfgs"]["memory"].startswith("choice(")
    again = optbench.sweep(tmp_path / "out" / "spec.toml", out=tmp_path / "out", workers=1)
    assert again.runs.equals(results.runs)
