"""Rules that report an average of their iterates, which is not where the gradient is taken.

Averaged stochastic gradient descent; Schedule-Free SGD and AdamW.
"""

from math import sqrt

from optbench import log_uniform, one_minus_log_uniform, optimizer
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
        )
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


@optimizer(
    source="Defazio et al. 2024 (Schedule-Free SGD), weights lr^2 as in the authors' code",
    report="x",
    shared=("highest", "total"),
    search={"lr": log_uniform(1e-3, 30), "beta1": one_minus_log_uniform(0.02, 0.2)},
    search_source="our choice, lr as for gd and higher, as the authors advise; beta1 about their 0.9 to 0.98",
    equals={
        "optax": (
            "contrib.schedule_free_sgd(lr, b1=beta1, weight_decay=weight_decay) if constant "
            "# optax weighs an iterate by the rate of the step behind it"
        )
    },
    beta1=0.9,
    weight_decay=0.0,
)
def schedule_free_sgd(w, g, z, x, highest, total, lr, beta1, weight_decay, t):
    """z = z - lr (g + weight_decay w);  x = (1 - c) x + c z;  w = (1 - beta1) z + beta1 x.

    z is gradient descent, x the average of z that is reported, and w, between the two, where the gradient is taken.
    c is highest^2 over the sum of all highest^2, with the highest rate so far: 1 / t at a constant rate. A schedule
    should warm up and stay: the average does what decay is for.
    """
    z, x = w if t == 1 else z, w if t == 1 else x
    highest = larger(highest, lr)
    total = total + highest * highest
    c = highest * highest / total if total > 0 else 0
    z = z - lr * (g + weight_decay * w)
    x = x + c * (z - x)
    return z + beta1 * (x - z), z, x, highest, total


@optimizer(
    source="Defazio et al. 2024, Algorithm 1, without its warm-up",
    report="x",
    shared=("highest", "total"),
    search={
        "lr": log_uniform(1e-4, 3),
        "beta1": one_minus_log_uniform(0.02, 0.2),
        "beta2": one_minus_log_uniform(1e-3, 0.2),
    },
    search_source="our choice, lr, beta2 as for adamw, lr somewhat higher; beta1 about the authors' 0.9 to 0.98",
    equals={
        "optax": (
            "contrib.schedule_free_adamw(lr, b1=beta1, b2=beta2, eps=eps, weight_decay=weight_decay) if constant "
            "# optax weighs an iterate by the rate of the step behind it"
        ),
        "keras": "# Keras averages another way",
    },
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    weight_decay=0.0,
)
def schedule_free_adamw(w, g, z, x, v, highest, total, lr, beta1, beta2, eps, weight_decay, beta2_t, t):
    """`schedule_free_sgd` with g / (sqrt(v / (1 - beta2^t)) + eps) for g; v averages g^2.

    Its warm-up is a schedule here. beta1 is where between z and x the gradient is taken, not Adam's average.
    """
    z, x = w if t == 1 else z, w if t == 1 else x
    highest = larger(highest, lr)
    total = total + highest * highest
    c = highest * highest / total if total > 0 else 0
    v = beta2 * v + (1 - beta2) * g * g
    z = z - lr * (g / (sqrt(v / (1 - beta2_t)) + eps) + weight_decay * w)
    x = x + c * (z - x)
    return z + beta1 * (x - z), z, x, v, highest, total
