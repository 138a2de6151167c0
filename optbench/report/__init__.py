"""Tables -> figures -> one page.

Reads results and draws them; every number comes from analysis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optbench.report.finished import Finished

__all__ = ["write_report", "write_side_by_side"]


def write_report(
    directory: str | Path | Finished,
    progress: Callable[[str], None] | None = None,
    tell: Callable[[str], None] | None = None,
    **options,
) -> Path:
    """Write the report of the result folder `directory`, which may have been read, and return the path of its page.

    Writes directory/report/index.html, one file with all that it shows, replacing that of an earlier report. `progress`
    is called with a few words before each part, and `tell` with what an unfinished sweep lacks. options: the fields of
    `optbench.report.options.Options`. Raises OptbenchError, which says in one line what to do, where the folder or one
    of its tables is not there, cannot be read, or holds no runs, or where an option has no such value.
    """
    from optbench.report.options import Options
    from optbench.report.page import write_page

    of = Path(directory) if isinstance(directory, str) else directory
    return write_page(of, Options(**options), progress or (lambda text: None), tell or (lambda text: None))


def write_side_by_side(
    directories: Sequence[str | Path],
    progress: Callable[[str], None] | None = None,
    tell: Callable[[str], None] | None = None,
    **options,
) -> Path:
    """Write the page that shows several result folders beside the first one, and return its path.

    Without the option `out` it is report/side-by-side.html in the last of them. Arguments and errors: `write_report`.
    """
    from optbench.report.options import Options
    from optbench.report.side_by_side import write_page

    folders = [Path(directory) for directory in directories]
    return write_page(folders, Options(**options), progress or (lambda text: None), tell or (lambda text: None))
