"""Any optimizer as a method of scipy.optimize.minimize, and SciPy's own methods as baselines of a sweep."""

import numpy as np
import pytest
from harness import CATALOGUE, gradient, lane, problem_of, run_cohort
from quick import slow
from scipy.optimize import Bounds, OptimizeWarning, minimize, rosen, rosen_der
from twins import TWINS, WRAPPERS

import optbench
from optbench.contract.errors import OptbenchError
from optbench.engine.batches import start_point

START = np.array([-1.2, 1.0])


def solve(method, steps=50, jac=rosen_der, fun=rosen, **more):
    return minimize(fun, START, jac=jac, method=method, options={"maxiter": steps, "gtol": 0.0}, **more)


@pytest.mark.parametrize(("name", "lr"), [("gd", 1e-4), ("adam", 0.05), ("schedule_free_adamw", 0.05), ("lamb", 0.01)])
def test_a_method_walks_as_its_twin_does(name, lr):
    found = solve(optbench.scipy_method(name, lr=lr))
    path = TWINS[name](START, rosen_der, np.full(50, lr), reported=True)
    np.testing.assert_allclose(found.x, path[-1], rtol=1e-9)
    assert found.fun == rosen(found.x) and found.nit == 50 and found.njev == 51 and not found.success


def test_a_wrapper_a_schedule_and_hyperparameters_count():
    method = optbench.scipy_method("clip(adam(beta1=0.5), norm=2.0)", lr=0.1, schedule="inverse", eps_root=0.1)
    rates = 0.1 / (1 + np.arange(50))
    path = WRAPPERS["clip"](TWINS["adam"], {"beta1": 0.5, "eps_root": 0.1}, norm=2.0)(START, rosen_der, rates)
    np.testing.assert_allclose(solve(method).x, path[-1], rtol=1e-9)


def test_it_stops_at_a_small_gradient_and_counts_evaluations():
    method, calls = optbench.scipy_method("adam", lr=0.05), []
    found = minimize(
        rosen, START, jac=lambda x: calls.append(1) or rosen_der(x), method=method, tol=1e-3, options={"maxiter": 9000}
    )
    assert found.success and found.status == 0 and np.abs(found.jac).max() <= 1e-3
    assert found.njev == len(calls) == found.nit + 1


def test_without_a_gradient_scipy_differentiates():
    calls = []
    found = solve(optbench.scipy_method("gd", lr=1e-3), 20, None, lambda x: calls.append(1) or rosen(x))
    np.testing.assert_allclose(found.x, solve(optbench.scipy_method("gd", lr=1e-3), 20).x, rtol=1e-4)
    assert found.nfev == len(calls)
    both = solve(optbench.scipy_method("gd", lr=1e-3), 20, True, lambda x: (rosen(x), rosen_der(x)))
    np.testing.assert_array_equal(both.x, solve(optbench.scipy_method("gd", lr=1e-3), 20).x)


def test_callbacks_of_both_kinds_see_every_step_and_may_stop():
    plain, results = [], []

    def keep(intermediate_result):
        results.append(intermediate_result.fun)
        if len(results) == 7:
            raise StopIteration

    found = solve(optbench.scipy_method("gd", lr=1e-3), callback=keep)
    solve(optbench.scipy_method("gd", lr=1e-3), 7, callback=lambda x: plain.append(rosen(x)))
    assert found.nit == 7 and found.status == 99 and results == plain


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
@pytest.mark.parametrize("jac", [rosen_der, None], ids=["gradient", "differences"])
def test_an_objective_may_return_an_array_of_one_number(shape, jac):
    """As for SciPy's own methods, which are asked first."""
    fun = lambda x: np.full(shape, rosen(x))  # noqa: E731
    if len(shape) < 2 or jac is not None:
        assert minimize(fun, START, jac=jac, method="BFGS").success
    plain = solve(optbench.scipy_method("adam", lr=0.05), jac=jac)
    found = solve(optbench.scipy_method("adam", lr=0.05), jac=jac, fun=fun)
    np.testing.assert_array_equal(found.x, plain.x)
    assert isinstance(found.fun, float) and found.fun == plain.fun and found.nfev == plain.nfev


def test_an_objective_of_several_numbers_is_refused():
    with pytest.raises(ValueError, match="scalar"):
        minimize(lambda x: x, START, jac=rosen_der, method="BFGS")
    with pytest.raises(OptbenchError, match="the objective must return one number"):
        solve(optbench.scipy_method("adam", lr=0.05), fun=lambda x: x)


