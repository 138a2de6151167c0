"""Shares of the machine's floors, of a few problems and rules of each kind; ``benchmarks/floors.py`` has them all."""

import sys
from pathlib import Path

import scipy.linalg.blas  # noqa: F401  its matrix products are the kernels': it must be loaded to be limited
from threadpoolctl import threadpool_limits

import optbench

from .versions import Prepared, since

sys.path.append(str(Path(__file__).parents[2]))  # at the end: the installed package comes first

_REPEATS, _SECONDS, _LANES = 5, 0.002, 64


class _Share(Prepared):
    """A floor is measured in the same process; BLAS on one thread, as in the engine's workers."""

    timeout = 300

    def prepare(self, name, dtype):
        since("0.6.0")
        from benchmarks.bounds.machine import Machine

        self.machine = Machine(dtype, _REPEATS)

    def share(self, work, spent):
        with threadpool_limits(1, user_api="blas"):
            return self.machine.floor(work)[0] / spent()


class Problems(_Share):
    """Of value and gradient on 64 lanes, and a mini-batch of 64."""

    params = (
        [
            "rosenbrock", "rosenbrock(dim=100)", "styblinski_tang(dim=20)", "ackley(dim=20)", "nesterov_worst",
            "octopus", "matrix_factorization", "quadratic(dim=100)", "quadratic_deep", "logistic", "softmax",
            "poisson", "phase_retrieval", "mlp", "autoencoder", "convolution",
        ],
        ["float64", "float32"],
    )  # fmt: skip
    param_names = ["problem", "dtype"]
    rows = 64

    def track_share(self, name, dtype):
        from benchmarks.bounds import calls, declared

        problem = optbench.objective(name).problem
        work = declared.gradient_work(problem, self.rows, _LANES)
        call = calls.gradient_call(problem, dtype, self.rows, _LANES)
        return self.share(work, lambda: calls.quickest(call, _SECONDS, _REPEATS))

    track_share.unit = "of the floor"
    track_share.more_is_better = True


class Rules(_Share):
    """Of a step of 64 lanes of 100 parameters, the driver's loop included."""

    params = (
        ["gd", "momentum", "adam", "lion", "adan", "nadam", "asgd", "prodigy", "lamb", "lookahead(gd)", "clip(adam)"],
        ["float64", "float32"],
    )
    param_names = ["optimizer", "dtype"]

    def track_share(self, name, dtype):
        from benchmarks.bounds import calls, declared

        rule = optbench.stepper(name, calls.aligned((1,), dtype), lr=0.1).optimizer
        work = declared.rule_work(rule, (calls.SIDE, calls.SIDE), _LANES)
        return self.share(work, lambda: calls.step_ns(name, dtype, _LANES, _SECONDS, _REPEATS))

    track_share.unit = "of the floor"
    track_share.more_is_better = True
