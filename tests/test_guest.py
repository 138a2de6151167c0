"""A guest in someone's process: the public functions leave it as they found it, wherever they are called."""

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from guest_calls import CALLS, OF_TORCH, changed, state
from quick import slow, some_quick
from test_api import NAMES
from threadpoolctl import threadpool_info, threadpool_limits

import optbench
from optbench.engine.run_cohorts import limited_threads

ROOT = Path(__file__).parent.parent


@pytest.fixture
def two_blas_threads():
    """Other than the one of the tests, which would hide a limit that stays."""
    with threadpool_limits(2, user_api="blas"):
        yield


def blas_threads():
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


def test_every_public_function_is_called():
    functions = {name for name in NAMES if not isinstance(getattr(optbench, name), type)}
    decorators = {"choice", "log_uniform", "one_minus_log_uniform", "uniform", "variant", "optimizer", "problem",
                  "problem_wrapper",
                  "schedule", "schedule_wrapper", "wrapper", "torch_optimizer", "optax_optimizer"}  # fmt: skip
    assert functions - decorators <= CALLS.keys() | OF_TORCH.keys(), (
        "decorators and ranges make records, and touch nothing else"
    )


@pytest.mark.parametrize("name", some_quick(CALLS, {name for name in CALLS if name.startswith(("sweep", "minimize"))}))
def test_a_call_leaves_the_process_as_it_was(name, tmp_path, two_blas_threads):
    before = state()
    with np.errstate(all="raise"):
        CALLS[name](tmp_path)
    assert changed(before, state()) == []


@pytest.mark.torch
@pytest.mark.slow
@pytest.mark.parametrize("name", OF_TORCH)
def test_a_call_of_pytorch_leaves_the_process_as_it_was(name, tmp_path, two_blas_threads):
    import torch

    torch.optim.Adam([torch.zeros(1)])  # PyTorch's first optimizer sets a variable and a filter, whoever makes it
    torch.manual_seed(7)
    before, numbers, threads = state(), torch.get_rng_state(), torch.get_num_threads()
    with np.errstate(all="raise"):
        OF_TORCH[name](tmp_path)
    assert changed(before, state()) == []
    assert torch.equal(torch.get_rng_state(), numbers) and torch.get_num_threads() == threads


def test_a_refused_call_leaves_the_process_as_it_was(two_blas_threads):
    before = state()
    for wrong in ({"optimizer": "adm"}, {"lr": "fast"}, {"batch_size": -1}, {"start": [np.nan, 1.0]}):
        with pytest.raises(optbench.OptbenchError):
            optbench.minimize(**{"problem": "rosenbrock", "optimizer": "gd", "lr": 0.1, "steps": 3} | wrong)
    with pytest.raises(optbench.OptbenchError):
        optbench.sweep({"problems": "rosenbrock"}, optimizers="gd", learning_rates=[-1])
    assert changed(before, state()) == []


@pytest.mark.slow
def test_eight_threads_at_once(tmp_path, two_blas_threads):
    """In 28 of 30 rounds without a shared limit, BLAS was left at one thread.

    Each kind is called once before: Python 3.11 now and then takes eight threads that import the same for a deadlock.
    Filters of warnings are not promised here: pandas sets some for a moment in most of its calls, by `catch_warnings`,
    which Python says is for one thread; eight threads of pandas alone leave some of them.
    """
    kinds = ["minimize", "cohort", "sweep", "load", "objective", "minimize by SciPy", "compare", "report"]
    for kind in kinds:
        (tmp_path / kind).mkdir()
        CALLS[kind](tmp_path / kind)
    alone = CALLS["minimize"](tmp_path)
    before = state()
    barrier = threading.Barrier(len(kinds))

    def call(kind):
        folder = tmp_path / kind / "at once"
        folder.mkdir()
        barrier.wait(60)
        CALLS[kind](folder)
        return CALLS["minimize"](folder)

    with ThreadPoolExecutor(len(kinds)) as pool:
        for found in pool.map(call, kinds):
            assert np.array_equal(found.w, alone.w)
    assert set(changed(before, state())) <= {"warnings"}
    assert set(before["warnings"]) <= set(warnings.filters), "those that there were are there"


def test_limits_of_threads_overlap_in_any_order(two_blas_threads):
    first, second, turn, often = limited_threads(), limited_threads(), sys.getswitchinterval(), gc.get_threshold()
    first.__enter__()
    assert blas_threads() == {1} and sys.getswitchinterval() < turn
    second.__enter__()
    first.__exit__(None, None, None)
    assert blas_threads() == {1} and sys.getswitchinterval() < turn, "the second still runs"
    with limited_threads():
        pass
    assert blas_threads() == {1}
    second.__exit__(None, None, None)
    assert blas_threads() == {2}
    with pytest.raises(KeyError), limited_threads():
        raise KeyError
    assert blas_threads() == {2} and sys.getswitchinterval() == turn and gc.get_threshold() == often


