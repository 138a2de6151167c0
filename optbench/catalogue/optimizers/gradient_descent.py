"""Gradient descent: batch, mini-batch or stochastic, as the batch size says."""

from optbench import optimizer


@optimizer(source="Cauchy 1847; lecture A1 (batch) and mini-batch gradient descent")
def gd(w, g, lr):
    """w = w - lr g.

    The batch size makes it batch ("full"), mini-batch or stochastic (1) gradient descent.
    """
    return w - lr * g
