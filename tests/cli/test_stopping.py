"""A signal ends a command with one line, whatever it is loading: from the first import on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("heeded_signals")
ROOT = Path(__file__).parents[2]
# The signal comes when this module is about to be imported.
SCRIPT = """
import os, signal, sys

class Moment:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.{signal})

sys.meta_path.insert(0, Moment())
sys.argv = ["optbench", *{arguments!r}]
from optbench.__main__ import main
main()
"""
SWEEP = ["sweep", "--problems", "rosenbrock", "--optimizers", "gd", "--lr", "1e-3", "--seeds", "1", "--steps", "3",
         "--no-report"]  # fmt: skip
CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}
WORDS = {"SIGINT": "interrupted", "SIGTERM": "ended by SIGTERM", "SIGHUP": "ended by SIGHUP"}
KEPT = f"; what was finished is kept; resume with: optbench {' '.join(SWEEP)}"


def call(folder, module, name, arguments, **more):
    text = SCRIPT.format(module=module, signal=name, arguments=arguments)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", text]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=folder, env=environment, check=False, **more
    )


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has other signals")
@pytest.mark.parametrize(
    ("name", "module"), [("SIGINT", "typer"), ("SIGTERM", "numba"), ("SIGHUP", "optbench.run.session")]
)
def test_a_signal_while_loading_ends_a_sweep_in_one_line(name, module, tmp_path):
    done = call(tmp_path, module, name, SWEEP)
    assert (done.returncode, done.stderr) == (CODES[name], f"optbench: {WORDS[name]}{KEPT}\n")
    assert not done.stdout


def test_other_commands_have_nothing_to_go_on_with(tmp_path):
    done = call(tmp_path, "optbench.catalogue.listing", "SIGINT", ["list", "optimizers"])
    assert (done.returncode, done.stderr, done.stdout) == (130, "optbench: interrupted\n", "")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has other signals")
def test_a_signal_that_is_ignored_stays_ignored(tmp_path):
    def ignore():  # as nohup does
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    done = call(tmp_path, "optbench.catalogue.listing", "SIGHUP", ["list"], preexec_fn=ignore)
    assert done.returncode == 0 and not done.stderr
