"""From tables to numbers: costs, medians with intervals, honest selection, curves over seeds.

pandas in, pandas out; it reads no file and draws nothing.
"""

from optbench.analysis.columns import (
    configuration_columns,
    failed,
    full_batch,
    hyperparameter_columns,
    metric_columns,
    varied_hyperparameters,
)
from optbench.analysis.costs import fixed_targets, targets_of, time_to_target
from optbench.analysis.curves import curve_bands
from optbench.analysis.intervals import grouped_intervals, interval_ranks, median_interval
from optbench.analysis.selection import best_configurations, reported_runs, winners
from optbench.analysis.timings import timing_summary

__all__ = [
    "best_configurations",
    "configuration_columns",
    "curve_bands",
    "failed",
    "fixed_targets",
    "full_batch",
    "grouped_intervals",
    "hyperparameter_columns",
    "interval_ranks",
    "median_interval",
    "metric_columns",
    "reported_runs",
    "targets_of",
    "time_to_target",
    "timing_summary",
    "varied_hyperparameters",
    "winners",
]
