"""Ctrl-C, SIGTERM and SIGHUP: within two seconds, at any number of cohorts, with the command that goes on."""

import random
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from hostile_plugins import HEAD, LOOP
from quick import slow
from records import finished

import optbench
from optbench.run import interrupts

pytestmark = pytest.mark.usefixtures("heeded_signals")
CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}
# Far more than two seconds: machines that run tests are busy.
PATIENCE = 20.0
ONE = ("--problems", "rosenbrock", "--optimizers", "gd", "--lr", "0.001", "--batch-sizes", "full", "--schedules",
       "constant", "--no-report", "--workers", "2", "--out", "out")  # fmt: skip
LONG = (*ONE, "--seeds", "1", "--steps", "2000000000")


STARTED = []


def begun(folder, *arguments):
    """Start the command in a process of its own, and return the process."""
    command = [sys.executable, "-m", "optbench", "sweep", *arguments]
    STARTED.append(subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    return STARTED[-1]


@pytest.fixture(autouse=True)
def _none_outlives_its_test():
    yield
    while STARTED:
        with STARTED.pop() as process:
            process.kill()


def until(condition, process):
    end = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


def ended(process, name):
    """Send a signal to a process; return its exit code, its standard error, and the seconds until it ended."""
    begin = time.monotonic()
    process.send_signal(getattr(signal, name))
    _, err = process.communicate(timeout=PATIENCE)
    return process.returncode, err, time.monotonic() - begin


@pytest.mark.parametrize("name", ["SIGINT", slow("SIGTERM"), slow("SIGHUP")])
def test_a_signal_ends_a_sweep_with_the_command_that_goes_on(name, tmp_path):
    process = begun(tmp_path, *LONG)
    until((tmp_path / "out" / "cohorts").exists, process)
    time.sleep(0.5)
    code, err, _ = ended(process, name)
    assert code == CODES[name] and "what was finished is kept; resume with: python -m optbench sweep" in err
    assert "--steps 2000000000" in err and "Traceback" not in err and "Exception" not in err


@pytest.mark.slow
def test_among_many_cohorts(tmp_path):
    process = begun(tmp_path, *ONE, "--seeds", "1000", "--steps", "20000")
    until(lambda: len(finished(tmp_path / "out")) > 3, process)  # of a folder that may not be yet
    code, err, _ = ended(process, "SIGINT")
    assert code == 130 and "resume with" in err and "Traceback" not in err
    assert not list((tmp_path / "out" / "cohorts").glob("*.parquet"))


@pytest.mark.slow
def test_a_kernel_that_loops_for_ever_does_not_keep_the_command(tmp_path):
    (tmp_path / "loop.py").write_text(HEAD + LOOP)
    arguments = [part if part != "rosenbrock" else "bad" for part in ONE]
    process = begun(tmp_path, *arguments, "--plugin", "loop.py", "--steps", "9", "--isolate", "never")
    until((tmp_path / "out" / "cohorts").exists, process)
    time.sleep(3)
    code, err, _ = ended(process, "SIGTERM")
    assert code == 143 and "resume with" in err and "Traceback" not in err


@pytest.mark.slow
def test_at_any_moment(tmp_path):
    """From before the sweep begins until after its end; what is there afterwards goes on."""
    rng = random.Random(5)
    for _ in range(4):
        process = begun(tmp_path, *ONE, "--seeds", "300", "--steps", "3000")
        moment, name = 1.0 + rng.uniform(0, 3), rng.choice(list(CODES))
        time.sleep(moment)
        if process.poll() is None:
            code, err, _ = ended(process, name)
            # Before the first line of ours has run, Python's own start ends as the system has it.
            early = {-getattr(signal, name) for name in CODES}
            assert code in {0, *CODES.values(), *early} and "Traceback" not in err, (moment, name, err)
        process.communicate()
    process = begun(tmp_path, *ONE, "--seeds", "300", "--steps", "3000")
    assert not process.communicate(timeout=300)[1].count("Traceback") and process.returncode == 0
    assert len(optbench.load(tmp_path / "out").runs) == 300


def test_handlers_are_as_they_were_after_a_call_and_in_other_threads():
    small = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [0.001], "steps": 5, "seeds": 2}
    before = [signal.getsignal(getattr(signal, name)) for name in CODES]
    optbench.sweep(small)
    thread = threading.Thread(target=lambda: optbench.sweep(small))
    thread.start()
    thread.join()
    assert [signal.getsignal(getattr(signal, name)) for name in CODES] == before
    mine = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        kept = signal.getsignal(signal.SIGINT)
        with interrupts.handle_signals():
            assert signal.getsignal(signal.SIGINT) is kept, "a program's own handler stays"
    finally:
        signal.signal(signal.SIGINT, mine)


def test_a_signal_is_noted_where_it_must_not_strike_and_strikes_where_it_may():
    with interrupts.handle_signals(["SIGINT"]):
        with interrupts.defer_signals():
            signal.raise_signal(signal.SIGINT)
            with pytest.raises(interrupts.Interrupted) as caught:
                interrupts.check_signals()
        assert caught.value.signum == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    interrupts.check_signals()  # nothing listens any more


@pytest.mark.slow
def test_from_python_ctrl_c_is_a_keyboard_interrupt(tmp_path):
    code = """
        import optbench, threading, time, os, signal
        def press():
            while not os.path.exists("out/cohorts"):
                time.sleep(0.02)
            time.sleep(0.5)
            os.kill(os.getpid(), signal.SIGINT)
        threading.Thread(target=press, daemon=True).start()
        try:
            optbench.sweep({"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [0.001],
                            "steps": 2 * 10**9, "seeds": 1, "tuning_seeds": 0}, out="out")
        except KeyboardInterrupt:
            print("stopped", signal.getsignal(signal.SIGINT) is signal.default_int_handler)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=tmp_path, capture_output=True, text=True,
                          timeout=120, check=False)  # fmt: skip
    assert done.stdout == "stopped True\n" and done.returncode == 0, done.stderr
