"""Small functions of numbers for update rules: each compiles to a select, so that the loop around it vectorizes.

Update rules live in files that are loaded by path and cannot import each other; what several need stands here.
"""


def sign(x):
    """1, -1 or 0 as x is positive, negative or zero; NaN of NaN."""
    return 1 if x > 0 else (-1 if x < 0 else x)


def larger(x, y):
    """The larger of the two; NaN where y is, so y is the one that comes from the gradient."""
    return x if x > y else y


def clipped(x, low, high):
    """x within [low, high]; NaN of NaN."""
    return high if x > high else (low if x < low else x)


def ratio(over, under):
    """over / under, and 1 where either is 0; NaN passes."""
    return 1 if over == 0 else (1 if under == 0 else over / under)
