"""From tables to numbers: costs, medians with intervals, honest selection, curves over seeds.

pandas in, pandas out; it reads no file and draws nothing.
"""

from optbench.analysis.batch_scaling import batch_times, critical_batch_size, tuned_times
from optbench.analysis.best_of_n import best_of_n
from optbench.analysis.budget import against_budget, budget_winners, runs_at
from optbench.analysis.columns import (
    configuration_columns,
    failed,
    full_batch,
    hyperparameter_columns,
    metric_columns,
    varied_hyperparameters,
)
from optbench.analysis.comparison import verdicts
from optbench.analysis.costs import costs, fixed_targets, targets_of, time_to_target
from optbench.analysis.curves import curve_bands
from optbench.analysis.differences import differences
from optbench.analysis.folders import compare_tables, compare_timings
from optbench.analysis.intervals import grouped_intervals, interval_ranks, median_interval
from optbench.analysis.measures import tail_values
from optbench.analysis.profiles import performance_profiles, runtime_distributions
from optbench.analysis.protocol import chosen, finalists, recommended
from optbench.analysis.ranking import ranking, rankings_without
from optbench.analysis.running_times import running_times, simulated_restarts
from optbench.analysis.selection import best_configurations, every_setting, reported_runs
from optbench.analysis.step_noise import cost_noise
from optbench.analysis.suboptimality import landmarks
from optbench.analysis.timings import timing_summary
from optbench.analysis.trajectories import log_area, log_tail, values_at
from optbench.analysis.tuned import chosen_runs

__all__ = [
    "against_budget",
    "batch_times",
    "best_configurations",
    "best_of_n",
    "budget_winners",
    "chosen",
    "chosen_runs",
    "compare_tables",
    "compare_timings",
    "configuration_columns",
    "cost_noise",
    "costs",
    "critical_batch_size",
    "curve_bands",
    "differences",
    "every_setting",
    "failed",
    "finalists",
    "fixed_targets",
    "full_batch",
    "grouped_intervals",
    "hyperparameter_columns",
    "interval_ranks",
    "landmarks",
    "log_area",
    "log_tail",
    "median_interval",
    "metric_columns",
    "performance_profiles",
    "ranking",
    "rankings_without",
    "recommended",
    "reported_runs",
    "running_times",
    "runs_at",
    "runtime_distributions",
    "simulated_restarts",
    "tail_values",
    "targets_of",
    "time_to_target",
    "timing_summary",
    "tuned_times",
    "values_at",
    "varied_hyperparameters",
    "verdicts",
]
