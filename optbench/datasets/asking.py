"""What is typed to ask for a file of the user's, and how it would be typed with more."""

from collections.abc import Iterable, Mapping
from typing import Any

from optbench.contract import names


def several(asked: Iterable[str], columns: Iterable[str]) -> list[str]:
    """The columns that ``drop`` names: each text is one of ``columns``, or several with commas between them."""
    columns = set(columns)
    parts = [part for text in asked for part in ([text] if text in columns else text.split(","))]
    return [part.strip() for part in parts if part.strip()]


def asked_for(given: Mapping[str, Any], drop: Iterable[str] = (), **more: str) -> str:
    """How a file is asked for with these parameters and more, as it would be typed: ``file(path='d.csv', ...)``.

    ``drop``: columns that are left out besides those that ``given`` leaves out.
    """
    told = {key: value for key, value in {**given, **more}.items() if value}
    left_out = (*told.pop("drop", ()), *drop)
    if left_out:
        told["drop"] = left_out if any("," in name for name in drop) else ",".join(left_out)
    return names.canonical("file", told)
