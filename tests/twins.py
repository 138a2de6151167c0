"""Naive NumPy twins of the optimizers, the moving average and the schedules.

Each twin is written from its paper or from the lecture, in the plainest NumPy that states it, and never imports
optbench: a twin that shared code with the engine would share its mistakes. Twins are slow on purpose. Powers are
`beta**t`, not running products; every state is a fresh array.

    TWINS[name](w, gradients, lr, **hyperparameters) -> trajectory

`w`          start point, shape (dim,). Its dtype is the dtype of all arithmetic: float32 stays float32.
`gradients`  array (steps, dim), or a function w -> gradient that is asked at the current point.
`lr`         the rate: a scalar, or an array (steps,), one rate a step. With a function for `gradients` it must be an
             array, because its length is then the only thing that says how many steps to take.
`trajectory` array (steps + 1, dim), whose row 0 is the start.

    SCHEDULES[name](steps, epochs, **parameters) -> factors

`steps` counts from 1, `epochs` are the passes completed before that step, from 0 (`completed_epochs`).
The defaults are stated here a second time on purpose: a changed default in the package must show in a test.
"""

import math

import numpy as np


def _start(w):
    """The trajectory's first row, and its scalar type (which everything else is cast to)."""
    w = np.array(w)
    if w.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
        w = w.astype(np.float64)
    return [w], w.dtype.type


def _steps(path, gradients, lr):
    """Yield (t, gradient at path[-1], rate) with t from 1; the caller appends the new point to `path` each time."""
    real = path[0].dtype.type
    if callable(gradients) and np.ndim(lr) == 0:
        raise ValueError("with a function for the gradients, give one rate a step: lr of shape (steps,)")
    count = len(lr) if callable(gradients) else len(gradients)
    rates = np.broadcast_to(np.asarray(lr, dtype=real), (count,))
    for t in range(1, count + 1):
        gradient = gradients(path[-1].copy()) if callable(gradients) else gradients[t - 1]
        yield t, np.asarray(gradient, dtype=real), rates[t - 1]


def gd(w, gradients, lr):
    """Gradient descent (lecture A; Cauchy 1847): w <- w - lr g."""
    path, _ = _start(w)
    for _, g, rate in _steps(path, gradients, lr):
        path.append(path[-1] - rate * g)
    return np.array(path)


def momentum(w, gradients, lr, *, beta1=0.9):
    """Momentum as a moving average of the gradient, without bias correction (lecture C1; Polyak 1964 up to scale)."""
    path, real = _start(w)
    one, beta1 = real(1), real(beta1)
    velocity = np.zeros_like(path[0])
    for _, g, rate in _steps(path, gradients, lr):
        velocity = beta1 * velocity + (one - beta1) * g
        path.append(path[-1] - rate * velocity)
    return np.array(path)


def nesterov(w, gradients, lr, *, beta1=0.9):
    """Nesterov momentum on a moving average, in the points where the gradient is taken.

    Source: Nesterov 1983 as written by Sutskever et al. 2013, eq. 3-4, with the look-ahead point as the variable
    (Bengio et al. 2012, section 3.5) and the velocity scaled by (1 - beta1). `nesterov_lookahead` is the original.
    """
    path, real = _start(w)
    one, beta1 = real(1), real(beta1)
    velocity = np.zeros_like(path[0])
    for _, g, rate in _steps(path, gradients, lr):
        velocity = beta1 * velocity + (one - beta1) * g
        path.append(path[-1] - rate * (beta1 * velocity + (one - beta1) * g))
    return np.array(path)


def nesterov_lookahead(w, gradients, lr, *, beta1=0.9):
    """Sutskever et al. 2013, eq. 3-4, literally, with learning rate lr (1 - beta1); rows are the look-ahead points.

    Equal to `nesterov` while the rate is constant. With a varying rate the two differ, because here the velocity
    remembers the rates of earlier steps; PyTorch, optax and optbench keep the rate out of the velocity.
    """
    path, real = _start(w)
    one, beta1 = real(1), real(beta1)
    theta, v = path[0], np.zeros_like(path[0])
    for _, g, rate in _steps(path, gradients, lr):
        v = beta1 * v - rate * (one - beta1) * g
        theta = theta + v
        path.append(theta + beta1 * v)
    return np.array(path)


def adagrad(w, gradients, lr, *, eps=1e-10):
    """AdaGrad, diagonal form (Duchi, Hazan and Singer 2011, figure 1): divide by the root of the sum of squares."""
    path, real = _start(w)
    eps = real(eps)
    total = np.zeros_like(path[0])
    for _, g, rate in _steps(path, gradients, lr):
        total = total + g * g
        path.append(path[-1] - rate * g / (np.sqrt(total) + eps))
    return np.array(path)


