"""The drawing of the package, from its imports: ``python -m tests.draw_house`` writes reports/house.svg.

A box is a room, in the order of the floors in pyproject.toml; an arrow says that one room imports another. Arrows that
follow from others (a imports b, b imports c, and so a may know c) are thin.
"""

import ast
import tomllib
from html import escape
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
DRAWING = ROOT / "reports" / "house.svg"
HEIGHT, GAP, LEFT, BOX, WIDTH = 34, 12, 12, 690, 1010


def contracts(root: Path = ROOT) -> dict[str, dict]:
    """Return the contracts that hold the house, as pyproject.toml states them, by their id."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return {contract["id"]: contract for contract in settings["tool"]["importlinter"]["contracts"]}


def rooms() -> list[str]:
    """Return the rooms of optbench/ from the top, dunder files aside."""
    return [name for name in contracts()["floors"]["layers"] if not name.startswith("__")]


def docstring(room: str) -> str:
    """Return the docstring of a room."""
    path = ROOT / "optbench" / room / "__init__.py"
    if not path.exists():
        path = ROOT / "optbench" / f"{room}.py"
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def arrows() -> set[tuple[str, str]]:
    """Return (importing room, imported room) for all imports between rooms, also inside functions."""
    graph = grimp.build_graph("optbench", cache_dir=None)
    known, pairs = set(rooms()), set()
    for module in graph.modules:
        for target in graph.find_modules_directly_imported_by(module):
            names = [name.split(".")[1] if "." in name else "" for name in (module, target)]
            if names[0] != names[1] and set(names) <= known:
                pairs.add(tuple(names))
    return pairs


def drawing() -> str:
    """Return the text of the SVG."""
    order, pairs = rooms(), arrows()
    middle = {room: 12 + index * (HEIGHT + GAP) + HEIGHT / 2 for index, room in enumerate(order)}
    height = 12 + len(order) * (HEIGHT + GAP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z" fill="#345"/></marker></defs>',
    ]
    for one, other in sorted(pairs, key=lambda pair: (pair in _needed(pairs), pair)):
        needed = (one, other) in _needed(pairs)
        start, end = middle[one] + 5, middle[other] - 5
        bulge = LEFT + BOX + 30 + 0.42 * abs(end - start)
        look = 'stroke="#345" stroke-width="1.4" marker-end="url(#tip)"' if needed else 'stroke="#c3ccd6"'
        edge = LEFT + BOX
        curve = f"M{edge} {start:g} C{bulge:g} {start:g} {bulge:g} {end:g} {edge} {end:g}"
        lines.append(f'<path d="{curve}" fill="none" {look}><title>{one} imports {other}</title></path>')
    for room in order:
        top, first = middle[room] - HEIGHT / 2, docstring(room).split("\n")[0]
        lines += [
            f'<rect x="{LEFT}" y="{top:g}" width="{BOX}" height="{HEIGHT}" rx="4" fill="#eef3f8" stroke="#345"/>',
            f'<text x="{LEFT + 10}" y="{middle[room] + 5:g}" font-size="15" font-weight="bold">{room}</text>',
            f'<text x="{LEFT + 108}" y="{middle[room] + 4:g}" font-size="10.5">{escape(first)}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])


def _needed(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the arrows that do not follow from others by transitivity."""
    below: dict[str, set[str]] = {}
    for one, other in pairs:
        below.setdefault(one, set()).add(other)

    def reach(room: str, seen: frozenset = frozenset()) -> set[str]:
        found = set()
        for other in below.get(room, set()) - seen:
            found |= {other} | reach(other, seen | {room})
        return found

    return {(one, other) for one, other in pairs if all(other not in reach(mid) for mid in below[one] - {other})}


if __name__ == "__main__":
    DRAWING.write_text(drawing(), encoding="utf-8")
