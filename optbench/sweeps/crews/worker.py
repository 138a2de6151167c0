"""A worker process: it runs what may not harm the sweep, and may die of it. Started by ``process.py``, never by hand.

It gets requests on its standard input, and answers on what was its standard output; all that a plug-in prints goes to
standard error. It ends with the process that started it.
"""

import contextlib
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from optbench.catalogue import loader
from optbench.catalogue.loader import cached_catalogue
from optbench.contract.errors import OptbenchError, in_one_line
from optbench.sweeps.crews.pipes import receive, send
from optbench.sweeps.isolated import foreign

if TYPE_CHECKING:
    from optbench.sweeps.plan import Plan
    from optbench.sweeps.planned import PlannedCohort

Answer = tuple[Any, tuple[bytes, ...]]
"""What JSON can hold, and files."""

_BEAT = 0.2
"""Seconds between two signs of progress."""
_QUIET = {
    "JAX_PLATFORMS": "cpu",
    "OMP_NUM_THREADS": "1",
}
"""What libraries hear before they load; jax' threads: contract/process_state.py, as in every process."""
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
    requests_to_do: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, requests_to_do), daemon=True).start()
    worker = _Worker(answers, lock)
    while True:
        kind, *arguments = requests_to_do.get()
        try:
            answer, files = getattr(worker, f"do_{kind}")(*arguments)
        except BaseException as error:  # whatever a plug-in raises, SystemExit among it, is an answer
            send(answers, ("failed", in_one_line(error)))
        else:
            send(answers, ("done", answer), files)


def _listen(requests: BinaryIO, requests_to_do: "queue.SimpleQueue[Any]") -> None:
    """Pass requests on; where they end, so does the process, whatever it is doing."""
    try:
        while True:
            requests_to_do.put(receive(requests)[0])
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
        self.plan: Plan | None = None

    def _tell(self, state: str) -> None:
        send(self.answers, ("state", state))

    def _inside(self, schedule: str) -> None:
        send(self.answers, ("schedule", schedule))

    def _catalogue(self, plugins: Iterable[str]) -> loader.Catalogue:
        plugins = tuple(plugins)
        if plugins not in self.loaded:
            self._tell("loading plug-ins")
            self.loaded[plugins] = cached_catalogue(plugins)
        return self.loaded[plugins]

    def do_plan(self, spec_text: str) -> Answer:
        """Load the user's files, build the problems and expand the sweep; say before each what is to come.

        The answer has the plan as data, or what is wrong with it, and the tracebacks of files that do not load.
        """
        from optbench.datasets.copies import read_for
        from optbench.sweeps.plan import expand
        from optbench.sweeps.plan_data import to_data
        from optbench.sweeps.store.resume import parsed

        spec = parsed(spec_text)
        assert spec is not None
        for file in spec.plugins:
            self._tell(f"loading {os.path.basename(file)}")
            with contextlib.suppress(OptbenchError, OSError):
                loader.load((file,))
        catalogue = self._catalogue(spec.plugins)
        answer: dict[str, Any] = {"broken": {str(path): trace for path, trace in catalogue.broken.items()}}
        for entry in spec.problems:
            self._tell(f"building the problem {entry.name}")
            with contextlib.suppress(OptbenchError):
                catalogue.problem(entry.name)
        self._tell("planning")
        try:
            plan = self.plan = expand(spec, catalogue)
        except OptbenchError as error:
            return {**answer, "error": str(error)}, ()
        digests = [problem.digest for problem in plan.problems if problem.digest]
        files = {digest: {name: list(map(str, each)) for name, each in read_for(digest).items()} for digest in digests}
        return {**answer, "plan": to_data(plan), "files": files}, ()

    def do_findings(self) -> Answer:
        """Send what quick checks find wrong with the user's records of the plan, a line each."""
        from optbench.checks.quick import findings

        assert self.plan is not None
        found = []
        for record in self.plan.records():
            if foreign(record.origins):
                self._tell(f"checking {record.name}")
                found += [f"{text} (optbench check {record.origins[0].file.name})" for text in findings(record)]
        return found, ()

    def _ready(self, recipe_data: dict[str, Any]) -> "PlannedCohort":
        """Return the cohort of a recipe, compiled."""
        from optbench.engine.run import compile_for
        from optbench.sweeps.recipes import cohort_of, from_json

        recipe = from_json(recipe_data)
        planned = cohort_of(recipe, self._catalogue(recipe.plugins))
        with self._compiling():
            compile_for(planned.cohort)
        self._tell("running")
        return planned

    def do_run(self, recipe: dict[str, Any], threads: int, without: dict[str, str]) -> Answer:
        """Run the cohort of a recipe and send its file. without: schedules that are not called, and why."""
        from optbench.engine.run import side_by_side
        from optbench.sweeps.crews.watched import watched
        from optbench.sweeps.jobs import Job

        planned = self._ready(recipe)
        progress, stop = self._signs()
        request = replace(planned, cohort=watched(planned.cohort, self._inside, without))
        with side_by_side():
            return None, Job((request,)).files(threads, progress, stop)

    def do_grid(self, plugins: Sequence[str], problem: str) -> Answer:
        """Send a problem's landscape, column by column."""
        from optbench.sweeps.landscapes import grid

        record = self._catalogue(plugins).problem(problem)
        with self._compiling():
            return grid(record).to_pydict(), ()

    def do_path(self, recipe: dict[str, Any]) -> Answer:
        """Send what `walks.curves_of` gives of the cohort of a recipe, column by column."""
        from optbench.engine.run import side_by_side
        from optbench.sweeps.crews.watched import watched
        from optbench.sweeps.walks import curves_of

        planned = self._ready(recipe)
        with side_by_side():
            return curves_of(replace(planned, cohort=watched(planned.cohort, self._inside, {}))).to_pydict(), ()

    def do_codes(self, recipe_data: dict[str, Any], epochs: int, remark: str) -> Answer:
        """Send the code of the setting of a recipe's first lane, library by library."""
        from optbench.sweeps.recipes import cohort_of, from_json
        from optbench.sweeps.snippets import codes

        recipe = from_json(recipe_data)
        cohort = cohort_of(recipe, self._catalogue(recipe.plugins)).cohort
        return codes(cohort, cohort.lanes[0], epochs, remark), ()

    @contextlib.contextmanager
    def _compiling(self) -> Iterator[None]:
        from optbench.sweeps.store.files import alone

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