def rmsprop(w, gradients, lr, *, beta2=0.9, eps=0.0, eps_root=1e-8):
    """RMSProp (Tieleman and Hinton 2012, lecture 6.5), eps inside the root as in our lecture (C2) by default."""
    path, real = _start(w)
    one, beta2, eps, eps_root = real(1), real(beta2), real(eps), real(eps_root)
    s = np.zeros_like(path[0])
    for _, g, rate in _steps(path, gradients, lr):
        s = beta2 * s + (one - beta2) * g**2
        path.append(path[-1] - rate * g / (np.sqrt(s + eps_root) + eps))
    return np.array(path)


def rmsprop_torch(w, gradients, lr, *, beta2=0.99, eps=1e-8, eps_root=0.0):
    """RMSProp with the defaults of torch.optim.RMSprop (its `alpha` is beta2): eps outside the root."""
    return rmsprop(w, gradients, lr, beta2=beta2, eps=eps, eps_root=eps_root)


def adam(w, gradients, lr, *, beta1=0.9, beta2=0.999, eps=0.0, eps_root=1e-8):
    """Adam (Kingma and Ba 2015, Algorithm 1), eps inside the root as in our lecture (C3) by default."""
    path, real = _start(w)
    one, beta1, beta2, eps, eps_root = real(1), real(beta1), real(beta2), real(eps), real(eps_root)
    m = np.zeros_like(path[0])
    v = np.zeros_like(path[0])
    for t, g, rate in _steps(path, gradients, lr):
        m = beta1 * m + (one - beta1) * g
        v = beta2 * v + (one - beta2) * g**2
        m_hat = m / (one - beta1**t)
        v_hat = v / (one - beta2**t)
        path.append(path[-1] - rate * m_hat / (np.sqrt(v_hat + eps_root) + eps))
    return np.array(path)


def adam_torch(w, gradients, lr, *, beta1=0.9, beta2=0.999, eps=1e-8, eps_root=0.0):
    """Adam with the paper's and PyTorch's defaults: eps outside the root."""
    return adam(w, gradients, lr, beta1=beta1, beta2=beta2, eps=eps, eps_root=eps_root)


TWINS = {
    "gd": gd,
    "momentum": momentum,
    "nesterov": nesterov,
    "adagrad": adagrad,
    "rmsprop": rmsprop,
    "rmsprop_torch": rmsprop_torch,
    "adam": adam,
    "adam_torch": adam_torch,
}


def ewa(x, beta, bias_correction=False):
    """Exponentially weighted average along the last axis, v_0 = 0 (lecture B1), optionally over 1 - beta^t (B5)."""
    (x,), real = _start(x)
    one, beta = real(1), real(beta)
    out = np.empty_like(x)
    for row in np.ndindex(x.shape[:-1]):
        v = real(0)
        for t in range(1, x.shape[-1] + 1):
            v = beta * v + (one - beta) * x[row][t - 1]
            out[row][t - 1] = v / (one - beta**t) if bias_correction else v
    return out


def completed_epochs(count, steps_per_epoch):
    """Passes over the data completed before each of the steps 1..count, counted one by one."""
    epochs, epoch, seen = [], 0, 0
    for _ in range(count):
        epochs.append(epoch)
        seen += 1
        if seen == steps_per_epoch:
            epoch, seen = epoch + 1, 0
    return epochs


def constant(steps, epochs):
    """Factor 1 at every step."""
    return np.array([1.0 for _ in zip(steps, epochs, strict=True)])


def inverse(steps, epochs, *, decay_rate=1.0):
    """1 / (1 + decay_rate * epoch) (lecture D2)."""
    return np.array([1.0 / (1.0 + decay_rate * epoch) for _, epoch in zip(steps, epochs, strict=True)])


def exponential(steps, epochs, *, base=0.95):
    """base ** epoch (lecture D2)."""
    return np.array([base**epoch for _, epoch in zip(steps, epochs, strict=True)])


def sqrt_epoch(steps, epochs, *, k=1.0):
    """k / sqrt(epoch) (lecture D2); epoch 0, where it is undefined, takes the factor of epoch 1."""
    factors = []
    for _, epoch in zip(steps, epochs, strict=True):
        factors.append(k if epoch == 0 else k / math.sqrt(epoch))
    return np.array(factors)


def sqrt_step(steps, epochs, *, k=1.0):
    """k / sqrt(t), t the number of the mini-batch (lecture D2)."""
    return np.array([k / math.sqrt(step) for step, _ in zip(steps, epochs, strict=True)])


SCHEDULES = {
    "constant": constant,
    "inverse": inverse,
    "exponential": exponential,
    "sqrt_epoch": sqrt_epoch,
    "sqrt_step": sqrt_step,
}
