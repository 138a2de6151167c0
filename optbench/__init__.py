"""optbench: which optimizer, batch size and learning-rate schedule works best on which objective, and how sure are we?

The names below load on first use, so that ``import optbench`` and ``optbench --help`` stay quick.
"""

from importlib import import_module

from optbench.contract.version import __version__

_HOMES = {
    "optbench.contract.problems": ("Family", "Problem", "problem", "problem_wrapper"),
    "optbench.contract.schedules": ("Schedule", "schedule", "schedule_wrapper"),
    "optbench.contract.optimizers": (
        "Baseline",
        "Matrix",
        "Optimizer",
        "SecondGradient",
        "Wrapper",
        "optimizer",
        "variant",
        "wrapper",
    ),
    "optbench.contract.eager": ("Eager", "optax_optimizer", "torch_optimizer"),
    "optbench.contract.search": ("Range", "choice", "log_uniform", "one_minus_log_uniform", "uniform"),
    "optbench.contract.errors": ("OptbenchError", "PluginError"),
    "optbench.kit.torch_problems": ("to_torch", "torch_problem"),
    "optbench.averages.array": ("ewa",),
    "optbench.averages.stream": ("EWA",),
    "optbench.engine.scipy_method": ("scipy_method",),
    "optbench.engine.activations": ("trace",),
    "optbench.results.results": ("Results", "load"),
    "optbench.engine.batches": ("mini_batches",),
    "optbench.checks.agreement": ("Agreement", "agreement"),
    "optbench.engine.cpu.objective": ("Objective", "objective"),
    "optbench.engine.stepper": ("Stepper", "stepper"),
    "optbench.translation.code": ("training_code",),
    "optbench.single.one_cohort": ("CohortResult", "Result"),
    "optbench.results.best": ("Best",),
    "optbench.results.models": ("Model",),
    "optbench.results.candidates": ("compare",),
    "optbench.catalogue.functions": ("function",),
    "optbench.catalogue.own_data": ("with_data",),
    "optbench.atlas.advisor": ("Advised", "advise"),
    "optbench.atlas.newcomers": ("Ranked", "rank"),
    "optbench.api": ("cohort", "info", "minimize", "optimizers", "problems", "schedules", "sweep"),
}
_ROOMS = ("figures",)
_API = {name: home for home, names in _HOMES.items() for name in names}
__all__ = ["__version__", *_API]


def __getattr__(name: str) -> object:
    """Import a public name, or the module ``figures``, when it is first used."""
    if name in _ROOMS:
        return import_module(f"optbench.{name}")
    if name not in _API:
        raise AttributeError(f"module 'optbench' has no attribute {name!r}")
    value = getattr(import_module(_API[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the names of the package, those that are not imported yet included."""
    return sorted({*globals(), *_API, *_ROOMS})
