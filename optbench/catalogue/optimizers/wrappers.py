"""Wrappers around any optimizer: ``clip(adam, norm=1)``, ``lookahead(momentum)``."""

from math import sqrt

from optbench import choice, log_uniform, one_minus_log_uniform, wrapper
from optbench.kit.scalars import larger


def _square(g):
    return g * g


@wrapper(
    source="Pascanu, Mikolov & Bengio 2013, Algorithm 1",
    limits={"norm": "(0, inf)"},
    total={"square": _square},
    search={"norm": log_uniform(0.1, 10)},
    search_source="our choice, a decade about the default",
    equals={
        "torch": "clipped(inner, norm)",
        "optax": "chain(clip_by_global_norm(norm), inner) if averaged not in inner # here the average is the outer one",
        "keras": "inner(global_clipnorm=norm)",
    },
    norm=1.0,
)
def clip(step, w, g, lr, square, norm):
    """g = g norm / max(norm, |g|), the norm over all parameters."""
    g = g * norm / larger(norm, sqrt(square))
    w = step(w, g)
    return w


@wrapper(
    source="Zhang et al. 2019, Algorithm 1",
    limits={"k": "[1, inf)", "alpha": "[0, 1]"},
    report="slow",
    search={"k": choice(5, 10), "alpha": choice(0.5, 0.8)},
    search_source="Zhang et al. 2019",
    equals={
        "torch": "lookahead(inner, int(k), alpha) if k % 1 == 0 # k is no whole number",
        "optax": "lookahead(inner, sync_period=int(k), slow_step_size=alpha) if k % 1 == 0 # k is no whole number",
        "keras": "# Keras has no slow weights",
    },
    k=5.0,
    alpha=0.5,
)
def lookahead(step, w, g, slow, lr, k, alpha, t):
    """Every k steps slow = slow + alpha (w - slow), w = slow;  the wrapped optimizer keeps its state.

    Reported is slow, which stands still in between.
    """
    slow = w if t == 1 else slow
    fast = step(w, g)
    slow = slow + alpha * (fast - slow) if t % k == 0 else slow
    return slow if t % k == 0 else fast, slow


@wrapper(
    source="lecture B1 and B5 on the iterates; Polyak & Juditsky 1992 for the idea",
    report="average",
    search={"beta": one_minus_log_uniform(1e-3, 0.1)},
    search_source="our choice, averages over 10 to 1000 steps",
    equals={
        "torch": "averaged(inner, beta)",
        "optax": "averaged(inner, beta)",
        "keras": "# Keras's use_ema corrects no bias",
    },
    beta=0.99,
)
def average(step, w, g, average, lr, beta, beta_t):
    """average = beta average + (1 - beta) w, over 1 - beta^t: the lecture's corrected average, of the iterates.

    Computed as average + (1 - beta) / (1 - beta^t) (w - average), which is the same. It is reported and never used.
    """
    w = step(w, g)
    return w, average + (1 - beta) / (1 - beta_t) * (w - average)


@wrapper(
    source="Hanson & Pratt 1988; PyTorch's weight_decay of SGD and Adam",
    search={"decay": log_uniform(1e-5, 0.1)},
    search_source="Sivaprasad et al. 2020, for SGD",
    equals={
        "torch": (
            "inner(weight_decay=decay) if inner in (SGD, Adam, Adagrad, Adadelta, RMSprop, Adamax, NAdam, RAdam, "
            "ASGD) else coupled(inner, decay)"
        ),
        "optax": (
            "chain(add_decayed_weights(decay), inner) if lookahead not in inner and averaged not in inner "
            "# here slow weights and averages are the outer ones"
        ),
        "keras": "# Keras's weight_decay is that of AdamW",
    },
    decay=1e-4,
)
def coupled_decay(step, w, g, lr, decay):
    """g = g + decay w: the gradient of decay |w|^2 / 2 besides, which adaptive optimizers scale like the rest."""
    w = step(w, g + decay * w)
    return w


@wrapper(
    source="Loshchilov & Hutter 2019, Algorithm 1, times the rate as in PyTorch",
    search={"decay": log_uniform(1e-5, 0.1)},
    search_source="Sivaprasad et al. 2020, for AdamW",
    equals={
        "torch": "AdamW(**inner, weight_decay=decay) if inner is Adam else decoupled(inner, decay / share)",
        "optax": (
            "chain(inner, add_decayed_weights(-lr * decay)) if lookahead not in inner and averaged not in inner "
            "# here slow weights and averages are the outer ones"
        ),
        "keras": (
            "inner(weight_decay=decay / share) if inner in (SGD, RMSprop, Adagrad, Adadelta, Adam, Adamax, "
            "Nadam) # Keras decays before the step looks at the parameters"
        ),
    },
    decay=0.01,
)
def decoupled_decay(step, w, g, lr, decay):
    """w = (1 - lr decay) w beside the optimizer's own step, which does not see it."""
    moved = step(w, g)
    return moved - lr * decay * w
