"""Where an optimizer stands among others, in words and as rows of a table: terminal, Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from optbench.analysis import varied_hyperparameters
from optbench.analysis.answer import Answer
from optbench.analysis.placing import Placing
from optbench.analysis.verdicts import ALL, LOSES, OPEN, TIE, WINS
from optbench.contract.names import join_names, join_with_and
from optbench.wording.judged import SAMPLES, SIGNS, explain_signs, format_ends, format_ratio, name_certainty, name_unit
from optbench.wording.labels import count_problems, short_names
from optbench.wording.latex import latex_escaped
from optbench.wording.summary import lay_out

_MOST = 6
"""Names that a sentence lists."""
_NAME = 20
"""Letters of a problem's name where the table is too wide."""
_MISSED = "missed"
"""What stands for the rank on a problem where no run of what is ranked reached the target."""
COUNTS = {"beats": "+", "ties": "=", "loses": "-", "open": "?"}
"""The counts of a row, with what stands for each above a narrow column."""
_VERBS = {WINS: "beats", TIE: "ties with", LOSES: "loses to"}
BEST = "to the best rival"
LEGEND = "+ beats, = ties with (within 10%), - loses to, ? open"


def list_legend(lines: Sequence[str]) -> list[str]:
    """Return what the signs in the lines of a table mean."""
    missed = ["missed: none of its runs reached the target, so it has no rank there"] * (_MISSED in "".join(lines))
    return [LEGEND, *explain_signs(lines), *missed]


def list_reference(placings: Sequence[Placing], answer: Answer) -> list[str]:
    """Return a sentence on what the last column is beside, and how to name another; none without a reference."""
    name = answer.label(_find_reference(placings))
    text = f"The last column is beside {name}: --against, or against=, names another reference, and changes no rank."
    return [text] if name else []


def _find_reference(placings: Sequence[Placing]) -> str:
    """Return the reference that most optimizers have, or are; "" for none."""
    known = [each.against for each in placings if each.against]
    return max(known, key=lambda name: sum(name in (each.name, each.against) for each in placings), default="")


def headline_rank(placing: Placing, answer: Answer) -> str:
    """Return where it stands in one sentence: "mine ranks 2 of 6 [1–3] over 7 problems"."""
    row = placing.table.iloc[-1]
    rank, name = f"{row['rank']} of {row['optimizers']} {_ends(row)}", answer.label(placing.name)
    if row["problem"] in _list_missed(placing, answer):
        return (
            f"{name} has no rank on {answer.label(row['problem'])}: no run of it reached the target; it loses to "
            f"{row['loses']} of {row['optimizers'] - 1}"
        )
    if row["problem"] != ALL:
        return f"{name} ranks {rank} on {answer.label(row['problem'])}"
    return f"{name} ranks {rank} over these {len(placing.table) - 1} problems"


def describe_rank(placing: Placing, answer: Answer) -> list[str]:
    """Return sentences on whom it beats and loses to, and on what ratios and intervals are."""
    problem = placing.table["problem"].iloc[-1]
    rows = placing.pairs[placing.pairs["problem"] == problem]
    many = len(rows) > _MOST
    verbs = _VERBS if many else {**_VERBS, OPEN: "is open beside"}
    parts = [
        f"{word} {join_names(map(answer.label, rows.loc[rows['verdict'] == verdict, 'b']), _MOST)}"
        for verdict, word in verbs.items() if (rows["verdict"] == verdict).any()
    ]  # fmt: skip
    names = f"It {join_with_and(parts)}." if parts else ""
    units = {name_unit(answer, each) for each in placing.table["problem"] if each != ALL}
    unit = units.pop() if len(units) == 1 else "samples or loss"
    unit = f"{unit} to the target" if unit == SAMPLES else unit
    scope = f"Ratios are of {unit}, below 1 where {answer.label(placing.name)} is better"
    texts = [
        " ".join(filter(None, [_count_shown(rows) * many, names])),
        f"{scope}; intervals are at {name_certainty(answer)}, for all rivals in a row at once.",
    ]
    if not any(varied_hyperparameters(answer.runs, answer.tables.given).values()):
        texts.append("Of each the learning rate is tuned, and hyperparameters are at their defaults.")
    if problem == ALL:
        texts.append(
            "The last row is about the mean of ln ratio on these problems, not on others; a ratio counts as 100 at "
            "most, a run that misses its target as two budgets. optbench guide orders by mean rank, which can differ."
        )
    return [*texts, *_describe_misses(placing, answer)]


