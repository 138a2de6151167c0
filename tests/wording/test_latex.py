"""The table of a paper: read cell by cell, it says what the ranking says, and it is LaTeX whatever the names are."""

import re

import numpy as np
import pandas as pd
import pytest
from quick import slow
from staged import add_times, staged_table
from synthetic import make_tables

from optbench.figures.data import report_data
from optbench.report.pictures import KINDS
from optbench.report.report_tables import LATEX, latex_text, without_bounds
from optbench.results.results import Results
from optbench.wording.answers import describe_measure
from optbench.wording.latex import MOST_COLUMNS, latex_escaped, latex_number

ODD = '[*] a_"b" & <c>, 50% of $x^2$ ~ {d}#\\ |x|'
SHAPE = {"batch_sizes": (16,), "points": 6, "rates": (0.01, 0.1), "schedules": ("constant",), "seeds": range(12)}
MANY = [f"rule_{letter}" for letter in "abcdefghijkl"]


def results_of(problems, optimizers, **provenance):
    tables = make_tables(problems, optimizers, **SHAPE)
    names = ("runs", "curves", "timings", "problems", "landscapes")
    return Results(*(tables[name] for name in names), {**tables["provenance"], **provenance})


def read(text):
    """Return the headings and rows of the tabular, each cell as text; the cells of a row are checked to be as many."""
    body = text[text.index("\\toprule") + 8 : text.index("\\bottomrule")]
    rows = [line for line in body.splitlines() if line.endswith("\\\\")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)&", line[:-2])] for line in rows]
    columns = re.search(r"\\begin\{tabular\}\{l(r+)\}", text)[1]
    assert {len(row) for row in cells} == {len(columns) + 1}
    cells += [[""] * len(cells[0])] * (len(cells) % 2 == 0)  # mean ranks of a few problems have no interval
    return cells[0], list(zip(cells[1::2], cells[2::2], strict=True))


def check_syntax(text):
    """Check what a compiler would: braces, environments, and that special characters stand where they may."""
    lines = [line for line in text.splitlines() if not line.startswith("%")]
    plain = re.sub(r"\\[\\{}&%$#_]", "", "\n".join(lines))
    depth = 0
    for char in plain:
        depth += {"{": 1, "}": -1}.get(char, 0)
        assert depth >= 0
    assert depth == 0
    assert plain.count("$") % 2 == 0
    assert not set('#~"%_') & set(re.sub(r"\$[^$]*\$", "", plain.replace('"b"', "")))
    opened = re.findall(r"\\(begin|end)\{(\w+)\}", plain)
    assert opened == [("begin", "table"), ("begin", "tabular"), ("end", "tabular"), ("end", "table")]
    assert not re.search(r"\\\\\s*[\[*]", text)  # behind the end of a row these are its arguments


@pytest.mark.parametrize("measure", [slow("loss"), "time"])
def test_every_number_and_mark_is_that_of_the_ranking(measure):
    results = results_of(["saddle", "rosenbrock"], ["gd", "adam", "momentum"], choose_by=["loss", "time"])
    text, ranking = results.to_latex(measure), results.ranking(measure)
    check_syntax(text)
    heads, rows = read(text)
    assert heads == ["problem", "gd", "adam", "momentum"]
    assert [first[0] for first, _ in rows] == ["saddle", "rosenbrock", "mean rank"]
    for (first, second), problem in zip(rows, ["saddle", "rosenbrock", "all"], strict=True):
        part = ranking[ranking["problem"] == problem].set_index("optimizer")
        column = "mean_rank" if problem == "all" else "value"
        unbeaten = part[part["place"] == 1]
        best = unbeaten[column].idxmin()
        for name, value, interval in zip(heads[1:], first[1:], second[1:], strict=True):
            row = part.loc[name]
            assert latex_number(row[column]) in value
            if problem == "all":  # two problems are too few
                assert (value, interval) == (latex_number(row["mean_rank"]), "")
                continue
            is_decided = set(part["state"]) != {"open"}
            assert value.startswith(r"\textbf") == (name == best and is_decided)
            assert value.startswith(r"\underline") == (name != best and row["state"] == "tie")
            assert value.endswith(r"{\textdagger}") == (name != best and row["state"] == "open")
            assert interval == rf"{{\footnotesize [{latex_number(row['low'])}, {latex_number(row['high'])}]}}"


