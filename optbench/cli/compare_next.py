"""What would settle the open rows of a comparison: how many blocks, the commands that run them, and their time."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from optbench.analysis.folders import SECONDS, TUNED, Comparison
from optbench.analysis.verdicts import OPEN
from optbench.contract.names import count_noun
from optbench.wording.certainty import estimate_seconds, format_time
from optbench.wording.wider_search import begin_extension

if TYPE_CHECKING:
    from optbench.results.results import Results


def list_steps(found: Comparison, sides: Sequence[Results], above: float | None) -> list[dict[str, Any]]:
    """Return what would settle the open rows, in a list: its "text" and the "commands", which may be none.

    sides: the folders, one where two of its optimizers are compared; above: the share of --fail-above, which more
    blocks are to show or rule out; None: they are to give a verdict. Nothing for times, parts, and folders that are
    unfinished.
    """
    what, column = ("verdict", "blocks_needed") if above is None else ("regression", "regression_blocks")
    rows = found.rows
    rows = rows[(rows[what] == OPEN) & rows[column].notna()]
    made = [side.provenance for side in sides]
    if rows.empty or found.by == SECONDS or any(side.missing for side in sides):
        return []
    if any(each.get("shard") for each in made) or not all(side.path for side in sides):
        return []
    needed = sorted(rows.loc[np.isfinite(rows[column]), column].unique())
    subject = f"{len(rows):,} open row{'s' * (len(rows) > 1)}"
    if above is not None:
        subject = f"a regression above {100 * above:.4g}% is open in {count_noun(len(rows), 'row')}"
    steps = []
    for most in dict.fromkeys([needed[(len(needed) - 1) // 2], needed[-1]]) if needed else ():
        settled = rows[rows[column] <= most]
        times = float((settled[column] / settled["blocks"]).max())  # of the runs that there are
        steps.append(_plan_extension(found.by, sides, most, times))
        who = "it" if len(rows) == 1 else "all" if len(settled) == len(rows) else f"{len(settled):,} of them"
        verb = "need" if who == "all" or len(settled) > 1 else "needs"
        steps[-1]["text"] = f"{subject}: {who} {verb} at most {steps[-1]['text']}"
    return steps


def _plan_extension(by: str, sides: Sequence[Results], most: float, times: float) -> dict[str, Any]:
    """Return the "commands" that extend both folders, and as "text" the number of blocks or seeds and the time.

    by: the kind of comparison; most: the blocks in all, where blocks are compared; times: as many times the runs that
    there are, for seeds.
    """
    commands, seconds, counts = [], 0.0, []
    versions = {side.provenance.get("optbench") for side in sides}
    for side in sides:
        made = side.provenance
        blocks = int(made.get("blocks") or 0)
        there, unit = blocks or len(made.get("seeds") or ()), "block" if blocks else "seed"
        total = math.ceil((most if blocks and by == TUNED else there * times) - 1e-9)
        counts.append((total, unit))
        if total > there:
            version = f"  # with optbench {made.get('optbench')}" * (len(versions) > 1)
            words = (*begin_extension(side.path or "", made), f"--{unit}s", str(total))
            commands.append(f"{shlex.join(words)}{version}")
            cores = made.get("cores") or 1
            seconds += estimate_seconds(side.runs, side.timings, cores, (total - there) / max(there, 1))
    total, unit = max(counts)
    where = " in both folders" * (len(commands) > 1)
    took = f" (about {format_time(seconds)} here)" * (seconds > 0)
    return {"text": f"{total:,} {unit}s in all{where}{took}", "commands": commands}
