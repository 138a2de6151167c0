"""Templates -> text. Every page of this room has its frame and its look from `templates/`; every value is escaped."""

from __future__ import annotations

import os
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined


def fill(template: str, **values) -> str:
    """The template of that name in `templates/`, with the values in their places."""
    return _environment().get_template(template).render(**values)


def without_link(path: Path) -> Path:
    """Return the path, and remove a link in its place: in a folder from somebody else it may lead to a file of the
    user's, which would be overwritten. Raise OSError."""
    if path.is_symlink():
        path.unlink()
    return path


def write_file(path: Path, text: str) -> None:
    """Write a text in one go, so that whoever reads the file finds the old one or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = without_link(path.with_name(f"{path.name}.tmp"))
    draft.write_text(text, encoding="utf-8", errors="backslashreplace")  # JSON may hold halves of letters
    os.replace(draft, path)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_text), autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    environment.filters["sentence"] = lambda text: text[:1].upper() + text[1:]
    return environment


def _text(name: str) -> str:
    return (files(__package__) / "templates" / name).read_text(encoding="utf-8")
