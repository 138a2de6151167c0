"""The results of several sweeps as those of one, such as of optimizers beside the sweep that they are ranked in."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pandas as pd

from optbench.contract.columns import FIRST_LOOK, STANDING_IN
from optbench.results.results import Results
from optbench.store.final_tables import Points
from optbench.store.unknown_minima import lowest_losses


class _Readers:
    """The readers of several folders, one after the other."""

    missing = ""

    def __init__(self, results: Sequence[Results]):
        """Take the results of folders."""
        self._results = results

    def read(self, name: str, wanted: Iterable[str] = (), **options: Any) -> pd.DataFrame:
        """Return the rows of a table of all folders. The arguments are those of `TableReader.read`."""
        columns = list(wanted)
        return _concat([each._source.read(name, columns, **options) for each in self._results])

    def points(self, run_ids: pd.Series) -> Iterator[Points]:
        """Yield all points of these runs, some runs at a time."""
        for each in self._results:
            yield from each._source.points(run_ids)


def join_results(*results: Results) -> Results:
    """Return the results of a finished sweep with those of optimizers that were added beside it, which come first.

    What is added is looked at once more than the sweep. Where a minimum is not known, the smallest loss of all stands
    for it. results: of folders, the sweep's last.
    """
    *new, known = results
    looked = [*(each.runs.assign(**{FIRST_LOOK: float(known.look + 1)}) for each in new), known.runs]
    names = ("timings", "landscapes", "paths", "snippets")
    timings, landscapes, paths, snippets = (_concat([getattr(each, name) for each in results]) for name in names)
    problems = _concat([known.problems, *(each.problems for each in new)]).drop_duplicates("problem", ignore_index=True)
    landscapes = landscapes.drop_duplicates(ignore_index=True)
    made: dict[str, Any] = {**known.provenance, "command": new[0].command}
    for key in ("labels", "plugins", "searched"):
        merged: dict[str, Any] = {}
        for each in results:
            merged |= each.provenance.get(key) or {}
        if merged:
            made[key] = merged
    made["own"] = [*(name for each in new for name in each.runs["optimizer"].unique())]
    made["own"] += known.provenance.get("own") or ()
    runs, source = _concat(looked), _Readers(results)
    joined = Results(runs, None, timings, problems, landscapes, made, new[0].path, source, paths, snippets)
    if STANDING_IN not in runs:
        return joined
    unknown = runs.loc[runs[STANDING_IN].notna(), "problem"].unique()
    return joined.measured_from(lowest_losses(runs, unknown))


def _concat(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of tables that have some, with the columns of all."""
    return pd.concat([each for each in tables if len(each)] or list(tables[:1]), ignore_index=True)
