"""Schedule-Free RAdam: an average of iterates that are rectified in place of a warm-up."""

from math import sqrt

from optbench import log_uniform, one_minus_log_uniform, optimizer
from optbench.kit.scalars import larger


@optimizer(
    source="Defazio et al. 2024 (Schedule-Free RAdam of the authors' package), with its silent first phase",
    report="x",
    shared=("highest", "total", "a", "c"),
    search={
        "lr": log_uniform(1e-4, 3),
        "beta1": one_minus_log_uniform(0.02, 0.2),
        "beta2": one_minus_log_uniform(1e-3, 0.2),
    },
    search_source="as for schedule_free_adamw",
    equals={
        "torch": "# schedulefree.RAdamScheduleFree, the authors', takes these steps and is no part of PyTorch",
        "optax": "# optax has no Schedule-Free RAdam",
        "keras": "# Keras has no Schedule-Free RAdam",
    },
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    weight_decay=0.0,
)
def schedule_free_radam(w, g, z, x, v, highest, total, a, c, lr, beta1, beta2, eps, weight_decay, beta2_t, t):
    """`schedule_free_adamw` at the rate lr r, with RAdam's r in place of a warm-up: 0 while rho <= 4.

    r and rho are those of `radam`, which takes plain steps while rho <= 5; here nothing moves meanwhile, 4 steps with
    beta2 = 0.999, and with beta2 <= 0.6 nothing moves at all. The weight of an iterate is the square of the highest
    lr r so far. beta1 is where between z and x the gradient is taken.
    """
    z, x = w if t == 1 else z, w if t == 1 else x
    a = 1 + beta2 * a
    c = a + beta2 * c
    rho, last = 2 * c / a - 1, 2 / (1 - beta2) - 1
    square = (rho - 4) * (rho - 2) * last / ((last - 4) * (last - 2) * rho)
    rate = lr * sqrt(larger(0, square)) if rho > 4 else 0
    highest = larger(highest, rate)
    total = total + highest * highest
    share = highest * highest / total if total > 0 else 0
    v = beta2 * v + (1 - beta2) * g * g
    z = z - rate * (g / (sqrt(v / (1 - beta2_t)) + eps) + weight_decay * w)
    x = x + share * (z - x)
    return z + beta1 * (x - z), z, x, v, highest, total, a, c
