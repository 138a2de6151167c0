"""The answer in a notebook: sentences and a small table in plain HTML, without a style sheet or a script."""

from __future__ import annotations

from html import escape

from optbench.analysis.columns import comparable
from optbench.analysis.points import Tables
from optbench.contract.errors import OptbenchError
from optbench.wording import extremes, labels
from optbench.wording.answers import answer_of, listed
from optbench.wording.winners import winners_table

HEADINGS = ("problem", "first", "batch size", "schedule", "rate", "value", "verdict")


def notebook_html(results: Tables, tuning_seeds, choose_by: str, searched=None) -> str:
    """Return the sentences of each problem and over all, and a table of winners; every name is escaped."""
    runs = comparable(results.runs)
    head = f"<p>{len(results.runs):,} runs</p>"
    if runs.empty:
        return head
    try:
        answer = answer_of(runs, tuning_seeds, choose_by, searched)
    except OptbenchError as error:  # a measure that these tables lack
        return f"{head}<p>{escape(str(error))}</p>"
    problems = list(runs["problem"].unique())
    lines = [answer.sentence(problem) for problem in problems] + [answer.overall()]
    lines += extremes.too_high(runs)
    items = "".join(f"<li>{escape(line)}</li>" for line in lines if line)
    rows = winners_table(answer, answer.best[:0], []).query("problem in @problems")
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in _texts(row))}</tr>" for row in rows.to_dict("records")
    )
    names = "".join(f"<th>{name}</th>" for name in HEADINGS)
    return f"{head}<ul>{items}</ul><table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>"


def _texts(row: dict) -> list[str]:
    """Return the cells of a row of the table of winners."""
    value = f"{labels.number(row['value'])} [{labels.number(row['low'])}, {labels.number(row['high'])}]"
    numbers = [f"{row['batch_size']}", str(row["schedule"]), labels.number(row["lr"])]
    verdict = f"{row['verdict']}: {listed([row['rival']])}" if row["rival"] else row["verdict"]
    return [str(row["problem"]), str(row["optimizer"]), *numbers, value, verdict]
