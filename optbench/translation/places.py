"""Where another library's optimizers stand, or one of the user's own: how code names and imports them."""

import importlib.util
import keyword
import sys
from pathlib import Path
from typing import Any

from optbench.contract import names
from optbench.contract.equals import LIBRARIES

WORDS = dict(zip(LIBRARIES, ("PyTorch", "optax", "Keras"), strict=True))
"""How a library is called in a comment."""
HOMES = dict(zip(LIBRARIES, ("torch.optim", "optax", "keras.optimizers"), strict=True))
"""Where a library has its optimizers."""
OWN = "own"
"""Where a class of the user's own stands, in a call: the code imports it by its bare name."""

LOOPS = {"torch": ("clipped", "coupled", "decoupled", "lookahead", "averaged"), "optax": ("averaged",)}
"""What stands in ``equals`` for lines of the loop, and is no name of the library."""


def bare_name(record: Any) -> str:
    """What the class or function of an eager optimizer is called in its file.

    Args:
        record: the eager optimizer.

    Returns:
        Its name, which a function with some arguments filled in, as optax has them, does not know itself.
    """
    name = getattr(record.target, "__name__", "")
    return name if name.isidentifier() else names.parse(record.name)[0].rpartition(":")[2].rpartition(".")[2]


def dotted_name(record: Any) -> str:
    """Where the class or function is found in its library.

    Args:
        record: the eager optimizer.

    Returns:
        Such as ``contrib.adopt``; behind OWN, the bare name of one that is not the library's.
    """
    home, name = HOMES[record.library], bare_name(record)
    for place in (home, f"{home}.contrib"):
        if getattr(sys.modules.get(place), name, None) is record.target:
            return f"{place}.{name}".removeprefix(f"{home}.")
    return f"{OWN}.{name}"


def owner(record: Any, library: str) -> str:
    """Whose the steps are: a class of the user's own is no part of the library.

    Args:
        record: an optimizer of any kind.
        library: of LIBRARIES.

    Returns:
        Words for a comment.
    """
    return f"{bare_name(record)} itself" if _is_own(record) else HOMES[library]


def imported(record: Any, files: tuple[Path, ...]) -> str:
    """The import of an optimizer that is no part of the library.

    Args:
        record: an optimizer of any kind.
        files: where it is defined.

    Returns:
        Lines of code; nothing for what the library has.
    """
    if not _is_own(record):
        return ""
    name = bare_name(record)
    module = getattr(getattr(record.target, "func", record.target), "__module__", "") or ""
    if not files or _is_installed(module):
        return f"from {module} import {name}\n"
    file = files[0]
    if file.stem.isidentifier() and not keyword.iskeyword(file.stem):
        return f"from {file.stem} import {name}  # {file}\n"
    return f"""import importlib.util

spec = importlib.util.spec_from_file_location("own_file", {str(file)!r})
own_file = importlib.util.module_from_spec(spec)
spec.loader.exec_module(own_file)
{name} = own_file.{name}
"""


def _is_own(record: Any) -> bool:
    return hasattr(record, "target") and dotted_name(record).startswith(f"{OWN}.")


def _is_installed(module: str) -> bool:
    """Whether a module can be imported by its name, which the user's files, loaded from their place, cannot."""
    package = module.partition(".")[0]
    try:
        return (
            importlib.util.find_spec(package) is not None
            and package != "__main__"
            and module in sys.modules
            and not module.startswith("_optbench_plugin_")
        )
    except (ImportError, ValueError):
        return False
