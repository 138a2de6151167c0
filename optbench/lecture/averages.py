"""Section B of the lecture: exponentially weighted averages."""

from optbench.lecture import averages_bias, averages_memory, averages_shape, averages_weights, averages_window

CLAIMS = (
    *averages_memory.CLAIMS,
    *averages_window.CLAIMS,
    *averages_weights.CLAIMS,
    *averages_bias.CLAIMS,
    *averages_shape.CLAIMS,
)
