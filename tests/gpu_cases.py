"""Test cases of GPU kernels, for the simulator and for a real GPU; both processes build them from here."""

from dataclasses import dataclass, replace

import numpy as np
from by_role import by_role
from noisy import noisy

from optbench.catalogue import loader
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.outcome import merge_outcomes

CATALOGUE = loader.load()
OF_TESTS = {"by_role": by_role, "noisy": noisy}
"""Rules that are not in the catalogue."""
DTYPES = ("float32", "float64")
WRAPPED = (
    "clip(adam, norm=0.5)", "lookahead(momentum)", "average(gd)", "coupled_decay(adam)", "decoupled_decay(lion)",
    "cautious(adam)", "cautious_decay(momentum)", "corrected_decay(gd)", "hyperball(novograd)",
    "schedule_free(momentum)", "mechanic(adam, s0=0.01)", "clip(momo_adam, norm=0.5)", "sam(adam)", "asam(gd)",
)  # fmt: skip
RULES = sorted(name for name, record in CATALOGUE.optimizers.items() if not record.matrix)
TEXTS = [*RULES, *WRAPPED]
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
        _, values = optimizer_of(self.optimizer)
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
        return problem, record_of(self.optimizer), {
            "batch_size": size, "steps": self.steps, "dtype": self.dtype, "points": points
        }  # fmt: skip

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
COHORTS = [Sweep(text, steps=FEW.get(text, 5)) for text in sorted(CATALOGUE.problems)]
COHORTS += [Sweep(text, batch_size=1 << 20, steps=3) for text in ("rosenbrock", "logistic", "softmax", "mlp")]
COHORTS += [Sweep("softmax" if record_of(rule).draws_labels else "rosenbrock", rule) for rule in TEXTS]
# In float32 one of what a kernel may have to do beside its elements.
COHORTS += [
    Sweep("rosenbrock", rule, dtype="float32")
    for rule in ("adam", "asgd", "novograd", "prodigy", "schedule_free_adamw", "mechanic(adam, s0=0.01)", "sam(adam)")
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
    whole = merge_outcomes(cohort.parts)
    values = {name: getattr(whole, name) for name in ("train", "validation", "test", "positions", *ONCE)}
    return whole.measures | {name: array for name, array in values.items() if array is not None}