def _count_shown(rows: pd.DataFrame) -> str:
    """Return how many of the others it is shown to be better or worse than. rows: of `Placing.pairs`, of one problem.

    "Shown: it beats 3 of 66 and loses to 12; 51 are open."
    """
    counts = rows["verdict"].value_counts()
    parts = [f"{word} {counts[verdict]}" for verdict, word in _VERBS.items() if verdict in counts]
    if not parts:
        return f"Nothing is shown: all {len(rows)} are open."
    parts[0] += f" of {len(rows)}"
    rest = counts.get(OPEN, 0)
    return f"Shown: it {join_with_and(parts)}" + f"; {rest} {'is' if rest == 1 else 'are'} open" * bool(rest) + "."


def _list_missed(placing: Placing, answer: Answer) -> set[str]:
    """Return the problems on which no run of what is ranked reached the target."""
    rows = answer.ranking[answer.ranking["optimizer"] == placing.name]
    return {*rows.loc[(rows["problem"] != ALL) & (rows["reached"] == 0), "problem"]}


def _describe_misses(placing: Placing, answer: Answer) -> list[str]:
    """Return a sentence on the problems where no run reached the target, or every run failed; none without any."""
    rows = answer.ranking[(answer.ranking["optimizer"] == placing.name) & (answer.ranking["problem"] != ALL)]
    cases = {"no run reached the target": rows["reached"] == 0, "every run diverged or failed": rows["failures"] == 1}
    words = [
        f"{what} on {count_problems(int(there.sum()), len(rows))} "
        f"({join_names(map(answer.label, rows.loc[there, 'problem']), _MOST)})"
        for what, there in cases.items() if there.any()
    ]  # fmt: skip
    return [f"Of {answer.label(placing.name)} {join_with_and(words)}."] if words else []


def describe_reruns(cells: Sequence[tuple[str, str, bool, bool]]) -> str:
    """Return what runs of the atlas that were made again say about this machine; "" where all have the same bits.

    cells: problem, optimizer, whether all bits are the same, and whether values differ.
    """
    other = [f"{optimizer} on {problem}" for problem, optimizer, _, differs in cells if differs]
    if other:
        return (
            f"runs of {join_with_and(other)} that were made again differ from those of the atlas: it does not fit this "
            "machine or these versions of libraries; optbench sweep atlas --out atlas makes one here, in less than an "
            "hour, to rank beside with optbench rank OPTIMIZER atlas"
        )
    if all(same for *_, same, _ in cells):
        return ""
    return (
        "this machine rounds differently from the one that made the atlas; values of runs that were made again are not "
        "told apart from the archived ones"
    )


def list_heads(placing: Placing, answer: Answer) -> list[str]:
    """Return the heads of a table of `list_cells`."""
    heads = ["problem", "rank", *COUNTS, BEST]
    return [*heads, f"to {answer.label(placing.against)}"] if placing.against else heads


def list_cells(placing: Placing, answer: Answer) -> list[list[str]]:
    """Return the texts of each row of a table: problem, rank, counts, and ratios with their intervals."""
    table, missed = [], _list_missed(placing, answer)
    for row in placing.table.to_dict("records"):
        best = f"{_write_ratio(row)} {answer.label(row['best'])}".strip()
        rank = _MISSED if row["problem"] in missed else f"{row['rank']} {_ends(row)}"
        cells = [answer.label(row["problem"]), rank, *(str(row[key]) for key in COUNTS), best]
        table.append([*cells, _write_ratio(row, "against_")] if placing.against else cells)
    return table


