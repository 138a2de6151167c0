"""Token problems: their frequencies, their minima in closed form, and what the heavy tail does to gradient descent."""

import numpy as np
import pytest
from harness import gradient, problem_of
from problem_cases.tokens import distribution

from optbench import minimize


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_bigrams_have_the_frequencies_they_say(alpha):
    problem = problem_of(f"bigram(vocabulary=50, alpha={alpha})")
    pairs = distribution(*problem.data)
    law = np.arange(1, 51) ** -alpha
    np.testing.assert_allclose(pairs.sum(axis=1), law / law.sum(), rtol=1e-12)
    # Rows are drawn about the same law; with concentration c an entry has the variance q (1 - q) / (c + 1).
    rows, q = pairs / pairs.sum(axis=1, keepdims=True), law / law.sum()
    assert rows.mean(axis=0) == pytest.approx(q, abs=4 * np.sqrt(q.max() / 7 / 50))
    assert rows.var(axis=0).sum() == pytest.approx((q * (1 - q)).sum() / 7, rel=0.2)


@pytest.mark.slow
def test_a_bigrams_minimum_is_where_its_row_is_the_distribution():
    pairs = distribution(*problem_of("bigram(vocabulary=6)").data)
    rows = pairs / pairs.sum(axis=1, keepdims=True)
    (value,), (slope,) = gradient(problem_of("bigram(vocabulary=6)"), np.log(rows).ravel())
    assert value == pytest.approx(0, abs=1e-14) and np.abs(slope).max() < 1e-15
    squared = problem_of("bigram(vocabulary=6, loss=squared)")
    np.testing.assert_allclose(squared.minimizer, rows.ravel(), atol=1e-14)
    hessian = np.array([gradient(squared, squared.minimizer + axis)[1][0] for axis in np.eye(36)])
    np.testing.assert_allclose(hessian, np.diag(np.repeat(pairs.sum(axis=1), 6)), atol=1e-14)


def test_a_heavy_tail_holds_momentum_back_and_not_adam():
    """At each one's best of four rates a decade, after 300 steps of the full batch."""

    def end(alpha, optimizer, lr):
        return minimize(problem_of(f"bigram(alpha={alpha})"), optimizer, lr=lr, steps=300, batch_size="full").fun

    assert end(1.0, "momentum", 562.3) > 30 * end(1.0, "adam_torch", 0.5623)
    assert end(0.0, "momentum", 1e4) < 15 * end(0.0, "adam_torch", 1.0)


def test_frequent_pairs_come_to_a_memory_by_zipfs_law():
    problem = problem_of("zipf_recall(pairs=50, alpha=1, examples=20000)")
    counts = np.bincount(problem.data[1].astype(int), minlength=50)
    law = np.arange(1, 51.0) ** -1
    np.testing.assert_allclose(counts, 1 + 19950 * law / law.sum(), atol=1)
    assert counts.sum() == 20000 and problem.test[1].tolist() == list(range(50))


@pytest.mark.slow
def test_muon_recalls_rare_pairs_before_adam_and_gd():
    """At each one's best of two rates a decade, after 30 steps of the full batch."""

    def recalled(optimizer, lr):
        made = minimize(problem_of("zipf_recall"), optimizer, lr=lr, steps=30, batch_size="full")
        return made.curve["test_accuracy"].iloc[-1]

    assert recalled("muon", 10.0) > 2 * recalled("adam_torch", 9.49) > 2 * recalled("gd", 1000.0) > 0


def test_a_transformer_reads_the_book_in_order_and_keeps_its_end_for_the_test():
    problem = problem_of("char_transformer(vocabulary=80, letters=142_227)")
    text = "CHAPTER I\nDown the Rabbit-Hole\nAlice was beginning to get very tired"
    x = np.concatenate([problem.data[0], problem.validation[0], problem.test[0]]).ravel().astype(int)
    letter = dict(zip(x, text, strict=False))
    assert "".join(letter[number] for number in x[: len(text)]) == text
    assert (np.diff(np.bincount(x)) <= 0).all()  # the numbers of letters are their ranks
    flat = np.concatenate([problem.data[1], problem.validation[1], problem.test[1]])
    np.testing.assert_array_equal(flat[:-1], x.reshape(-1, 32)[1:, 0])


def test_a_transformer_names_its_embeddings_and_its_last_layer():
    problem = problem_of("char_transformer")
    sizes = dict.fromkeys(problem.roles, 0)
    for role, shape in zip(problem.roles, problem.blocks, strict=True):
        sizes[role] += np.prod(shape)
    assert sizes == {"embedding": 3072, "vector": 352, "hidden": 12288, "last": 2048} and problem.dim == 17760
