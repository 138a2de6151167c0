"""Plain functions become kernels: typed literals, compiled helpers, errors in words."""

import numpy as np
import pytest
from harness import drive_rule, gradient

from optbench import PluginError, Problem, optimizer
from optbench.catalogue import loader
from optbench.compiler.update_kernels import update_kernel
from optbench.engine.cpu.update import Update

# Each is (2 g^2 + 3) / g, of which the square overflows in float32 for g = 1e30 if all of it stays float32. A single
# constant that numba takes for a float64 would carry the whole through.
VARIANTS = {
    "integer literals": "(2 * g * g + 3) / g",
    "real literals": "(2.0 * g * g + 3.0) / g",
    "negative literals": "(-2 * g * -g + 3) / g",
    "global real": "(SCALE * g * g + 3) / g",
    "global integer": "(TWO * g * g + 3) / g",
    "global NumPy number": "(ROOT * g * g + 3) / g",
    "numbers of a tuple": "(PAIR[1] * g * g + 3) / g",
    "numbers of an array": "(TABLE[1] * g * g + 3) / g",
    "loop": "(looped(g) * g + 3) / g",
    "imported number": "(2 * (pi / pi) * g * g + 3) / g",
    "helper": "(twice(g) * g + 3) / g",
    "helper's helper": "(four_times(g) * half(g) + 3) / g",
    "helper's default": "(scaled(g) * g + 3) / g",
    "power": "(2 * g**2 + 3) / g",
    "real power": "(2 * g**2.0 + 3) / g",
    "number of a module": "(2 * (math.pi / math.pi) * g * g + 3) / g",
    "condition": "(2 * g * g + 3) / g if g != 0 else 0",
    "maximum": "max(2 * g * g + 3, 0.25) / g",
    "the step": "((t + t) * g * g + 3) / g",
    "root": "(2 * g * g * sqrt(1) + 3) / g",
}
RULES = f'''
import math
from math import pi, sqrt
import numpy as np
from optbench import optimizer

SCALE, TWO, ROOT = 2.0, 2, np.sqrt(4.0)
PAIR, TABLE = (1.0, 2.0), np.array([1.0, 2.0])

def twice(x):
    return 2 * x

def half(x):
    return x * 0.5

def looped(x):
    total = 0.0
    for k in range(2):
        total += x
    return total

def four_times(x):
    return twice(twice(x))

def scaled(x, by=2.0):
    return by * x

@optimizer(source="a test")
def variants(w, g, {", ".join(f"s{k}" for k in range(len(VARIANTS)))}, lr, t):
    """One way of writing it in each slot."""
    return w, {", ".join(VARIANTS.values())}
'''


def rule_file(folder, text, name="rules.py"):
    path = folder / name
    path.write_text(text)
    return loader.load([path])


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The slots of the rule above after one step, by dtype and by loop order: (variants, runs)."""
    import numba

    folder, before = tmp_path_factory.mktemp("codegen"), numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder / "kernels")
    record = rule_file(folder, RULES).optimizers["variants"]
    made = {}
    for dtype, order in (("float32", "rows"), ("float32", "lanes"), ("float64", "rows")):
        w, g = np.zeros((1, 2), dtype), np.array([[1e30, 7.0]], dtype)
        shapes, runs = (((2,),), 1) if order == "rows" else (((1,),), 2)
        update = Update(record, order, shapes, dtype, [{}] * runs)
        update(w, g, 1)
        made[dtype, order] = dict(zip(VARIANTS, update.state[:, 0], strict=True))
    numba.config.CACHE_DIR = before
    return made


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_rule_means_what_it_says(written, variant):
    exact = [2e30 + 3e-30, 101 / 7]
    np.testing.assert_allclose(written["float64", "rows"][variant], exact, rtol=1e-14)
    for order in ("rows", "lanes"):
        np.testing.assert_allclose(written["float32", order][variant][1], exact[1], rtol=3e-7)


@pytest.mark.parametrize("order", ["rows", "lanes"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_float32_rule_stays_float32(written, variant, order):
    assert written["float32", order][variant][0] == np.inf


def test_integers_of_a_problem_stay_integers(own_kernels):
    """They count and index; its real literals are typed like those of a rule."""
    text = """
import numpy as np
from optbench import Problem, problem

OFFSET = 3.0

def slope(x):
    return 2.0 * x

def value_and_gradient(w, g, f, layout):
    half = layout[0] // 2
    for r in range(w.shape[1]):
        f[r] = 0.0
        for i in range(0, w.shape[0], 2):
            g[i, r] = (slope(w[i, r]) * w[i, r] + OFFSET) / w[i, r]
            g[i + 1, r] = half + i
            f[r] += 0.5 * w[i + 1 - 1, r]

@problem(source="a test")
def odd():
    return Problem("lanes", 4, lambda rng: np.ones(4), value_and_gradient, 0.0, "a test", layout=(7,))
