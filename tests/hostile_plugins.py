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
    "eats memory": ("[np.ones(10**7) for _ in iter(int, 1)]", "of memory"),
    "raises KeyboardInterrupt": ("raise KeyboardInterrupt('no')", "KeyboardInterrupt: no"),
    "closes its pipes": ("[os.close(n) for n in range(3, 64) if _closes(n)]; time.sleep(600)", ""),
    "prints much": ("[print('x' * 10**5) for _ in range(100)]; raise ValueError('enough')", "ValueError: enough"),
}
START = """

def _closes(number):
    try:
        os.close(number)
    except OSError:
        pass
    return False


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
# What a file does while it is loaded, or its problem built.
LOADS = {
    "leaves": ("os._exit(3)", "ended by itself with exit code 3"),
    "is killed": ("os.kill(os.getpid(), signal.SIGTERM)", "died of SIGTERM"),
    "loops": ("while True: pass", "took more than 4 s, and was ended (--worker-timeout)"),
}
SCHEDULE = """

@schedule(source="a test")
def harsh(step, epoch, total_steps):
    os._exit(5)
"""

# What a file leaves behind in the process that loads it.
LEAVES = {
    "a child process": "import subprocess; subprocess.Popen(['sleep', '600'])",
    "a child of its own session": "import subprocess; subprocess.Popen(['sleep', '20'], start_new_session=True)",
    "a fork": "if os.fork() == 0: time.sleep(600); os._exit(0)",
    "work at the end": "import atexit; atexit.register(time.sleep, 600)",
    "an alarm": "signal.alarm(1)",
    "no paths": "import pathlib; pathlib.Path.exists = None",
    "no environment": "os.environ.clear()",
}
# What makes a worker fail, and the sweep end in one line.
BREAKS = {
    "no JSON": "import json; json.dumps = json.loads = None",
    "no lengths": "import builtins; builtins.len = lambda value: 0",
}
