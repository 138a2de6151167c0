"""``optbench list``: the names of the catalogue, with formula and defaults, and the data sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from optbench.cli import completion
from optbench.cli.options import Json, Plugin
from optbench.cli.output import print_json

_TITLES = {
    "wrapper": "Wrappers: around any optimizer, clip(adam, norm=1), and around each other",
    "baseline": "Baselines: SciPy's methods on the full batch, which search their own step length",
    "eager": "Eager: other libraries' optimizers, which take their steps themselves",
    "schedule_wrapper": "Wrappers: around any schedule, warmup(cosine)",
    "problem_wrapper": "Wrappers: around any problem, rescaled(mlp, span=10), and around each other",
}
_NOUNS = {"eager": "eager optimizer"}
_COST = (
    "cost: the numbers that a step reads and writes, over gd's three a parameter; then products and decompositions of "
    "matrices, a block and step. memory: the numbers kept a parameter besides w, of a block of 64 x 32. Wrappers: what "
    "they add around gd. 2 gradients a step take twice the samples, and about twice the time."
)
_LIBRARIES = (
    "More: any of PyTorch's, torch:AdamW, of optax', optax:adamw, or of a file, torch:Mine(file=mine.py).",
    "They run as they are, eagerly, and need the extra torch or optax; see optbench show torch:AdamW.",
)


def list_names(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="KIND",
            help="optimizers, schedules, problems or datasets; also wrappers, schedule_wrappers, problem_wrappers, "
            "baselines or eager; by default all.",
            autocompletion=completion.kinds,
        ),
    ] = None,
    json: Json = False,
    plugin: Plugin = None,
) -> None:
    """List optimizers, schedules or problems with formula and defaults, or data sets.

    Of an optimizer, cost is how much a step reads and writes, over gd's, and how many products and decompositions of
    matrices it makes; memory is the numbers kept a parameter.
    """
    from optbench.catalogue import listing, loader
    from optbench.cli.console import filled, print_entry, print_lines
    from optbench.contract.names import count_noun

    catalogue = loader.load_all(plugin or ())
    kinds = [kind] if kind is not None else listing.KINDS
    rows = [row for each in kinds for row in listing.list_names(catalogue, each)]
    if json:
        print_json(rows)
    elif kind is not None:
        if rows:
            _print_families(rows)
        more = _LIBRARIES if kind == "optimizers" or not rows or rows[0]["kind"] == "eager" else ()
        more = (*[_COST] * any(row.get("cost") for row in rows), *more)
        if more:
            print_lines(*[""] * bool(rows), *map(filled, more))
    else:
        for part, group in _group_rows(rows, lambda row: row["kind"]):
            noun = _NOUNS.get(part, part.replace("_", " "))
            print_entry(count_noun(len(group), noun), 20, ", ".join(row["name"] for row in group))
        print_lines("", "More: optbench list wrappers, optbench show adam")


def _print_families(rows: Sequence[dict[str, Any]]) -> None:
    """Print the names in groups of one kind or family, with formulas and defaults."""
    from optbench.catalogue.listing import cost_text, values_text
    from optbench.cli.console import filled, print_entry, print_lines

    indent = max(len(row["name"]) for row in rows) + 4
    for i, (title, group) in enumerate(_group_rows(rows, lambda row: _TITLES.get(row["kind"], row["family"]))):
        print_lines(*[""] * bool(i), (filled(title), "bold"))
        for row in group:
            remark = "; ".join(filter(None, (cost_text(row), values_text(row["defaults"]))))
            print_entry(f"  {row['name']}", indent, row["formula"], remark)


def _group_rows(
    rows: Sequence[dict[str, Any]], key: Callable[[dict[str, Any]], str]
) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return pairs of a key's value and the rows that have it, in the order of each value's first row."""
    return [(value, [row for row in rows if key(row) == value]) for value in dict.fromkeys(map(key, rows))]
