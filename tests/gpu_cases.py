"""Test cases of GPU kernels, for the simulator and for a real GPU; both processes build them from here."""

from dataclasses import dataclass, replace

import numpy as np
from by_role import by_role
from noisy import noisy
from reference.optimizer_rows import LABELS, SIZES

from optbench.catalogue import loader
from optbench.contract.optimizers import Sizes
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.outcome import merge_outcomes

CATALOGUE = loader.load()
OF_TESTS = {"by_role": by_role, "noisy": noisy}
"""Rules that are not in the catalogue."""
DTYPES, ORDERS = ("float32", "float64"), ("rows", "lanes")
BLOCKS = ((5, 3), (7,), (3, 5))
WRAPPED = (
    "clip(adam, norm=0.5)", "lookahead(momentum)", "average(gd)", "coupled_decay(adam)", "decoupled_decay(lion)",
    "cautious(adam)", "cautious_decay(momentum)", "corrected_decay(gd)", "hyperball(novograd)",
    "schedule_free(momentum)", "mechanic(adam, s0=0.01)", "clip(momo_adam, norm=0.5)", "sam(adam)", "asam(gd)",
)  # fmt: skip
RULES = sorted(name for name, record in CATALOGUE.optimizers.items() if not record.matrix)
TEXTS = [*RULES, *WRAPPED]
EVERY_WAY = {"adam", "asgd", "lamb", "prodigy", "clip(adam, norm=0.5)"}
"""One of each kind, which is tried in every order and precision."""
# Settings for the simulator, which needs a millisecond for a few hundred operations.
SMALL = {
    "autoencoder": "autoencoder(hidden=(2,))",
    "bigram": "bigram(vocabulary=4)",
    "char_transformer": "char_transformer(size=6, heads=2, context=2, hidden=2, vocabulary=4, letters=91)",
    "convolution": "convolution(channels=(1,))",
    "deep_linear": "deep_linear(size=3, hidden=(2,))",
    "deep_narrow": "deep_narrow(depth=2, width=3)",
    "grokking": "grokking(modulus=5, width=3)",
    "matrix_completion": "matrix_completion(rows=6, columns=5, rank=2, observed=0.5)",
    "matrix_factorization": "matrix_factorization(size=4, rank=2)",
    "mlp": "mlp(data=gaussian(examples=60, features=5, classes=3), hidden=(3,))",
    "nesterov_worst": "nesterov_worst(dim=4)",
    "nqm": "nqm(dim=4)",
    "pinn": "pinn(hidden=(2,), points=8)",
    "quadratic": "quadratic(dim=4)",
    "quadratic_deep": "quadratic_deep(dim=4)",
    "random_field": "random_field(dim=3, waves=5)",
    "rnn_add": "rnn_add(length=3, units=2, examples=20)",
    "rnn_xor": "rnn_xor(length=6, units=2, examples=20)",
    "rotated_saddle": "rotated_saddle(dim=4, index=1)",
    "scale_invariant_mlp": "scale_invariant_mlp(data=gaussian(examples=60, features=5, classes=3), hidden=(3,))",
    "softmax": "softmax(data=gaussian(examples=60, features=5, classes=3))",
    "vae": "vae(hidden=(2,), latent=1, draws=1)",
    "zipf_recall": "zipf_recall(pairs=5, size=3, examples=20)",
}


def optimizer_of(text: str):
    """Return the record of an optimizer that ``text`` names, and the hyperparameters that it states."""
    return CATALOGUE.optimizer(OF_TESTS.get(text, text))


def record_of(text: str):
    """Return the record of an optimizer that ``text`` names."""
    return optimizer_of(text)[0]


