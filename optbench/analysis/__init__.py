"""From tables to numbers: medians with intervals, honest selection, curves over seeds (pandas in, pandas out)."""

from .columns import (
    configuration_columns,
    failed,
    full_batch,
    hyperparameter_columns,
    metric_columns,
    varied_hyperparameters,
)
from .curves import curve_bands
from .intervals import grouped_intervals, interval_ranks, median_interval
from .selection import best_configurations, reported_runs, winners
from .timings import timing_summary

__all__ = [
    "best_configurations",
    "configuration_columns",
    "curve_bands",
    "failed",
    "full_batch",
    "grouped_intervals",
    "hyperparameter_columns",
    "interval_ranks",
    "median_interval",
    "metric_columns",
    "reported_runs",
    "timing_summary",
    "varied_hyperparameters",
    "winners",
]
