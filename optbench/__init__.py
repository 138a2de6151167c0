"""optbench: which optimizer, batch size and learning-rate schedule works best on which objective, and how sure are we?

The names below load on first use, so that ``import optbench`` and ``optbench --help`` stay quick.
"""

import sys
from importlib import import_module
from types import ModuleType

__version__ = "0.2.0"

_HOMES = {
    "optbench.records": ("Family", "Problem", "Schedule", "problem", "schedule", "schedule_wrapper"),
    "optbench.rules": ("Baseline", "Matrix", "Optimizer", "Wrapper"),
    "optbench.declare": ("optimizer", "variant", "wrapper"),
    "optbench.errors": ("OptbenchError", "PluginError"),
    "optbench.ewa": ("ewa",),
    "optbench.ewa_stream": ("EWA",),
    "optbench.scipy_method": ("scipy_method",),
    "optbench.trace": ("trace",),
    "optbench.api": ("load", "minimize", "optimizers", "problems", "schedules", "sweep"),
}
_API = {name: home for home, names in _HOMES.items() for name in names}
__all__ = ["__version__", *_API]


class _Package(ModuleType):
    """Some functions share their name with a module or a folder (ewa, sweep): the function wins."""

    def __setattr__(self, name, value):
        if not (name in _API and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name):
    if name not in _API:
        raise AttributeError(f"module 'optbench' has no attribute {name!r}")
    value = getattr(import_module(_API[name]), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *_API})
