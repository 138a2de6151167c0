"""Tables -> figures, by matplotlib and seaborn.

Draws what analysis computes, on axes that are given or new; reads no folder. The names below load on first use, so
that who draws nothing does not wait for matplotlib.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = [
    "Plot", "animate_paths", "batch_scaling", "best_of_n", "critical_difference", "curves", "divergence", "ewa",
    "ewa_weights", "heatmap", "noise", "paths", "profiles", "rates", "schedules", "styled", "time_per_step",
]  # fmt: skip

# Function -> the module of this package that has it; no module is called as a function is.
OF_RESULTS = {
    "curves": "loss_curves",
    "rates": "learning_rates",
    "heatmap": "batch_and_schedule",
    "paths": "trajectories",
    "best_of_n": "tuning_value",
    "profiles": "profile_bands",
    "critical_difference": "rank_diagram",
    "batch_scaling": "batch_steps",
    "divergence": "divergence_map",
    "time_per_step": "dimension_times",
    "noise": "cost_wiggles",
}
"""Functions whose first argument is results: they are what ``results.plot`` offers, too."""
_OTHERS = {
    "schedules": "schedule_curves",
    "ewa": "moving_averages",
    "ewa_weights": "average_weights",
    "animate_paths": "animation",
    "styled": "styles",
    "Plot": "accessor",
}


def __getattr__(name: str) -> Any:
    home = {**OF_RESULTS, **_OTHERS}.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *OF_RESULTS, *_OTHERS})
