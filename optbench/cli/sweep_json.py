"""What ``sweep --json`` and ``merge --json`` print: the answer of a results folder in the words of its tables."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from optbench.analysis.answer import Answer


def make_answer(answer: Answer, page: Path | None, complete: bool = True, resume: str | None = None) -> dict[str, Any]:
    """Return the object of ``--json``.

    page: the report, if one was drawn. complete: False where cohorts are missing; resume: the command that runs them.
    """
    from optbench.analysis.pair_statistics import spent_alpha
    from optbench.analysis.verdicts import ALL
    from optbench.wording.answers import describe_problem
    from optbench.wording.differences import VERSIONS
    from optbench.wording.failed_runs import describe_failures
    from optbench.wording.headlines import headline
    from optbench.wording.judged import describe_order
    from optbench.wording.verdict_texts import with_texts

    results, status = answer.tables, answer.everything.runs["status"]
    made = results.provenance
    ended = {name: int((status == name).sum()) for name in ("ok", "diverged", "deadline", "failed")}
    steps = [("what is missing", resume)] if resume else []
    return {
        "folder": str(results.path),
        "report": page,
        "finished": complete and not made.get("shard"),
        "part": made.get("shard"),
        "versions": {name: made.get(name) for name in VERSIONS},
        "runs": {"all": len(status)} | ended,
        "failures": describe_failures(answer),
        "missing": results.missing,
        "judge_by": answer.judge_by,
        "choose_by": list(results.choose_by),
        "level": 1 - spent_alpha(answer.looks[0]),
        "headline": headline(answer),
        "answers": {
            answer.label(problem): describe_problem(answer, problem) for problem in answer.best["problem"].unique()
        }
        | ({ALL: overall} if (overall := describe_order(answer)) else {}),
        "ranking": label_variants(answer.ranking, answer.labels),
        "verdicts": label_variants(with_texts(answer.verdicts), answer.labels),
        "recommended": label_variants(answer.best, answer.labels),
        "next": [{"text": text, "command": line or None} for text, line in [*steps, *list_next_steps(answer)]],
    }


def label_variants(table: pd.DataFrame, labels: Mapping[str, str]) -> pd.DataFrame:
    """Return a table with a variant of an optimizer by its label, as texts have it, "yours: adam"."""
    columns = [key for key in ("optimizer", "a", "b") if key in table]
    return table.assign(**{key: [label_variant(each, labels) for each in table[key]] for key in columns})


def label_variant(name: str, labels: Mapping[str, str]) -> str:
    """Return the label of a variant, whose name in tables is of no use elsewhere; another optimizer's name."""
    from optbench.catalogue.loader import base_name

    return name if base_name(name) == name else labels.get(name, name)


def list_next_steps(answer: Answer) -> list[tuple[str, str]]:
    """Return what would tell more, the most useful first: sentences, each with its command, or ""; nothing of a part.

    A wider search comes first where it may change what to start with.
    """
    from optbench.analysis.decisions import list_starts_at_limit
    from optbench.contract.names import join_names
    from optbench.run.processes import DIED
    from optbench.wording.certainty import advise_measure, advise_more_runs, say_measure, say_more_runs
    from optbench.wording.wider_search import advise_wider_search, say_wider_search

    results, directory = answer.tables, answer.tables.path or Path()
    made, steps = results.provenance, []
    if made.get("shard") or results.missing:  # what is missing runs first
        return []
    edges, runs = answer.promising_edges, answer.everything.runs
    died = runs[runs["failure"].str.contains(DIED, regex=False, na=False)] if "failure" in runs else runs[:0]
    if len(died):  # where they would have led is not known
        pairs = dict.fromkeys(zip(died["problem"], died["optimizer"], strict=True))
        where = join_names([f"{answer.label(problem)} with {answer.label(optimizer)}" for problem, optimizer in pairs])
        again = shlex.join(["optbench", "sweep", str(directory / "spec.toml"), "--out", str(directory)])
        text = f"{len(died):,} runs of {where} died of a signal; this runs them again"
        steps.append((text, f"{again} --retry-failed"))
    more = [(say_measure(answer, each), shlex.join(each.command)) for each in advise_measure(answer, directory)]
    blocks = advise_more_runs(answer, results.timings, directory, made)[:1]
    more += [(say_more_runs(answer, each), shlex.join(each.command)) for each in blocks]
    wider = [
        (f"{say_wider_search(each, answer.label)}; this searches wider", shlex.join(each.command))
        for each in advise_wider_search(edges, directory, made)
    ]
    return [*steps, *wider, *more] if list_starts_at_limit(answer) else [*steps, *more, *wider]
