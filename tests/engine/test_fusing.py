"""One kernel of problem and rule: the numbers of both kernels by themselves, and it comes where it pays."""

import os

import numpy as np
import pytest
from harness import CATALOGUE, problem_of

import optbench
from optbench.contract.errors import PluginError
from optbench.engine.cpu import fusing

RATES = [float(rate) for rate in np.geomspace(1e-5, 3.0, 70)]  # the largest diverge
FUSABLE = sorted(
    name
    for name, family in CATALOGUE.problems.items()
    if family.name not in ("mlp", "torch") and fusing.can_be_fused(problem_of(name))
)
STRUCTURES = ["lamb", "lars", "novograd", "prodigy", "schedule_free_adamw", "mars"]


@pytest.fixture
def cohorts(monkeypatch):
    """A function that runs a cohort twice: by two kernels, and by one from the second chunk of steps on."""
    monkeypatch.setattr(fusing, "LOADING", np.inf)
    monkeypatch.setattr(fusing, "TIMED", np.inf)

    def both(problem, optimizer, rates, steps=400, schedules=("constant",), own=({},), **options):
        results = []
        settings = [
            {"lr": rate, "schedule": schedules[place % len(schedules)], **own[place % len(own)]}
            for place, rate in enumerate(rates)
        ]
        for compiling in (np.inf, -1.0):
            monkeypatch.setattr(fusing, "_pairs", {})
            monkeypatch.setattr(fusing, "COMPILING", compiling)
            results.append(optbench.cohort(problem, optimizer, settings, steps=steps, seed=3, **options))
            fused = [pair for pair in fusing._pairs.values() if pair.kernel is not None]
            assert len(fused) == (compiling < 0), "the other kernel was taken"
        return results

    return both


def same(results):
    by_two, by_one = results
    assert by_one.runs.equals(by_two.runs)
    assert by_one.curves.equals(by_two.curves)
    assert np.array_equal(by_one.w, by_two.w, equal_nan=True)
    return by_two.runs


