"""Rules that report an average of their iterates, which is not where the gradient is taken.

Averaged stochastic gradient descent.
"""

from optbench import log_uniform, optimizer
from optbench.kit.scalars import larger


@optimizer(
    source="Polyak & Juditsky 1992 in the form of Bottou 2012; torch.optim.ASGD",
    limits={"lambd": "[0, inf)", "alpha": "[0, inf)", "t0": "[0, inf)"},
    report="ax",
    search={"lr": log_uniform(1e-3, 30)},
    search_source="as for gd",
    equals={
        "torch": (
            "ASGD(lr=lr, lambd=lambd, alpha=alpha, t0=t0) if constant # PyTorch's rate of a step is made of the "
            "scheduler's rate one step before"
        ),
    },
    lambd=1e-4,
    alpha=0.75,
    t0=0.0,
)
def asgd(w, g, ax, lr, lambd, alpha, t0, t):
    """eta = lr / (1 + lambd lr (t - 1))^alpha;  w = w - eta (g + lambd w);  ax = ax + (w - ax) / max(1, t - 1 - t0).

    Gradient descent with a slowly falling rate and a pull towards 0; reported is ax, the mean of its iterates from
    step t0 + 2 on, and w itself before. PyTorch's default waits t0 = 1e6 steps.
    """
    eta = lr / (1 + lambd * lr * (t - 1)) ** alpha
    w = w - eta * (g + lambd * w)
    return w, ax + (w - ax) / larger(1, t - 1 - t0)
