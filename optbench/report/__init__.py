"""Reports: from the tables of a results folder to one page, its pictures and tables.

Every number comes from `analysis`. Nothing that a folder names is loaded or run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optbench.analysis.answer import Answer

__all__ = ["write_report", "write_side_by_side"]


def _ignore(text: str) -> None:
    """Do nothing: the default of the callbacks below."""


def write_report(
    directory: str | Path | Answer,
    progress: Callable[[str], None] = _ignore,
    warn: Callable[[str], None] = _ignore,
    **options: Any,
) -> Path:
    """Write the report of a results folder, or of an answer to what it was asked, and return the path of its page.

    The page is directory/report/index.html, one file with all that it shows; it replaces that of an earlier report.

    Args:
        directory: the results folder.
        progress: called with a few words before each part.
        warn: called with a sentence about what an unfinished sweep lacks.
        **options: the fields of `optbench.report.report_files.Options`.

    Raises:
        OptbenchError: a table is missing, damaged or empty, or an option has an unknown value.
    """
    from optbench.report.page import write_page
    from optbench.report.report_files import Options

    of = Path(directory) if isinstance(directory, str) else directory
    return write_page(of, Options(**options), progress, warn)


def write_side_by_side(
    directories: Sequence[str | Path | Answer],
    progress: Callable[[str], None] = _ignore,
    warn: Callable[[str], None] = _ignore,
    **options: Any,
) -> Path:
    """Write the page that shows several results folders beside the first one, and return its path.

    Without the option `out` it is report/side-by-side.html in the last of them. Arguments and errors: `write_report`.
    """
    from optbench.report.report_files import Options
    from optbench.report.side_by_side import write_page

    sources = [Path(each) if isinstance(each, str) else each for each in directories]
    return write_page(sources, Options(**options), progress, warn)
