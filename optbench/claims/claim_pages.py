"""The page: a short illustrated paper in one file, its figures within it."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined

from optbench.claims.claim import VERDICTS, Outcome, Paper
from optbench.claims.criterion import RULE
from optbench.claims.formula import to_mathml
from optbench.store.atomic_files import write_text
from optbench.wording.labels import number

SYMBOLS = dict(zip(VERDICTS, "✓✗◐○", strict=True))
NO_VERDICT = "no verdict"
_ORDER = [words.replace(" ", "-") for words in (*VERDICTS, NO_VERDICT)]
"""The kinds of badges."""


def write_page(outcomes: Sequence[Outcome], paper: Paper, environment: Mapping, folder: Path) -> Path:
    """Write index.html into `folder` and return its path.

    paper: the words around the claims. environment: what provenance.json says, by name. The figure of every outcome
    with a verdict is in `folder` already, as ``<figure>.png``.
    """
    pictures = {item.claim.id: _picture(folder / f"{item.figure}.png") for item in outcomes if item.verdict}
    tables = {
        item.claim.id: there
        for item in outcomes
        if (there := [name for name in item.tables if (folder / f"{name}.csv").is_file()])
    }
    path = folder / "index.html"
    write_text(path, render(outcomes, paper, environment, pictures, tables))
    return path


def render(
    outcomes: Sequence[Outcome],
    paper: Paper,
    environment: Mapping,
    pictures: Mapping[str, dict],
    tables: Mapping[str, Sequence[str]],
) -> str:
    """Return the HTML of the page, every value escaped.

    pictures, tables: by the id of the claim: {source, width, height}, and the tables that lie beside the page.
    """
    sections = [
        {
            "letter": letter,
            "title": paper.sections[letter],
            "lesson": paper.lessons.get(letter, ""),
            "claims": list(group),
        }
        for letter, group in groupby(outcomes, lambda item: item.claim.section)
    ]
    ids = [item.claim.id for item in outcomes]
    kinds = {badge(item)["kind"]: badge(item)["words"] for item in outcomes}
    templates = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined, loader=FunctionLoader(_part)
    )
    templates.filters.update(mathml=to_mathml, tr=paper.language)
    templates.globals.update(_=paper.language.markup, lang=paper.language.code)
    return templates.get_template("page.html").render(
        paper=paper,
        rule=RULE,
        sections=sections,
        counts=summary(outcomes),
        filters=[("", "all"), *((kind, kinds[kind]) for kind in _ORDER if kind in kinds)],
        before=dict(zip(ids, ids[-1:] + ids, strict=False)),
        after=dict(zip(ids, ids[1:] + ids[:1], strict=True)),
        pictures=pictures,
        tables=tables,
        playground=paper.playground and paper.playground(),
        script_texts=paper.language.tables.get("playground", {}),
        badge=badge,
        symbols=SYMBOLS,
        quick=any(item.quick for item in outcomes),
        seconds=number(sum(item.seconds for item in outcomes)),
        environment={key: _flat_text(value) for key, value in environment.items()},
    )


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return the numbers of claims and verdicts in words: "12 claims: 8 hold, 1 does not hold, 3 depend"."""
    count = Counter(item.verdict.verdict if item.verdict else NO_VERDICT for item in outcomes)
    plural = dict(zip(VERDICTS, ("hold", "do not hold", "depend", "are undecided"), strict=True))
    plural[NO_VERDICT] = "without a verdict"
    parts = [
        f"{count[name]} {name if count[name] == 1 and name != NO_VERDICT else plural[name]}"
        for name in plural
        if count[name]
    ]
    return f"{len(outcomes)} claim{'' if len(outcomes) == 1 else 's'}: {', '.join(parts)}"


def badge(outcome: Outcome) -> dict:
    """Return a verdict as the page marks it: its words, a symbol for those who see no colors, and its CSS class."""
    words = outcome.verdict.verdict if outcome.verdict else NO_VERDICT
    return {"words": words, "symbol": SYMBOLS.get(words, "?"), "kind": words.replace(" ", "-")}


def _part(name: str) -> str:
    """Return the text of a file that the page includes: one of its own, or of the report's templates."""
    own = files(__package__) / name
    return (own if own.is_file() else files("optbench.report") / "templates" / name).read_text(encoding="utf-8")


def _picture(path: Path) -> dict:
    """Return {source, width, height} of a PNG file for the page: its data as a URL, and its size in pixels."""
    data = path.read_bytes()
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))  # of the PNG's header
    return {"source": "data:image/png;base64," + base64.b64encode(data).decode(), "width": width, "height": height}


def _flat_text(value: object) -> str:
    """Return a value as text, a list with commas."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
