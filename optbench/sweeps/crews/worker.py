"""A worker process: it runs what may not harm the sweep, and may die of it. Started by ``process.py``, never by hand.

It is told recipes on its standard input, and answers on what was its standard output; all that a plug-in prints goes to
standard error. It ends with the process that started it.
"""

import contextlib
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from optbench.catalogue import loader
from optbench.catalogue.remembering import remembering
from optbench.contract.errors import OptbenchError, in_one_line
from optbench.sweeps.crews.pipes import receive, send

_BEAT = 0.2
"""Seconds between two signs of progress."""
_QUIET = {
    "JAX_PLATFORMS": "cpu",
    "OMP_NUM_THREADS": "1",
}
"""What libraries hear before they load; jax' threads: contract/whole_process.py, as in every process."""
_DEATH_SIGNAL = 1
"""Linux's PR_SET_PDEATHSIG."""


def main(lock: str) -> None:
    """Serve until standard input ends. ``lock``: a file that whoever compiles holds, for kernels' caches can clash."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    _die_with_the_parent()
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, heard), daemon=True).start()
    worker = _Worker(answers, lock)
    while True:
        kind, *arguments = heard.get()
        try:
            answer = getattr(worker, f"do_{kind}")(*arguments)
        except BaseException as error:  # whatever a plug-in raises, SystemExit among it, is an answer
            send(answers, ("failed", in_one_line(error)))
        else:
            send(answers, ("done", answer))


def _listen(requests: BinaryIO, heard: "queue.SimpleQueue[Any]") -> None:
    """Pass requests on; where they end, so does the process, whatever it is doing."""
    try:
        while True:
            heard.put(receive(requests))
    except BaseException:
        os._exit(1)


def _die_with_the_parent() -> None:
    """On Linux, also where a kernel holds the interpreter."""
    if sys.platform == "linux":
        with contextlib.suppress(Exception):
            import ctypes

            ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)


class _Worker:
    """What can be asked of it."""

    def __init__(self, answers: BinaryIO, lock: str):
        self.answers, self.lock, self.loaded = answers, lock, dict[tuple[str, ...], loader.Catalogue]()

    def _tell(self, state: str) -> None:
        send(self.answers, ("state", state))

    def _inside(self, schedule: str) -> None:
        send(self.answers, ("schedule", schedule))

    def _catalogue(self, plugins: tuple[str, ...]) -> loader.Catalogue:
        if plugins not in self.loaded:
            self._tell("loading")
            self.loaded[plugins] = remembering(plugins)
        return self.loaded[plugins]

    def do_probe(self, plugins: tuple[str, ...], problems: tuple[str, ...]) -> None:
        """Load the files and build the problems, and say before each what is to come."""
        for file in plugins:
            self._tell(f"loading {os.path.basename(file)}")
            with contextlib.suppress(OptbenchError, OSError):
                loader.load((file,))
        with contextlib.suppress(OptbenchError, OSError):
            catalogue = self._catalogue(plugins)
            for name in problems:
                self._tell(f"building the problem {name}")
                with contextlib.suppress(OptbenchError):
                    catalogue.problem(name)

    def _ready(self, recipe: Any) -> Any:
        """The cohort of a recipe, compiled."""
        from optbench.engine.run import compile_for
        from optbench.sweeps.recipes import cohort_of

        planned = cohort_of(recipe, self._catalogue(recipe.plugins))
        with self._compiling():
            compile_for(planned.cohort)
        self._tell("running")
        return planned

    def do_run(self, recipe: Any, threads: int, without: dict[str, str]) -> tuple[bytes, ...]:
        """Run the cohort of a recipe: its file's content. without: schedules that are not called, and why."""
        from optbench.engine.run import side_by_side
        from optbench.sweeps.crews.watched import watched
        from optbench.sweeps.jobs import Job

        planned = self._ready(recipe)
        progress, stop = self._signs()
        request = replace(planned, cohort=watched(planned.cohort, self._inside, without))
        with side_by_side():
            return Job((request,)).files(threads, progress, stop)

    def do_grid(self, plugins: tuple[str, ...], problem: str) -> Any:
        """A problem's landscape, as an Arrow table."""
        from optbench.sweeps.landscapes import grid

        record = self._catalogue(plugins).problem(problem)
        with self._compiling():
            return grid(record)

    def do_path(self, recipe: Any) -> Any:
        """What `walks.curves_of` gives of the cohort of a recipe."""
        from optbench.engine.run import side_by_side
        from optbench.sweeps.crews.watched import watched
        from optbench.sweeps.walks import curves_of

        planned = self._ready(recipe)
        with side_by_side():
            return curves_of(replace(planned, cohort=watched(planned.cohort, self._inside, {})))

    @contextlib.contextmanager
    def _compiling(self) -> Iterator[None]:
        from optbench.sweeps.lock import alone

        self._tell("waiting")
        with alone(Path(self.lock)):
            self._tell("compiling")
            yield

    def _signs(self) -> tuple[Callable[[int], None], Callable[[], bool]]:
        """What the engine tells of run-steps, and asks; both tell the parent that something goes on."""
        made, last = 0, time.monotonic()

        def progress(run_steps: int) -> None:
            nonlocal made
            made += run_steps

        def stop() -> bool:
            nonlocal made, last
            now = time.monotonic()
            if now - last > _BEAT:
                send(self.answers, ("steps", made))
                made, last = 0, now
            return False

        return progress, stop


if __name__ == "__main__":
    main(sys.argv[1])
