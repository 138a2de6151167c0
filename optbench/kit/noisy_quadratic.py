"""The expected loss of gradient descent on a noisy quadratic, in closed form: theory to lay beside runs."""

from typing import Any

import numpy as np

from optbench.contract.errors import OptbenchError
from optbench.contract.problems import Problem


def expected_loss(
    problem: Problem, lr: Any, steps: int, batch_size: int, beta: float = 0.0, average: float = 0.0, start: Any = None
) -> np.ndarray:
    """Return the expected loss after each step on a noisy quadratic such as ``nqm``: its mean over seeds.

    Of ``gd``, of ``momentum(beta1=beta)``, or of ``average(..., beta=average)`` around either. Each coordinate is a
    linear system of weight, momentum and average, driven by noise. Mini-batches exhaust the examples of an epoch, so
    the means of two of them have the covariance -h noise^2 / examples; that of one has the variance h noise^2 (1/B -
    1/examples). (Zhang et al. 2019, arXiv 1907.04164, section 3, for examples without end.)

    Args:
        problem: f(w) = 1/2 sum_i h_i w_i^2 with additive noise, h its ``curvature``.
        lr: the learning rate; or one for each step, (steps,).
        steps: how many.
        batch_size: examples of a step.
        beta: that of the momentum; 0: gradient descent.
        average: that of the average which is evaluated; 0: the last weights are.
        start: the start point, (dim,); by default the mean over standard normal ones.

    Returns:
        The expected loss before the first step and after each, (steps + 1,).

    Raises:
        OptbenchError: the problem's examples have weights, or its curvature is not stated.

    Example:
        >>> from optbench import problems
        >>> nqm = problems()["nqm"].build({"dim": 100})
        >>> for size in (4, 64, 1024):
        ...     print(size, expected_loss(nqm, lr=1.0, steps=500, batch_size=size)[-1].round(4))
        4 0.3984
        64 0.0187
        1024 0.0005

    Source:
        Zhang et al. 2019, arXiv 1907.04164
    """
    if problem.curvature is None or problem.weight_spread:
        raise OptbenchError(f"problem {problem.name}: the expected loss is known of nqm, not of this problem")
    h, examples, size = np.asarray(problem.curvature), problem.examples, min(batch_size, problem.examples)
    variance = (problem.noise**2 / h.mean() * h)[:, None, None]
    rates = np.broadcast_to(np.asarray(lr, float), (steps,))
    moment = np.zeros((len(h), 3, 3))  # E z z' with z = (weight, momentum, average), before what an epoch's end takes
    first = np.ones(len(h)) if start is None else np.asarray(start, float) ** 2
    moment[:, ::2, ::2] = first[:, None, None]
    losses = np.full(steps + 1, h @ first / 2)
    push = np.zeros((len(h), 3, 1))  # what one unit of noise in every batch of this epoch so far comes to
    seen = 0
    for t in range(1, steps + 1):
        move, drive = _step(h, rates[t - 1], beta, (1 - average) / (1 - average**t))
        batch = min(size, examples - seen)
        moment = move @ moment @ move.transpose(0, 2, 1) + variance / batch * (drive @ drive.T)
        push, seen = move @ push + drive, seen + batch
        left = moment - variance / examples * (push @ push.transpose(0, 2, 1))
        losses[t] = h @ left[:, 2, 2] / 2
        if seen == examples:
            moment, push, seen = left, np.zeros_like(push), 0
    return losses


def _step(h: np.ndarray, lr: float, beta: float, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a step of z = (weight, momentum, average) as z = move z + drive e: (dim, 3, 3) and (3, 1).

    h: (dim,) curvatures; share: the weight of the newest weights in the average.
    """
    gain, zero, one = (1 - beta) * h, np.zeros_like(h), np.ones_like(h)
    momentum = np.stack([gain, beta * one, zero], axis=1)
    weight = np.stack([one, zero, zero], axis=1) - lr * momentum
    mean = np.stack([zero, zero, (1 - share) * one], axis=1) + share * weight
    drive = (1 - beta) * np.array([[-lr], [1.0], [-share * lr]])
    return np.stack([weight, momentum, mean], axis=1), drive
