"""Section C, optimizers: its claims, a file for each of the lecture's figures."""

from optbench.lecture import adam_batches, adam_limits, momentum_paths, momentum_start, quiz8, rmsprop_rates

CLAIMS = (
    *momentum_paths.CLAIMS,
    *momentum_start.CLAIMS,
    *rmsprop_rates.CLAIMS,
    *adam_limits.CLAIMS,
    *quiz8.CLAIMS,
    *adam_batches.CLAIMS,
)
