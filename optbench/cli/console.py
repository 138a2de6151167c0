"""Printing: answers go to standard output, messages to standard error.

Imported when a command runs, because rich and the catalogue take a while to import.
"""

import textwrap
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.text import Text

from optbench.contract.errors import WARNING


class _Console(Console):
    """A console that lets the reader's end be seen: rich would end with 1, which says that a regression is shown."""

    def on_broken_pipe(self) -> NoReturn:
        """Raise the error that rich has caught."""
        raise BrokenPipeError


# Names and paths of the user's are no markup; text with a style is a rich Text.
console = _Console(highlight=False, markup=False)
errors = _Console(stderr=True, highlight=False, markup=False)
# Columns: longer lines are hard to read, however wide the terminal
_WIDEST = 120


def show_broken(path: Path, trace: str) -> None:
    """Print why a plug-in file does not load. trace: its traceback."""
    text = trace.rstrip("\n")
    gap = "\n" if "\n" in text else " "
    errors.print(f"the plug-in {path} does not load:{gap}{text}", style="yellow", soft_wrap=True)


def describe_worker_end(error: Exception, state: str, check_timeout: float) -> str:
    """Return why a worker has ended in this state. error: Died, or TimedOut after ``check_timeout`` seconds."""
    from optbench.run.processes import TimedOut  # it takes a while to import

    if isinstance(error, TimedOut):
        return f"timed out after {check_timeout:g} s {state}: an infinite loop? Else raise --check-timeout"
    return f"{state}: {error}"


def warn(text: str) -> None:
    """Print a warning in one line."""
    errors.print(f"{WARNING} {text}", style="yellow", soft_wrap=True)


def paragraph(text: str, indent: int = 0, hang: int = 0) -> None:
    """Print ``text`` wrapped to the terminal's width: long words are not broken, markup has no effect, math is plain.

    indent: columns before the first line; hang: columns before the others.
    """
    print(
        textwrap.fill(
            write_plainly(text), max(console.width, 30), initial_indent=" " * indent, subsequent_indent=" " * hang,
            break_on_hyphens=False, break_long_words=False,
        )
    )  # fmt: skip


def write_plainly(text: str) -> str:
    """Return a text with its math in plain letters."""
    if "$" not in text:
        return text
    from optbench.wording.labels import write_math  # it takes a while to import

    return write_math(text)


def command(text: str) -> None:
    """Print a command in one line, however long, so that it can be copied."""
    print(f"    {text}")


def print_entry(label: str, indent: int, text: str, remark: str = "") -> None:
    """Print a label, padded to `indent` columns, and its text.

    The remark goes below in a terminal, and on the same line elsewhere.
    """
    beside = bool(text and remark)
    between = f"\n{' ' * indent}" * beside if console.is_terminal else "   " * beside
    label = f"{label} ".ljust(indent) if text or remark else label
    print_lines(Text.assemble((label, "bold"), filled(text, indent), between, (filled(remark, indent), "dim")))


def filled(text: str, indent: int = 0) -> str:
    """Return a text wrapped to the terminal's width, the lines after the first one indented; elsewhere one line.

    Its math is plain.
    """
    text = write_plainly(text).replace("\n", " ")
    if not console.is_terminal:
        return text
    width = max(min(console.width, _WIDEST) - indent, 20)
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return ("\n" + " " * indent).join(lines)


def print_lines(*lines: str | tuple[str, str] | Text) -> None:
    """Print each line without cutting it; a pair is a text and its style, such as "bold"."""
    for line in lines:
        console.print(Text.assemble(line), soft_wrap=True)
