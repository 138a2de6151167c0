"""run_cohort against naive loops: lanes, rates, hyperparameters, schedules, batches, noise, evaluation."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from harness import CURVES, ONE_OF_EACH_KIND, lane, problem_of, run
from noise_twin import noise
from quick import slow, some_quick
from schedule_twins import completed_epochs, factors
from scipy.special import expit
from toy_problems import bowl, line
from twins import TWINS

import optbench
from optbench.contract.names import parse
from optbench.contract.schedules import Schedule
from optbench.engine import runner as runner_module
from optbench.engine.batches import Batches, start_point
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.run_cohorts import run as engine_run
from optbench.engine.run_cohorts import run_together

LOGISTIC = "logistic(data=gaussian(examples=150, features=4, classes=2), l2=0.05)"  # 120 training examples
MLP = "mlp(data=gaussian(examples=150, features=4, classes=3), hidden=(5,))"
SCHEDULES = ["constant", "inverse(decay_rate=0.5)", "exponential(base=0.9)", "sqrt_epoch(k=0.8)", "sqrt_step"]


def mixed_lanes(optimizer, count):
    """Lanes with rates, schedules and, where the rule has them, hyperparameters of their own."""
    made = []
    for k, lr in enumerate(np.geomspace(1e-3, 0.1, count)):
        values = {key: (0.3 + 0.6 * k / count) for key in lane(optimizer, lr).hyperparameters if key == "beta1"}
        made.append(lane(optimizer, lr, SCHEDULES[k % 5], **values))
    return made


def replay(optimizer, one, w, gradient, steps, per_epoch, reported=False):
    """The twin's path (steps + 1, dim), or that of what it reports, and its rates; ``gradient(step from 0, w)``."""
    name, parameters = parse(one.schedule.text)
    epochs = completed_epochs(steps, per_epoch)
    rates = one.lr * factors(name, range(1, steps + 1), epochs, steps, **parameters)
    count = iter(range(steps))
    path = TWINS[optimizer](w, lambda at: gradient(next(count), at), rates, reported=reported, **one.hyperparameters)
    return path, rates


def logistic_formula(w, x, y, l2=0.05):
    """Return (value, gradient) by the textbook."""
    score = x @ w
    value = np.mean(np.logaddexp(0, score) - y * score) + 0.5 * l2 * w @ w
    return value, x.T @ (expit(score) - y) / len(x) + l2 * w


@pytest.mark.parametrize("count", [20, 3], ids=["lanes", "one by one"])
@pytest.mark.parametrize("optimizer", some_quick(name for name in ONE_OF_EACH_KIND if name in TWINS))
def test_runs_on_data_follow_a_naive_loop(optimizer, count):
    """Mini-batches of 32 of 120 examples for ten epochs: every number of the curve, and the last weights."""
    problem, steps = problem_of(LOGISTIC), 40
    x, y = problem.data
    order, sizes, _ = Batches(problem, 32, 3, "float64").draw(steps)
    rows = [order[s, : sizes[s]] for s in range(steps)]
    lanes = mixed_lanes(optimizer, count)
    made = run(LOGISTIC, optimizer, lanes, steps=steps)
    points = made["points"]
    assert made["steps"] == steps and not made["diverged_at"].any()
    for r, one in enumerate(lanes):

        def gradient(s, w):
            return logistic_formula(w, x[rows[s]], y[rows[s]])[1]

        path, rates = replay(optimizer, one, start_point(problem, 3), gradient, steps, 4)
        reported, _ = replay(optimizer, one, start_point(problem, 3), gradient, steps, 4, reported=True)
        np.testing.assert_allclose(made["w"][r], reported[-1], rtol=1e-9, atol=1e-11)
        losses = [logistic_formula(w, x, y)[0] for w in reported[points]]
        np.testing.assert_allclose(made["train"][:, 0, r], losses, rtol=1e-10)
        np.testing.assert_allclose(made["train"][:, 1, r], [np.mean((x @ w > 0) == y) for w in reported[points]])
        unseen = [logistic_formula(w, *problem.test)[0] for w in reported[points]]
        np.testing.assert_allclose(made["test"][:, 0, r], unseen, rtol=1e-10)
        seen = [logistic_formula(path[p - 1], x[rows[p - 1]], y[rows[p - 1]]) for p in points[1:]]
        np.testing.assert_allclose(made["batch_loss"][1:, r], [value for value, _ in seen], rtol=1e-9)
        norms = [np.linalg.norm(slope) for _, slope in seen]
        np.testing.assert_allclose(made["gradient_norm"][1:, r], norms, rtol=1e-8)
        np.testing.assert_allclose(made["lr"][1:, r], rates[points[1:] - 1], rtol=1e-14)
    for name in ("lr", "batch_loss", "gradient_norm"):
        assert np.isnan(made[name][0]).all(), "nothing was seen before the first step"


