"""A rule that asks for the role of its block, for tests: no rule of the catalogue that a GPU can run does."""

from optbench import optimizer
from optbench.contract.roles import EMBEDDING, FIRST, HIDDEN, LAST

FACTORS = {"vector": 2.0, "hidden": 0.25, "first": 3.0, "last": 0.5, "embedding": 0.125}


@optimizer(source="a test")
def by_role(w, g, lr, role):
    """w = w - lr g, times a factor for each role."""
    factor = 2.0
    if role == HIDDEN:
        factor = 0.25
    if role == FIRST:
        factor = 3.0
    if role == LAST:
        factor = 0.5
    if role == EMBEDDING:
        factor = 0.125
    return w - lr * factor * g
