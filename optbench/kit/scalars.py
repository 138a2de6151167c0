"""Small functions of numbers for update rules: each compiles to a select, so that the loop around it vectorizes.

Update rules live in files that are loaded by path and cannot import each other; what several need stands here.
"""


def sign(x):
    """Return 1, -1 or 0 as x is positive, negative or zero; NaN of NaN."""
    return 1 if x > 0 else (-1 if x < 0 else x)


def larger(x, y):
    """Return the larger of the two; NaN where y is NaN, so pass the value that comes from the gradient as y."""
    return x if x > y else y


def clipped(x, low, high):
    """Return x limited to [low, high]; NaN of NaN."""
    return high if x > high else (low if x < low else x)


def ratio(over, under):
    """Return over / under, or 1 where either is 0; NaN stays NaN."""
    return 1 if over == 0 else (1 if under == 0 else over / under)
