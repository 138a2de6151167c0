"""Wrappers that look at the step which a rule has made: masks, decays and lengths of it."""

from math import sqrt

from optbench import log_uniform, wrapper
from optbench.kit.scalars import larger


def _agreement(w, g, new):
    """Return 1 where the step goes downhill, else 0; a NaN counts, so that it gets through."""
    return 0 if (w - new) * g <= 0 else 1


@wrapper(
    source="Liang et al. 2024, Algorithm 1, with the authors' scale for C-AdamW",
    limits={"floor": "(0, 1]", "extra": "[0, inf)"},
    block={"agreeing": _agreement},
    search_source="floor and extra are conventions, not tuned",
    floor=1e-3,
    extra=0.0,
)
def cautious(step, w, g, lr, agreeing, floor, extra, rows, columns):
    """w = w - u where u g > 0, times n / max(agreeing + extra, floor n);  u = w - step(w, g), its sign against g's.

    Of the n parameters of a block, `agreeing` have such a u. Scales differ: C-AdamW's is the default; C-Lion's and
    pytorch_optimizer's is extra=1, HeavyBall's extra=0, both with a floor below 1 / n. HeavyBall compares sign bits, so
    that a u or g of 0 counts as positive; here, as for the authors, it agrees with nothing. A decay of the rule's own
    is part of u: the paper's C-AdamW is decoupled_decay(cautious(adam_torch)).
    """
    new = step(w, g)
    u = w - new
    return w if u * g <= 0 else w - u * (rows * columns / larger(agreeing + extra, floor * rows * columns))


@wrapper(
    source="Chen et al. 2025, Cautious Weight Decay",
    search={"decay": log_uniform(1e-5, 0.1)},
    search_source="as for decoupled_decay",
    decay=0.01,
)
def cautious_decay(step, w, g, lr, decay):
    """w = step(w, g) - lr decay w, the decay only where the step goes towards 0, too: (w - step(w, g)) w >= 0."""
    new = step(w, g)
    return new if (w - new) * w < 0 else new - lr * decay * w


@wrapper(
    source="Defazio 2025, AdamC, for all parameters; there for those that a normalization follows",
    shared=("top",),
    search={"decay": log_uniform(1e-5, 0.1)},
    search_source="as for decoupled_decay",
    decay=0.01,
)
def corrected_decay(step, w, g, top, lr, decay):
    """w = step(w, g) - lr (lr / top) decay w;  top = the largest rate so far: AdamC around adam_torch.

    As the rate falls, the norm of w tends to what it was at the full rate. In a warm-up it is decoupled_decay.
    """
    top = larger(top, lr)
    new = step(w, g)
    return new - lr * (lr / top if top > 0 else 0) * decay * w, top


def _w_square(w):
    return w * w


def _step_square(w, new):
    return (w - new) * (w - new)


def _along(w, new):
    return w * (w - new)


@wrapper(
    source="Wen et al. 2026, Fantastic Pretraining Optimizers 2.1; MuonH in Jordan's modded-nanogpt, track 3",
    block={"w_square": _w_square, "step_square": _step_square, "along": _along},
    search={"lr": log_uniform(1e-3, 0.3)},
    search_source="our choice, about the authors' 0.018",
    rate_means="the length of a step relative to the parameters of a matrix",
)
def hyperball(step, w, g, lr, w_square, step_square, along, columns):
    """w = r v / |v|,  v = w - lr r u / |u|,  r = |w|,  u = w - step(w, g): matrices keep their norm, by block.

    Vectors take the rule's own step. A matrix that starts at 0 stays there. HeavyBall's HyperBallAdamW keeps the norm
    of the start, which is the same but for rounding, and has its decay inside u. AdamH: hyperball(adam_torch); MuonH:
    hyperball(muon).
    """
    new = step(w, g)
    factor = 0 if step_square == 0 else lr * sqrt(w_square / step_square)
    square = w_square - 2 * factor * along + factor * factor * step_square
    scale = 1 if square == 0 else sqrt(w_square / square)
    return (w - factor * (w - new)) * scale if columns > 1 else new
