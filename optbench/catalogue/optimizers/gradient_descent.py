"""Gradient descent: batch, mini-batch or stochastic, as the batch size says."""

from optbench import log_uniform, optimizer


@optimizer(
    source="Cauchy 1847; lecture A1 (batch) and mini-batch gradient descent",
    search={"lr": log_uniform(1e-3, 30)},
    search_source="1e-4 to 1 in Schmidt et al. 2021; a decade higher here: best at 1e-3 to 10 on shipped problems",
    equals={"torch": "SGD(lr=lr)", "optax": "sgd(lr)", "keras": "SGD(learning_rate=lr)"},
)
def gd(w, g, lr):
    """w = w - lr g.

    The batch size makes it batch ("full"), mini-batch or stochastic (1) gradient descent.
    """
    return w - lr * g
