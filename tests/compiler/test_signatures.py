"""From declarations to numba's signatures and to the texts of argument lists."""

import ast
from typing import NamedTuple

import numba
import numpy as np
import pytest
from numba import boolean, float32, float64, int32, int64, types, void
from quick import slow

from optbench.compiler import contracts, driver, problem_kernels, signatures, update_kernels
from optbench.compiler.contracts import Double, Flag, Given2, Reals1, Shorts3, Whole


class Pair(NamedTuple):
    array: Reals1
    number: Double


def scaled(factor: Whole, pair: Pair, negative: Flag) -> Double:
    total = 0.0
    for i in range(pair.array.shape[0]):
        total += pair.array[i] * pair.number
    pair.array[0] = -total if negative else total
    return factor * pair.array[0]


def kernel(x: Given2, order: Shorts3) -> None:
    pass


def test_signatures_are_read_off_annotations():
    one = types.Array(float32, 1, "C")
    assert signatures.signature(Pair, "float32") == void(one, float64)
    assert signatures.signature(scaled, "float32") == float64(int64, one, float64, boolean)
    given = types.Array(float64, 2, "C", readonly=True)
    assert signatures.signature(kernel, "float64") == void(given, types.Array(int32, 3, "C"))
    assert signatures.signature(numba.njit(kernel), "float64") == signatures.signature(kernel, "float64")


def test_a_function_of_a_named_tuple_becomes_one_of_its_fields():
    tree = signatures.flatten_tuples(scaled)
    assert [argument.arg for argument in tree.args.args] == ["factor", "array", "number", "negative"]
    scope = {}
    exec(compile(ast.fix_missing_locations(ast.Module([tree], [])), "<here>", "exec"), scope)
    split, whole = np.arange(1.0, 4.0), np.arange(1.0, 4.0)
    assert scope["scaled"](2, split, 0.5, True) == scaled(2, Pair(whole, 0.5), True) == -6.0
    np.testing.assert_array_equal(split, whole)


def test_calls_are_written_by_name():
    assert signatures.names(Pair) == "array, number"
    assert signatures.call(Pair, "f", number="2 * k") == "f(array, 2 * k)"
    with pytest.raises(AssertionError, match="Pair has no length"):
        signatures.call(Pair, "f", length="3")


@pytest.mark.parametrize("extras", [False, True])
@pytest.mark.parametrize("dtype", [slow("float32"), "float64"])
def test_what_the_driver_hands_on_fits_the_kernels(dtype, extras):
    """Its arrays are those of the gradient's and of the update's kernel."""
    given = signatures.kinds(contracts.DriveArguments)
    for contract in (contracts.GradientArguments, contracts.UpdateArguments):
        for name, kind in signatures.kinds(contract).items():
            assert given.get(name, kind) == kind, name
    assert driver.driver(dtype, extras).signatures == [signatures.signature(driver._drive, dtype).args]
    real = getattr(types, dtype)
    assert problem_kernels.evaluate_signature(dtype).args[1] == types.Array(real, 2, "C")
    assert update_kernels.update_signature(dtype).args[4] == types.Array(float64, 2, "C")
