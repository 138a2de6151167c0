"""Optimizers that one word names: ``all``, ``adam*``, ``family:signs``."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from optbench.catalogue import loader
from optbench.contract.errors import OptbenchError, unknown

ALL, FAMILY, ANY = "all", "family:", "*"


def expand_groups(texts: Iterable[object]) -> list[object]:
    """Return the texts of optimizers with the shipped names in the place of words for several of them.

    Names that stand there already do not come twice. ``all`` is every one, ``adam*`` those of which the name fits, and
    ``family:signs`` those of the file signs.py of the catalogue. Raises OptbenchError for a word that fits none.
    """
    found: list[object] = []
    for text in texts:
        if isinstance(text, str) and (text == ALL or text.startswith(FAMILY) or ANY in text.partition("(")[0]):
            found += [name for name in _list_names(text) if name not in found]
        else:
            found.append(text)
    return found


def find_family(name: str) -> str:
    """Return the family of a shipped optimizer, as ``family:`` names it; "" for another one."""
    path = loader.load().files.get(f"optimizer {name}")
    return path.stem if path else ""


def _list_names(group: str) -> list[str]:
    """Return the shipped optimizers that a word names."""
    shipped = loader.load()
    if group.startswith(FAMILY):
        family = group.removeprefix(FAMILY).strip()
        families: dict[str, list[str]] = {}
        for name in shipped.optimizers:
            families.setdefault(find_family(name), []).append(name)
        if family not in families:
            raise unknown("family of optimizers", family, families)
        return families[family]
    names = [name for name in shipped.optimizers if group == ALL or fnmatchcase(name, group)]
    if not names:
        raise OptbenchError(f"optimizers: no name fits {group}; optbench list optimizers shows all")
    return names
