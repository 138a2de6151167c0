"""Tables -> figures, by seaborn on matplotlib axes.

Draws what analysis computes, on axes that are given or new; reads no folder. The names below load on first use, so
that commands that draw nothing do not wait for matplotlib.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any

from optbench.contract.errors import unknown

if TYPE_CHECKING:
    from optbench.analysis.sweep_tables import Tables

__all__ = [
    "Plot", "animate_paths", "batch_scaling", "best_of_n", "curves", "divergence", "ewa", "ewa_weights", "forest",
    "heatmap", "matrix", "mean_ranks", "noise", "paths", "rates", "runtimes", "schedules", "styled", "time_per_step",
]  # fmt: skip

# Function -> the module of this package that has it; no module is called as a function is.
OF_RESULTS = {
    "matrix": "answer_matrix",
    "forest": "forest_plot",
    "curves": "loss_curves",
    "rates": "loss_curves",
    "heatmap": "maps",
    "paths": "contour_paths",
    "best_of_n": "tuning_and_time",
    "divergence": "maps",
    "batch_scaling": "batch_sizes",
    "noise": "batch_sizes",
    "mean_ranks": "rank_diagram",
    "runtimes": "tuning_and_time",
    "time_per_step": "tuning_and_time",
}
"""Functions whose first argument is results, in the order of reports; ``results.plot`` has them, too."""
_OTHERS = {
    "schedules": "averages_and_schedules",
    "ewa": "averages_and_schedules",
    "ewa_weights": "averages_and_schedules",
    "animate_paths": "contour_paths",
    "styled": "style",
}


class _List:
    """The docstring of `Plot`: it lists the figures with their first lines, for which it loads them."""

    def __get__(self, plot: Plot | None, owner: type | None = None) -> str:
        """Return the docstring."""
        lines = [f"{name}: {(_load_function(name).__doc__ or '').partition(chr(10))[0]}" for name in sorted(OF_RESULTS)]
        head = "The figures of a sweep's results; `help(results.plot.curves)` has the arguments of one."
        return "\n\n".join(
            [head, "\n".join(lines), "Each returns matplotlib's axes, and draws on `ax=` if that is given."]
        )


class Plot:
    """The functions of `optbench.figures` that take results, with these as the first argument."""

    def __init__(self, results: Tables):
        """Keep the results, which every function then gets as its first argument."""
        self._results = results

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return the function of that name, which takes the rest of its arguments. Raises AttributeError."""
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in OF_RESULTS:
            raise AttributeError(str(unknown("figure", name, OF_RESULTS)))
        function = _load_function(name)

        @wraps(function)
        def draw(*arguments: Any, **keywords: Any) -> Any:
            """Draw these results."""
            return function(self._results, *arguments, **keywords)

        draw.__signature__ = signature(partial(function, self._results))  # type: ignore[attr-defined]
        return draw

    def __dir__(self) -> list[str]:
        """Return the names of the functions."""
        return sorted(OF_RESULTS)

    def __repr__(self) -> str:
        """Return the list of the figures."""
        return self.__doc__ or ""


Plot.__doc__ = _List()  # type: ignore[assignment]


def _load_function(name: str) -> Any:
    """Return a function of this package, whose module is imported now."""
    return getattr(import_module(f"{__name__}.{(OF_RESULTS | _OTHERS)[name]}"), name)


def __getattr__(name: str) -> Any:
    """Return a function of this package, whose module is imported at its first use. Raises AttributeError."""
    if name not in OF_RESULTS and name not in _OTHERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = _load_function(name)
    return globals()[name]


def __dir__() -> list[str]:
    """Return the names of the package, those of functions whose modules are not imported yet among them."""
    return sorted({*globals(), *OF_RESULTS, *_OTHERS})
