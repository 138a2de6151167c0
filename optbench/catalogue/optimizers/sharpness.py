"""Wrappers that take the gradient of a step at another point, uphill of w: sharpness-aware minimization."""

from math import sqrt

from optbench import SecondGradient, log_uniform, wrapper


def _square(g):
    return g * g


def _scaled_square(w, g):
    return w * w * g * g


def _uphill(w, g, rho, squares):
    """Return w + rho g / |g|."""
    return w + rho / (sqrt(squares) + 1e-12) * g


def _scaled_uphill(w, g, rho, squares):
    """Return w + rho w^2 g / |w g|."""
    return w + rho / (sqrt(squares) + 1e-12) * w * w * g


@wrapper(
    source="Foret et al. 2021, Algorithm 1, without a decay",
    second_gradient=SecondGradient(_uphill, total={"squares": _square}),
    limits={"rho": "[0, inf)"},
    search={"rho": log_uniform(0.005, 0.5)},
    search_source="their grid of 0.01 to 0.5, and half of its lower end",
    rho=0.05,
)
def sam(step, w, g, ahead, lr):
    """w = step(w, f'(w + rho g / |g|)), that gradient of the same mini-batch; the norm is over all parameters.

    It takes two gradients a step, and so twice the samples. 1e-12 is added to the norm, as by the authors and in
    davda54's class. What stands inside, as in sam(clip(adam)), sees the second gradient; what stands around it sees the
    first. Where a problem changes gradients or moves, as noisy and moving do, both meet the same numbers; quantized and
    delayed are refused.
    """
    new = step(w, ahead)
    return new, ahead


@wrapper(
    source="Kwon et al. 2021, Algorithm 1 with eta = 0 and T = |w|",
    second_gradient=SecondGradient(_scaled_uphill, total={"squares": _scaled_square}),
    limits={"rho": "[0, inf)"},
    search={"rho": log_uniform(0.05, 5)},
    search_source="our choice, about the authors' 0.5 to 2",
    rho=0.5,
)
def asam(step, w, g, ahead, lr):
    """w = step(w, f'(w + rho w^2 g / |w g|)): sam in a ball that scales with each parameter.

    The authors add eta = 0.01 to |w|; davda54's class and pytorch_optimizer's do not, nor is it done here. HeavyBall's
    SAMWrapper scales by w^2 without the norm of |w g|, and is another method.
    """
    new = step(w, ahead)
    return new, ahead
