"""Rprop: every coordinate has a step size of its own, which only the signs of its gradients change."""

from optbench import log_uniform, optimizer
from optbench.kit.scalars import clipped, sign


@optimizer(
    source="Riedmiller & Braun 1993 in the form iRprop- (Igel & Huesken 2000); torch.optim.Rprop",
    limits={"eta_minus": "(0, 1)", "eta_plus": "(1, inf)", "step_min": "(0, inf)", "step_max": "(0, inf)"},
    search={"lr": log_uniform(1e-5, 1)},
    search_source="our choice of the first step size, which hardly matters; the authors keep the other values",
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
