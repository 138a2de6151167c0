"""What `list` says of the cost of a step and of memory, against counts by hand."""

import numpy as np
import pytest

from optbench import Matrix, optimizer
from optbench.catalogue.step_costs import added_cost, cost_of, cost_text

BY_HAND = {
    "gd": (3, 0, 0, 0),  # reads w, g, writes w
    "adam": (7, 0, 0, 2),  # reads w, g, m, v, writes w, m, v
    "lamb": (12, 0, 0, 2),  # besides, |w| reads w, and |step| w, g, m, v
    "muon": (13, 15, 0, 2),  # five times three products; g, m read and the block written, changed, read by the rule
    "shampoo": (18, 6, 2, 5),  # G G', G' G, a root each by eigh and a product, L G R; 4 (64^2 + 32^2) / (64 32) kept
    "soap": (22, 6.6, 0.2, 7),  # G G', G' G, to the bases and back; every 10th step P Q, QR, and m back and there
    "adafactor": (9 + 2 * 96 / 2048, 0, 0, 96 / 2048),  # |w| reads w
}


@pytest.mark.parametrize("name", BY_HAND)
def test_the_catalogue_is_counted_as_by_hand(catalogue, name):
    assert cost_of(catalogue.optimizers[name]) == pytest.approx(BY_HAND[name], rel=1e-12)


def test_hyperparameters_and_wrappers_count(catalogue):
    record, values = catalogue.optimizer("soap(every=5, max_dim=1)")
    assert cost_of(record, values)[1:] == (0, 0, 2)  # no side is short enough: m and v alone
    record, values = catalogue.optimizer("muon(ns_steps=2)")
    assert cost_of(record, values).products == 6
    assert added_cost(catalogue.wrappers["clip"], catalogue.optimizers["gd"]) == (1, 0, 0, 0)  # |g| reads g
    record, values = catalogue.optimizer("average(adam)")
    assert cost_of(record, values)[::3] == (9, 3)


def test_products_of_a_users_rule_are_counted():
    def gradient(g):
        return g

    def scaled(block, memory, t):
        eye = np.eye(block.shape[0])
        block[:] = np.linalg.inv(eye + block @ block.T) @ (eye @ eye) @ block
        if t % 4 == 0:
            np.dot(eye, eye)

    def broken(block, memory):
        raise ValueError("a bug")

    @optimizer(source="a test", matrix={"along": Matrix(gradient, scaled)})
    def mine(w, g, lr, along):
        return w - lr * along

    @optimizer(source="a test", matrix={"along": Matrix(gradient, broken)})
    def other(w, g, lr, along):
        return w - lr * along

    assert cost_of(mine)[1:] == (4.25, 1, 0)
    assert cost_of(other) is None


def test_words():
    assert cost_text({"arrays": 7, "products": 0, "decompositions": 0}) == "2.3"
    assert cost_text({"arrays": 13, "products": 15.0, "decompositions": 0}) == "4.3 and 15 products"
    assert cost_text({"arrays": 6, "products": 1.0, "decompositions": 0.2}) == "2, 1 product and 0.2 decompositions"
    assert cost_text({"arrays": 1, "products": 0, "decompositions": 0}, added=True) == "+0.33"


def test_list_and_show_have_them(run, catalogue):
    _, out, _ = run("list", "optimizers")
    assert (
        "\n  adam " in out
        and " cost 2.3, memory 2; beta1=0.9" in out
        and "\ncost: the numbers that a step reads" in out
    )
    plain = " ".join(out.split())
    assert "cost +2, memory +1, 2 gradients a step; rho=0.05" in plain and plain.count("2 gradients a step;") == 3
    assert plain.count("1.1 gradients a step;") == 2
    _, out, _ = run("show", "scion")
    assert "3.7 and 15 products of matrices, where gd's step is 1" in out
    assert "the block's role in the network (role)" in out
    told = {"adam": "2.3, where gd's step is 1", "sam": "+2, where gd's step is 1; 2 gradients a step"}
    for name, words in (told | {"sophia_g": "3.1, where gd's step is 1; 1.1 gradients a step"}).items():
        assert f"\ncost        {words}\n" in run("show", name)[1]
    _, out, _ = run("list", "schedules")
    assert "cost" not in out