def test_a_tie_is_underlined_and_a_loser_has_no_mark():
    def value(problem, optimizer, rate, stage, block, seed):
        return {"gd": 0.0, "adam": 1e-3 * (1 + seed % 3), "momentum": 3.0}[optimizer] + 0.1 * np.sin(seed)

    runs = staged_table(value, ("gd", "adam", "momentum"), rates=(0.1,), blocks=8)
    results = Results(runs, None, pd.DataFrame(), provenance={"choose_by": ["loss"]})
    (first, _), *_ = read(results.to_latex("loss"))[1]
    states = results.ranking("loss").set_index("optimizer")["state"]
    assert states.to_dict() == {"gd": "first", "adam": "tie", "momentum": "behind"}
    assert [cell[:4] for cell in first[1:3]] == ["\\tex", "\\und"]
    assert first[3] == latex_number(results.ranking("loss").set_index("optimizer").loc["momentum", "value"])


def test_unequal_trials_are_in_every_text_and_nothing_is_bold():
    """A lead of an optimizer with fewer trials than the others is sure, but the paper says so in words alone."""

    def value(problem, optimizer, rate, stage, block, seed):
        return {"gd": 0.0, "adam": 3.0, "lion": 3.0}[optimizer] + 0.1 * np.sin(7 * seed + 100 * rate)

    rates = {"gd": (0.1,), "adam": (0.1, 0.2, 0.3), "lion": (0.1, 0.2, 0.3)}
    runs = staged_table(value, (*rates,), rates=rates, blocks=8)
    results = Results(runs, None, pd.DataFrame(), provenance={"choose_by": ["loss"]})
    sentence = "Trials were unequal (gd 1, adam 3 and lion 3): the best of more is better"
    assert results.ranking("loss").set_index("optimizer")["state"]["gd"] == "first"
    text = results.to_latex("loss")
    assert sentence in text and "Nothing is bold there." in text and "textbf" not in text
    answer = report_data(results).answer
    assert sentence in str(results) and sentence in describe_measure(answer)
    assert sentence in KINDS["best_of_n"].describe(report_data(results), "p")
    equal = Results(staged_table(value, ("gd", "adam"), blocks=8), None, pd.DataFrame())
    assert "textbf" in equal.to_latex("loss") and "unequal" not in equal.to_latex("loss")


@pytest.mark.slow
def test_what_never_arrives_has_no_number_and_what_arrives_in_some_blocks_a_bound():
    """gd reaches the target in all blocks, momentum in all but one, adam in none."""
    runs = staged_table(lambda *_: -1.0, ("gd", "momentum", "adam"), rates=(0.1,), blocks=8)
    slow = {"gd": 100, "momentum": 110, "adam": 1e5}
    runs = add_times(runs, lambda row: 1e5 if (row.optimizer, row.block) == ("momentum", 3) else slow[row.optimizer])
    results = Results(runs, None, pd.DataFrame(), provenance={"choose_by": ["time"]})
    text = results.to_latex("time")
    check_syntax(text)
    (first, second), *_ = read(text)[1]
    assert (first[3], second[3]) == ("never", "")
    assert ">" not in first[1] + second[1]
    assert first[2].startswith("${>}$") and second[2].count("${>}$") == 1 and ", ${>}$" in second[2]
    caption = text[text.index("\\caption") : text.index("\\label")]
    assert "never: no run reached the target. ${>}$: a bound, as in some block no run reached the target." in caption
    ranking = report_data(results).answer.ranking
    assert ranking.set_index("optimizer")["unreached"].to_dict() == {"gd": 0, "momentum": 1, "adam": 8}
    none = pd.Series(False, ranking.index)
    rows = latex_text(without_bounds(ranking), LATEX["ranking"], (), none, none, "optimizer").splitlines()
    (never,), (part,) = ([row for row in rows if f"& {name} &" in row] for name in ("adam", "momentum"))
    assert never.count("never") == 4 and r"\infty" not in never and part.count("${>}$") == 3
    shown = without_bounds(ranking).set_index("optimizer")[["value", "low", "high"]]
    assert np.isinf(shown.loc["adam"]).all() and np.isfinite(shown.loc[["gd", "momentum"]]).all(axis=None)


