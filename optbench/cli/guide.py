"""``optbench guide``: the field guide of the atlas, or of a sweep of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from optbench.cli.groups import WHERE
from optbench.cli.options import check_folder, option
from optbench.contract.errors import OptbenchError


def guide(
    directory: Annotated[Path | None, typer.Argument(
        metavar="DIR", show_default=False, help="The results folder of a finished sweep; by default the shipped atlas.",
    )] = None,
    out: Annotated[str, option("out", "FOLDER", "Where the page, index.html, and its tables go.", WHERE)] = "guide",
) -> None:  # fmt: skip
    """Write the field guide: which optimizer for which kind of problem, what tuning buys, and where rates begin.

    One page that needs no other file and no network, and a CSV file for each of its tables. It is computed from the
    atlas that ships, or from another sweep with blocks and several learning rates; nothing runs.
    """
    from optbench.atlas import archive, guide_page
    from optbench.cli.console import console, errors, warn
    from optbench.results.results import load
    from optbench.store.provenance import typed_command

    check_folder(out)
    with errors.status("reckoning the field guide"):
        answer = (archive.read() if directory is None else load(directory)).ask()
        if answer.tables.missing:
            warn(answer.tables.missing)
        try:
            page = guide_page.write_guide(answer, Path(out), typed_command())
        except OSError as error:
            raise OptbenchError(f"--out: cannot write {str(error.filename or out)!r}: {error.strerror}") from None
    console.print(f"guide: {page}", markup=False, soft_wrap=True)
