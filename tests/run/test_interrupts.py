"""A sweep that Python is asked to stop returns what it has, and resumes to the same tables; so does its callback."""

import os
import signal
import tempfile
from pathlib import Path

import pytest
from notebooks import run_cells

import optbench

pytestmark = pytest.mark.usefixtures("heeded_signals")
SPEC = {"problems": ["rosenbrock", "saddle"], "optimizers": ["gd", "momentum"], "learning_rates": [1e-4, 1e-3],
        "batch_sizes": [100], "steps": 50, "seeds": 6}  # fmt: skip
RUNS = 2 * 2 * 2 * 6
TEXT = "interrupted; unfinished: .* cohorts are missing .*; the same call with out='.*' resumes it"


def interrupt(done, total, last):
    os.kill(os.getpid(), signal.SIGINT)


def stop(done, total, last):
    raise StopIteration


@pytest.fixture(scope="module")
def whole():
    return optbench.sweep(SPEC)


@pytest.mark.slow
@pytest.mark.parametrize("how", [interrupt, stop])
@pytest.mark.parametrize("out", [None, "out"], ids=["temporary", "named"])
def test_a_stopped_sweep_returns_what_it_has_and_resumes(how, out, whole, tmp_path):
    out = out and tmp_path / out
    with pytest.warns(UserWarning, match=TEXT) as told:
        results = optbench.sweep(SPEC, out=out, callback=how, workers=1)
    assert told[0].filename == __file__ and str(results.path) in str(told[0].message)
    assert 0 < len(results.runs) < RUNS and results.missing and len(results.curves)
    assert set(results.runs["run_id"]) < set(whole.runs["run_id"])
    assert results.path == out if out else results.path.parent == Path(tempfile.gettempdir())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert "unfinished: " in repr(results) and results._repr_html_()
    again = optbench.sweep(SPEC, out=results.path)
    assert not again.missing
    for name in ("runs.parquet", "curves.parquet"):
        assert (again.path / name).read_bytes() == (whole.path / name).read_bytes()


def test_where_nothing_has_finished_it_is_a_keyboard_interrupt(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    endless = {**SPEC, "steps": 2 * 10**9, "seeds": 1, "tuning_seeds": 0}
    press = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    try:
        with pytest.raises(KeyboardInterrupt, match="before its first runs had finished: kept are the kernels"):
            optbench.sweep(endless)
    finally:
        signal.signal(signal.SIGALRM, press)
    assert not list(tmp_path.iterdir()), "nothing that could be resumed"


def test_the_callback_is_told_what_is_done():
    told = []
    results = optbench.sweep(SPEC, callback=lambda *given: told.append(given), workers=1)
    done, totals, last = zip(*told, strict=True)
    assert list(done) == sorted(set(done)) and done[-1] == RUNS == len(results.runs) and set(totals) == {RUNS}
    assert set(last) <= {f"{name} on {problem}" for name in SPEC["optimizers"] for problem in SPEC["problems"]}


def test_an_error_of_the_callback_is_the_users_own_and_says_what_is_kept(tmp_path):
    def fail(done, total, last):
        return {}[last]

    with pytest.raises(KeyError) as caught:
        optbench.sweep(SPEC, callback=fail, workers=1, out=tmp_path / "out")
    (note,) = caught.value.__notes__
    assert note == f"what has finished is kept: the same call with out={str(tmp_path / 'out')!r} resumes it"
    assert optbench.load(tmp_path / "out").missing
    assert len(optbench.sweep(SPEC, out=tmp_path / "out").runs) == RUNS


@pytest.mark.slow
def test_in_a_notebook_there_is_a_bar_and_the_interrupt_button_stops_a_sweep(tmp_path):
    """The button sends the kernel the signal that the callback sends here."""
    cells = [
        "import os, signal, optbench, warnings; warnings.simplefilter('ignore')",
        f"results = optbench.sweep({SPEC}, callback=lambda *_: os.kill(os.getpid(), signal.SIGINT), workers=1)",
        "print(len(results.runs), results.path)",
        f"again = optbench.sweep({SPEC}, out=results.path)",
        "print(len(again.runs), again.path)",
        f"again = optbench.sweep({SPEC}, progress=False)",
        "again",
    ]
    _, stopped, first, resumed, second, silent, answer = run_cells(tmp_path, cells)
    count, folder = first[0]["text"].split()
    note, bar = (output["data"]["text/plain"].strip() for output in stopped)
    assert note == f"results are kept in {folder}, as no folder was given with out="
    assert bar.startswith(f"{count} of {RUNS} runs, ") and 0 < int(count) < RUNS
    assert [output["data"]["text/plain"].split(",")[0] for output in resumed] == [f"{RUNS} runs"]
    assert second[0]["text"].split() == [str(RUNS), folder] and not silent
    (shown,) = (output["data"] for output in answer)
    assert "src='data:image/png;base64," in shown["text/html"] and "48 runs of 2 optimizers" in shown["text/html"]
    assert "48 runs of 2 optimizers on 2 problems" in shown["text/plain"]


def test_what_ends_the_whole_program_is_passed_on(tmp_path):
    """A program's own handler of signals, as that of the commands, raises an exception of its own."""

    class Stopped(KeyboardInterrupt):
        pass

    def end(done, total, last):
        raise Stopped

    with pytest.raises(Stopped):
        optbench.sweep(SPEC, callback=end, workers=1, out=tmp_path / "out")
    assert optbench.load(tmp_path / "out").missing
