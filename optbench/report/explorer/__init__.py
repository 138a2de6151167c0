"""The part of the page that answers to its reader: what templates/explorer.html and its scripts need.

The numbers go into the page as one piece of JSON; the scripts draw them. What needs statistics (medians, intervals,
expected times, who is ahead of whom) is computed here, so that a script only looks up, counts and adds.
"""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from optbench.contract.process_state import restored_process
from optbench.figures.evidence import Evidence
from optbench.report.explorer.data import explorer_data
from optbench.report.explorer.numbers import json_text

__all__ = ["explorer", "explorer_data"]


def explorer(evidence: Evidence) -> dict[str, Any]:
    """What the template `explorer.html` is filled with: `data`, the JSON, and `plotly`, the script of that library."""
    with restored_process():  # its import leaves a filter of warnings
        from plotly.offline import get_plotlyjs

    return {"data": Markup(json_text(explorer_data(evidence))), "plotly": Markup(get_plotlyjs())}
