"""Twins of gradient descent and momentum."""

import numpy as np

from twins.drive import twin


@twin
def gd(w):
    """Gradient descent (lecture A; Cauchy 1847): w <- w - lr g."""
    while True:
        w, g, lr = yield w
        w = w - lr * g


@twin
def momentum(w, *, beta1=0.9):
    """Momentum as a moving average of the gradient, without bias correction (lecture C1; Polyak 1964 up to scale)."""
    velocity = np.zeros_like(w)
    while True:
        w, g, lr = yield w
        velocity = beta1 * velocity + (1 - beta1) * g
        w = w - lr * velocity


@twin
def heavy_ball(w, *, beta1=0.9, dampening=0.0):
    """torch.optim.SGD with momentum, from its documentation: the buffer starts as the first gradient, undampened."""
    buffer = None
    while True:
        w, g, lr = yield w
        buffer = g if buffer is None else beta1 * buffer + (1 - dampening) * g
        w = w - lr * buffer


@twin
def nesterov(w, *, beta1=0.9):
    """Nesterov momentum on a moving average, in the points where the gradient is taken.

    Source: Nesterov 1983 as written by Sutskever et al. 2013, eq. 3-4, with the look-ahead point as the variable
    (Bengio et al. 2012, section 3.5) and the velocity scaled by (1 - beta1).
    """
    velocity = np.zeros_like(w)
    while True:
        w, g, lr = yield w
        velocity = beta1 * velocity + (1 - beta1) * g
        w = w - lr * (beta1 * velocity + (1 - beta1) * g)


@twin
def aggmo(w, *, beta1=0.0, beta2=0.9, beta3=0.99):
    """Aggregated momentum (Lucas et al. 2019): v_i <- beta_i v_i - g, w <- w + (lr / K) sum v_i."""
    betas = [beta1, beta2, beta3]
    velocities = [np.zeros_like(w) for _ in betas]
    while True:
        w, g, lr = yield w
        velocities = [beta * v - g for beta, v in zip(betas, velocities, strict=True)]
        w = w + lr / w.dtype.type(len(betas)) * sum(velocities)


@twin
def qhm(w, *, beta1=0.999, nu=0.7):
    """Quasi-hyperbolic momentum (Ma and Yarats 2019)."""
    buffer = np.zeros_like(w)
    while True:
        w, g, lr = yield w
        buffer = beta1 * buffer + (1 - beta1) * g
        w = w - lr * ((1 - nu) * g + nu * buffer)


@twin
def signsgd(w):
    """Bernstein et al. 2018, Algorithm 1."""
    while True:
        w, g, lr = yield w
        w = w - lr * np.sign(g)


@twin
def signum(w, *, beta1=0.9):
    """Bernstein et al. 2018, Algorithm 2 (SIGNUM)."""
    m = np.zeros_like(w)
    while True:
        w, g, lr = yield w
        m = beta1 * m + (1 - beta1) * g
        w = w - lr * np.sign(m)


@twin
def lion(w, *, beta1=0.9, beta2=0.99, weight_decay=0.0):
    """Chen et al. 2023, Algorithm 2."""
    m = np.zeros_like(w)
    while True:
        w, g, lr = yield w
        c = beta1 * m + (1 - beta1) * g
        w = w - lr * (np.sign(c) + weight_decay * w)
        m = beta2 * m + (1 - beta2) * g


@twin
def rprop(w, *, eta_minus=0.5, eta_plus=1.2, step_min=1e-6, step_max=50.0):
    """torch.optim.Rprop, from the algorithm in its documentation, coordinate by coordinate."""
    size, previous = None, np.zeros_like(w)
    while True:
        w, g, lr = yield w
        size = np.full_like(w, lr) if size is None else size.copy()
        w, g = w.copy(), g.copy()
        for i in range(w.size):
            if g[i] * previous[i] > 0:
                size[i] = min(size[i] * eta_plus, step_max)
            elif g[i] * previous[i] < 0:
                size[i] = max(size[i] * eta_minus, step_min)
                g[i] = 0
            size[i] = min(max(size[i], step_min), step_max)
            w[i] = w[i] - size[i] * np.sign(g[i])
        previous = g


TWINS = {rule.__name__: rule for rule in (gd, momentum, heavy_ball, nesterov, aggmo, qhm, signsgd, signum, lion, rprop)}
