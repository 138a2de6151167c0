"""Whether a class draws from Python's or NumPy's global random numbers: to keep those apart takes more than a step."""

import inspect
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

_DRAWS = re.compile(r"random|np\.rand|numpy\.rand|^[ \t]+(import|from)\s", re.MULTILINE)
"""Of a file that may draw, or load in a function what may."""
_OTHERS = {"torch", "numpy", "builtins", *sys.stdlib_module_names}
"""Modules that draw from these where their names are written, or not at all."""


@cache
def draws(target: Callable) -> bool:
    """Whether it may: by the text of its file, of its bases' files, and of those whose names these use."""
    todo = [each.__module__ for each in inspect.getmro(target)] if isinstance(target, type) else [target.__module__]
    seen = set()
    while todo:
        name = todo.pop()
        if name in seen or name.partition(".")[0] in _OTHERS - {"__main__"}:
            continue
        seen.add(name)
        module = sys.modules.get(name)
        try:
            text = Path(str(getattr(module, "__file__", ""))).read_text(errors="replace")
        except OSError:  # typed in, or compiled
            return True
        if _DRAWS.search(text):
            return True
        todo += [used for value in list(vars(module).values()) if isinstance(used := _home(value), str)]
    return False


def _home(value: Any) -> Any:
    """The name of the module that a value is, or is from."""
    try:
        return value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    except Exception:  # whatever a user's object may raise
        return None
