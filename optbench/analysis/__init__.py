"""From tables to numbers: costs, medians with intervals, honest selection, curves over seeds.

pandas in, pandas out; it reads no file and draws nothing.
"""

from optbench.analysis.batch_scaling import batch_times, critical_batch_size, tuned_times
from optbench.analysis.best_of_n import best_of_n
from optbench.analysis.costs import costs, fixed_targets, targets_of, time_to_target, timing_summary
from optbench.analysis.curves import cost_noise, curve_bands
from optbench.analysis.measures import find_reference_values, tail_values
from optbench.analysis.protocol import choose_settings, recommend_settings, select_chosen_runs, select_finalists
from optbench.analysis.run_columns import (
    configuration_columns,
    find_failed_runs,
    find_full_batch_runs,
    hyperparameter_columns,
    metric_columns,
    varied_hyperparameters,
)
from optbench.analysis.runtimes import runtime_shares
from optbench.analysis.selection import best_configurations, reported_runs, select_screening_runs
from optbench.analysis.statistics import grouped_intervals, interval_ranks
from optbench.analysis.trajectories import log_area

__all__ = [
    "batch_times",
    "best_configurations",
    "best_of_n",
    "choose_settings",
    "configuration_columns",
    "cost_noise",
    "costs",
    "critical_batch_size",
    "curve_bands",
    "find_failed_runs",
    "find_full_batch_runs",
    "find_reference_values",
    "fixed_targets",
    "grouped_intervals",
    "hyperparameter_columns",
    "interval_ranks",
    "log_area",
    "metric_columns",
    "recommend_settings",
    "reported_runs",
    "runtime_shares",
    "select_chosen_runs",
    "select_finalists",
    "select_screening_runs",
    "tail_values",
    "targets_of",
    "time_to_target",
    "timing_summary",
    "tuned_times",
    "varied_hyperparameters",
]
