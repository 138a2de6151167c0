"""From tables to numbers: costs, medians with intervals, honest selection, curves over seeds.

pandas in, pandas out; it reads no file and draws nothing.
"""

from optbench.analysis.best_of_n import best_of_n
from optbench.analysis.columns import (
    configuration_columns,
    failed,
    full_batch,
    hyperparameter_columns,
    metric_columns,
    varied_hyperparameters,
)
from optbench.analysis.comparison import verdicts
from optbench.analysis.curves import curve_bands
from optbench.analysis.intervals import grouped_intervals, interval_ranks, median_interval
from optbench.analysis.measures import tail_values
from optbench.analysis.protocol import chosen, finalists, recommended
from optbench.analysis.ranking import ranking, rankings_without
from optbench.analysis.selection import best_configurations, reported_runs, winners
from optbench.analysis.timings import timing_summary

__all__ = [
    "best_configurations",
    "best_of_n",
    "chosen",
    "configuration_columns",
    "curve_bands",
    "failed",
    "finalists",
    "full_batch",
    "grouped_intervals",
    "hyperparameter_columns",
    "interval_ranks",
    "median_interval",
    "metric_columns",
    "ranking",
    "rankings_without",
    "recommended",
    "reported_runs",
    "tail_values",
    "timing_summary",
    "varied_hyperparameters",
    "verdicts",
    "winners",
]
