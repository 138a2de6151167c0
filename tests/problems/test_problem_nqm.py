"""The noisy quadratic model: its noise, and its expected loss against exact sums over the noise and against runs."""

import numpy as np
import pytest
from harness import CATALOGUE, lane, problem_of, run_cohort
from noise_twin import covariance

from optbench.kit.noisy_quadratic import expected_loss


def exact(h, spread, sizes, rates, beta, average):
    """Expected losses of one coordinate from standard normal starts, (steps + 1,).

    The weights after t steps are linear in the start and in the noise of each step: their variance is a sum over all
    pairs of steps.
    """
    steps = len(rates)
    per_epoch = len(sizes)
    epochs = -(-steps // per_epoch)
    covariances = np.kron(np.eye(epochs), covariance(sizes))[:steps, :steps] * spread**2
    start = np.eye(1 + steps)[0]
    w, m, mean, losses = start, 0 * start, 0 * start, [h / 2]
    for t, lr in enumerate(rates, start=1):
        m = beta * m + (1 - beta) * (h * w + np.eye(1 + steps)[t])
        w = w - lr * m
        mean = average * mean + (1 - average) * w
        shown = mean / (1 - average**t) if average else w
        losses.append(h / 2 * (shown[0] ** 2 + shown[1:] @ covariances @ shown[1:]))
    return np.array(losses)


@pytest.mark.parametrize(("beta", "average"), [(0.0, 0.0), (0.9, 0.0), (0.0, 0.8), (0.7, 0.95)])
@pytest.mark.parametrize(("examples", "batch"), [(12, 4), (10, 4), (6, 6), (1000, 1)])
def test_expected_loss_is_the_sum_over_all_pairs_of_steps(examples, batch, beta, average):
    problem = CATALOGUE.problem(f"nqm(dim=3, decay=2.0, noise=0.6, examples={examples})")
    rates = np.linspace(0.3, 0.1, 17)
    sizes = [min(batch, examples - first) for first in range(0, examples, batch)]
    wanted = sum(exact(h, 0.6 * h**0.5, sizes, rates, beta, average) for h in (1, 1 / 4, 1 / 9))
    made = expected_loss(problem, rates, 17, batch, beta=beta, average=average)
    np.testing.assert_allclose(made, wanted, rtol=1e-11)


@pytest.mark.parametrize(
    ("text", "betas"),
    [
        ("gd", {}),
        ("momentum(beta1=0.8)", {"beta": 0.8}),
        ("average(momentum, beta=0.9)", {"beta": 0.9, "average": 0.9}),
    ],
)
def test_runs_have_the_expected_loss(text, betas):
    problem, steps, seeds = problem_of("nqm(dim=300, examples=64)"), 50, 60
    rule, values = CATALOGUE.optimizer(text)
    losses = [
        run_cohort(
            problem, rule, [lane(rule, 0.5, **values)], seed=seed, batch_size=4, steps=steps, dtype="float64",
            points=np.arange(0, steps + 1, 10),
        ).parts[0].train.ravel()
        for seed in range(seeds)
    ]  # fmt: skip
    wanted = expected_loss(problem, 0.5, steps, 4, **betas)[::10]
    error = np.std(losses, axis=0, ddof=1) / np.sqrt(seeds)
    assert (np.abs(np.mean(losses, axis=0) - wanted) < 4 * error).all()
    assert (error < 0.05 * wanted).all()
