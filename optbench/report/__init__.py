"""Tables -> figures -> one page.

Reads results and draws them; every number comes from analysis.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

__all__ = ["write_report"]


def write_report(
    directory: str | Path,
    progress: Callable[[str], None] | None = None,
    tell: Callable[[str], None] | None = None,
    **options,
) -> Path:
    """Write the report of the result folder `directory` and return the path of its page.

    Writes directory/report/index.html, one file with all that it shows, replacing that of an earlier report. `progress`
    is called with a few words before each part, and `tell` with what an unfinished sweep lacks. options: the fields of
    `optbench.report.options.Options`. Raises OptbenchError, which says in one line what to do, where the folder or one
    of its tables is not there, cannot be read, or holds no runs, or where an option has no such value.
    """
    from optbench.report.options import Options
    from optbench.report.page import write_page

    return write_page(Path(directory), Options(**options), progress or (lambda text: None), tell or (lambda text: None))
