"""The runs that represent each tuned optimizer: those of every block's chosen setting on its reporting seeds."""

from __future__ import annotations

import pandas as pd

from optbench.analysis.blocks import HOLDOUT, coded
from optbench.analysis.measures import LOG_TAIL
from optbench.analysis.protocol import choices


def chosen_runs(runs: pd.DataFrame, choose_by: str = LOG_TAIL, of: str = "optimizer") -> pd.DataFrame:
    """Return the rows of `runs` that `verdicts` compares: each block's chosen setting on the block's reporting seeds.

    Costs and profiles of these rows are thus those of the whole procedure, tuning included, on seeds that were not used
    for the choice. choose_by, of: as for `verdicts`; a plain table is divided into blocks as there. Runs that a
    deadline cut are left out.

    Returns rows of `runs` in their order, with `stage` "holdout" and the `block` that each belongs to; where every
    level has a single setting, each seed is a block.
    """
    table = coded(runs, choose_by, of)
    best = pd.MultiIndex.from_frame(choices(table)[["setting", "block"]])
    chosen = pd.MultiIndex.from_arrays([table.setting, table.block]).isin(best) & (table.stage == 2) & ~table.cut
    return runs.iloc[table.row[chosen]].assign(stage=HOLDOUT, block=table.block[chosen])