def list_lines(placing: Placing, answer: Answer, width: int = 80) -> list[str]:
    """Return the lines of the table, the heads first, for so many columns.

    Where they are too few, the ratio to the best rival is left out of some rows or its interval, and names are cut in
    their middle.
    """
    heads = [{BEST: "best rival"}.get(head, head) for head in list_heads(placing, answer)]
    _, ranks, *others = zip(*list_cells(placing, answer), strict=True)
    counts, rivals, *against = [*zip(*others[: len(COUNTS)], strict=True)], *others[len(COUNTS) :]
    names = short_names(placing.table["problem"], answer.label).values()
    rows = placing.table.to_dict("records")
    best = [[text, *_shorten_rival(text, answer.label(row["best"]))] for text, row in zip(rivals, rows, strict=True)]
    for most in (None, _NAME):
        columns = {
            "problem": [[name if most is None else _cut_middle(name, most)] for name in names],
            "rank": [[text] for text in ranks],
            _align(COUNTS.values()): [[_align(each)] for each in counts],
            "best rival": best,
        }
        if against:
            columns[heads[-1] if most is None else _cut_middle(heads[-1], most)] = [[text] for text in against[0]]
        if lines := lay_out(columns, width, whole=most is None):
            break
    return lines


def _align(counts: Iterable[str]) -> str:
    """Return the counts of a row, or their signs, in two letters each."""
    return " ".join(f"{each:<2}" for each in counts).rstrip()


def _shorten_rival(text: str, name: str) -> list[str]:
    """Return shorter texts of the ratio to a rival: without its interval, and with less and less of its name."""
    ratio = text.partition(" ")[0]
    return [f"{ratio} {each}" for each in (name, *(_cut_middle(name, most) for most in (9, 8, 6)))]


def _cut_middle(name: str, most: int) -> str:
    """Return a name in so many letters at most: of schedule_free_adamw and schedule_free_sgd the ends differ."""
    return name if len(name) <= most else f"{name[: (most - 2) // 2]}…{name[-(most // 2 + most % 2) :]}"


def list_standings(placings: Sequence[Placing], answer: Answer, width: int = 80) -> list[str]:
    """Return the lines of a table with a row for each of several optimizers, by their last rows, the first rank first.

    answer: has all of them, or labels alone.
    """
    placings = sorted(placings, key=lambda each: tuple(each.table[["rank", "ratio"]].iloc[-1]))
    against = _find_reference(placings)
    rows = []
    for each in placings:
        _, rank, *cells = list_cells(each, answer)[-1]
        reference = "1" if each.name == against else cells[-1] if each.against == against else ""
        rows.append([answer.label(each.name), rank, *cells[: len(COUNTS)], reference])
    heads = ["optimizer", "rank", *COUNTS.values(), f"to {answer.label(against)}"]
    columns = {head: [[text] for text in each] for head, each in zip(heads, zip(*rows, strict=True), strict=True)}
    return lay_out(columns, width)


def describe_several(placings: Sequence[Placing]) -> str:
    """Return what the rows of `list_standings` are about."""
    count = len(placings[0].table) - 1
    scope = f"Over these {count} problems" if count else f"On {placings[0].table['problem'].iloc[0]}"
    return f"{scope}, each among all the others; ratios below 1 where the row's optimizer is better."


def list_pairs(placings: Sequence[Placing], answer: Answer) -> list[str]:
    """Return a sentence for each two of several optimizers: on how many problems one beats the other, and over all.

    answer: as of `list_standings`.
    """
    lines = []
    for one, other in combinations(placings, 2):
        rows = one.pairs[one.pairs["b"] == other.name]
        if rows.empty:  # it was ranked later, and only its own placing has both
            one, other = other, one
            rows = one.pairs[one.pairs["b"] == other.name]
        each, counts = rows[rows["problem"] != ALL], rows.loc[rows["problem"] != ALL, "verdict"].value_counts()
        if each.empty or len(rows) == len(each):
            continue
        lines.append(
            f"{answer.label(one.name)} beats {answer.label(other.name)} on {counts.get(WINS, 0)} of {len(each)} "
            f"problems and loses to it on {counts.get(LOSES, 0)}; over all its ratio is {_write_ratio(rows.iloc[-1])}"
        )
    return lines


def describe_worse(placing: Placing, answer: Answer, rows: Sequence[Mapping[str, Any]], above: float) -> str:
    """Return on which problems it is shown to be worse than the reference. rows: theirs; above: by more than this."""
    words = [f"{answer.label(row['problem'])}, {_write_ratio(row, 'against_')}" for row in rows]
    pair = f"{answer.label(placing.name)} / {answer.label(placing.against)}"
    return f"regression above {100 * above:.4g}% shown: {pair} on {'; '.join(words)}"


