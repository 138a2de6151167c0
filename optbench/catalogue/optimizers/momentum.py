"""Gradient descent and momentum: an average or a sum of gradients, Nesterov's look-ahead, and several of them at once.

`gd`, the average (`momentum`), the sum (`heavy_ball`), the look-ahead (`nesterov`), and several at once (`aggmo`).
"""

from optbench import log_uniform, one_minus_log_uniform, optimizer


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


@optimizer(
    source="lecture C1; Polyak 1964 in the form of an exponentially weighted average",
    search={"lr": log_uniform(1e-3, 30), "beta1": one_minus_log_uniform(0.005, 0.3)},
    search_source="beta1: Nesterov in Dahl et al. 2023; lr our choice, best at 3e-3 to 10 on the shipped problems",
    equals={
        "torch": "SGD(lr=lr * (1 - beta1), momentum=beta1)",
        "optax": "sgd(lr * (1 - beta1), momentum=beta1)",
        "keras": (
            "SGD(learning_rate=lr * (1 - beta1), momentum=beta1) if constant # Keras multiplies what momentum "
            "keeps by the rate of the step at which a gradient came in"
        ),
    },
    beta1=0.9,
)
def momentum(w, g, m, lr, beta1):
    """m = beta1 m + (1 - beta1) g;  w = w - lr m.

    No bias correction, as in the lecture. Polyak's and PyTorch's form (m = beta1 m + g) is the same path at the
    rate lr (1 - beta1).
    """
    m = beta1 * m + (1 - beta1) * g
    return w - lr * m, m


@optimizer(
    source="Polyak 1964; torch.optim.SGD(momentum, dampening)",
    limits={"dampening": "[0, 1]"},
    search={"lr": log_uniform(1e-4, 1), "beta1": one_minus_log_uniform(0.005, 0.3)},
    search_source="lr: Schmidt et al. 2021; beta1: Nesterov in Dahl et al. 2023",
    equals={
        "torch": (
            "SGD(lr=lr, momentum=beta1, dampening=dampening) if beta1 > 0 or dampening == 0 # SGD without "
            "momentum has no dampening"
        ),
        "optax": "sgd(lr, momentum=beta1) if dampening == 0 # optax has no dampening",
        "keras": (
            "SGD(learning_rate=lr, momentum=beta1) if constant and dampening == 0 # Keras multiplies what "
            "momentum keeps by the rate of the step at which a gradient came in, and has no dampening"
        ),
    },
    beta1=0.9,
    dampening=0.0,
)
def heavy_ball(w, g, m, lr, beta1, dampening, t):
    """m = beta1 m + (1 - dampening) g, at the first step m = g;  w = w - lr m.

    A sum, not an average: the steps are up to 1 / (1 - beta1) times as long as those of `momentum` at the same
    rate. As in PyTorch, the first step has no dampening.
    """
    m = g if t == 1 else beta1 * m + (1 - dampening) * g
    return w - lr * m, m


@optimizer(
    source="Nesterov 1983 as in Sutskever et al. 2013, eq. 3-4, on the averaged gradient",
    search={"lr": log_uniform(1e-3, 30), "beta1": one_minus_log_uniform(0.005, 0.3)},
    search_source="beta1: Dahl et al. 2023; lr our choice, best at 3e-3 to 10 on the shipped problems",
    equals={
        "torch": "SGD(lr=lr * (1 - beta1), momentum=beta1, nesterov=True) if beta1 > 0 else SGD(lr=lr)",
        "optax": "sgd(lr * (1 - beta1), momentum=beta1, nesterov=True)",
        "keras": (
            "SGD(learning_rate=lr * (1 - beta1), momentum=beta1, nesterov=True) if constant # Keras multiplies "
            "what momentum keeps by the rate of the step at which a gradient came in"
        ),
    },
    beta1=0.9,
)
def nesterov(w, g, m, lr, beta1):
    """m = beta1 m + (1 - beta1) g;  w = w - lr (beta1 m + (1 - beta1) g).

    The iterate is the look-ahead point, as in PyTorch's SGD(nesterov=True), whose rate is lr (1 - beta1).
    """
    m = beta1 * m + (1 - beta1) * g
    return w - lr * (beta1 * m + (1 - beta1) * g), m


@optimizer(
    source="Lucas et al. 2019 with K = 3 and their default damping",
    search={"lr": log_uniform(3e-5, 10)},
    search_source="our choice, best at 1e-4 to 3 on the shipped problems; the authors keep their damping",
    beta1=0.0,
    beta2=0.9,
    beta3=0.99,
)
def aggmo(w, g, u, v, s, lr, beta1, beta2, beta3):
    """u = beta1 u + g, v = beta2 v + g, s = beta3 s + g;  w = w - lr (u + v + s) / 3.

    Aggregated momentum. Sums like `heavy_ball`, each with its own damping: the slow ones speed up flat directions,
    the fast ones damp the oscillation of the slow ones.
    """
    u = beta1 * u + g
    v = beta2 * v + g
    s = beta3 * s + g
    return w - lr * (u + v + s) / 3, u, v, s
