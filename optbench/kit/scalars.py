"""Small functions of numbers for update rules: each compiles to a select, so that the loop around it vectorizes.

Update rules live in files that are loaded by path and cannot import each other; what several need stands here.
"""


def sign(x: float) -> float:
    """Return 1, -1 or 0 as x is positive, negative or zero; NaN of NaN."""
    return 1 if x > 0 else (-1 if x < 0 else x)


def larger(x: float, y: float) -> float:
    """Return the larger of the two; NaN where y is NaN, so pass the value that comes from the gradient as y."""
    return x if x > y else y


def clipped(x: float, low: float, high: float) -> float:
    """Return x limited to [low, high]; NaN of NaN."""
    return high if x > high else (low if x < low else x)


def average(old: float, new: float, beta: float) -> float:
    """Return beta old + (1 - beta) new, to be used where a matrix is transformed.

    There the compiler may turn that sum into new + beta (old - new), which leaves few digits in float32 while an
    average that began at 0 is small and beta is near 1. Rules themselves keep the order in which they are written.
    """
    return old + (1.0 - beta) * (new - old)


def ratio(over: float, under: float) -> float:
    """Return over / under, or 1 where either is 0; NaN stays NaN."""
    return 1 if over == 0 else (1 if under == 0 else over / under)