def describe_versions(name: str, count: int, confirmed: bool) -> str:
    """Return what it means that so many versions of an optimizer were ranked; "" for the first one."""
    if count < 2:
        return ""
    remedy = "" if confirmed else ": --confirm, or confirm=True, runs it on seeds that none has met"
    return (
        f"{count} versions of {name} have been ranked here by now, and the best of several that are alike looks better "
        f"than it is{remedy}."
    )


def headline_confirmed(fresh: Placing, answer: Answer, seeds: int) -> str:
    """Return where it stands on fresh seeds. answer: on these."""
    scope = "with the same settings, and so without the luck of the search"
    return f"On {seeds} fresh seeds, {scope}, {headline_rank(fresh, answer)}"


def list_confirmed(placing: Placing, fresh: Placing, answer: Answer) -> list[str]:
    """Return the lines of a table of the nearest rivals: the ratio to each, and that on fresh seeds with its verdict.

    placing: on the seeds of the sweep; answer: has the names of all.
    """
    before, after = (each.pairs[each.pairs["problem"] == each.pairs["problem"].iloc[-1]] for each in (placing, fresh))
    both = after.merge(before, on="b", suffixes=("", "_before"))
    columns = {
        "rival": [[answer.label(name)] for name in both["b"]],
        "ratio": [[_write_ratio(row, suffix="_before")] for row in both.to_dict("records")],
        "on fresh seeds": [[_write_ratio(row)] for row in both.to_dict("records")],
        "verdict": [[row] for row in both["verdict"]],
    }
    return lay_out(columns, 80)


def write_text(placing: Placing, answer: Answer, more: Sequence[str] = ()) -> str:
    """Return the answer as the terminal shows it: a sentence, the table, and what its numbers mean.

    more: further lines.
    """
    first, *notes = describe_rank(placing, answer)
    table = list_lines(placing, answer)
    lines = [headline_rank(placing, answer), first, "", *table, "", *list_legend(table)]
    lines += [*notes, *list_reference([placing], answer), *more]
    return "\n".join(lines)


def write_markdown(placing: Placing, answer: Answer, command: str) -> str:
    """Return the answer as Markdown, for the comment of a pull request."""
    heads, rows = list_heads(placing, answer), list_cells(placing, answer)
    lines = [f"**{headline_rank(placing, answer)}**", "", *describe_rank(placing, answer), ""]
    lines += [f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows)]
    return "\n".join([*lines, "", f"`{command}`"])


def write_latex(placing: Placing, answer: Answer, command: str) -> str:
    """Return the answer as a table in LaTeX, for the package booktabs."""
    heads, rows = list_heads(placing, answer), list_cells(placing, answer)
    caption = latex_escaped(" ".join([f"{headline_rank(placing, answer)}.", *describe_rank(placing, answer)]))
    lines = [f"{' & '.join(map(latex_escaped, cells))} \\\\" for cells in (heads, *rows)]
    if len(rows) > 1:
        lines.insert(-1, "\\midrule")
    return "\n".join([
        f"% {command}", "% needs \\usepackage{booktabs}", "\\begin{table}", "\\centering", f"\\caption{{{caption}}}",
        "\\label{tab:rank}", f"\\begin{{tabular}}{{l{'r' * (len(heads) - 1)}}}", "\\toprule", lines[0], "\\midrule",
        *lines[1:], "\\bottomrule", "\\end{tabular}", "\\end{table}",
    ])  # fmt: skip


def _ends(row: Mapping[str, Any]) -> str:
    """Return the interval of a rank: "[1–3]"."""
    return f"[{row['rank_low']}–{row['rank_high']}]"


def _write_ratio(row: Mapping[str, Any], prefix: str = "", suffix: str = "") -> str:
    """Return a ratio with its interval, "1.3 [1.1–1.5]"; "-" where there is none. prefix, suffix: of its columns."""
    ratio, low, high = (row[f"{prefix}{name}{suffix}"] for name in ("ratio", "low", "high"))
    if np.isnan(ratio):
        return "-"
    interval = "" if np.isnan(low) else f" [{format_ends(low, high)}]"
    return f"{SIGNS.get(row[f'{prefix}bound{suffix}'], '')}{format_ratio(ratio)}{interval}"
