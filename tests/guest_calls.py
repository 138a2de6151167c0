"""Every public function called once, small; and what of a process they must leave as it was."""

import decimal
import gc
import locale
import logging
import os
import random
import signal
import sys
import warnings

import matplotlib
import numpy as np
import pandas as pd
import scipy.optimize
from threadpoolctl import threadpool_info

import optbench
from optbench.report import write_report

SMALL = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "learning_rates": [1e-3], "seeds": 3, "steps": 20}


def _scipy(folder):
    method = optbench.scipy_method("adam", lr=0.05)
    return scipy.optimize.minimize(scipy.optimize.rosen, [1.0, 2.0], method=method, options={"maxiter": 3})


def _step(folder):
    w = np.ones(3)
    optbench.stepper("adam", w, lr=0.1).step(w.copy())


def _report(folder):
    optbench.sweep(SMALL, out=folder / "swept")
    write_report(folder / "swept")


def _load(folder):
    optbench.sweep(SMALL, out=folder / "kept")
    results = optbench.load(folder / "kept")
    return results.curves, results.verdicts(), results.ranking(), results.costs(), results.best_of_n()


def _fit(folder):
    table = pd.DataFrame({"size": np.sqrt(np.arange(40.0)), "kind": ["small", "large"] * 20})
    table.to_csv(folder / "table.csv", index=False)
    how = {"learning_rates": [0.1], "batch_sizes": [8], "schedules": ["constant"], "epochs": 2, "seeds": 3}
    problem = f"logistic(data='{folder / 'table.csv'}')"
    return optbench.sweep(problems=[problem], optimizers=["gd"], **how).best().fit().predict(table)


def _bowl(w):
    return (w * w).sum()


CALLS = {
    "function": lambda folder: optbench.sweep(SMALL, problems=[optbench.function(_bowl, [1.0, 2.0])]),
    "fit": _fit,
    "minimize a function": lambda folder: optbench.minimize(_bowl, [1.0, 2.0]),
    "minimize": lambda folder: optbench.minimize("rosenbrock", "adam", lr=0.05, steps=50),
    "minimize that diverges": lambda folder: optbench.minimize("rosenbrock", "gd", lr=10.0, steps=50),
    "minimize by SciPy": lambda folder: optbench.minimize("rosenbrock", "lbfgs", steps=50),
    "cohort": lambda folder: optbench.cohort("rosenbrock", "adam", [{"lr": 0.01}, {"lr": 0.1}], steps=20),
    "sweep": lambda folder: optbench.sweep(SMALL, workers=2),
    "load": _load,
    "report": _report,
    "compare": lambda folder: optbench.compare(optbench.sweep(SMALL), pair=("gd", "adam")),
    "advise": lambda folder: optbench.advise(kind="networks"),
    "rank": lambda folder: optbench.rank("momentum", optbench.sweep(SMALL).path, out=folder / "ranked"),
    "objective": lambda folder: optbench.objective("softmax", rows=20)(np.zeros(650)),
    "stepper": _step,
    "scipy_method": _scipy,
    "mini_batches": lambda folder: optbench.mini_batches("logistic", batch_size=64, steps=3),
    "trace": lambda folder: optbench.trace("mlp(hidden=(4, 4))", layer=2, batch=2, example=1),
    "with_data": lambda folder: optbench.with_data("logistic", np.eye(9), np.arange(9) % 2, folder=folder / "data"),
    "training_code": lambda folder: optbench.training_code("momentum", lr=0.1),
    "ewa": lambda folder: optbench.ewa([40.0, 49.0, np.inf], beta=0.9),
    "EWA": lambda folder: optbench.EWA(beta=0.9).update(40.0),
    "info": lambda folder: optbench.info(),
    "optimizers": lambda folder: optbench.optimizers(),
    "problems": lambda folder: optbench.problems()["quadratic"].build({"dim": 3}),
    "schedules": lambda folder: optbench.schedules(),
}


PANDAS = ["display.max_rows", "display.width", "display.precision", "compute.use_numexpr"]


def _network():
    import torch

    torch.manual_seed(3)
    x = np.random.default_rng(0).normal(size=(50, 3))
    with torch.random.fork_rng(devices=[]):
        net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    torch.manual_seed(7)
    return net, optbench.torch_problem(net, x, (x[:, 0] > 0).astype(int))


OF_TORCH = {
    "minimize": lambda folder: optbench.minimize("rosenbrock", "torch:Adam", lr=0.01, steps=20),
    "agreement": lambda folder: optbench.agreement("adamw", "torch:AdamW"),
    "torch_problem": lambda folder: optbench.minimize(_network()[1], "gd", lr=0.1, steps=5),
    "to_torch": lambda folder: (
        lambda net, problem: optbench.to_torch(problem, problem.start(np.random.default_rng(0)), net)
    )(*_network()),
}
"""Those that need PyTorch."""


def state() -> dict:
    """Return the settings of the process, such as warning filters, which belong to the caller and must not change."""
    return {
        "BLAS threads": sorted(
            (each["filepath"], each["num_threads"]) for each in threadpool_info() if each["user_api"] == "blas"
        ),
        "warnings": list(warnings.filters),
        "showwarning": warnings.showwarning,
        "NumPy's errors": np.geterr(),
        "NumPy's random numbers": str(np.random.get_state()),
        "Python's random numbers": random.getstate(),
        "matplotlib": dict(matplotlib.rcParams),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "locale": locale.setlocale(locale.LC_ALL),
        "folder": os.getcwd(),
        # Where a CUDA toolkit is found, numba is told by CUDA_HOME, which it reads whenever it compiles for a card.
        "environment": {key: text for key, text in os.environ.items() if key != "CUDA_HOME"},
        "logging": (
            logging.root.level,
            list(logging.root.handlers),
            logging.root.disabled,
            logging.root.manager.disable,
        ),
        "path": list(sys.path),
        "hooks": (sys.excepthook, sys.unraisablehook, sys.displayhook),
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "recursion": sys.getrecursionlimit(),
        "switching": sys.getswitchinterval(),
        "collector": (gc.isenabled(), gc.get_threshold()),
        "decimal": str(decimal.getcontext()),
        "pandas": [pd.get_option(name) for name in PANDAS],
        "mask": _mask(),
        "tracing": (sys.gettrace(), sys.getprofile()),
    }


def _mask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def changed(before: dict, after: dict) -> list[str]:
    """Return the names of the settings that differ."""
    return [key for key in before if before[key] != after[key]]
