"""The summary that a sweep leaves in the terminal, as a table of text."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from optbench.analysis import varied_hyperparameters, winners
from optbench.report import labels
from optbench.report.schedule_names import short_schedules


def terminal_summary(runs: pd.DataFrame, tuning_seeds: Iterable[int]) -> pd.DataFrame:
    """One row per problem, all text: problem, best, lr, median [low, high], failures, note.

    runs: the `runs` table. The best is chosen on the tuning seeds, its numbers come from the other seeds
    (`optbench.analysis.winners`); `note` says where they do not, and where the best rate is at the edge of its grid.
    """
    varied = varied_hyperparameters(runs)
    short = short_schedules(runs["schedule"].unique())
    rows = []
    for _, row in winners(runs, tuning_seeds).iterrows():
        batch = labels.batch_label(row["batch_size"], row["full_batch"])
        rows.append(
            {
                "problem": row["problem"],
                "best": f"{labels.optimizer_label(row, varied)}, batch {batch}, {short[row['schedule']]}",
                "lr": labels.number(row["lr"]),
                "median [low, high]": f"{labels.number(row['median'])} {labels.interval_text(row)}".strip(),
                "failures": labels.failure_text(row),
                "note": "; ".join(labels.notes(row)),
            }
        )
    return pd.DataFrame(rows)