@pytest.mark.slow
def test_who_loses_to_another_has_the_mark_of_its_verdict_with_the_best():
    rng = np.random.default_rng(2)
    noise = {block: rng.normal(0, 0.9) for block in range(8)}

    def value(problem, optimizer, rate, stage, block, seed):
        spread = noise.get(block, 0.0)  # what gd and the others do not share
        level = {"gd": 0.0 + spread, "adam": 0.3, "momentum": 0.6}[optimizer]
        return level - 5 + 0.01 * np.sin(seed)

    runs = staged_table(value, ("gd", "adam", "momentum"), rates=(0.1,), blocks=8)
    results = Results(runs, None, pd.DataFrame(), provenance={"choose_by": ["loss"]})
    verdicts = results.verdicts("loss").set_index(["a", "b"])["verdict"].to_dict()
    states = results.ranking("loss").set_index("optimizer")["state"].to_dict()
    assert states["momentum"] == "behind" and verdicts["gd", "momentum"] == "open"
    (first, _), *_ = read(results.to_latex("loss"))[1]
    assert not first[1].startswith("\\textbf"), "nothing is decided about the lowest"
    assert [cell.endswith(r"{\textdagger}") for cell in first[2:]] == [True, True]


def test_names_of_any_kind_are_printed_and_no_command():
    results = results_of([ODD, "saddle"], ["gd", "adam"]).labeled({"adam": ODD.replace("*", "+")})
    text = results.to_latex("loss")
    check_syntax(text)
    assert latex_escaped(ODD) in text
    assert latex_escaped(ODD).startswith("{}[*]")
    # Columns are named by label, or as in the folder
    assert results.to_latex("loss", "adam") == results.to_latex("loss", ODD.replace("*", "+"))


@pytest.mark.slow
def test_of_many_the_own_ones_stay_and_others_can_be_named():
    results = results_of(["saddle"], MANY, own=["rule_l"])
    heads, _ = read(results.to_latex("loss"))
    ranks = results.ranking("loss").set_index("optimizer")["mean_rank"].drop("rule_l").sort_values(kind="stable")
    best = set(ranks.index[: MOST_COLUMNS - 1])
    assert [head.replace("\\_", "_") for head in heads[1:]] == [
        name for name in MANY if name in best or name == "rule_l"
    ]
    assert f"Shown: {MOST_COLUMNS} of 12 optimizers" in results.to_latex("loss")
    assert read(results.to_latex("loss", ["rule_k", "rule_a"]))[0] == ["problem", "rule\\_k", "rule\\_a"]


@pytest.mark.parametrize(
    ("columns", "place", "count", "shrinks"),
    [(1, "table", 4, False), slow(1, "table", 5, True), slow(2, "table*", 8, False), slow(2, "table*", 9, True)],
)
def test_a_table_fits_into_the_columns_of_its_paper(columns, place, count, shrinks):
    text = results_of(["saddle"], MANY).to_latex("loss", MANY[:count], columns=columns)
    assert f"\\begin{{{place}}}\n" in text and f"\\end{{{place}}}\n" in text
    assert (r"\resizebox{\linewidth}{!}{%" in text) == ("graphicx" in text) == text.count("{tabular}}") == shrinks
    assert text.count("{") == text.count("}") + text.count(r"\{") - text.count(r"\}")


def test_the_caption_says_measure_direction_interval_and_marks():
    text = results_of(["saddle"], ["gd", "adam"]).to_latex("loss")
    caption = re.search(r"\\caption\{(.*)\}\n", text)[1]
    for words in (
        "The loss at the end of a run, above the minimum; lower is better", r"95\% interval", "Bold: the best",
        r"Underlined: tied with the best, within 10\%", "not told apart from the best",
    ):  # fmt: skip
        assert words in caption
    assert "needs \\usepackage{booktabs}" in text


def test_the_caption_says_where_loss_stands_in():
    only = results_of(["saddle"], ["gd", "adam"])
    only.runs = only.runs.assign(**{name: np.inf for name in only.runs if name.startswith("samples_to")})
    mixed = results_of(["saddle", "breast_cancer"], ["gd", "adam"], choose_by=["test_accuracy"])
    for results, words, units in (
        (only, "\\caption{The loss at the end of a run", {"loss"}),
        (mixed, "Where a row is of loss, that at the end of a run, above the minimum, stands in.", {"loss", "errors"}),
    ):
        text = results.to_latex()
        assert words in text
        assert {second[0][15:-1] for _, second in read(text)[1] if second[0]} == units


def test_math_in_labels_stays_and_other_dollars_are_escaped():
    assert latex_escaped(r"$\beta_1$-Adam & co") == r"$\beta_1$-Adam \& co"
    assert latex_escaped("$5 to $6") == r"\$5 to \$6" and latex_escaped("a$_1") == r"a\$\_1"
    assert latex_escaped(r"$\frac{1$").count(r"\$") == 2
