"""The variational autoencoder: its draws, its two losses, and PyTorch's autograd, which finds the same gradient."""

import numpy as np
import pytest
from harness import evaluate, gradient, problem_of
from scipy import stats
from sklearn.datasets import load_digits

from optbench import minimize


def test_each_example_comes_with_draws_of_its_own():
    problem = problem_of("vae")
    parts = [x for x, _ in (problem.data, problem.validation, problem.test)]
    assert [len(x) for x in parts] == [4 * 1438, 4 * 179, 4 * 180]
    pixels, noise = np.split(np.concatenate(parts), [64], axis=1)
    np.testing.assert_array_equal(pixels, np.repeat(pixels[::4], 4, axis=0))
    assert sorted(map(bytes, pixels[::4])) == sorted(map(bytes, load_digits().data / 16))
    assert len(np.unique(noise)) == noise.size
    assert stats.kstest(noise.ravel(), "norm").pvalue > 0.01
    other = problem_of("vae(seed=1)").data[0]
    np.testing.assert_array_equal(other[:, :64], parts[0][:, :64])
    assert abs(np.corrcoef(other[:, 64:].ravel(), parts[0][:, 64:].ravel())[0, 1]) < 0.02


def test_the_bound_is_the_entropy_of_the_pixels():
    x = problem_of("vae").data[0][:, :64]
    by_pixel = stats.bernoulli.entropy(x[::4])
    assert problem_of("vae").minimum == pytest.approx(by_pixel.sum(axis=1).mean(), rel=1e-12)


@pytest.mark.slow  # it compiles, as the next ones do
def test_of_a_code_that_is_not_used_both_losses_are_known():
    """All weights are 0 but the biases of the code: H = 64 ln 2, and KL that of two normal distributions."""
    problem, w = problem_of("vae(beta=0.5)"), np.zeros(5008)
    mean, logarithm = np.linspace(-1, 1, 8), np.linspace(-2, 1, 8)
    w[64 * 32 + 32 + 32 * 16 :][:16] = np.concatenate([mean, logarithm])
    z = stats.norm(mean, np.exp(logarithm / 2)).rvs((400_000, 8), random_state=0)
    ratio = stats.norm(mean, np.exp(logarithm / 2)).logpdf(z) - stats.norm.logpdf(z)
    loss, reconstruction = evaluate(problem, w, problem.test)[0]
    assert reconstruction == pytest.approx(64 * np.log(2), rel=1e-12)
    assert loss - reconstruction == pytest.approx(0.5 * ratio.sum(axis=1).mean(), rel=0.003)


@pytest.mark.torch
@pytest.mark.slow
@pytest.mark.parametrize("hidden", [(32,), (9, 6, 5)])
def test_autograd_finds_the_same_gradient(hidden):
    """PyTorch draws by its own rsample, with the noise put in, and has both losses from its distributions."""
    import torch
    from torch import distributions as laws

    problem = problem_of(f"vae(hidden={hidden}, beta=2.0)")
    x, rows = problem.data[0], np.r_[7:300]
    start = 0.3 * np.random.default_rng(0).standard_normal(problem.dim)
    w = torch.tensor(start, requires_grad=True)
    parts = [part.reshape(shape) for part, shape in zip(
        w.split([int(np.prod(shape)) for shape in problem.blocks]), problem.blocks, strict=True)]  # fmt: skip
    half = len(parts) // 2

    def network(a, parts):
        for k in range(0, len(parts), 2):
            a = a @ parts[k] + parts[k + 1]
            a = torch.tanh(a) if k < len(parts) - 2 else a
        return a

    pixels, noise = torch.tensor(x[rows]).split([64, 8], dim=1)
    mean, logarithm = network(pixels, parts[:half]).chunk(2, dim=1)
    code = laws.Normal(mean, (logarithm / 2).exp())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(laws.normal, "_standard_normal", lambda shape, dtype, device: noise)
        z = code.rsample()
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(network(z, parts[half:]), pixels, reduction="none")
    loss = (entropy.sum(1) + 2.0 * laws.kl_divergence(code, laws.Normal(0.0, 1.0)).sum(1)).mean()
    loss.backward()
    value, slope = gradient(problem, start, (x[rows], problem.data[1][rows]))
    assert value[0] == pytest.approx(loss.item(), rel=1e-12)
    np.testing.assert_allclose(slope[0], w.grad.numpy(), rtol=0, atol=1e-10 * np.abs(slope).max())


@pytest.mark.slow
def test_gradient_descent_needs_a_warm_up():
    """At a rate that it stands later on: at first some variances, which are exponentials, run away."""

    def diverged(schedule):
        made = [
            minimize("vae", "gd", lr=0.1, schedule=schedule, steps=500, batch_size=64, seed=seed) for seed in range(6)
        ]
        return sum(each.status == "diverged" for each in made)

    assert diverged("constant") >= 4 and diverged("warmup(constant)") <= 2
