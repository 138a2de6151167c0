"""Tables -> figures -> one page.

Reads results and draws them; every number comes from analysis.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

__all__ = ["write_report"]


def write_report(
    directory: str | Path, progress: Callable[[str], None] | None = None, tell: Callable[[str], None] | None = None
) -> Path:
    """Draw the report of the result folder `directory` and return the path of its page.

    Writes directory/report/index.html and the PNG files beside it, replacing those of an earlier report. `progress`
    is called with a few words before each part, and `tell` with what an unfinished sweep lacks. Raises OptbenchError,
    which says in one line what to do, where the folder or one of its tables is not there, cannot be read, or holds no
    runs.
    """
    from optbench.report.page import write_page

    return write_page(Path(directory), progress or (lambda text: None), tell or (lambda text: None))
