"""RMSProp: the gradient over the root of an exponentially weighted average of its square."""

from math import sqrt

from optbench import optimizer
from optbench.records import variant


@optimizer(source="lecture C2; Hinton 2012, lecture 6e", beta2=0.9, eps=0.0, eps_root=1e-8)
def rmsprop(w, g, s, lr, beta2, eps, eps_root):
    """s = beta2 s + (1 - beta2) g^2;  w = w - lr g / (sqrt(s + eps_root) + eps).

    The lecture puts eps inside the root (eps_root), PyTorch outside (eps).
    """
    s = beta2 * s + (1 - beta2) * g * g
    return w - lr * g / (sqrt(s + eps_root) + eps), s


rmsprop_torch = variant(
    rmsprop, "rmsprop_torch", source="torch.optim.RMSprop (alpha is beta2)", beta2=0.99, eps=1e-8, eps_root=0.0
)