@dataclass(frozen=True)
class Steps:
    """Some runs of a rule on given gradients."""

    text: str
    order: str
    dtype: str
    count: int = 4
    runs: int = 3
    blocks: tuple = BLOCKS

    @property
    def group(self):
        """The plug-in whose kernels it takes."""
        return self.text

    def arrays(self):
        """Start (runs, dim), gradients (count, runs, dim), rates (count, runs), hyperparameters."""
        rng, record = np.random.default_rng(5), record_of(self.text)
        dim = sum(int(np.prod(shape)) for shape in self.blocks)
        w = rng.standard_normal((self.runs, dim)).astype(self.dtype)
        gradients = rng.standard_normal((self.count, self.runs, dim)).astype(self.dtype)
        rates = np.outer(1 / np.arange(1, self.count + 1), np.geomspace(0.001, 0.1, self.runs))
        _, given = optimizer_of(self.text)
        betas = [{key: beta for key in given if key.startswith("beta")} for beta in (0.5, 0.97)]
        values = [record.with_values(given | other) for other in [{}, *betas]]
        return w, gradients, rates, values

    def drive(self, kind, put=np.ascontiguousarray, get=np.asarray) -> np.ndarray:
        """Return (count, runs, dim), w after each step by ``kind``, an Update of the CPU or of the GPU."""
        w, gradients, rates, values = self.arrays()
        record = record_of(self.text)
        update = kind(record, self.order, self.blocks, self.dtype, values, sizes=Sizes(*SIZES))
        turned = self.order == "lanes"
        w, seen = put(w.T if turned else w), []
        for t in range(1, self.count + 1):
            inputs = {
                "lr": rates[t - 1],
                "loss": 0.02 * np.abs(gradients[t - 1]).sum(axis=1),
                "labels": np.full(self.runs, LABELS),
            }
            for row, name in enumerate(record.inputs):
                update.scalars[row] = put(inputs[name].astype(self.dtype))
            g = gradients[t - 1].T if turned else gradients[t - 1]
            if record.look is not None and (t - 1) % record.look_every == 0:
                update.state[record.own.index(record.ahead)] = put(np.ascontiguousarray(0.5 * g))
            update(w, put(g), t)
            after = get(w)
            seen.append((after.T if turned else after).copy())
        return np.array(seen)


class Constant(Steps):
    """Adam's with one gradient at every step, from 0: they are of the length of the rate, whatever beta is."""

    rate = 2.0**-7

    def __init__(self, order):
        super().__init__("adam_torch", order, "float32", count=100)

    def arrays(self):
        w, gradients, rates, _ = super().arrays()
        values = [record_of(self.text).with_values({"beta2": beta}) for beta in (0.9, 0.999, 0.99999)]
        return np.zeros_like(w), np.ones_like(gradients), np.full_like(rates, self.rate), values


COUNTS = {"schedule_free_radam": 6}
"""Of one that stands still for 4 steps."""
STEPS = [Steps(text, order, dtype, COUNTS.get(text, 4)) for text in TEXTS for order in ORDERS for dtype in DTYPES]
"""On a card, where they are quick."""
PAIRED = [case for case in STEPS if case.text in EVERY_WAY or ORDERS.index(case.order) == DTYPES.index(case.dtype)]
"""In the simulator: of a rule like others each order and each precision once, for order and precision do not meet."""
PAIRED += [Steps(text, order, "float64") for text in OF_TESTS for order in ORDERS]