"""
    problem = rule_file(own_kernels, text).problem("odd")
    w = np.array([[1e30, 0.0, 7.0, 0.0]])
    value, slope = gradient(problem, w, dtype="float64")
    np.testing.assert_allclose(slope, [[2e30, 3, 101 / 7, 5]], rtol=1e-14)
    value, slope = gradient(problem, w, dtype="float32")
    np.testing.assert_allclose(slope, [[np.inf, 3, 101 / 7, 5]], rtol=3e-7)
    assert value[0] == np.float32(0.5e30)


@pytest.mark.parametrize("order", ["rows", "lanes"])
def test_powers_and_the_step_reach_the_rule(own_kernels, order):
    """In the rule's own order of arguments, whatever the order of the defaults."""
    text = """
from optbench import optimizer

@optimizer(source="a test", beta1=0.5, beta2=0.25, gain=3.0)
def ordered(w, g, s, lr, t, beta2_t, gain, beta1_t, beta1):
    return 1000 * beta2_t + 100 * beta1_t + 10 * t + gain + lr, s + beta1
"""
    record = rule_file(own_kernels, text).optimizers["ordered"]
    values = [record.with_values({}), record.with_values({"beta1": 0.9, "beta2": 0.8, "gain": 7.0})]
    path = drive_rule(record, order, np.zeros((2, 3)), np.zeros((4, 3)), np.full((4, 2), 0.125), values)
    for r, v in enumerate(values):
        expected = [1000 * v["beta2"] ** t + 100 * v["beta1"] ** t + 10 * t + v["gain"] + 0.125 for t in range(1, 5)]
        np.testing.assert_allclose(path[1:, r], np.tile(expected, (3, 1)).T, rtol=1e-14)


def test_a_changed_file_is_compiled_afresh_in_the_same_process(own_kernels):
    text = "from optbench import optimizer\n@optimizer(source='a test')\ndef fixed(w, g, lr):\n    return w + {}.0\n"
    for number in (1, 2):
        record = rule_file(own_kernels, text.format(number)).optimizers["fixed"]
        path = drive_rule(record, "rows", np.zeros((1, 1)), np.zeros((1, 1)), np.ones((1, 1)), [{}])
        assert path[1, 0, 0] == number


FAULTY_RULES = {
    "return w - lr * no_such_name": "no_such_name",
    "return w - lr * g.nothing": "nothing",
    "return 'text'": "",
    "return w, g, lr": "",
    "print(open('x'))\n    return w": "",
    "return w - lr * (lambda x: x)": "",
}


@pytest.mark.parametrize("body", FAULTY_RULES)
def test_a_rule_that_does_not_compile_is_told_in_words(own_kernels, body):
    text = f"from optbench import optimizer\n@optimizer(source='a test')\ndef faulty(w, g, lr):\n    {body}\n"
    record = rule_file(own_kernels, text).optimizers["faulty"]
    with pytest.raises(PluginError, match="(?s)optimizer faulty: faulty does not compile: ..*" + FAULTY_RULES[body]):
        update_kernel(record, "rows", "float64")


def test_a_function_of_ctypes_is_refused(own_kernels):
    text = (
        "import ctypes\nfrom optbench import optimizer\n\nroot = ctypes.CDLL(None).sqrt\n\n\n"
        "@optimizer(source='a test')\ndef of_c(w, g, lr):\n    return w - lr * root(g * g)\n"
    )
    record = rule_file(own_kernels, text).optimizers["of_c"]
    with pytest.raises(PluginError, match="optimizer of_c: of_c uses 'root', a function of ctypes, which cannot be"):
        update_kernel(record, "rows", "float64")


def only_w(w):
    return 0.0


def strange(w, g, weights):
    return 0.0


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (only_w, "problem p: only_w lacks the argument 'g'"),
        (strange, "strange has the unknown argument 'weights'; it may"),
    ],
)
def test_functions_of_a_problem_name_known_arguments(function, message):
    problem = Problem("single", 2, lambda rng: np.zeros(2), function, 0.0, "a test", name="problem p")
    with pytest.raises(PluginError, match=message):
        gradient(problem, np.zeros((1, 2)))


def test_closures_are_refused():
    scale = 2.0

    @optimizer(source="a test")
    def enclosed(w, g, lr):
        return w - scale * lr * g

    with pytest.raises(PluginError, match="enclosed must be a function of the file, not of another function"):
        update_kernel(enclosed, "rows", "float64")


def without_source():
    """Return a function that has no source."""
    scope = {}
    exec("def typed(w, g, lr):\n    return w\n", scope)
    return scope["typed"]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (without_source(), "the source of 'typed' cannot be read; define it in a file"),
        (lambda w, g, lr: w - lr * g, "must be written with def|cannot be read"),
    ],
)
def test_functions_without_a_source_of_their_own_are_refused(rule, message):
    with pytest.raises(PluginError, match=message):
        update_kernel(optimizer(source="a test", name="short")(rule), "rows", "float64")
