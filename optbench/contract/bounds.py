"""Between what a run's suboptimality counts: the floor of rounding, and the ceiling at which a run has failed."""

FLOOR = 1e-14
"""Below this share of the minimum's size (or of 1) rounding decides: a suboptimality counts as this much at least."""
DIVERGENCE_FACTOR = 1e6
"""A run has diverged when its loss or its weights are not finite, or when its suboptimality exceeds this multiple of
the first one (and the minimum's own size, where the first one is next to nothing). A failure counts as this much."""


def is_bound(minimum_source: str) -> bool:
    """Whether a problem's minimum is only a lower bound that no run need come near.

    Args:
        minimum_source: where the minimum is known from, as the problem says.

    Returns:
        Whether it speaks of a bound.
    """
    return "bound" in minimum_source.lower()
