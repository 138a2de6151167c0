"""Plug-ins that each break one promise, by what they do wrong; and sound ones, which they were made from."""

HEAD = """
import random
import numpy as np
from optbench import Problem, optimizer, problem, schedule

X = np.arange(1.0, 21.0).reshape(10, 2) / 10


def bowl(w, g):
    for i in range(w.shape[0]):
        g[i] = w[i]
    return 0.5 * (w[0] * w[0] + w[1] * w[1])


def rows(w, g, x):
    g[0] = 0.0
    g[1] = 0.0
    f = 0.0
    share = 1.0 / x.shape[0]
    for i in range(x.shape[0]):
        d = w[0] * x[i, 0] + w[1] * x[i, 1] - 1.0
        f += 0.5 * share * d * d
        g[0] += share * d * x[i, 0]
        g[1] += share * d * x[i, 1]
    return f


def lanes(w, g, f):
    for r in range(w.shape[1]):
        f[r] = 0.0
    for i in range(w.shape[0]):
        for r in range(w.shape[1]):
            f[r] += 0.5 * w[i, r] * w[i, r]
            g[i, r] = w[i, r]


def coin(w, g, x, y):
    g[0] = 0.0
    g[1] = 0.0
    f = 0.0
    for i in range(x.shape[0]):
        share = 1 / (1 + np.exp(-w[0] * x[i, 0] - w[1] * x[i, 1]))
        label = y[i] if y[i] >= 0 else 1.0 * (share > 1 + y[i])
        f -= np.log(share if label > 0 else 1 - share) / x.shape[0]
        for j in range(2):
            g[j] += (share - label) * x[i, j] / x.shape[0]
    return f


def make(kernel=bowl, **changes):
    parts = dict(form="single", dim=2, value_and_gradient=kernel, start=lambda rng: rng.uniform(1, 2, 2), minimum=0.0,
                 minimum_source="a test")
    return Problem(**(parts | changes))


DATA = dict(data=(X, np.zeros(10)))
COIN = dict(data=(X, np.arange(10.0) % 2), draws_labels=1)
"""
SOUND = """
@problem(source="a test")
def single():
    return make(minimizer=np.zeros(2))


@problem(source="a test")
def data():
    return make(rows, minimum=-1.0, **DATA)


@problem(source="a test")
def drawing():
    return make(coin, **COIN)


@problem(source="a test")
def wide():
    return make(lanes, form="lanes", minimizer=np.zeros(2))


@optimizer(source="a test")
def sound(w, g, m, lr):
    m = 0.5 * m + g
    return w - lr * m, m


@schedule(source="a test")
def quarter(step, epoch, total_steps):
    return np.full(len(step), 0.25)
"""

