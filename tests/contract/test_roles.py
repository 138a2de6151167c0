"""The role of a parameter block: where it comes from, and that rules get it wherever they are stepped."""

import numpy as np
import pytest
from by_role import FACTORS, by_role
from harness import CATALOGUE, run_cohort

from optbench import Problem, optimizer, stepper, wrapper
from optbench.contract.composition import wrap
from optbench.contract.roles import ROLES as WORDS
from optbench.contract.roles import VECTOR, find_roles
from optbench.engine.cohort import Lane
from optbench.engine.cpu.update import Update

SHAPES = ((2, 3), (3,), (3, 2, 1), (2,), (2, 2), (1,))
ROLES = ("first", "vector", "hidden", "vector", "last", "vector")
OTHER_ROLES = ("embedding", "vector", "first", "vector", "last", "hidden")
DIM = sum(int(np.prod(shape)) for shape in SHAPES)


def factors(roles, shapes=SHAPES):
    pairs = zip(shapes, roles, strict=True)
    return np.concatenate([np.full(int(np.prod(shape)), FACTORS[role]) for shape, role in pairs])


@pytest.mark.parametrize(
    ("shapes", "roles"),
    [
        (SHAPES, ROLES),
        (((5,),), ("vector",)),
        (((4, 3),), ("last",)),
        (((3,), (4, 1), (2, 4)), ("vector", "first", "last")),
        ((), ()),
    ],
)
def test_the_order_of_the_blocks_says_what_they_are(shapes, roles):
    assert find_roles(shapes) == roles


@pytest.mark.parametrize("order", ["rows", "lanes"])
@pytest.mark.parametrize("roles", [(), OTHER_ROLES])
def test_a_rule_gets_the_role_of_each_block(order, roles):
    update = Update(by_role, order, SHAPES, "float64", [{}] * 2, roles)
    w = np.zeros((2, DIM) if order == "rows" else (DIM, 2))
    update.scalars[0] = [1.0, 2.0]
    update(w, np.ones_like(w), 1)
    np.testing.assert_array_equal(w if order == "rows" else w.T, -np.outer([1.0, 2.0], factors(roles or ROLES)))


def test_a_list_is_a_network_in_its_order_and_one_array_in_blocks_likewise():
    arrays, whole = [np.zeros(shape) for shape in SHAPES], np.zeros(DIM)
    stepper(by_role, arrays, lr=1.0).step([np.ones(shape) for shape in SHAPES])
    stepper(by_role, whole, lr=1.0, blocks=SHAPES).step(np.ones(DIM))
    np.testing.assert_array_equal(np.concatenate([array.ravel() for array in arrays]), -factors(ROLES))
    np.testing.assert_array_equal(whole, -factors(ROLES))


@wrapper(source="a test", share=0.5)
def slower_vectors(step, w, g, lr, share, role):
    """A share of the inner step for vectors."""
    new = step(w, g)
    new = w + share * (new - w) if role == VECTOR else new
    return new


def test_a_wrapper_may_ask_for_it_around_a_rule_that_does_not():
    record = CATALOGUE.optimizers["gd"]
    wrapped = wrap(slower_vectors, record)
    assert wrapped.by_block and not record.by_block
    arrays = [np.ones(shape) for shape in SHAPES]
    stepper(wrapped, arrays, lr=0.5).step([np.ones(shape) for shape in SHAPES])
    for array, role in zip(arrays, ROLES, strict=True):
        np.testing.assert_array_equal(array, 0.75 if role == "vector" else 0.5)


def slope(w, g):
    for i in range(w.shape[0]):
        g[i] = 1.0
    return np.sum(w)


FIELDS = {"form": "single", "dim": DIM, "start": lambda rng: np.zeros(DIM), "value_and_gradient": slope}


@pytest.mark.parametrize("roles", [(), OTHER_ROLES])
def test_a_problem_may_say_what_its_blocks_are(roles):
    problem = Problem(**FIELDS, blocks=SHAPES, roles=roles, name="slope")
    assert problem.roles == (roles or ROLES)
    flat = CATALOGUE.schedule("constant")
    found = run_cohort(
        problem, by_role, [Lane(0.5, flat, {})], seed=0, batch_size=1, steps=2, dtype="float64", points=np.array([0, 2])
    )
    np.testing.assert_allclose(found.parts[0].w[0], -factors(roles or ROLES))


def numbers(g, role):
    return g * role


@pytest.mark.parametrize("order", ["rows", "lanes"])
def test_a_sum_over_all_parameters_may_ask_for_it(order):
    @optimizer(total={"total": numbers})
    def summed(w, g, lr, total):
        return w - lr * g * total

    update = Update(summed, order, SHAPES, "float64", [{}] * 2)
    w = np.zeros((2, DIM) if order == "rows" else (DIM, 2))
    update.scalars[0] = 1.0
    update(w, np.ones_like(w), 1)
    sizes = [int(np.prod(shape)) for shape in SHAPES]
    np.testing.assert_array_equal(w, -float(np.dot(sizes, [WORDS.index(role) for role in ROLES])))
