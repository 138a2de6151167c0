"""AdaGrad, whose rates only fall, and AdaDelta, which forgets and needs no rate."""

from math import sqrt

from optbench import optimizer


@optimizer(source="Duchi, Hazan & Singer 2011, diagonal form (Fig. 1)", eps=1e-10)
def adagrad(w, g, s, lr, eps):
    """s = s + g^2;  w = w - lr g / (sqrt(s) + eps)."""
    s = s + g * g
    return w - lr * g / (sqrt(s) + eps), s


@optimizer(source="Zeiler 2012, Algorithm 1; torch.optim.Adadelta (rho is beta2)", beta2=0.9, eps=1e-6)
def adadelta(w, g, s, d, lr, beta2, eps):
    """s averages g^2;  step = sqrt(d + eps) / sqrt(s + eps) g;  w = w - lr step;  d averages step^2.

    The step has the unit of w, so the paper has no rate: lr = 1. The first steps are of size sqrt(eps).
    """
    s = beta2 * s + (1 - beta2) * g * g
    step = sqrt(d + eps) / sqrt(s + eps) * g
    return w - lr * step, s, beta2 * d + (1 - beta2) * step * step
