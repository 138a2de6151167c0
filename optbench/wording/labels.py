"""Labels: numbers and configurations as text, the same in the terminal, on the page and in figures."""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from optbench.contract import arguments
from optbench.contract.errors import OptbenchError, find_all, unknown
from optbench.contract.names import INNER, canonical, split_levels

Row: TypeAlias = Mapping[str, Any] | pd.Series
"""A row of a table, by column."""
Label = Callable[[str], str]
"""Returns what a problem or an optimizer is called: its label, or its name where it has none, as `str` does."""
MATH = re.compile(r"(\$[^$]*[\\^_][^$]*\$)")
"""Math between dollars: with a command, an index or a power, which no price has."""
_COMMAND, _BRACES, _GREEK = re.compile(r"\\([A-Za-z]+) ?"), str.maketrans("", "", "{}\\"), {"lambda": "lamda"}
LONG = 30
"""Length up to which a schedule's text is its label."""
LONGEST = 48
"""Maximum length of a label: about the width of a table's column."""


# Hebrew, Arabic and their neighbors, with what joins them in a name
_RIGHT = "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]"
_RIGHT_TO_LEFT = re.compile(rf"{_RIGHT}+(?:[ \d_'\"-]{{1,3}}{_RIGHT}+)*")


def number(value: Any, digits: int = 3) -> str:
    """Return the text of a number with that many significant digits: "1.2e-5", "inf"; "–" if it is missing."""
    if value is None or pd.isna(value):
        return "–"
    text = f"{float(value):.{digits}g}"
    mantissa, mark, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if mark else text


def value_text(value: float) -> str:
    """Return a hyperparameter to three digits; just below 1, as of beta2, with two of what is left: "0.99968"."""
    return number(value, max(3, 1 - math.floor(math.log10(1 - value))) if 0.9 < value < 1 else 3)


def count_problems(count: int, of: int) -> str:
    """Return how many problems of all these are: "2 of 7 problems", "all 7 problems", "both problems"."""
    if count < of:
        return f"{count} of {of} problems"
    return "both problems" if of == 2 else f"all {of} problems"


def short_name(problem: str) -> str:
    """Return a problem's name without parameters, "noisy(mlp)"; a label such as "Churn (2024)" stays as it is."""
    short = ""
    for name, _ in reversed(_split_levels(problem)):
        if not name.isidentifier():
            return problem
        short = canonical(name, {INNER: short} if short else {})
    return short


def short_names(problems: Iterable[str], label: Label = str) -> dict[str, str]:
    """Return the `short_name` of each problem's label, by name; the whole label where several share the short one."""
    called = {problem: label(problem) for problem in problems}
    short = {problem: short_name(text) for problem, text in called.items()}
    several = [name for name, count in Counter(short.values()).items() if count > 1]
    return {problem: called[problem] if name in several else name for problem, name in short.items()}


def name_of(text: Any, labels: Mapping[str, str]) -> Any:
    """Return the name in tables of what a user names: by its label, or as in the tables.

    What is the label of one and the name of another, as where two labels are swapped, is the label: that is what texts
    and figures show. What is no text stays. labels: by name.
    """
    return next((name for name, label in labels.items() if label == text), text)


def list_optimizers(optimizers: str | Iterable[str], known: Collection[str], labels: Mapping[str, str]) -> list[str]:
    """Return the names of one or more optimizers as a list, each once.

    known: what there is; labels: by name, which may be given, too. Raises OptbenchError if none is named, or one is
    unknown.
    """
    given = [optimizers] if isinstance(optimizers, str) else arguments.list_items("optimizers", optimizers)
    names = [name_of(name, labels) for name in given]

    def check(name: str) -> None:
        """Raise OptbenchError for an unknown name."""
        if name not in known:
            raise unknown("optimizer", name, known)

    find_all(check, names)
    if not names:
        raise OptbenchError("optimizers: name at least one, or leave it out")
    return list(dict.fromkeys(names))


def share_text(share: float) -> str:
    """Return a target, a share of the first suboptimality, in percent: "0.1%", "1e-6%"."""
    if share < 9.95e-6:
        return f"{number(100 * share)}%"
    return f"{np.format_float_positional(100 * share, precision=6, fractional=False, trim='-')}%"


def samples_text(count: float) -> str:
    """Return a number of samples to three digits, below a million with commas: "5,680", "1.23e6"."""
    return f"{float(f'{count:.3g}'):,.0f}" if abs(count) < 1e6 else number(count)


def batch_label(batch_size: int, full: bool) -> str:
    """Return the batch size, or "full"."""
    return "full" if full else str(int(batch_size))


def optimizer_label(row: Row, varied: dict[str, list[str]], label: Label = str) -> str:
    """Return the optimizer's label with the hyperparameters that the sweep varied: "clip(adam, norm=2)".

    row: of `runs` or of a table of settings. varied: from `varied_hyperparameters`.
    """
    values = [f"{name}={value_text(row[name])}" for name in varied.get(row["optimizer"], []) if not pd.isna(row[name])]
    return with_values(label(row["optimizer"]), values)


def with_values(name: str, values: list[str]) -> str:
    """Add values inside the brackets of a name: "clip(adam)" and "norm=2" make "clip(adam, norm=2)"."""
    opened = f"{name[:-1]}, " if name.endswith(")") else f"{name}("
    return f"{opened}{', '.join(values)})" if values else name


def hyperparameter_text(row: Row, columns: list[str]) -> str:
    """Return all hyperparameters of a row: "beta1=0.9, eps=1e-8"; columns: `hyperparameter_columns` of its table."""
    return ", ".join(f"{name}={value_text(row[name])}" for name in columns if not pd.isna(row[name]))


