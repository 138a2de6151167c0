"""The lecture in other languages: each file has every text of the lecture and its page, and no other."""

import ast
import calendar
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from optbench import claims, figures, lecture
from optbench.claims import claim_pages
from optbench.claims.claim import Outcome, Verdict
from optbench.claims.criterion import where_text
from optbench.wording.languages import Language, read_language

FOLDER = lecture.PAPER.languages
REPORT = Path(lecture.__file__).parents[2] / "reports" / "lecture" / "results.json"
SOURCES = [
    path
    for room in (lecture, claims, figures)
    for path in Path(room.__file__).parent.iterdir()
    if path.suffix in (".py", ".html", ".js")
]
GAP, WORD = r"\{\d+\}", "[A-Za-z]{2}"
NO_TEXT = re.compile(
    r"\w\(\w+=|^(upper|lower) |\\|^eps=|^, beta2|half a degree|^python|^ and $|^ taken for $|α₀$|^α₀ /"
)
"""Names of problems, places of legends, formulas, an error of ours, a command, and what joins lists."""


class Texts(dict):
    """Texts that note which of them were used."""

    def __init__(self, texts):
        super().__init__(texts)
        self.used = set()

    def __getitem__(self, english):
        self.used.add(english)
        return super().__getitem__(english)

    def get(self, english, default=None):
        self.used.add(english)
        return super().get(english, default)


class Heard(Language):
    """A language that notes what it was asked for and does not have."""

    def __init__(self, code):
        given = read_language(code, FOLDER)
        super().__init__(given.code, given.name, given.tables)
        self.texts, self.missing = Texts(self.texts), []

    def __call__(self, english):
        if self._find(english) is None:
            self.missing.append(english)
        return super().__call__(english)

    def markup(self, english, *values):
        if english not in self.texts and re.search(WORD, english):
            self.missing.append(english)
        return super().markup(english, *values)


def read_where(claim, verdict, on):
    """Return the line on where a claim holds, from the text with the numbers that the committed report has."""
    groups = {"it holds at": "holds", "not at": "does not hold", "undecided at": "undecided"}
    rows = [
        (groups[begin], name, number)
        for begin, names in re.findall(r"(it holds at|not at|undecided at) (.+?)(?=; |$)", on)
        for name, number in re.findall(r"(.+?) \(([^()]*)\)(?:, |$)", names)
    ]
    if rows:
        return where_text(verdict, claim.criterion.on, rows)
    return on and f"{'depends on' if verdict == 'depends' else 'undecided, by'} {on}"


def outcomes():
    """The claims with what the committed report has measured, or without where there is none."""
    rows = {row["id"]: row for row in json.loads(REPORT.read_text(encoding="utf-8"))} if REPORT.exists() else {}
    for claim in lecture.claims():
        row = rows.get(claim.id, {"verdict": "holds", "answer": "", "on": "", "detail": ""})
        told = {name: row[name] for name in ("verdict", "answer", "on", "detail")}
        told["where"] = read_where(claim, told["verdict"], told["on"])
        yield Outcome(claim, Verdict(effect=1, low=1, high=1, measure="", **told), 1.0, True)


def written(node):
    """Yield the texts in an expression or a module as they are written, with 1 in each gap of an f-string.

    Docstrings and what a reader does not see are left out.
    """
    if isinstance(node, ast.keyword) and node.arg in ("measure", "formulas"):
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    pieces = list(joined(node))
    if any(isinstance(piece, str) for piece in pieces):
        yield "".join(piece if isinstance(piece, str) else "1" for piece in pieces)
        children = [piece for piece in pieces if not isinstance(piece, str)]
    else:
        children = list(ast.iter_child_nodes(node))
    for child in children:
        yield from written(child)


def joined(node):
    """Yield the constants and the expressions of an f-string, of a sum of texts, or of a constant."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        for part in node.values:
            yield from joined(part)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield from joined(node.left)
        yield from joined(node.right)
    elif isinstance(node, ast.FormattedValue):
        yield node.value
    else:
        yield node


def scripted():
    """Yield the texts of the page's scripts: "tr`A step takes ${ms} ms`" is "A step takes {1} ms"."""
    for path in SOURCES:
        if path.suffix == ".js":
            for text in re.findall(r"tr`((?:[^`$]|\$\{[^{}]*\})+)`", path.read_text(encoding="utf-8")):
                parts = re.split(r"\$\{[^{}]*\}", text)
                yield "".join(f"{{{place}}}{part}" if place else part for place, part in enumerate(parts))


@pytest.fixture(scope="module", params=sorted(path.stem for path in FOLDER.glob("*.toml")))
def heard(request):
    """A language that was asked for all texts of the page, of its scripts and of the lecture's code."""
    language = Heard(request.param)
    environment = {"command": "x", "optbench": "x", "date": "2026"}
    items = list(outcomes())
    pictures = {item.claim.id: {"source": "", "width": 1, "height": 1} for item in items}
    claim_pages.render(items, replace(lecture.PAPER, language=language), environment, pictures, {"A1": ["x"]})
    for month in calendar.month_abbr[1:]:  # on the axis of B2.1, where matplotlib writes them
        language(month)
    language.missing += [text for text in scripted() if language.texts.get(text) is None and re.search(WORD, text)]
    for path in FOLDER.parent.glob("*.py"):
        for text in written(ast.parse(path.read_text(encoding="utf-8"))):
            if " " in text.strip() and re.search(WORD, text) and not NO_TEXT.search(text):
                language(text)
    return language


def test_a_language_has_every_text(heard):
    assert heard.missing == []


def test_a_language_has_no_text_that_is_gone(heard):
    """Words of settings and figures, which nothing above asks for, stand in the code as they are."""
    code = " ".join(path.read_text(encoding="utf-8").replace("\\n", " ") for path in SOURCES)
    unused = [english for english in heard.texts if english not in heard.texts.used]
    gone = [english for english in unused if any(part.strip() not in code for part in re.split(rf"{GAP}|\n", english))]
    assert gone == []


def test_a_text_has_the_gaps_of_its_english(heard):
    wrong = [e for e in heard.texts if sorted(re.findall(GAP, e)) != sorted(re.findall(GAP, dict.get(heard.texts, e)))]
    assert wrong == []