@pytest.mark.parametrize(
    ("given", "limit"),
    [({}, 1e-5), ({"tol": 0.5}, 0.5), ({"options": {"gtol": 0.1}}, 0.1),
     ({"tol": 0.5, "options": {"gtol": 0.1}}, 0.1), ({"tol": 0.1, "options": {"gtol": 0.5}}, 0.5)],
    ids=["neither", "tol", "gtol", "a smaller gtol", "a larger gtol"],
)  # fmt: skip
def test_an_explicit_gtol_wins_over_tol(given, limit):
    """On w^2 / 2, where the gradient is w and a step of rate 0.1 takes it to 0.9 w: from 1 it is counted by hand.

    SciPy's BFGS, with the same options on a valley, keeps the same limit.
    """
    bowl = {"fun": lambda x: 0.5 * x @ x, "jac": lambda x: x.copy()}
    found = minimize(x0=[1.0], method=optbench.scipy_method("gd", lr=0.1), **bowl, **given)
    assert found.success and found.nit == int(np.ceil(np.log(limit) / np.log(0.9)))
    valley = {"fun": rosen, "jac": rosen_der, "x0": START, "method": "BFGS"}
    scipys, lower = minimize(**valley, **given), minimize(**valley, options={"gtol": 1e-3 * limit})
    assert scipys.nit == minimize(**valley, options={"gtol": limit}).nit < lower.nit


def test_a_run_that_diverges_says_so():
    found = solve(optbench.scipy_method("gd", lr=1.0))
    assert not found.success and found.status == 2 and "diverged" in found.message


def test_what_makes_no_sense_is_refused():
    with pytest.raises(OptbenchError, match="gd cannot keep bounds or constraints"):
        solve(optbench.scipy_method("gd", lr=1e-3), bounds=Bounds(0, 1))
    with pytest.raises(OptbenchError, match="do not add up to the 2 parameters"):
        solve(optbench.scipy_method("muon", lr=1e-3, blocks=[(2, 2)]))
    with pytest.warns(OptimizeWarning, match="Unknown solver options: speed"):
        minimize(rosen, START, jac=rosen_der, method=optbench.scipy_method("gd", lr=1e-3), options={"speed": 1})


BASELINES = {"lbfgs": "L-BFGS-B", "cg": "CG"}
LOGISTIC = "logistic(data=gaussian(examples=150, features=4, classes=2), l2=0.05)"


def baseline_run(text, name, steps, points=None, **more):
    problem = problem_of(text)
    (part,) = run_cohort(
        problem, CATALOGUE.baselines[name], [lane(name, 1.0)], seed=3, batch_size=problem.examples, steps=steps,
        points=None if points is None else np.array(points), **more,
    ).parts  # fmt: skip
    return problem, part


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("text", ["rosenbrock", LOGISTIC, slow("mlp(hidden=(4,))")])
def test_a_baseline_is_scipys_method_on_the_full_batch(text, name):
    """Every evaluation counts as a step; after k of them the run stands at the best so far."""
    problem, part = baseline_run(text, name, 12, range(13))
    values = []

    def both(w):
        value, slope = gradient(problem, w)
        values.append(float(value[0]))
        return values[-1], slope[0]

    options = {"ftol": 0.0, "gtol": 0.0} if name == "lbfgs" else {"gtol": 0.0}
    minimize(both, start_point(problem, 3), jac=True, method=BASELINES[name], options=options | {"maxiter": 12})
    best = np.minimum.accumulate(values[:12])
    np.testing.assert_allclose(part.train[1:, 0, 0], best, rtol=1e-10)
    np.testing.assert_allclose(part.measures["batch_loss"][1:, 0], values[:12], rtol=1e-10)
    assert part.steps == 12 and part.points.tolist() == list(range(13)) and np.isnan(part.measures["lr"][0, 0])


def test_a_baseline_in_a_sweep_runs_once_a_seed():
    results = optbench.sweep(
        problems=["rosenbrock"], optimizers=["gd", "lbfgs(memory=[3, 10])", "cg"], batch_sizes=[32, "full"],
        learning_rates=[1e-3, 1e-2], schedules=["constant", "inverse"], seeds=2, steps=80,
    )  # fmt: skip
    counts = results.runs.groupby("optimizer").size()
    assert counts.to_dict() == {"gd": 2 * 2 * 2 * 2, "lbfgs": 2 * 2, "cg": 2}
    baseline = results.runs[results.runs["optimizer"] != "gd"]
    assert set(baseline["batch_size"]) == {1024} and set(baseline["lr"]) == {1.0}
    assert (baseline["suboptimality_final"] < 1e-8).all()
    assert (results.timings["evaluation_seconds"] > 0).all()  # which time per step leaves out


def test_a_deadline_ends_a_baseline():
    _, part = baseline_run("rosenbrock", "cg", 1000, deadline=1e-9)
    assert part.steps == 0 and part.points.tolist() == [0]
