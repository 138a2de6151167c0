"""Rules that scale each parameter's step by the curvature there, which a second gradient shows: AdaHessian, Sophia."""

from math import sqrt

from optbench import SecondGradient, log_uniform, one_minus_log_uniform, optimizer
from optbench.kit.scalars import clipped, larger

_EVERY = 10
"""The k of Sophia's authors: steps from one estimate of the curvature to the next."""
_SOPHIA_RANGES = {
    "lr": log_uniform(1e-5, 0.1),
    "beta1": one_minus_log_uniform(0.02, 0.5),
    "rho": log_uniform(1e-3, 1),
}


def _square(w):
    return w * w


def _one(w):
    return 1


_SIZE = {"squares": _square, "count": _one}


def _distance(difference, squares, count):
    """Return d, how far along z the second gradient is taken: where weights are larger than 1, in proportion to them.

    The scale is their root mean square, one for all, so that the difference is along z (Nocedal and Wright 2006,
    section 8.1). float32 has no number between 3000 and 3000.0002.
    """
    return difference * sqrt(larger(1, squares / count))


def _aside(w, difference, rademacher, squares, count):
    """Return w + d z, z of ones with random signs."""
    return w + _distance(difference, squares, count) * rademacher


def _here(w):
    return w


def _sophia_step(w, m, h, lr, rho, eps, weight_decay):
    """Return the weight after a step along m / max(rho h, eps), clipped to [-1, 1]."""
    size = eps if rho * h < eps else rho * h
    return w - lr * (clipped(m / size, -1, 1) + weight_decay * w)


@optimizer(
    source="Yao et al. 2021 (AdaHessian), Algorithm 1, without its average over the weights of a filter",
    second_gradient=SecondGradient(_aside, _SIZE),
    total=_SIZE,
    limits={"difference": "(0, inf)"},
    search={
        "lr": log_uniform(1e-3, 10),
        "beta1": one_minus_log_uniform(0.02, 0.5),
        "beta2": one_minus_log_uniform(1e-3, 0.2),
    },
    search_source="lr two decades about pytorch_optimizer's default of 0.1; the rest as for adamw",
    beta1=0.9,
    beta2=0.999,
    eps=1e-4,
    weight_decay=0.0,
    difference=1e-4,
)
def adahessian(
    w, g, m, v, ahead, lr, squares, count, beta1, beta2, eps, weight_decay, difference, beta1_t, beta2_t, rademacher
):  # fmt: skip
    """w = w - lr ((m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay w);  v averages (z Hz)^2.

    z Hz, with random signs z, is the diagonal of the Hessian and noise of mean 0 (Hutchinson). Hz is the difference of
    two gradients of the mini-batch, (f'(w + d z) - f'(w)) / d, with d = difference max(1, rms(w)) of all weights; the
    authors differentiate twice, which is the same for a quadratic. Where a ReLU switches between both points, only the
    difference sees it. A step takes two gradients, and so twice the samples. The power of the root is 1, and eps is
    added to it; pytorch_optimizer's eps is 1e-16.
    """
    curvature = rademacher * (ahead - g) / _distance(difference, squares, count)
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * curvature * curvature
    return w - lr * (m / (1 - beta1_t) / (sqrt(v / (1 - beta2_t)) + eps) + weight_decay * w), m, v, ahead


@optimizer(
    source="Liu et al. 2023 (Sophia), Algorithm 3, with Hutchinson's estimate",
    second_gradient=SecondGradient(_aside, _SIZE, every=_EVERY),
    total=_SIZE,
    limits={"rho": "[0, inf)", "difference": "(0, inf)"},
    search=_SOPHIA_RANGES,
    search_source="lr and beta1 as for lion, whose steps are as large at most; rho our choice, about 0.01 to 0.05",
    beta1=0.965,
    beta2=0.99,
    rho=0.04,
    eps=1e-15,
    weight_decay=0.1,
    difference=1e-4,
)
def sophia_h(w, g, m, h, ahead, lr, squares, count, beta1, beta2, rho, eps, weight_decay, difference, t, rademacher):
    """w = w - lr (clip(m / max(rho h, eps)) + weight_decay w), clipped to [-1, 1];  h averages z Hz of every 10th step.

    m averages the gradient; z Hz, with random signs z, is the diagonal of the Hessian and noise of mean 0 (Hutchinson).
    Where h is not positive, the step is lr sign(m). Hz is the difference of two gradients of the mini-batch,
    (f'(w + d z) - f'(w)) / d with adahessian's d, in steps 1, 11, 21 and so on: 1.1 gradients a step, and so many times
    the samples. The authors differentiate twice, which is the same for a quadratic. No average is corrected for its
    bias. rho is 0.04 in the authors' package, which has the other estimate, Sophia-G, times the batch size, and adds
    eps; optax has 0.01, corrects m, and takes h as it was before the step. pytorch_optimizer clips m / max(h, eps) to
    p, which is this rule at its rate lr / p, with p = rho.
    """
    m = beta1 * m + (1 - beta1) * g
    if (t - 1) % _EVERY == 0:
        h = beta2 * h + (1 - beta2) * rademacher * (ahead - g) / _distance(difference, squares, count)
    return _sophia_step(w, m, h, lr, rho, eps, weight_decay), m, h, ahead


@optimizer(
    source="Liu et al. 2023 (Sophia), Algorithm 3, with the Gauss-Newton-Bartlett estimate",
    second_gradient=SecondGradient(_here, every=_EVERY, draws_labels=True),
    limits={"rho": "[0, inf)"},
    search=_SOPHIA_RANGES,
    search_source="as for sophia_h",
    beta1=0.965,
    beta2=0.99,
    rho=0.04,
    eps=1e-15,
    weight_decay=0.1,
)
def sophia_g(w, g, m, h, ahead, lr, beta1, beta2, rho, eps, weight_decay, t, labels):
    """w = w - lr (clip(m / max(rho h, eps)) + weight_decay w), clipped to [-1, 1];  h averages B g~^2.

    m averages the gradient, and h that of steps 1, 11, 21 and so on, where g~ is a second gradient of the mini-batch.
    Its B labels are drawn from the probabilities that the model gives to classes: the mean of B g~^2 is the diagonal of
    the Gauss-Newton matrix (Bartlett). So the rule serves problems of classes, at 1.1 gradients a step, and so many
    times the samples. B counts labels, of which a sequence has several. No average is corrected for its bias. The
    authors' package averages g~^2, and multiplies it by B, there ``bs``, in the step.
    """
    m = beta1 * m + (1 - beta1) * g
    if (t - 1) % _EVERY == 0:
        h = beta2 * h + (1 - beta2) * labels * ahead * ahead
    return _sophia_step(w, m, h, lr, rho, eps, weight_decay), m, h, ahead
