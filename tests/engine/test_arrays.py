"""The alignment of arrays: the same numbers give the same bits at any address."""

import numpy as np
from toy_problems import bowl

from optbench.engine.arrays import PADDING, aligned
from optbench.engine.cpu.cohort_kernels import ProblemCode


def test_arrays_begin_at_a_cache_line_and_lie_apart():
    kept = [aligned((1, 1 + i % 30), "float64") for i in range(300)]
    first = np.array([array.__array_interface__["data"][0] for array in kept])
    last = first + [array.nbytes for array in kept]
    assert (first % 64 == 0).all() and not any(array.any() for array in kept)
    order = np.argsort(first)
    assert (first[order][1:] - last[order][:-1] >= PADDING).all()


def test_a_loop_over_arrays_apart_adds_up_in_one_order():
    """The bowl's loop adds up w while it writes g: with vectors where these are apart, and one by one where not."""
    code, rng, apart = ProblemCode(bowl(20), "float64"), np.random.default_rng(0), PADDING // 8
    room, data = np.zeros(50_000), (np.zeros((0, 0)), np.zeros(0))
    rest = np.zeros(0), np.zeros(0, np.int64), np.zeros(0)
    begin = -room.__array_interface__["data"][0] // 8 % 8
    for w in rng.standard_normal((100, 20)):
        found = set()
        for distance in (apart, apart + 1, 3 * apart, 20_000):
            for here, there in ((begin, begin + 20 + distance), (begin + 20 + distance, begin)):
                place, g, f = (room[at : at + 20].reshape(1, 20) for at in (here, there, 49_000))
                place[:] = w
                code.gradient(place, g, f.ravel()[:1], *data, *rest, 0, 1)
                found.add((f[0, 0], g.tobytes()))
        assert len(found) == 1
