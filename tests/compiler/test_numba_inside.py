"""The code that uses numba beyond its documented interface still works."""

import ast
import ctypes
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numba
import numpy as np
import pytest
from numba import float64, int64, types, void

from optbench.compiler import cuda_inside, kernel_files, numba_compat, numba_inside, translator

ROOT = Path(__file__).parents[2]
TABLE = types.Array(float64, 2, "C")


def add(a, b, n):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            a[i, j] += n * b[i, j]


ADD = void(TABLE, TABLE, int64)

# Who may import what of numba beyond its documented modules.
INSIDE = ("numba.core", "numba.np", "numba.experimental", "numba.misc", "llvmlite")


def imported(tree):
    """Names of modules, with what is taken from them, and attributes that only numba's inside has."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and node.attr in ("cudadrv", "jit_addr", "get_compile_result"):
            yield f"numba.core of .{node.attr}"


def trespasses(text):
    """Return the undocumented names of numba that a module's text imports, such as numba.cuda.*, not numba.cuda."""
    return [
        name
        for name in imported(ast.parse(text))
        if name.startswith(INSIDE) or name.startswith("numba.cuda.") or name in ("numba.cuda.cudadrv",)
    ]


def test_two_modules_reach_into_numba():
    files = [*(ROOT / "optbench").rglob("*.py"), *(ROOT / "problems").rglob("*.py")]
    found = {file.relative_to(ROOT).as_posix(): trespasses(file.read_text(encoding="utf-8")) for file in files}
    assert sorted(name for name, names in found.items() if names) == [
        "optbench/compiler/cuda_inside.py",
        "optbench/compiler/numba_inside.py",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "import llvmlite",
        "from numba.core import cgutils",
        "from numba.cuda.cudadrv import nvvm",
        "x = cuda.cudadrv.nvvm",
    ],
)
def test_a_trespass_is_seen(text):
    assert trespasses(text) and not trespasses("from numba import cuda, types\nfrom numba.extending import intrinsic")


