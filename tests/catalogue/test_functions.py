"""Functions of the user's own as problems: gradients against SciPy, what is refused, and the hash of what they use."""

import functools
import importlib
import linecache
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import approx_fprime, rosen, rosen_der
from scipy.optimize._numdiff import approx_derivative

import optbench
from optbench.contract.errors import OptbenchError
from optbench.contract.source_code import memory_origin

POINT = np.array([-1.3, 0.4, 2.0, 1e3])


def gradient_of(problem, w=POINT):
    values, gradients = optbench.objective(problem)(w)
    return values[0], gradients[0]


def test_central_differences_are_those_of_scipy():
    value, gradient = gradient_of(optbench.function(rosen, POINT))
    assert value == rosen(POINT)
    assert np.array_equal(gradient, approx_derivative(rosen, POINT, method="3-point"))
    assert np.abs(gradient - rosen_der(POINT)).max() < np.abs(approx_fprime(POINT, rosen) - rosen_der(POINT)).max()


@pytest.mark.parametrize(
    "given",
    [
        {"f": (rosen, rosen_der)},
        {"f": rosen, "jac": rosen_der},
        {"f": lambda w: (rosen(w), rosen_der(w)), "jac": True},
        {"f": functools.partial(rosen), "jac": lambda w: rosen_der(w).tolist()},
    ],
    ids=["pair", "jac", "both", "partial"],
)
def test_a_gradient_is_given_in_the_ways_of_scipy(given):
    problem = optbench.function(x0=POINT, **given)
    assert problem.data_warning == ""
    value, gradient = gradient_of(problem)
    assert value == rosen(POINT) and np.array_equal(gradient, rosen_der(POINT))


def test_a_random_function_is_a_warning():
    rng = np.random.default_rng(0)
    problem = optbench.function(lambda w: w @ w + rng.normal(), POINT, name="noisy")
    assert problem.data_warning.startswith("noisy is random: two calls at x0 gave ")
    assert "central differences of it are mostly noise" in problem.data_warning
    with pytest.warns(UserWarning, match="losses hold its noise"):
        optbench.minimize((lambda w: w @ w + rng.normal(), lambda w: 2 * w), POINT, "gd", lr=1e-3, steps=1)


def test_arguments_go_to_function_and_gradient():
    problem = optbench.function(
        lambda w, a, b: a * w @ w + b, np.ones(2), args=(3.0, 1.0), jac=lambda w, a, b: 2 * a * w
    )
    assert gradient_of(problem, np.array([1.0, 2.0]))[0] == 16.0
    one = optbench.function(lambda w, a: a * w @ w, 2.0, args=3.0)
    assert one.dim == 1 and gradient_of(one, np.array([2.0]))[0] == 12.0


def test_a_wrong_gradient_is_a_warning():
    problem = optbench.function((rosen, lambda w: -rosen_der(w)), POINT)
    assert "rosen: its gradient at x0 differs from central differences: component 2" in problem.data_warning
    with pytest.warns(UserWarning, match="leave the gradient out"):
        optbench.minimize((rosen, lambda w: -rosen_der(w)), POINT, "gd", lr=1e-9, steps=1)
    noisy = optbench.function((lambda w: np.random.normal(), lambda w: w), np.ones(2))
    assert "is random" in noisy.data_warning, "differences of it mean nothing"


def test_a_function_may_keep_and_change_what_it_gets():
    kept = []

    def f(w):
        kept.append(w)
        w *= 2.0
        return float(w @ w)

    start = np.ones(2)
    value, gradient = gradient_of(optbench.function(f, start), np.ones(2))
    assert value == 8.0 and np.allclose(gradient, 8.0) and start.tolist() == [1.0, 1.0]
    assert len({id(each) for each in kept}) == len(kept)


@pytest.mark.parametrize(
    "f, more, words",
    [
        (lambda w: w, {}, "function: it must return one number, not an array of the shape (2,)"),
        (lambda w: (1.0, w), {}, "if it returns the gradient as well, say jac=True"),
        (lambda w: "a", {}, "it must return one number, not 'a'"),
        (lambda w: 1j, {}, "it must return one number, not 1j"),
        (lambda w: w @ w, {"jac": True}, "jac=True: it must return the value and the gradient"),
        (lambda w: np.nan, {}, "function: it is nan at x0: begin where it is finite"),
        (lambda w: 1 / 0, {}, "function fails at x0: ZeroDivisionError: division by zero"),
        (lambda w, a: a, {}, "it is called as f(w, *args): args= has what stands behind w"),
        ((rosen, lambda w: w[:1]), {}, "rosen: the gradient must have the shape (2,), that of w, not (1,)"),
        ((rosen, rosen_der), {"jac": rosen_der}, "rosen: give the gradient once"),
        (rosen, {"jac": "cs"}, "rosen: jac='cs' must be the gradient"),
        (rosen, {"x0": [[1.0, 2.0]]}, "x0 has the shape (1, 2) and must be a vector: x0.ravel()"),
        (rosen, {"x0": [np.nan, 1.0]}, "must be finite numbers"),
        (rosen, {"x0": "ab"}, "x0 must hold real numbers, not 'ab'"),
        (rosen, {"minimum": np.inf}, "minimum=inf must be a finite number"),
        (3, {}, "3 must be a function f(w), or the pair (f, gradient)"),
    ],
)
def test_what_is_no_function_is_refused_in_one_line(f, more, words):
    with pytest.raises(OptbenchError) as caught:
        optbench.function(f, **{"x0": [1.0, 2.0]} | more)
    assert words in str(caught.value)


def make(scale, helper=np.sin):
    def f(w):
        return scale * helper(w).sum()

    return f


