"""AdaGrad: rates that only fall."""

from math import sqrt

from optbench import optimizer


@optimizer(source="Duchi, Hazan & Singer 2011, diagonal form (Fig. 1)", eps=1e-10)
def adagrad(w, g, s, lr, eps):
    """s = s + g^2;  w = w - lr g / (sqrt(s) + eps)."""
    s = s + g * g
    return w - lr * g / (sqrt(s) + eps), s