def test_no_gpu_is_looked_for_before_it_is_asked_for():
    script = (
        "import sys\nfrom optbench.compiler import contracts, device, driver, fastmath, numba_inside\n"
        "numba_inside.noalias()\nprint([name for name in sys.modules if name.startswith('numba.cuda')])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


def entry(kernel) -> str:
    """Return the line of LLVM's text in which a kernel's arguments stand."""
    text = kernel.inspect_llvm(kernel.signatures[0])
    return next(line for line in text.splitlines() if line.startswith("define") and "@_ZN" in line)


def test_noalias_reaches_the_arguments():
    plain = entry(numba.njit(ADD)(add))
    assert numba_inside.noalias() == {"noalias": True}
    promised = entry(numba.njit(ADD, **numba_inside.noalias())(add))
    assert promised.count("noalias") >= plain.count("noalias") + 4, "numba no longer passes noalias on"


def test_what_has_no_place_for_a_cache_is_compiled_without(monkeypatch):
    scope = {}
    exec(compile("def plus(x):\n    return x + 1\n", "<nowhere>", "exec"), scope)
    with pytest.raises(RuntimeError, match="cannot cache"):
        numba.njit(cache=True)(scope["plus"])
    monkeypatch.setattr(kernel_files, "_warned", [])
    with pytest.warns(kernel_files.KernelCacheWarning, match="no folder in which compiled kernels of <nowhere> can be"):
        assert numba_compat.cached(numba.njit, scope["plus"])(1) == 2


def test_another_error_of_a_decorator_is_not_hidden():
    def decorate(**options):
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        numba_compat.cached(decorate, add)


def test_a_kernel_has_its_own_copies_of_what_it_calls():
    """Else it would run another kernel's, which is optimized for that one, and differs in last bits."""

    def outer(a, b, n):
        a[0, 0] = a.T.sum() + n

    def linkages(kernel):
        """Of the functions that are not the kernel: numba's own count references."""
        text = kernel.inspect_llvm(kernel.signatures[0])
        return set(re.findall(r"^define (\S+) [^\n]*@NRT_", text, flags=re.M))

    plain, own = numba.njit(ADD)(outer), numba.njit(ADD, pipeline_class=numba_inside.OwnCode)(outer)
    assert linkages(plain) == {"linkonce_odr"} and linkages(own) == {"internal"}
    a = np.arange(4.0).reshape(2, 2)
    own(a, a, 1)
    assert a[0, 0] == 7.0


def test_what_compiled_code_alone_calls_has_no_code_of_its_own():
    def called(x):
        return x + x

    def calling(x):  # another one, or it would be found on disk as the first was left there
        return x + x

    signature = float64(float64)
    inside = translator.jit(called)
    inside.compile(signature)
    for kernel, ways in ((inside, set()), (translator.jit(calling, signature), {"", "cpython"})):
        result = kernel.get_compile_result(signature)
        name = result.fndesc
        names = {
            "": name.llvm_func_name,
            "cpython": name.llvm_cpython_wrapper_name,
            "cfunc": name.llvm_cfunc_wrapper_name,
        }
        assert {way for way in names if result.library.get_pointer_to_function(names[way])} == ways


def test_what_a_kernel_calls_is_linked_as_compiled_and_as_found_on_disk(own_kernels):
    signature = float64(float64)

    def called(x):
        return x + x

    for found in (0, 1):
        inside = translator.jit(called)

        def calling(x):
            return inside(x) + 1.0  # noqa: B023

        inside.compile(signature)
        assert sum(inside.stats.cache_hits.values()) == found
        assert translator.jit(calling, signature)(2.0) == 5.0


def test_a_kernel_is_called_by_its_address():
    kernel = numba.njit(ADD)(add)
    at = numba_inside.function_at(lambda dtype: {"float64": ADD}[dtype])

    @numba.njit
    def twice(address, a, b):
        function = at(address, a)
        function(a, b, 1)
        function(a, b, 10)

    place = numba_inside.address(kernel, ADD)
    assert isinstance(place, int) and place
    a = np.zeros((2, 3))
    twice(place, a, np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(a, 11 * np.arange(6.0).reshape(2, 3))


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


def test_a_strided_view_of_something_else_is_no_view():
    assert numba_inside.view(None, types.int64, types.UniTuple(types.int64, 2)) is None


def driver(**parts):
    parts = {"is_available": True, "initialization_error": None, "get_version": lambda: (12, 8)} | parts
    return SimpleNamespace(cudadrv=SimpleNamespace(driver=SimpleNamespace(driver=SimpleNamespace(**parts))))


def raising(*arguments):
    raise OSError("not there")


@pytest.mark.parametrize(
    ("cuda", "state"),
    [
        (driver(), ("12.8", "")),
        (driver(is_available=False, initialization_error="no card"), (None, "no card")),
        (driver(is_available=False), (None, "")),
        (driver(get_version=raising), (None, "not there")),
        (SimpleNamespace(), (None, "'types.SimpleNamespace' object has no attribute 'cudadrv'")),
    ],
    ids=lambda value: str(value) if isinstance(value, tuple) else "",
)
def test_the_state_of_a_driver(cuda, state):
    assert cuda_inside.driver_state(cuda) == state


def test_the_real_driver_has_a_state():
    """Its version, or a reason in the driver's words: never that numba has changed."""
    from optbench.compiler.cuda import cuda

    release, reason = cuda_inside.driver_state(cuda)
    assert release or any(word in reason for word in ("libcuda", "CUDA", "driver")), reason
    assert "has no attribute" not in reason


def test_numba_is_shown_the_library_of_the_wheels(tmp_path, monkeypatch):
    nvvm = pytest.importorskip("numba.cuda.cudadrv.nvvm")
    asked = []
    monkeypatch.setattr(nvvm, "open_cudalib", lambda name: asked.append(name))
    monkeypatch.setattr(ctypes, "CDLL", lambda path: path)
    cuda_inside.open_wheels(str(tmp_path))
    nvvm.open_cudalib("nvvm")
    assert asked == ["nvvm"]  # without wheels, nothing has changed
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libnvvm.so.4").touch()
    cuda_inside.open_wheels(str(tmp_path))
    assert nvvm.open_cudalib("nvvm") == str(tmp_path / "lib" / "libnvvm.so.4")
    nvvm.open_cudalib("cudart")
    assert asked == ["nvvm", "cudart"]


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

    old, new = cuda.ptx([(kernel, void(types.Array(float64, 2, "C")))], (7, 5), (9, 0))
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
