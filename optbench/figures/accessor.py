"""What ``results.plot`` is: all figures of these results, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from optbench import figures
from optbench.contract.errors import unknown
from optbench.figures.evidence import Tables


class Plot:
    """The functions of `optbench.figures` that take results, with these as the first argument."""

    def __init__(self, results: Tables):
        self._results = results

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in figures.OF_RESULTS:
            raise AttributeError(str(unknown("figure", name, figures.OF_RESULTS)))
        function, results = getattr(figures, name), self._results

        @wraps(function)
        def draw(*arguments: Any, **keywords: Any) -> Any:
            return function(results, *arguments, **keywords)

        return draw

    def __dir__(self) -> list[str]:
        return sorted(figures.OF_RESULTS)