def failure_text(row: Row) -> str:
    """Return the failed seeds of all seeds of a row of `best_configurations`: "2/6"."""
    return f"{int(row['failures'])}/{int(row['n'])}"


def describe_failures(row: Row) -> str:
    """Return "fails in 1 of 8 runs" of a row of `best_configurations`; "" where none or all failed."""
    return f"fails in {int(row['failures'])} of {int(row['n'])} runs" if 0 < row["failures"] < row["n"] else ""


def list_warnings(row: Row) -> list[str]:
    """Return warnings about a row of `best_configurations`, such as "one seed: no interval"; empty for most."""
    out = []
    if row["failures"] == row["n"]:
        out.append("every seed failed")
    if row["edge"]:
        words = ("highest", "higher") if row["edge_side"] == "high" else ("lowest", "lower")
        out.append("the {} rate that was tried: try {} ones".format(*words))
    if not row["held_out"]:
        out.append("reported on the seeds it was tuned on")
    if row["unfinished"]:
        out.append(f"{int(row['unfinished'])}/{int(row['n'])} stopped by --run-timeout")
    if row["n"] == 1:
        out.append("one seed: no interval")
    elif row["coverage"] < 0.95:
        out.append(f"interval covers {100 * row['coverage']:.3g}% only")
    return out


def keep_own(names: Iterable[str], own: Collection[str], most: int) -> list[str]:
    """Return at most so many names, in their order: those of the user's own, and the first of the others."""
    names = list(names)
    rest = max(most - sum(name in own for name in names), 0)
    others = [name for name in names if name not in own][:rest]
    return [name for name in names if name in own or name in others][:most]


def file_names(problems: Iterable[str], label: Label = str) -> dict[str, str]:
    """Return, by problem, a different name for each that is safe in any file system and in a link: from its label."""
    out: dict[str, str] = {}
    for problem in problems:
        plain = re.sub(r"[^a-z0-9._]+", "-", label(problem).lower()).strip("-.")
        if not plain or len(plain) > 60 or plain in out.values():
            plain = f"{plain[:50].rstrip('-.')}-{hashlib.sha256(str(problem).encode()).hexdigest()[:8]}".lstrip("-")
        out[problem] = plain
    return out


def split_math(text: str) -> list[str]:
    """Return the parts of a text, those at odd places TeX's math between dollars: "$\\beta_1$-Adam".

    Math has a command, an index or a power, and as many opening as closing braces; other dollars are dollars.
    """
    parts = MATH.split(text)
    return parts if all(part.count("{") == part.count("}") for part in parts[1::2]) else [text]


def write_math(text: str) -> str:
    """Return a text with its math in plain letters: "β_1-Adam" of "$\\beta_1$-Adam"; of unknown commands the word."""
    parts = split_math(text)
    parts[1::2] = [_COMMAND.sub(_read_command, part.strip("$")).translate(_BRACES) for part in parts[1::2]]
    return "".join(parts)


def _read_command(found: re.Match) -> str:
    """Return the Greek letter of a command of TeX; of others the word, and nothing for a change of font."""
    word = found[1]
    size = "CAPITAL" if word[:1].isupper() else "SMALL"
    try:
        return unicodedata.lookup(f"GREEK {size} LETTER {_GREEK.get(word.lower(), word)}")
    except KeyError:
        return "" if word.startswith(("math", "text", "oper")) else word


def shorten(text: str, length: int) -> str:
    """Cut a text to at most `length` characters, with an ellipsis."""
    return text if len(text) <= length else text[: max(length - 1, 1)].rstrip() + "…"


def isolate(text: str) -> str:
    """Return a text whose words from right to left have Unicode's isolates around them, so that no other word moves."""
    return _RIGHT_TO_LEFT.sub("\u2068\\g<0>\u2069", text)


def shorten_schedules(texts: Iterable[str]) -> dict[str, str]:
    """Return a different label for each text of a schedule, by text.

    A text of at most LONG characters stands as it is. A longer one is left with the parameters that distinguish it from
    others of its form: "warmup(cosine(final=0.0), fraction=0.1, ...)" is "warmup(cosine)" if it is the only one, and
    "warmup(cosine, fraction=0.1)" beside one of another fraction.
    """
    levels = {text: _split_levels(text) for text in texts}
    short = {text: text if len(text) <= LONG else shorten(_keep_differences(levels, text), LONGEST) for text in levels}
    names = list(short.values())
    return {text: name if names.count(name) == 1 else text for text, name in short.items()}


def name_schedules(texts: Iterable[str]) -> dict[str, str]:
    """Return a name for each text of a schedule, for sentences: without parameters where no other has that name."""
    short = shorten_schedules(texts)
    plain = [text.partition("(")[0] for text in short]
    return {text: name if plain.count(name) == 1 else short[text] for text, name in zip(short, plain, strict=True)}


def _split_levels(text: str) -> list[tuple[str, dict]]:
    """Return (name, parameters) of the schedule in a text and of those that it wraps, from outside in.

    If one of them cannot be parsed, its text is the only level, [(text, {})].
    """
    try:
        return split_levels(text) if text else []
    except OptbenchError:
        return [(text, {})]


def _keep_differences(levels: dict[str, list], text: str) -> str:
    """Return a schedule's text without the parameters that are equal in all texts of its form.

    levels: `_split_levels` of all texts, by text.
    """
    form = [name for name, _ in levels[text]]
    same_form = [other for other in levels.values() if [name for name, _ in other] == form]
    short = ""
    for place, (name, given) in reversed(list(enumerate(levels[text]))):
        values = {key: {repr(other[place][1].get(key)) for other in same_form} for key in given}
        different = {key: value for key, value in given.items() if len(values[key]) > 1}
        short = canonical(name, ({INNER: short} if short else {}) | different)
    return short