# What a plug-in does wrong -> (the text of its kernel; the arguments of make; the check that catches it; its words).
PROBLEMS = {
    "wrong gradient": ("def bad(w, g):\n    return 5.0 - bowl(w, g)", "bad", "the gradient agrees",
                       "the gradient says .*, finite differences"),
    "below the minimum": ("", "minimum=1.0", "no value lies below", "below the stated minimum 1"),
    "wrong minimizer": ("", "minimizer=np.ones(2)", "no value lies below", "the value at the minimizer is 1, not 0"),
    "a minimizer with a slope": ("def bad(w, g):\n    f = bowl(w, g)\n    if w[0] == 0.0:\n        g[0] = 0.5\n"
                                 "    return f", "bad, minimizer=np.zeros(2)", "no value lies below",
                                 "the gradient at the minimizer is not zero but up to 0.5"),
    "index beyond the array": ("def bad(w, g):\n    g[0] = w[0]\n    g[1] = w[1]\n    return w[2]", "bad",
                               "runs as plain Python", "IndexError: index 2"),
    "writes beyond g": ("def bad(w, g, x):\n    if x.shape[0] > 5:\n        g[2] = 0.0\n    return rows(w, g, x)",
                        "bad, **DATA", "writes nothing but", "writes to or beyond the ends of g"),
    "writes into w": ("def bad(w, g):\n    w[0] += 1.0\n    return bowl(w, g)", "bad", "writes nothing but",
                      "beyond w"),
    "writes into its constants": ("def bad(w, g, constants):\n    constants[0] = 2.0\n    return bowl(w, g)",
                                  "bad, constants=(1.0,)", "writes nothing but", "beyond constants"),
    "too little scratch": ("def bad(w, g, x, work):\n    for i in range(x.shape[0]):\n        work[i] = 0.0\n"
                           "    return rows(w, g, x)", "bad, work=lambda rows, runs: 5, **DATA", "writes nothing but",
                           "the ends of work"),
    "NaN hidden": ("def bad(w, g):\n    f = bowl(w, g)\n    return f if f == f else 0.0", "bad", "a NaN weight",
                   "the value at NaN weights is 0.0: a diverged run would go unnoticed"),
    "start not seeded": ("", "start=lambda rng: np.random.default_rng().normal(size=2)", "starts at a finite point",
                         "two calls with the same generator state"),
    "start at infinity": ("", "start=lambda rng: np.full(2, np.inf)", "starts at a finite point", "must give 2 finite"),
    "start raises": ("", "start=lambda rng: rng.nothing", "starts at a finite point", "AttributeError: .*nothing"),
    "start exits": ("def leave(rng):\n    raise SystemExit('no')", "start=leave", "starts at a finite point",
                    r"start\(rng\) fails: SystemExit: no"),
    "scratch of another kind": ("", "work=lambda rows, runs: 0.5 if rows > 1 else 1, **DATA", "runs as plain Python",
                                "must give a whole number, not 0.5"),
    "domain upside down": ("", "domain=((1, 0), (0, 1))", "builds with its defaults", "the lower number first"),
    "data of unequal length": ("", "data=(X, np.zeros(7))", "builds with its defaults", "x .n, features. and y"),
    "returns nothing": ("def bad(w, g):\n    bowl(w, g)", "bad", "runs as plain Python",
                        "must return the value, a number"),
    "returns in lanes form": ("def bad(w, g, f):\n    lanes(w, g, f)\n    return 0.0", "bad, form='lanes'",
                              "runs as plain Python", "must write the values to f and return nothing"),
    "does not compile": ("def bad(w, g):\n    return bowl(w, g) + 0.0 * len(w.tolist())", "bad",
                         "compiles in float64 and float32", "problem problem_.*: .*bad.* does not compile"),
    "asks for what there is not": ("def bad(w, g, gradient):\n    return 0.0", "bad", "", "gradient"),
    "metrics without evaluate": ("", "metrics=('accuracy',)", "", "need an evaluate function"),
    "evaluate disagrees": ("def bad(w, out, x):\n    out[0] = 1.0", "rows, evaluate=bad, **DATA",
                           "evaluate writes the same", "value differs by"),
    "a metric is left out": ("def bad(w, out, x):\n    out[0] = 0.0\n    for i in range(x.shape[0]):\n"
                             "        d = w[0] * x[i, 0] + w[1] * x[i, 1] - 1.0\n"
                             "        out[0] += 0.5 * d * d / x.shape[0]\n"
                             "    out[1] = np.nan",
                             "rows, evaluate=bad, metrics=('m',), **DATA", "evaluate writes the same", "not finite"),
    "batches do not average": ("def bad(w, g, x):\n    f = rows(w, g, x) * x.shape[0]\n    for i in range(2):\n"
                               "        g[i] *= x.shape[0]\n    return f", "bad, **DATA", "mini-batches average",
                               "differs by"),
    "the sign of a label ignored": ("def bad(w, g, x, y):\n    return coin(w, g, x, np.floor(np.abs(y)))",
                                    "bad, **COIN", "draws labels from", "over u, not 0: u must draw its labels"),
    "labels never read": ("", "rows, **COIN", "draws labels from", "has the mean .* over u, not 0"),
    "drawn labels left out": ("def bad(w, g, x, y):\n    f = coin(w, g, x, y)\n    for i in range(2):\n"
                              "        g[i] *= y[0] >= 0\n    return f", "bad, **COIN", "draws labels from",
                              "is 0 whatever u is"),
    "drawn labels of twice the weight": ("def bad(w, g, x, y):\n    f = coin(w, g, x, y)\n    for i in range(2):\n"
                                         "        g[i] *= 2 - (y[0] >= 0)\n    return f", "bad, **COIN",
                                         "draws labels from", "is that of no class"),
    "lanes mix": ("def bad(w, g, f):\n    lanes(w, g, f)\n    for r in range(1, w.shape[1]):\n        f[r] += f[0]",
                  "bad, form='lanes'", "a run has the same value", "value of run 1 differs by"),
    "float32 goes astray": ("def bad(w, g, constants):\n    return bowl(w, g) * (constants[0] - 1e9)",
                            "bad, constants=(1e9 + 1,)", "float32 stays near", "value differs by"),
}  # fmt: skip

OPTIMIZERS = {
    "one value too few": ("m, ", "w - lr * g", "returns the new w", "returns 1 values, not w and the 1 slots m"),
    "does not compile": ("", "w - lr * np.linalg.norm([g, 'a'][0])", "compiles in",
                         "optimizer optimizer_.: optimizer_. does not compile"),
    "NaN at once": ("", "w - lr * g * float('nan')", "moves w", "NaN or infinite in the first step"),
    "w as it was": ("m, ", "w, 0.9 * m + lr * g", "moves w", "10 steps change no weight"),
    "a rate of its own": ("", "w - 0.01 * g", "moves at the rate", "it does not use its rate"),
    "draws at random": ("", "w - lr * g * random.random()", "the compiled rule", "differs by"),
    "float32 widened": ("", "w - lr * np.float64(1.0) * g", "computes in float32",
                        "returns float64: a float64 constant"),
    "takes a logarithm below zero": ("", "w - lr * np.log(g + 6)", "stays finite", "with gradients up to 10"),
    "divides by zero": ("", "w - lr * g / abs(g)", "stays finite", "w becomes NaN or infinite"),
    "NaN hidden": ("", "w - lr * (g if g == g else 0.0)", "passes a NaN gradient on", "would go unnoticed"),
}  # fmt: skip

SCHEDULES = {
    "one factor for all": ("1.0", "shape \\(\\)"),
    "negative": ("1.0 - step / 50", "the factor of step 51, epoch 5, is -0.02"),
    "infinite": ("np.where(step > 7, np.inf, 1.0)", "the factor of step 8, epoch 0, is inf"),
    "depends on the others": ("np.cumprod(np.full(len(step), 0.9))", "a step alone against all together differs by"),
    "raises": ("step.nothing", "AttributeError: .*nothing"),
}
