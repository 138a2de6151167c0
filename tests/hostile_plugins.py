"""Plug-ins that do to a process what a process does not survive, or does not come back from."""

HEAD = """
import ctypes, os, signal, sys, time
import numpy as np
from numba import njit, objmode
from optbench import Problem, optimizer, problem, schedule


def bowl(w, g):
    for i in range(w.shape[0]):
        g[i] = w[i]
    return 0.5 * (w[0] * w[0] + w[1] * w[1])


def start(rng):
    return rng.uniform(1, 2, 2)


def make(**changes):
    parts = dict(form="single", dim=2, value_and_gradient=bowl, start=start, minimum=0.0, minimum_source="a test")
    return Problem(**(parts | changes))


@problem(source="a test")
def fine():
    return make()
"""
# What it does -> (the body of its start point; words of the reason).
STARTS = {
    "exits": ("sys.exit(7)", "SystemExit: 7"),
    "leaves": ("print('so long', file=sys.stderr); os._exit(0)", "exit code 0; its last words: so long"),
    "kills itself": ("os.kill(os.getpid(), signal.SIGKILL)", "died of SIGKILL"),
    "crashes": ("ctypes.string_at(0)", "died of SIGSEGV"),
    "sleeps": ("time.sleep(600)", "it showed no sign of progress for 8 s, and was ended (--worker-timeout)"),
    "raises KeyboardInterrupt": ("raise KeyboardInterrupt('no')", "KeyboardInterrupt: no"),
    "prints much": ("[print('x' * 10**5) for _ in range(100)]; raise ValueError('enough')", "ValueError: enough"),
}
START = """

def start_{0}(rng):
    {1}


@problem(source="a test")
def bad_{0}():
    return make(start=start_{0})
"""
LOOP = """

def endless(w, g):
    while w[0] == w[0]:
        g[0] = 0.0
        w[0] = 1.0
    return 0.0


@problem(source="a test")
def bad():
    return make(value_and_gradient=endless)
"""
OUT_OF_BOUNDS = """

def beyond(w, g):
    for i in range(100_000_000):
        g[i] = w[0]
    return 0.0


@problem(source="a test")
def bad():
    return make(value_and_gradient=beyond)
"""
SCHEDULE = """

@schedule(source="a test")
def harsh(step, epoch, total_steps):
    os._exit(5)
"""