def test_the_hash_follows_source_and_what_it_uses():
    def digest(f):
        return memory_origin("problem f", "f", f).sha256

    assert digest(make(2.0)) == digest(make(2.0))
    tables = [
        pd.DataFrame({"x": x, "y": y}) for x, y in (([1, 2], ["a", "b"]), ([1, 3], ["a", "b"]), ([1, 2], ["b", "b"]))
    ]
    assert len({digest(make(table)) for table in tables}) == 3
    assert digest(make(tables[0])) == digest(make(tables[0].copy()))
    others = [make(3.0), make(2.0, np.cos), make(np.ones(2)), make(2.0 * np.ones(2)), make(2.0, lambda w: w)]
    assert len({digest(make(2.0)), *map(digest, others)}) == 1 + len(others)
    assert digest(functools.partial(rosen)) == digest(functools.partial(rosen))
    code = "def f(w):\n    return w.sum() + {}"
    found = []
    for number in (1, 1, 2):
        scope = {}
        exec(code.format(number), scope)  # no source to be read
        found.append(digest(scope["f"]))
    assert found[0] == found[1] != found[2]
    scope["sum"] = "a variable of the notebook with the name of an attribute"
    assert digest(scope["f"]) == found[2]


def test_the_record_has_its_name_and_no_minimum():
    problem = optbench.function(rosen, POINT, name="valley")
    assert problem.name == "valley" and np.isnan(problem.minimum) and problem.minimum_source == "unknown"
    assert [origin.in_memory for origin in problem.origins] == [True]
    assert optbench.function(lambda w: 1.0, 0.0).name == "function"
    assert optbench.function(rosen, POINT, minimum=0).minimum == 0.0


def test_the_hash_covers_modules_of_ones_own(tmp_path, monkeypatch):
    """Of an edited helpers.py a resume must not take the earlier runs."""
    monkeypatch.syspath_prepend(tmp_path)
    # Python takes the bytecode of a file of the same length that was written in the same second.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    digests = []
    for factor in (1, 2):
        (tmp_path / "own_helpers.py").write_text(
            f"import numpy\nimport own_more\n\ndef scale(w):\n    return {factor} * w\n"
        )
        (tmp_path / "own_more.py").write_text("OFFSET = 1\n")
        for _ in range(2):  # the second time another module that it uses is edited
            monkeypatch.delitem(sys.modules, "own_helpers", raising=False)
            monkeypatch.delitem(sys.modules, "own_more", raising=False)
            linecache.clearcache()
            importlib.invalidate_caches()
            helpers = importlib.import_module("own_helpers")
            digests += [
                memory_origin("problem f", "f", eval("lambda w: helpers.scale(w) @ w", {"helpers": helpers})).sha256
            ]
            (tmp_path / "own_more.py").write_text("OFFSET = 12345\n")
    assert len(set(digests)) == 4


def test_a_function_of_two_parameters_has_a_picture_around_its_start():
    assert optbench.function(rosen, [3.0, -1.0]).domain == ((-3.0, 9.0), (-7.0, 5.0))
    assert optbench.function(rosen, [0.1, 0.0]).domain == ((-1.9, 2.1), (-2.0, 2.0))
    assert optbench.function(rosen, [1.0, 1.0], domain=((0, 1), (-1, 2))).domain == ((0, 1), (-1, 2))
    assert optbench.function(rosen, [1.0, 1.0, 1.0]).domain is None
    assert optbench.function(lambda w: 1.0, [1.7e308, 0.0]).domain is None
    with pytest.raises(OptbenchError, match="the lower number first"):
        optbench.function(rosen, [1.0, 1.0], domain=((1, 0), (0, 1)))


def test_paths_of_a_function_are_drawn_where_it_can_be_evaluated():
    def half(w):
        if w[0] < 0.0:
            raise ValueError("it has no value there")
        return w[0] ** 2 + w[1] ** 2

    spec = {"optimizers": ["gd"], "learning_rates": [1e-2], "steps": 5}
    found = optbench.sweep({**spec, "problems": [(lambda w: w[0] ** 2 + w[1] ** 2, [1.0, 2.0])]}, seeds=2, workers=1)
    value = found.landscapes["w_1"] ** 2 + found.landscapes["w_2"] ** 2
    np.testing.assert_allclose(found.landscapes["value"], value, rtol=1e-12)
    assert len(found.plot.paths(problem="function").lines)
    assert len(optbench.sweep({**spec, "problems": [(half, [1.0, 2.0])]}, seeds=2, workers=1).landscapes)
    wide = optbench.function(half, [1.0, 2.0], domain=((-1, 1), (0, 2)))
    assert optbench.sweep({**spec, "problems": [wide]}, seeds=2, workers=1).landscapes.empty


def test_the_landscape_of_a_function_is_where_its_paths_go():
    def far(w):
        return (w[0] - 50) ** 2 + 3 * (w[1] + 20) ** 2

    spec = {"optimizers": ["gd", "adam"], "learning_rates": [0.2], "steps": 50}
    for isolate in ("auto", "always"):
        found = optbench.sweep({**spec, "problems": [(far, [0.0, 0.0])]}, seeds=2, workers=1, isolate=isolate)
        for name, wanted in (("w_1", (0.0, 50.0)), ("w_2", (-20.0, 0.0))):
            axis = found.landscapes[name]
            assert axis.min() < wanted[0] and axis.max() > wanted[1] and axis.max() - axis.min() < 120
    stated = optbench.function(far, [0.0, 0.0], domain=((-1, 60), (-30, 1)))
    assert optbench.sweep({**spec, "problems": [stated]}, seeds=2, workers=1).landscapes["w_1"].max() == 60
