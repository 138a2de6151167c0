"""Steps by sign: every coordinate moves by a size of its own, whatever the size of its gradient.

signSGD; Signum, which is signSGD with momentum; Lion: two averages in one; Rprop, whose sizes change by signs alone.
"""

from optbench import log_uniform, one_minus_log_uniform, optimizer
from optbench.kit.scalars import clipped, sign


@optimizer(
    source="Chen et al. 2023, Algorithm 2 (Lion)",
    search={
        "lr": log_uniform(1e-5, 0.1),
        "beta1": one_minus_log_uniform(0.02, 0.5),
        "beta2": one_minus_log_uniform(1e-3, 0.2),
    },
    search_source="lr a tenth of adamw's, as the authors advise; betas as for adamw",
    equals={
        "optax": "lion(lr, b1=beta1, b2=beta2, weight_decay=weight_decay)",
        "keras": (
            "Lion(learning_rate=lr, beta_1=beta1, beta_2=beta2, weight_decay=weight_decay) if beta1 > 0 # Keras "
            "wants beta_1 > 0"
        ),
    },
    beta1=0.9,
    beta2=0.99,
    weight_decay=0.0,
)
def lion(w, g, m, lr, beta1, beta2, weight_decay):
    """w = w - lr (sign(beta1 m + (1 - beta1) g) + weight_decay w);  m = beta2 m + (1 - beta2) g.

    The step looks at a faster average than the one that is kept. The authors take 3 to 10 times less rate and as
    much more weight decay than with AdamW.
    """
    along = sign(beta1 * m + (1 - beta1) * g)
    return w - lr * (along + weight_decay * w), beta2 * m + (1 - beta2) * g


@optimizer(
    source="Bernstein et al. 2018, Algorithm 1",
    search={"lr": log_uniform(1e-4, 1)},
    search_source="our choice, as for adamw: every coordinate's step has about the size lr",
    equals={"optax": "sign_sgd(lr)"},
)
def signsgd(w, g, lr):
    """w = w - lr sign(g).

    It comes no nearer to a minimum than about lr a coordinate; on noisy gradients it follows the median, not the mean.
    """
    return w - lr * sign(g)


@optimizer(
    source="Bernstein et al. 2018, Algorithm 2 (Signum)",
    search={"lr": log_uniform(1e-4, 1), "beta1": one_minus_log_uniform(0.02, 0.5)},
    search_source="our choice, as for adamw",
    equals={
        "optax": "signum(lr, beta=beta1)",
        "keras": "Lion(learning_rate=lr, beta_1=beta1, beta_2=beta1) if beta1 > 0 # Keras has no sign without momentum",
    },
    beta1=0.9,
)
def signum(w, g, m, lr, beta1):
    """m = beta1 m + (1 - beta1) g;  w = w - lr sign(m)."""
    m = beta1 * m + (1 - beta1) * g
    return w - lr * sign(m), m


@optimizer(
    source="Riedmiller & Braun 1993 in the form iRprop- (Igel & Huesken 2000); torch.optim.Rprop",
    limits={"eta_minus": "(0, 1)", "eta_plus": "(1, inf)", "step_min": "(0, inf)", "step_max": "(0, inf)"},
    search={"lr": log_uniform(1e-5, 1)},
    search_source="our choice of the first step size, which hardly matters; the authors keep the other values",
    rate_means="the size of the first step alone",
    equals={
        "torch": "Rprop(lr=lr, etas=(eta_minus, eta_plus), step_sizes=(step_min, step_max))",
        "optax": "# optax makes every move one step later, and none where the gradient turned in between",
    },
    eta_minus=0.5,
    eta_plus=1.2,
    step_min=1e-6,
    step_max=50.0,
)
def rprop(w, g, previous, size, lr, eta_minus, eta_plus, step_min, step_max, t):
    """size = size eta_plus where g kept its sign, size eta_minus and g = 0 where it turned;  w = w - size sign(g).

    The rate is the first size and nothing else: a schedule has no effect. For full batches; the noise of
    mini-batches turns signs and shrinks the sizes to step_min. optax.rprop makes every move one step later than Rprop
    and PyTorch, so that its first step moves nothing, and does not move where g turned in between.
    """
    turn = g * previous
    size = lr if t == 1 else size
    size = clipped(size * (eta_plus if turn > 0 else (eta_minus if turn < 0 else 1)), step_min, step_max)
    g = 0 if turn < 0 else g
    return w - size * sign(g), g, size
