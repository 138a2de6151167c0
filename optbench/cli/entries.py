"""Labelled entries: wrapped to the width of a terminal; elsewhere one line each."""

import textwrap

from rich.text import Text

from optbench.cli.console import console

# Columns: longer lines are hard to read, however wide the terminal
_WIDEST = 120


def counted(number: int, word: str) -> str:
    """Return a number with its noun: ``3 numbers``, ``1 number``."""
    return f"{number:,} {word}{'s' * (number != 1)}"


def print_entry(label, indent, text, remark="") -> None:
    """Print a label and its text; the remark goes below in a terminal, and on the same line elsewhere."""
    beside = bool(text and remark)
    between = f"\n{' ' * indent}" * beside if console.is_terminal else "   " * beside
    label = f"{label} ".ljust(indent) if text or remark else label
    print_lines(Text.assemble((label, "bold"), filled(text, indent), between, (filled(remark, indent), "dim")))


def filled(text, indent=0) -> str:
    """Wrap a text to the terminal, the lines after the first one indented; elsewhere return one line."""
    text = text.replace("\n", " ")
    if not console.is_terminal:
        return text
    width = max(min(console.width, _WIDEST) - indent, 20)
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return ("\n" + " " * indent).join(lines)


def print_lines(*lines: str | tuple[str, str] | Text) -> None:
    """Print each line without cutting it; a pair is a text and its style."""
    for line in lines:
        console.print(Text.assemble(line), soft_wrap=True)