@pytest.mark.parametrize("wheel", [slow(True), False], ids=["a file of the wheel", "part of SciPy"])
def test_the_blas_of_kernels_is_limited_before_it_is_first_called(wheel):
    code = f"""
from pathlib import Path
if not {wheel}: Path.glob = lambda *_: iter(())
from threadpoolctl import threadpool_info
from optbench.engine.run_cohorts import limited_threads
threads = lambda: [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]
with limited_threads():
    import scipy.linalg.cython_blas
    inside = threads()
print(inside, threads())
"""
    around = os.environ | {"OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", code], env=around, capture_output=True, text=True, check=True)
    inside, after = map(json.loads, done.stdout.replace("] [", "]|[").split("|"))
    assert len(inside) > 0 and set(inside) == {1} and set(after) == {2}, done.stdout


def test_inside_a_running_loop_as_in_a_notebook(tmp_path, two_blas_threads):
    """A notebook's cell runs in the thread of a loop that is running; or in another one."""

    async def cell():
        here = [CALLS[name](tmp_path) for name in ("minimize", "sweep")]
        there = await asyncio.gather(*(asyncio.to_thread(CALLS[name], tmp_path) for name in ("minimize", "sweep")))
        return here, there

    before = state()
    with ThreadPoolExecutor(1) as thread:  # a browser that tests have opened keeps a loop running in this one
        here, there = thread.submit(lambda: asyncio.run(cell())).result()
    assert np.array_equal(here[0].w, there[0].w) and here[1].runs.equals(there[1].runs)
    assert changed(before, state()) == []


FORKED = """
import os, sys, threading, time
import numba, numpy as np
import optbench
from optbench.engine.run_cohorts import limited_threads
from threadpoolctl import threadpool_info, threadpool_limits

threadpool_limits(2, user_api="blas")
blas = lambda: {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}
alone = optbench.minimize("rosenbrock", "adam", lr=0.05, steps=50).w


def compile_on():
    for number in range(10_000):
        if stopping.is_set():
            return
        numba.njit("f8(f8)")(lambda x: x + number)


def run_on():
    while not stopping.is_set():
        with limited_threads():
            optbench.minimize("rosenbrock", "adam", lr=0.05, steps=50)


def child():
    code = 1
    try:
        assert blas() == {2}, blas()
        assert np.array_equal(optbench.minimize("rosenbrock", "adam", lr=0.05, steps=50).w, alone)
        optbench.minimize("saddle", "momentum", lr=0.05, steps=5)  # kernels that the parent has not loaded
        assert blas() == {2}, blas()
        code = 0
    finally:
        os._exit(code)


for work in (compile_on, run_on):
    stopping = threading.Event()
    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.3)
    for _ in range(4):
        number = os.fork()
        if number == 0:
            child()
        _, status = os.waitpid(number, 0)
        assert status == 0, (work.__name__, status)
    stopping.set()
    thread.join()
assert blas() == {2}
"""
SPAWNED = """
import multiprocessing
import optbench

if __name__ == "__main__":
    arguments = ("rosenbrock", "adam"), {"lr": 0.05, "steps": 50}
    alone = optbench.minimize(*arguments[0], **arguments[1]).w
    for method in multiprocessing.get_all_start_methods():
        with multiprocessing.get_context(method).Pool(2) as pool:
            for found in [pool.apply_async(optbench.minimize, *arguments) for _ in range(3)]:
                assert found.get(100).w.tolist() == alone.tolist(), method
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", [FORKED, SPAWNED], ids=["forked while other threads are at work", "every kind of pool"]
)
def test_other_processes(text, tmp_path):
    """Without locks that a fork waits for, 3 of 3 children of a process that compiled hung for ever."""
    (tmp_path / "script.py").write_text(text)
    command = [sys.executable, "-W", "ignore", str(tmp_path / "script.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=ROOT)
    assert done.returncode == 0, done.stderr


HELD = """
import os, threading
import optbench
from optbench.engine.eager.eager_lanes import isolated_libraries

held, done = threading.Event(), threading.Event()


def hold():
    with isolated_libraries():
        held.set()
        done.wait()


thread = threading.Thread(target=hold)
thread.start()
held.wait()
number = os.fork()
if number == 0:
    optbench.minimize("rosenbrock", "gd", lr=0.001, steps=5)
    os._exit(0)
_, status = os.waitpid(number, 0)
done.set()
assert status == 0, status
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_child_forked_while_a_thread_sets_random_numbers_does_not_wait_for_it():
    """The lock was held for ever in the child, by a thread that it does not have."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", HELD], capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
