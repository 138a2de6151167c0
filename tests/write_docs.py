"""The parts of docs/ that follow from the code: ``python -m tests.write_docs`` writes them, with a name one page alone.

They stand between two comments, BEGIN and END, in a page that is otherwise written by hand.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from optbench.atlas import archive, published
from optbench.catalogue import data_sets, listing, loader
from optbench.cli import app
from optbench.cli.examples import EXAMPLES
from optbench.cli.output import EXIT_CODES
from optbench.wording.published_texts import describe_published, headline_published, write_rho
from tests import agreement

DOCS = Path(__file__).parents[1] / "docs"
BEGIN, END = "<!-- begin: python -m tests.write_docs writes this part -->", "<!-- end -->"


def write_catalogue() -> str:
    """Return the tables of all shipped names, one for each registry."""
    catalogue, parts = loader.load(), []
    for kind, registries in listing.KINDS.items():
        table = listing.list_names(catalogue, kind)
        for registry in registries:
            lines = [_write_row(row) for row in table if row["kind"] == registry.removesuffix("s")]
            if not lines:
                continue  # of eager ones none ship
            title = f"{len(lines)} {registry if len(lines) > 1 else registry[:-1]}".replace("_", " ")
            given = "defaults, and ranges of the search" if kind == "optimizers" else "defaults"
            given = f"cost, {given}" if registry in ("optimizers", "wrappers") else given
            head = [f"## {title}", "", f"| name | formula and source | {given} |", "|---|---|---|"]
            parts.append("\n".join([*head, *lines]))
    return "\n\n".join([*parts, _write_data_sets()])


def _write_row(row: dict) -> str:
    """Return a row of `list_names` as a line of a Markdown table."""
    searched = ", ".join(f"{key}={text}" for key, text in row["search"].items())
    given = "<br>".join(f"`{text}`" for text in (listing.values_text(row["defaults"]), searched) if text)
    given = "<br>".join(filter(None, (listing.cost_text(row), given)))
    formula_text = row["formula"].replace("`", "")
    cells = (f"`{row['name']}`", f"`{formula_text}`<br>{row['source']}", given)
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _write_data_sets() -> str:
    """Return the table of the data sets."""
    head = ["| name | rows | features | target | what it is | parameters |", "|---|---|---|---|---|---|"]
    lines = []
    for row in data_sets.list_data_sets():
        sizes = (f"{row[key]:,}" if row[key] else "" for key in ("rows", "features"))
        about = row["source"] + "; needs the extra `datasets`" * row["extra"]
        values = ", ".join(f"{key}={value!r}" for key, value in row["defaults"].items())
        cells = (f"`{row['name']}`", *sizes, row["target"], about, f"`{values}`" if values else "")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([f"## {len(lines)} data sets", "", *head, *lines])


def write_commands() -> str:
    """Return the help of every command as Markdown."""
    parts = ["## Exit codes", _table("exit code", EXIT_CODES.items())]
    for name, command in typer.main.get_command(app.app).commands.items():
        parts += [f"## {name}", _escaped(command.help), *_options(name, command)]
        about, lines = EXAMPLES[name]
        parts += [f"**Example.** {_escaped(about)}", "\n".join(["```console", *lines, "```"])]
    return "\n\n".join(parts)


def write_published() -> str:
    """Return what the atlas has in common with published orders, and these."""
    found = published.correlate(archive.read().ranking())
    texts = found.assign(rho=[write_rho(row) for row in found.to_dict("records")])
    grid = texts.pivot(index="kind", columns="source", values="rho").loc[texts["kind"].unique()]
    orders = published.read()
    lines = [f"| order | {' | '.join(each.source for each in orders)} |", "|---|" + "---|" * len(orders)]
    counts = found.groupby("source")["names"].max()
    lines += ["| *optimizers* | " + " | ".join(str(counts[each.source]) for each in orders) + " |"]
    lines += [f"| {kind} | {' | '.join(grid.loc[kind, each.source] for each in orders)} |" for kind in grid.index]
    sources = ["| source | what was measured | optimizers, the best first |", "|---|---|---|"]
    for each in orders:
        names = sorted(each.values, key=each.values.get, reverse=each.better == "higher")
        sources.append(
            f"| [{each.source}]({each.url}) | {each.measured} | {', '.join(f'`{name}`' for name in names)} |"
        )
    said = "\n".join(f"- {text}" for text in describe_published(found))
    return "\n\n".join(["## What was found", headline_published(found), "\n".join(lines), said, "\n".join(sources)])


def _options(name: str, command: Any) -> list[str]:
    """Return a table of the arguments, and one of the options below each heading."""
    context = command.make_context(name, [], resilient_parsing=True)
    rows: dict[str, list] = {}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and parameter.name != "help":
            argument = parameter.param_type_name == "argument"
            heading = "Arguments" if argument else parameter.rich_help_panel or "Options"
            shown = parameter.metavar or record[0] if argument else record[0]
            rows.setdefault(heading, []).append((shown, record[1]))
    parts = []
    for heading in sorted(rows, key=lambda each: each != "Arguments"):
        parts += [f"**{heading}**", _table("argument" if heading == "Arguments" else "option", rows[heading])]
    return parts


def _table(first: str, rows: Any) -> str:
    """Return a table of two columns, the first of which is typed."""
    lines = [f"| `{name.replace('|', '/')}` | {_escaped(text)} |" for name, text in rows]
    return "\n".join([f"| {first} | |", "|---|---|", *lines])


def _escaped(text: str) -> str:
    """Return the text without signs that Markdown would read."""
    return re.sub(r"([|*_<>\[\]])", r"\\\1", text)


PARTS: dict[str, Callable[[], str]] = {
    "catalogue.md": write_catalogue,
    "commands.md": write_commands,
    "agreement.md": agreement.write_tables,
    "published.md": write_published,
}
"""Page -> what returns its part."""


def renew(page: str) -> str:
    """Return the text of a page with its part as the code has it now."""
    before, rest = (DOCS / page).read_text(encoding="utf-8").split(BEGIN)
    return f"{before}{BEGIN}\n\n{PARTS[page]()}\n\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    for page in sys.argv[1:] or PARTS:
        (DOCS / page).write_text(renew(page), encoding="utf-8")
