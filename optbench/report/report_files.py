"""Output of a report: its options, templates filled with values, and files written in one go."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from optbench.analysis.answer import Answer
from optbench.contract.arguments import one_of
from optbench.contract.errors import OptbenchError
from optbench.contract.names import count_noun
from optbench.store.atomic_files import refuse_links
from optbench.wording.failed_runs import describe_failures
from optbench.wording.labels import isolate
from optbench.wording.languages import ENGLISH

FORMATS = ("png", "svg", "pdf", "gif")
STYLES = ("screen", "paper", "slides")
TABLES = ("csv", "tex")


@dataclass(frozen=True)
class Options:
    """The options of a report.

    Raises OptbenchError for an unknown value, with the nearest valid one.
    """

    out: Path | None = None
    """The file of the page, or its folder; None: the folder `report` of the results."""
    static: bool = False
    """Draw all figures as pictures, without the explorer."""
    ranked: str = ""
    """Where an optimizer ranks in the sweep, which the page then begins with."""
    formats: Sequence[str] = ()
    """Formats of the picture files beside the page."""
    figures: Sequence[str] = ()
    """Kinds of these pictures, names in `pictures.KINDS`, or "all"; none: a few for a paper, `pictures.USUAL`."""
    style: str = "screen"
    """Style of these pictures."""
    columns: int = 1
    """Columns of a paper, 1 or 2, that a picture in that style takes, and results.tex."""
    tables: Sequence[str] = ()
    """Formats of the tables beside the page."""

    def __post_init__(self) -> None:
        """Raise OptbenchError for an unknown format or style."""
        for kind, names, valid in (
            ("format of pictures", self.formats, FORMATS),
            ("style of pictures", (self.style,), STYLES),
            ("format of tables", self.tables, TABLES),
        ):
            for name in names:
                one_of(kind, name, valid)
        if self.columns not in (1, 2) or (self.columns == 2 and self.style != "paper" and "tex" not in self.tables):
            raise OptbenchError(f"columns={self.columns} must be 1, or 2 in the style paper or for tables in LaTeX")
        if self.figures and not self.formats:
            object.__setattr__(self, "formats", ("pdf" if self.style == "paper" else "png",))

    @property
    def has_folder(self) -> bool:
        """Whether the page stands in a folder of its own, where other files may stand beside it."""
        return self.out is None or not self._is_page(self.out)

    def page(self, default: Path, name: str = "index.html") -> Path:
        """Return the path of the page: `name` in the folder ``default``, unless ``out`` names another folder or file.

        Raises OptbenchError if ``out`` is a file that is no page, and for links in the place of folders.
        """
        if self.out is None:
            refuse_links(default.parent)
            return default / name
        if self._is_page(self.out):
            return self.out
        if self.out.is_file():
            raise OptbenchError(f"out: {str(self.out)!r} is a file that is no page: name a folder, or a file.html")
        refuse_links(self.out)
        return self.out / name

    @staticmethod
    def _is_page(path: Path) -> bool:
        """Return whether the path names a page, which need not be there yet, and no folder."""
        return path.suffix.lower() in (".html", ".htm") and not path.is_dir()


def check_runs(answer: Answer) -> None:
    """Raise OptbenchError if the sweep has no run left to report on."""
    if answer.runs.empty:
        folder, why = str(answer.tables.path or Path()), describe_failures(answer)[0]
        raise OptbenchError(f"{folder!r}: every run failed: there is nothing to report; {why}")


def fill(template: str, **values: Any) -> str:
    """Return the HTML of a template in `templates/`; values: what it reads, by name, escaped."""
    return _environment().get_template(template).render(**values)


def json_text(data: Any) -> str:
    """Return JSON that may stand in a script element: nothing in it ends the element or opens a comment."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def without_link(path: Path) -> Path:
    """Return the path, after removing a link in its place. Raises OSError.

    In a folder from another user a link may lead to a file of the user's, which would be overwritten.
    """
    if path.is_symlink():
        path.unlink()
    return path


def write_file(path: Path, text: str) -> None:
    """Write a text to the path, whose folder is made, and replace an old file at once: no reader sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = without_link(path.with_name(f"{path.name}.tmp"))
    draft.write_text(text, encoding="utf-8", errors="backslashreplace")  # JSON may hold lone surrogates
    os.replace(draft, path)


def digest_of(path: Path) -> str:
    """Return the sha256 of a file; "" where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def read_digests(path: Path) -> dict[str, str]:
    """Return {name: sha256} of a list of files, as sha256sum writes it; empty without one. A line with # is a comment.

    Whoever wrote the list: it may name files of other folders, so look at a name before you remove its file.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines if not line.startswith("#"))}


def write_digests(path: Path, digests: Mapping[str, str], *comments: str) -> None:
    """Write the list that `read_digests` reads; comments: its first lines, each with a # at its start."""
    write_file(path, "".join(f"{line}\n" for line in (*comments, *(f"{digests[name]}  {name}" for name in digests))))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    """Return the Jinja environment of the templates: it escapes values, and an unknown name is an error."""
    folder = files(__package__) / "templates"
    environment = Environment(
        loader=FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined,
    )  # fmt: skip
    environment.globals.update(lang=ENGLISH.code, _=ENGLISH.markup, count_noun=count_noun)
    environment.globals["script"] = lambda name: Markup((folder / name).read_text("utf-8").rstrip())
    environment.filters["sentence"] = lambda text: isolate(text[:1].upper() + text[1:])
    environment.filters["isolate"] = isolate
    return environment
