"""The code that uses numba beyond its documented interface still works, and kernels are vectors that count no views."""

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numba
import numpy as np
import pytest
from numba import float64, types, void
from numba.core.runtime import _nrt_python, rtsys
from ptx import ptx

from optbench.compiler import cuda_inside, kernel_files, numba_compat, numba_inside
from optbench.compiler.translator import OPTIONS, STRICT

ROOT = Path(__file__).parents[2]
TABLE = types.Array(float64, 2, "C")


@pytest.mark.slow
def test_no_gpu_is_looked_for_before_it_is_asked_for():
    script = (
        "import sys\nfrom optbench.compiler import contracts, device, driver, fastmath, numba_inside\n"
        "numba_inside.noalias()\nprint([name for name in sys.modules if name.startswith('numba.cuda')])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


def test_what_has_no_place_for_a_cache_is_compiled_without(monkeypatch):
    scope = {}
    exec(compile("def plus(x):\n    return x + 1\n", "<nowhere>", "exec"), scope)
    with pytest.raises(RuntimeError, match="cannot cache"):
        numba.njit(cache=True)(scope["plus"])
    monkeypatch.setattr(kernel_files, "_warned", [])
    with pytest.warns(kernel_files.KernelCacheWarning, match="no folder in which compiled kernels of <nowhere> can be"):
        assert numba_compat.cached(numba.njit, scope["plus"])(1) == 2


SHAPES = [((12,), (3, 4)), ((12,), (3, 2, 2)), ((3, 4), (4, 3))]


@pytest.mark.parametrize(("before", "after"), SHAPES)
def test_a_strided_view_is_a_reshape(before, after):
    """As numba compiles it, here for this machine's cores, and as the simulator does it."""
    view = numba.extending.intrinsic(numba_inside.view)

    @numba.njit
    def compiled(array, shape):
        return view(array, shape)

    whole = np.arange(24.0)
    far, near = whole.reshape(*before, 2)[..., 1], np.arange(12.0).reshape(before)
    for array in (far, near):
        for made in (compiled(array, after), cuda_inside._simulated_view(array, after)):
            np.testing.assert_array_equal(made, array.reshape(after))
            assert np.shares_memory(made, array)


@pytest.mark.ptx
def test_a_kernel_is_compiled_for_a_card_that_is_not_there():
    """With a device function, which asks for the card, and a view that is no reshape of numba's."""
    from optbench.compiler import cuda, cuda_translator

    if cuda_inside.toolkit_version(cuda.cuda) is None:
        pytest.skip("no libnvvm: install a CUDA toolkit, or the test extra on Linux")
    from numba.cuda import dispatcher

    known, shaped = dispatcher.get_current_device, cuda_translator.shaped

    @cuda.jit
    def half(x):
        return x / 2

    @cuda.cuda.jit
    def kernel(x):
        column = shaped(x[:, 0], (2, 2))
        column[1, 1] = half(column[0, 0])

    old, new = ptx([(kernel, void(types.Array(float64, 2, "C")))], (7, 5), (9, 0))
    assert ".target sm_75" in old and ".target sm_90" in new and re.search(r"\tst\.\S*64", old)
    assert dispatcher.get_current_device is known


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_fork_waits_for_another_threads_compilation():
    from numba.core.compiler_lock import global_compiler_lock

    begun, done = threading.Event(), threading.Event()

    def compile_long():
        with global_compiler_lock:
            begun.set()
            time.sleep(0.3)
            done.set()

    thread = threading.Thread(target=compile_long)
    thread.start()
    assert begun.wait(60)
    number = os.fork()
    if number == 0:
        os._exit(0 if done.is_set() and global_compiler_lock._lock.acquire(blocking=False) else 1)
    assert os.waitpid(number, 0)[1] == 0
    thread.join()


_PART = OPTIONS | STRICT | {"forceinline": True, "pipeline_class": numba_inside.Part}


def squares(w, out):
    part, room = w[1:], out[1:]
    for i in range(part.shape[0]):
        row, slope = part[i], room[i]
        for r in range(row.shape[0]):
            slope[r] = row[r] * row[r]


_squares = numba.njit(**_PART)(squares)
_alone = numba_inside.with_one_lane


def squares_of_one(w, out):
    _squares(_alone(w), _alone(out))


def squares_of_all(w, out):
    _squares(w, out)


@pytest.mark.parametrize(("kernel", "runs"), [(squares_of_one, 1), (squares_of_all, 3)])
def test_nobody_counts_views_of_a_kernels_arguments(kernel, runs):
    options = OPTIONS | STRICT | numba_inside.noalias()
    compiled = numba.njit(void(TABLE, TABLE), pipeline_class=numba_inside.Vectors, **options)(kernel)
    w, out = np.arange(12.0 * runs).reshape(12, runs), np.zeros((12, runs))
    compiled(w, out)
    assert np.array_equal(out[1:], w[1:] ** 2) and not out[0].any()
    text = compiled.inspect_llvm((TABLE, TABLE))
    text = text[text.index("define") :].partition("\n}")[0]
    assert "NRT_incref" not in text
    assert re.search(r"fmul <\d+ x double>", text), "no vectors, of lanes or of one lane's parameters"


def test_noalias_reaches_the_arguments():
    def entry(**options):
        """The line that defines the kernel in LLVM's text."""
        kernel = numba.njit(void(TABLE, TABLE), **options)(squares_of_all)
        text = kernel.inspect_llvm((TABLE, TABLE))
        return next(line for line in text.splitlines() if line.startswith("define") and "@_ZN" in line)

    assert numba_inside.noalias() == {"noalias": True}
    promised = entry(**numba_inside.noalias())
    assert promised.count("noalias") >= entry().count("noalias") + 2, "numba no longer passes noalias on"


@numba.njit
def multiplied(a, b, out, first, last):
    numba_inside.multiply(a, b[:, first:last], out[:, first:last])


@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize("turned", [(False, False), (False, True), (True, False), (True, True)])
@pytest.mark.parametrize("shape", [(5, 7, 9), (1, 7, 9), (5, 1, 9), (5, 7, 1)])
def test_blas_multiplies_pieces_of_matrices_however_they_lie(shape, turned, kind):
    rows, inner, columns = shape
    a, b = (np.arange(1.0, 1.0 + n * m).reshape(n, m).astype(kind) for n, m in ((rows, inner), (inner, columns)))
    sides = (np.ascontiguousarray(side.T).T if turn else side for side, turn in zip((a, b), turned, strict=True))
    out = np.full((rows, columns), np.nan, kind)
    last = max(columns - 2, 1)
    multiplied(*sides, out, columns // 3, last)
    expected = out.copy()
    expected[:, columns // 3 : last] = (a @ b)[:, columns // 3 : last]
    np.testing.assert_allclose(out, expected, rtol=1e-6)
    assert np.isnan(out).sum() == rows * (columns - last + columns // 3)


BORROWS = void(TABLE, TABLE)


def products_of_a_copy(a, b):
    made = a.copy()
    np.dot(made, made[:2].T, b)


def test_what_is_made_is_given_back():
    kernel = numba.njit(BORROWS, pipeline_class=numba_inside.OwnCode)(products_of_a_copy)
    a = np.ones((40, 3))
    _nrt_python.memsys_enable_stats()
    try:
        before = rtsys.get_allocation_stats()
        kernel(a, np.zeros((40, 2)))
        after = rtsys.get_allocation_stats()
    finally:
        _nrt_python.memsys_disable_stats()
    assert after.alloc > before.alloc
    assert after.alloc - before.alloc == after.free - before.free
