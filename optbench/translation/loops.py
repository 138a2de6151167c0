"""What the code for the three libraries shares: parts put together, the kernel's call, the end of a run."""

from collections.abc import Iterable

from optbench.translation.rates import formula
from optbench.translation.setting import Setting


def joined(parts: Iterable[str]) -> str:
    """Definitions, two empty lines between them.

    Args:
        parts: code, each from the first column; empty ones count for nothing.

    Returns:
        The code of a file.
    """
    return "\n\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"


def lines(text: str, indent: int) -> str:
    """Code further to the right.

    Args:
        text: lines from the first column.
        indent: blanks before each.

    Returns:
        The lines, each ended; nothing for an empty text.
    """
    lead = " " * indent
    return "".join(f"{lead}{line}\n" if line else "\n" for line in text.strip("\n").splitlines()) if text else ""


def stepper_call(setting: Setting, arrays: str) -> str:
    """The call of optbench's kernel on arrays.

    Args:
        setting: what is said.
        arrays: code of a list of them.

    Returns:
        Code.
    """
    values = "".join(f", {key}={value!r}" for key, value in setting.values.items())
    files = [str(path) for path in setting.plugins]
    given: str | list[str] = files[0] if len(files) == 1 else files
    plugin = f", plugin={given!r}" * bool(files)
    return f"optbench.stepper({setting.optimizer.name!r}, {arrays}, lr={setting.lr!r}{values}{plugin})"


def tabulated(setting: Setting, own: str) -> str:
    """The definition of ``factors``, where the library has no schedule of its own for it.

    Args:
        setting: what is said.
        own: the library's own schedule, or nothing.

    Returns:
        Code.
    """
    return "" if own or setting.constant else formula(setting.schedule)