@pytest.mark.parametrize("count", [20, 2], ids=["lanes", "one by one"])
@pytest.mark.parametrize("form", ["lanes", "single"])
def test_noise_reaches_the_rule(form, count):
    problem = problem_of("saddle(dim=3, noise=0.3)") if form == "lanes" else bowl(noise=0.3)

    def slope(w):
        return np.where(np.arange(3) < 1, w**3 - w, w) if form == "lanes" else w

    pulls, weights = noise(3, 30, [300, 300, 300, 124], np.full(3, 0.3))
    lanes = mixed_lanes("momentum", count)
    made = run(problem, "momentum", lanes, batch_size=300, steps=30)
    for r, one in enumerate(lanes):
        path, _ = replay("momentum", one, start_point(problem, 3), lambda s, w: weights[s] * slope(w) + pulls[s], 30, 4)
        np.testing.assert_allclose(made["w"][r], path[-1], rtol=1e-11)
        norm = np.linalg.norm(weights[-1] * slope(path[-2]) + pulls[-1])
        assert made["gradient_norm"][-1, r] == pytest.approx(norm, rel=1e-9)
    assert np.abs(pulls).min() > 0 and np.abs(weights - 1).min() > 0


@pytest.mark.parametrize("batch_size", [1024, 4096])
def test_the_full_batch_has_no_noise(batch_size):
    made = run(bowl(noise=5.0), "gd", [lane("gd", 0.5)], batch_size=batch_size, steps=10)
    np.testing.assert_allclose(made["w"][0], start_point(bowl(), 3) * 0.5**10, rtol=1e-14)