@pytest.mark.parametrize("lanes", [1, 3, 70])
@pytest.mark.parametrize("batch_size", [64, "full"])
def test_lanes_that_diverge_and_noise(cohorts, lanes, batch_size):
    """Three lanes leave a vector half empty, and seventy are several groups of vectors."""
    runs = same(cohorts("rosenbrock", "gd", RATES[:: 70 // lanes][:lanes], batch_size=batch_size))
    assert set(runs.status) == ({"ok"} if lanes == 1 else {"ok", "diverged"})


@pytest.mark.parametrize(
    ("optimizer", "lanes"), [("gd", 1), ("momentum", 70), pytest.param("adam", 70, marks=pytest.mark.slow)]
)
def test_gradients_that_make_the_steps(cohorts, optimizer, lanes):
    """With more parameters than are written out; lanes diverge at the first and at the second of two such steps."""
    own = [{"beta1": 0.9}, {"beta1": 0.8}] if optimizer == "adam" else [{}]
    rates = [rate * (1e3 if optimizer == "adam" else 1) for rate in RATES[:: 70 // lanes][:lanes]]
    problem = "rosenbrock(dim=6)" if lanes > 1 else "rosenbrock(dim=40)"
    runs = same(cohorts(problem, optimizer, rates, own=own, batch_size="full", steps=301))
    assert set(runs.status) == ({"ok"} if lanes == 1 else {"ok", "diverged"})
    if optimizer == "momentum":
        assert set(runs.diverged_at.dropna() % 2) == {0, 1}
    schedules = ["exponential(base=0.9)", "constant", "inverse"]
    same(cohorts(problem, optimizer, rates, own=own, schedules=schedules, batch_size="full", steps=301))


def test_rates_that_change_between_few_evaluations(cohorts):
    schedules = ["exponential(base=0.9)", "constant", "inverse"]
    options = {"batch_size": 64, "points": [0, 400], "dtype": "float32"}
    same(cohorts("rosenbrock(dim=7)", "adam", RATES, schedules=schedules, **options))


def test_lanes_that_are_alike_and_lanes_that_are_not(cohorts):
    """Of a group of lanes whose betas are the same, powers and corrections are computed once."""
    own = [{"beta1": 0.9}] * 33 + [{"beta1": 0.8}] + [{"beta2": 0.99}] * 36
    same(cohorts("rosenbrock", "adam", RATES, own=own, steps=200))


def test_state_that_turns_into_nothing(cohorts):
    """Without eps a lane at a stationary point divides nothing by nothing; it is found step after step."""
    runs = same(cohorts("saddle", "adam(eps_root=0)", RATES, start=np.zeros(2)))
    assert set(runs.status) == {"diverged"}


@pytest.mark.slow
@pytest.mark.parametrize("name", FUSABLE if os.environ.get("FUZZ") else FUSABLE[::3])  # each takes seconds to compile
def test_every_problem(cohorts, name):
    lanes = 70 if FUSABLE.index(name) % 2 else 1
    same(cohorts(name, "gd", RATES[-lanes:], steps=200, batch_size=64))


@pytest.mark.slow
@pytest.mark.parametrize("name", STRUCTURES)
def test_rules_of_every_structure(cohorts, name):
    lanes = 70 if STRUCTURES.index(name) % 2 else 1
    same(cohorts("rosenbrock(dim=6)", name, RATES[-lanes:], steps=200, batch_size=64))


@pytest.mark.parametrize(
    "name",
    ["quadratic", "least_squares", "mlp(data=gaussian(examples=9, features=2, classes=2))", "rosenbrock(dim=300)"],
)
def test_what_has_data_or_products_or_is_large_has_none(name):
    assert not fusing.can_be_fused(problem_of(name))


class Kept:
    """A fused kernel that takes no time."""

    made = 0

    def __init__(self, is_kept=False, fails=False):
        self.is_kept, self.fails = is_kept, fails

    @property
    def kernel(self):
        Kept.made += 1
        if self.fails:
            raise PluginError("does not compile")
        return len


def test_it_is_compiled_once_its_pair_has_run_for_as_long():
    pair = fusing.Pair(Kept)
    pair.spent(0.4 * fusing.COMPILING, left=1e9)
    pair.spent(0.4 * fusing.COMPILING, left=1e9)
    assert pair.kernel is None
    pair.spent(0.4 * fusing.COMPILING, left=0.0)
    assert pair.kernel is len


def test_one_on_disk_is_taken_where_it_is_worth_loading():
    pair = fusing.Pair(lambda: Kept(is_kept=True))
    pair.spent(0.1 * fusing.LOADING, left=0.5 * fusing.LOADING)
    assert pair.kernel is None
    pair.spent(0.1 * fusing.LOADING, left=2 * fusing.LOADING)
    assert pair.kernel is len


def test_the_disk_is_asked_once():
    asked = []

    def make():
        asked.append(1)
        return Kept(is_kept=False)

    pair = fusing.Pair(make)
    for _ in range(5):
        pair.spent(2 * fusing.LOADING, left=0.0)
    assert pair.kernel is None and asked == [1]


def test_one_that_does_not_compile_is_not_tried_again():
    pair, before = fusing.Pair(lambda: Kept(fails=True)), Kept.made
    for _ in range(3):
        pair.spent(2 * fusing.COMPILING, left=0.0)
    assert pair.kernel is None and Kept.made == before + 1


def test_both_are_timed_and_the_quicker_makes_the_rest():
    for pace, chosen in ((1.0, len), (3.0, None)):
        pair, kind, other = fusing.Pair(Kept), (64, False), (64, True)
        pair.kernel = len
        pair.took(kind, True, 0.5 * fusing.TIMED, 1)
        for fused in (True, False):
            for seconds in (10 * fusing.TIMED, (pace if fused else 2.0) * fusing.TIMED, 9 * fusing.TIMED):
                assert pair.choice(kind) is (len if fused else None)
                pair.took(kind, fused, seconds, 1)
        assert pair.choice(kind) is chosen
        assert pair.choice(other) is len


def test_another_thread_goes_on_meanwhile():
    pair = fusing.Pair(Kept)
    pair._lock.acquire()
    assert pair.spent(2 * fusing.COMPILING, left=0.0) == 0.0 and pair.kernel is None
    pair._lock.release()
    pair.spent(0.0, left=0.0)
    assert pair.kernel is len


def test_no_deadline_pays_for_a_compilation(monkeypatch):
    monkeypatch.setattr(fusing, "_pairs", {})
    monkeypatch.setattr(fusing, "COMPILING", -1.0)
    optbench.cohort("rosenbrock", "gd", [{"lr": 1e-4}] * 2, steps=300, run_timeout=60.0)
    assert [pair.kernel for pair in fusing._pairs.values()] == [None]
