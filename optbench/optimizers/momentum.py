"""Momentum as an exponentially weighted average of gradients, and Nesterov's look-ahead on the same average."""

from optbench import optimizer


@optimizer(source="lecture C1; Polyak 1964 in the form of an exponentially weighted average", beta1=0.9)
def momentum(w, g, m, lr, beta1):
    """m = beta1 m + (1 - beta1) g;  w = w - lr m.

    No bias correction, as in the lecture. Polyak's and PyTorch's form (m = beta1 m + g) is the same path at the
    rate lr (1 - beta1).
    """
    m = beta1 * m + (1 - beta1) * g
    return w - lr * m, m


@optimizer(source="Nesterov 1983 as in Sutskever et al. 2013, eq. 3-4, on the averaged gradient", beta1=0.9)
def nesterov(w, g, m, lr, beta1):
    """m = beta1 m + (1 - beta1) g;  w = w - lr (beta1 m + (1 - beta1) g).

    The iterate is the look-ahead point, as in PyTorch's SGD(nesterov=True), whose rate is lr (1 - beta1).
    """
    m = beta1 * m + (1 - beta1) * g
    return w - lr * (beta1 * m + (1 - beta1) * g), m
