"""A table of results as LaTeX with the rules of booktabs; every text is escaped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from optbench.wording import labels

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "–": "--", "…": r"\ldots{}", "·": r"\textperiodcentered{}", "\n": " ", "\r": " ",
}  # fmt: skip
_POWER = re.compile(r"(-?[\d.]+)e(-?\d+)")


def text(value: str) -> str:
    """What LaTeX sets as it stands in `value`."""
    return "".join(_SPECIAL.get(each, each) for each in value)


def number(value: float, digits: int = 3) -> str:
    """Three digits: 0.0012, $1.2 \\times 10^{-5}$, 5,860, $\\infty$, or a dash where there is none."""
    if pd.notna(value) and 1000 <= value < 1e6:
        return f"{value:,.0f}" if value == int(value) else f"{float(f'{value:.{digits}g}'):,.0f}"
    if pd.notna(value) and value != 1 and abs(value - 1) < 0.005:
        digits += 1  # a ratio that is not quite 1
    short = labels.number(value, digits)
    if short in ("inf", "-inf"):
        return rf"${short.replace('inf', chr(92) + 'infty')}$"
    if power := _POWER.fullmatch(short):
        return rf"${power[1]} \times 10^{{{power[2]}}}$"
    return f"${short}$" if short.startswith("-") else text(short)


def tabular(
    table: pd.DataFrame,
    columns: Mapping[str, str],
    comment: str,
    bold: pd.Series,
    dagger: pd.Series,
    marked: Sequence[str],
) -> str:
    """The table as a tabular of these columns, by heading.

    bold, dagger: whether each row is in bold and has a dagger, in the columns `marked`.
    """
    there = {name: heading for name, heading in columns.items() if name in table}
    numeric = {name: pd.api.types.is_numeric_dtype(table[name]) and table[name].dtype != bool for name in there}
    lines = [
        f"% {' '.join(comment.split())}",
        "% needs the package booktabs; bold: first place or better; dagger: undecided",
        rf"\begin{{tabular}}{{{''.join('r' if numeric[name] else 'l' for name in there)}}}",
        r"\toprule",
        rf"{' & '.join(text(heading) for heading in there.values())} \\",
        r"\midrule",
    ]
    for place, row in enumerate(table.to_dict("records")):
        cells = []
        for name in there:
            cell = number(row[name]) if numeric[name] else text("–" if pd.isna(row[name]) else str(row[name]))
            if name in marked and bold.iloc[place]:
                cell = rf"\textbf{{{cell}}}"
            if name in marked and dagger.iloc[place]:
                cell += r"\textsuperscript{\textdagger}"
            cells.append(cell)
        lines.append(rf"{' & '.join(cells)} \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])