@dataclass(frozen=True)
class Sweep:
    """Two cohorts of three lanes, one of which diverges where it can."""

    problem: str
    optimizer: str = "adam"
    batch_size: int = 4
    dtype: str = "float64"
    steps: int = 5
    rows: int = 6
    """Examples that are kept of the problem's data."""

    @property
    def group(self):
        """The plug-in whose kernels it takes, beside Rosenbrock's and Adam's."""
        return self.optimizer if self.problem == "rosenbrock" else self.problem

    def lanes(self):
        record, values = optimizer_of(self.optimizer)
        slow = CATALOGUE.schedule("inverse(decay_rate=0.1)")
        flat = CATALOGUE.schedule("constant")
        return [Lane(lr, schedule, values) for lr, schedule in ((0.01, flat), (0.02, slow), (10.0, flat))]

    def arguments(self):
        """Problem, optimizer, and the other fields of the cohorts."""
        problem = CATALOGUE.problem(SMALL.get(self.problem, self.problem))
        if problem.data is not None:
            parts = {"data": problem.data, "validation": problem.validation, "test": problem.test}
            parts = {key: tuple(a[: self.rows] for a in part) for key, part in parts.items() if part is not None}
            problem = replace(problem, **parts)
        size = min(self.batch_size, problem.examples)
        points = np.unique([0, 1, self.steps // 2, self.steps])
        return problem, record_of(self.optimizer), dict(
            batch_size=size, steps=self.steps, dtype=self.dtype, points=points
        )  # fmt: skip

    def cohorts(self, device="cpu"):
        """Return a cohort for each of two seeds."""
        problem, optimizer, rest = self.arguments()
        return [Cohort(problem, optimizer, self.lanes(), seed=seed, device=device, **rest) for seed in (0, 1)]


# Enough for a second epoch; many more of a network would take the simulator seconds each.
FEW = dict.fromkeys(
    (
        "autoencoder",
        "char_transformer",
        "convolution",
        "deep_narrow",
        "grokking",
        "mlp",
        "rnn_add",
        "rnn_xor",
        "scale_invariant_mlp",
        "softmax",
    ),
    3,
)
COHORTS = [
    Sweep(text, batch_size=size, steps=FEW.get(text, 5)) for text in sorted(CATALOGUE.problems) for size in (4, 1 << 20)
]
COHORTS += [Sweep("softmax" if record_of(rule).draws_labels else "rosenbrock", rule) for rule in TEXTS]
# In float32 one of what a kernel may have to do beside its elements; every rule is tried on its own.
COHORTS += [
    Sweep("rosenbrock", rule, dtype="float32")
    for rule in ("adam", "asgd", "gd", "mars", "novograd", "prodigy", "radam", "schedule_free_adamw", *WRAPPED)
]
COHORTS += [
    Sweep("mlp", rule, steps=FEW["mlp"]) for rule in (*OF_TESTS, "lamb", "lookahead(momentum)", "novograd", "prodigy")
]
# What wrappers change of gradients and of variables, in each form.
COHORTS += [
    Sweep("delayed(quantized(noisy(moving(rosenbrock))), steps=2)", dtype=dtype) for dtype in ("float32", "float64")
]
COHORTS += [
    Sweep(f"{text}({inner})", steps=3)
    for text, inner in (("sparse", f"moving({SMALL['mlp']})"), ("rescaled", SMALL["mlp"]), ("rescaled", "nqm(dim=4)"))
]
# Second gradients, in each form, beside what changes gradients and variables.
COHORTS += [
    Sweep("rosenbrock", "sophia_h", steps=12), Sweep("sparse(noisy(moving(rosenbrock)))", "asam(gd)"),
    Sweep(f"sparse(moving({SMALL['mlp']}))", "sam(gd)", steps=3),
]  # fmt: skip
# Labels that are drawn, in each form, of one label an example and of several.
COHORTS += [
    Sweep(text, "sophia_g", steps=11, dtype=dtype) for text, dtype in (("logistic", "float64"), ("softmax", "float32"))
]
COHORTS += [  # short steps: where all weights are of one size, many scores are equal but for rounding
    Sweep(text, "sophia_g(rho=1e4, weight_decay=0)", steps=3) for text in ("char_transformer", "mlp", "rnn_xor")
]


ONCE = ("w", "diverged_at", "jackknife")
"""Results of a lane, not of each of its points."""


def collected(cohort) -> dict[str, np.ndarray]:
    """Return the results of a cohort, lanes side by side; NaN after a call in which all lanes have diverged."""
    whole = merge_outcomes(cohort.parts, np.arange(sum(len(part.w) for part in cohort.parts)))
    values = {name: getattr(whole, name) for name in ("train", "validation", "test", "positions", *ONCE)}
    return whole.measures | {name: array for name, array in values.items() if array is not None}