@pytest.mark.parametrize("optimizer", some_quick(ONE_OF_EACH_KIND))
def test_lanes_equal_runs_of_their_own(optimizer):
    """Lanes form: to rounding, as matrix products differ by width. Single form: bit by bit."""
    for text, count, tolerance in ((LOGISTIC, 18, 1e-10), (MLP, 4, 0.0)):
        lanes = mixed_lanes(optimizer, count)
        together = run(text, optimizer, lanes)
        for r in (0, count // 2, count - 1):
            alone = run(text, optimizer, lanes[r : r + 1])
            np.testing.assert_allclose(together["w"][r], alone["w"][0], rtol=tolerance, atol=tolerance)
            for name in CURVES:
                np.testing.assert_allclose(together[name][..., r], alone[name][..., 0], rtol=10 * tolerance)


def test_a_cohort_of_many_calls_keeps_its_lanes_in_order(monkeypatch):
    from optbench.engine.cpu import cohort_kernels

    lanes = mixed_lanes("adam", 40)
    whole = run(LOGISTIC, "adam", lanes)
    monkeypatch.setattr(cohort_kernels, "_MAX_LANES", 16)
    pieces = run(LOGISTIC, "adam", lanes)
    np.testing.assert_allclose(pieces["w"], whole["w"], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(pieces["train"], whole["train"], rtol=1e-11)


@pytest.mark.parametrize(("text", "batch_size"), [(LOGISTIC, 32), slow(MLP, 32), ("rosenbrock", 100), (LOGISTIC, 120)])
@pytest.mark.parametrize("lr", [0.01, 30.0], ids=["calm", "one diverges"])
def test_results_do_not_depend_on_the_chunks(text, batch_size, lr, monkeypatch):
    lanes = [*mixed_lanes("momentum", 17), lane("momentum", lr, "inverse")]
    whole = run(text, "momentum", lanes, batch_size=batch_size, steps=50)
    for seconds, numbers in ((0.0, 1 << 17), (1e9, 1), (1e9, 100)):
        monkeypatch.setattr(runner_module, "_CHUNK_SECONDS", seconds)
        monkeypatch.setattr(runner_module, "_CHUNK_NUMBERS", numbers)
        pieces = run(text, "momentum", lanes, batch_size=batch_size, steps=50)
        for name, expected in whole.items():
            np.testing.assert_array_equal(pieces[name], expected, err_msg=name)


def test_the_seed_is_all_that_is_random():
    """The same start and batches whatever the optimizer; other ones for another seed."""
    first = run(LOGISTIC, "gd", [lane("gd", 1e-9)])
    other = run(LOGISTIC, "adam", [lane("adam", 1e-9)])
    np.testing.assert_allclose(first["batch_loss"][1:], other["batch_loss"][1:], rtol=1e-6)
    seed = run(LOGISTIC, "gd", [lane("gd", 1e-9)], seed=4)
    assert (np.abs(seed["batch_loss"][1:] / first["batch_loss"][1:] - 1) > 1e-6).all()


@pytest.mark.slow
@pytest.mark.parametrize(("text", "count"), [(LOGISTIC, 17), (MLP, 2), ("rosenbrock", 2)])
def test_float32_runs_stay_close_to_float64(text, count):
    lanes = [lane("adam", lr) for lr in np.geomspace(1e-4, 1e-2, count)]
    exact, rounded = (run(text, "adam", lanes, dtype=dtype) for dtype in ("float64", "float32"))
    assert rounded["w"].dtype == np.float32
    np.testing.assert_allclose(rounded["w"], exact["w"], rtol=2e-3, atol=1e-4)
    np.testing.assert_allclose(rounded["train"][:, 0], exact["train"][:, 0], rtol=1e-3)


def test_positions_are_kept_for_two_parameters():
    made = run("rosenbrock", "gd", [lane("gd", 1e-4), lane("gd", 1e-3)], points=np.array([0, 5, 40]))
    assert made["positions"].shape == (3, 2, 2)
    np.testing.assert_array_equal(made["positions"][0].T, [start_point(problem_of("rosenbrock"), 3)] * 2)
    np.testing.assert_array_equal(made["positions"][-1].T, made["w"])
    assert run(LOGISTIC, "gd", [lane("gd", 0.1)])["positions"].shape[1] == 0


def test_read_only_data_serve():
    """pandas hands out arrays that may not be written to."""
    problem = line()
    for array in (*problem.data, problem.constants):
        array.flags.writeable = False
    made = run(problem, "gd", [lane("gd", 1.0)], batch_size=10, steps=200)
    assert made["w"][0, 0] == pytest.approx(2.0, abs=1e-9)


def _raise(*_):
    raise RuntimeError("no\nrate")


def _exit(*_):
    sys.exit(3)


def _late(step, epoch, total_steps):
    return np.where(step > 20, np.nan, 1.0)


BAD_SCHEDULES = {
    "raises": (_raise, "schedule bad: RuntimeError: no rate"),
    "exits": (_exit, "schedule bad: SystemExit: 3"),
    "short": (
        lambda step, epoch, total_steps: np.ones(1),
        "schedule bad must give one factor for each step, got another number",
    ),
    "scalar": (
        lambda step, epoch, total_steps: 1.0,
        "schedule bad must give one factor for each step, got a single one",
    ),
    "negative": (lambda step, epoch, total_steps: -step, "factor of step 1 is negative or not a finite number"),
    "nan at last": (_late, "factor of step 21 is negative or not a finite number"),
    "complex": (lambda step, epoch, total_steps: step + 0j, "factors must be real numbers, got complex128"),
}


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("case", BAD_SCHEDULES)
def test_a_bad_schedule_fails_its_own_lanes_and_changes_no_other(case, single, catalogue):
    function, words = BAD_SCHEDULES[case]
    bad, good = (Schedule(name, f, {}, "a test") for name, f in (("bad", function), ("good", np.ones_like)))
    good = replace(good, function=lambda step, epoch, total_steps: np.full(len(step), 0.5))
    problem = catalogue.problem("logistic" if single else "quadratic(dim=4)")

    def run_with(schedule):
        rates = [0.001 * (1 + place) for place in range(24)]
        lanes = [Lane(rate, schedule if place % 3 == 1 else catalogue.schedule("cosine"), {"beta1": 0.9})
                 for place, rate in enumerate(rates)]  # fmt: skip
        request = Cohort(problem=problem, optimizer=catalogue.optimizer("momentum")[0], lanes=lanes, batch_size=64,
                         steps=60)  # fmt: skip
        return engine_run(request).parts[0]

    mixed, sound = run_with(bad), run_with(good)
    lost = np.arange(24) % 3 == 1
    assert [bool(reason) for reason in mixed.failures] == lost.tolist() and words in mixed.failures[1]
    assert not any(sound.failures)
    for name in ("w", "diverged_at"):
        assert getattr(mixed, name)[~lost].tobytes() == getattr(sound, name)[~lost].tobytes(), name
    for name in ("train", "lr", "batch_loss", "gradient_norm"):
        one, other = (part.measures.get(name, part.train) for part in (mixed, sound))
        assert one[..., ~lost].tobytes() == other[..., ~lost].tobytes(), name


@pytest.mark.parametrize("name", ["rosenbrock", slow("ackley"), "saddle", "styblinski_tang"])
def test_a_run_keeps_its_bits_among_others(name):
    """Extending a sweep changes the number of lanes, and must not change the runs that are there."""
    rates = [1e-4, 2e-4, 5e-4]
    alone = optbench.cohort(name, "gd", [{"lr": rates[0]}], steps=40, points="every")
    among = optbench.cohort(name, "gd", [{"lr": lr} for lr in rates], steps=40, points="every")
    columns = ["step", "batch_loss", "train_loss", "gradient_norm"]
    first = among.curves[among.curves["run_id"] == among.curves["run_id"].iloc[0]]
    assert first[columns].reset_index(drop=True).equals(alone.curves[columns].reset_index(drop=True))


@pytest.mark.parametrize("text", ["rosenbrock", LOGISTIC, slow(MLP)])
@pytest.mark.parametrize("bad", [None, *some_quick(BAD_SCHEDULES)])
def test_seeds_that_run_together_have_the_bits_of_each_alone(text, bad, catalogue):
    """Of ten lanes the last one diverges; where a schedule fails, it fails for every seed."""
    schedules = [catalogue.schedule("cosine"), catalogue.schedule("inverse(decay_rate=0.5)")]
    if bad is not None:
        schedules[0] = Schedule("bad", BAD_SCHEDULES[bad][0], {}, "a test")
    rates = [*np.geomspace(1e-4, 1e-2, 9), 1e100]
    lanes = [Lane(rate, schedules[place % 2], {"beta1": 0.9}) for place, rate in enumerate(rates)]
    first = Cohort(catalogue.problem(text), catalogue.optimizer("momentum")[0], lanes, batch_size=32, steps=200)
    cohorts = [first.with_seed(seed) for seed in range(4)]
    for one, other in zip(run_together(cohorts), map(engine_run, cohorts), strict=True):
        for mine, theirs in zip(one.parts, other.parts, strict=True):
            assert mine.failures == theirs.failures and any(mine.failures) == (bad is not None)
            assert mine.diverged_at[-1] > 0
            for name in ("points", "w", "diverged_at", "train", "test", "positions"):
                assert getattr(mine, name).tobytes() == getattr(theirs, name).tobytes(), name
            for name, values in mine.measures.items():
                assert values.tobytes() == theirs.measures[name].tobytes(), name
