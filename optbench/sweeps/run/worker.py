"""A worker process: it runs a user's code, and may die of it. ``processes.py`` starts it; it is no command for users.

It reads requests from its standard input and writes answers to what was its standard output; all that a plug-in prints
goes to standard error. It ends with the process that started it.
"""

import contextlib
import os
import queue
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from optbench.catalogue import loader
from optbench.catalogue.loader import cached_catalogue
from optbench.contract.errors import OptbenchError, PluginError, in_one_line, show_warning
from optbench.contract.schedules import Schedule
from optbench.sweeps.run.pipes import receive, send

if TYPE_CHECKING:
    from optbench.checks import CheckResult
    from optbench.sweeps.plan import Plan, PlannedCohort

Answer = tuple[Any, tuple[bytes, ...]]
"""A value that JSON can hold, and files."""

_PROGRESS_SECONDS = 0.2
"""Seconds between two signs of progress."""
_ENVIRONMENT = {
    "JAX_PLATFORMS": "cpu",
    "OMP_NUM_THREADS": "1",
}
"""Set before libraries load; jax' threads: contract/process_state.py, as in every process."""
_DEATH_SIGNAL = 1
"""Linux's PR_SET_PDEATHSIG."""


def main() -> None:
    """Answer requests until standard input ends."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    warnings.showwarning = show_warning
    _die_with_parent()
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    pending: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, pending), daemon=True).start()
    worker = _Worker(answers)
    while True:
        kind, *arguments = pending.get()
        try:
            answer, files = getattr(worker, f"do_{kind}")(*arguments)
        except BaseException as error:  # whatever a plug-in raises, SystemExit among it, is an answer
            send(answers, ("failed", in_one_line(error)))
        else:
            send(answers, ("done", answer), files)


def _listen(requests: BinaryIO, pending: "queue.SimpleQueue[Any]") -> None:
    """Put requests into the queue; end the process, whatever it is doing, when standard input ends."""
    try:
        while True:
            pending.put(receive(requests)[0])
    except BaseException:
        os._exit(1)


def _die_with_parent() -> None:
    """Let Linux kill this process when its parent ends, even while a kernel holds the interpreter."""
    if sys.platform == "linux":
        with contextlib.suppress(Exception):
            import ctypes

            ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)


class _Worker:
    """The requests that a worker process answers: a method ``do_<kind>`` each, which returns the answer and files."""

    def __init__(self, answers: BinaryIO):
        """Take the stream to which answers are written."""
        self.answers, self.loaded = answers, dict[tuple[str, ...], loader.Catalogue]()
        self.plan: Plan | None = None
        self.checked: loader.Catalogue
        self.findings: Iterator[CheckResult]

    def _send_state(self, state: str) -> None:
        """Send what the worker does from now on, such as "compiling"."""
        send(self.answers, ("state", state))

    def _load_catalogue(self, plugins: Iterable[str]) -> loader.Catalogue:
        """Return the catalogue with these plug-ins, which are loaded once."""
        plugins = tuple(plugins)
        if plugins not in self.loaded:
            self._send_state("loading plug-ins")
            self.loaded[plugins] = cached_catalogue(plugins)
        return self.loaded[plugins]

    def do_plan(self, spec_text: str) -> Answer:
        """Load the user's files, build the problems and expand the sweep; announce each step before it begins.

        Returns the keys of `Isolation.plan_data`, but "findings".
        """
        from optbench.datasets.copies import recorded_files
        from optbench.sweeps.plan import expand
        from optbench.sweeps.serialization import plan_to_json
        from optbench.sweeps.spec import parse_spec

        spec = parse_spec(spec_text)
        assert spec is not None
        for file in spec.plugins:
            self._send_state(f"loading {os.path.basename(file)}")
            with contextlib.suppress(OptbenchError, OSError):
                loader.load((file,))
        catalogue = self._load_catalogue(spec.plugins)
        answer: dict[str, Any] = {"broken": {str(path): trace for path, trace in catalogue.broken.items()}}
        for entry in spec.problems:
            self._send_state(f"building the problem {entry.name}")
            with contextlib.suppress(OptbenchError):
                for fold in range(spec.folds):
                    catalogue.problem(entry.name, fold, spec.folds)
        self._send_state("planning")
        try:
            plan = self.plan = expand(spec, catalogue)
        except OptbenchError as error:
            return {**answer, "error": str(error)}, ()
        digests = [problem.digest for problem in plan.problems if problem.digest]
        files = {
            digest: {name: list(map(str, each)) for name, each in recorded_files(digest).items()} for digest in digests
        }
        return {**answer, "plan": plan_to_json(plan), "files": files}, ()

    def do_start(self) -> Answer:
        """Load the catalogue without the user's files, which takes a moment that is not theirs."""
        loader.load()
        return None, ()

    def do_load_for_check(self, file: str, plugins: Sequence[str]) -> Answer:
        """Load the user's files, and return what ``optbench check`` asks of ``file``.

        Keys: "broken", the tracebacks of files that do not load, by path; "names", of its records ("optimizer mine");
        and "reasons" why optimizers of PyTorch's in it cannot run.
        """
        from optbench.catalogue.libraries import make_torch_records

        self._send_state(f"loading {os.path.basename(file)}")
        path, self.checked = loader.plugin_path(Path(file)), loader.load(tuple(map(Path, plugins)))
        broken = {str(each): trace for each, trace in self.checked.broken.items()}
        names = [key for key, place in self.checked.files.items() if place == path]
        made = () if names or str(path) in broken else make_torch_records(self.checked.modules[path])
        reasons = [str(each) for each in made if isinstance(each, OptbenchError)]
        return {"broken": broken, "names": names, "reasons": reasons}, ()

    def do_build_streams(self) -> Answer:
        """Load and compile the problems that optimizers are compared on, which takes a moment that is not theirs."""
        from optbench.checks.rollouts import problem_streams

        list(problem_streams(loader.load()))
        return None, ()

    def do_load_for_compare(self, rule: str, other: str, file: str | None, plugins: Sequence[str]) -> Answer:
        """Load the user's files, and find the optimizers that are compared: one, or all of a file, with another one.

        Keys: "broken", the tracebacks of files that do not load, by path; "names", of the optimizers; and "error", why
        they cannot be compared, if so.
        """
        from optbench.checks.agreement import implementation

        self._send_state(f"loading {', '.join(map(os.path.basename, plugins)) or rule}")
        catalogue = self.checked = loader.load(tuple(map(Path, plugins)))
        answer: dict[str, Any] = {"broken": {str(path): trace for path, trace in catalogue.broken.items()}}
        defined = {key.split(" ", 1)[1] for key, path in catalogue.files.items() if str(path) == file}
        names = [name for name in (*catalogue.optimizers, *catalogue.eager) if name in defined] if file else [rule]
        answer["names"] = names
        if not names:
            answer["error"] = f"{rule} has no optimizer, neither a function under @optimizer nor a class of PyTorch's"
        try:
            for name in (*names, other):
                implementation(name, catalogue)
        except OptbenchError as error:
            answer["error"] = str(error)
        return answer, ()

    def do_compare(self, name: str, other: str, tolerance: float) -> Answer:
        """Return the comparison of an optimizer of what :meth:`do_load_for_compare` has loaded with another one."""
        from optbench.checks.agreement import compare_names

        self._send_state(f"comparing {name} with {other}")
        return asdict(compare_names([name], other, tolerance, self.checked)[0]), ()

    def do_begin_checks(self, kind: str, name: str) -> Answer:
        """Begin the checks of a record of what :meth:`do_load_for_check` has loaded."""
        from optbench.checks import check_record

        self._send_state(f"checking {kind} {name}")
        self.findings = check_record(kind, name, self.checked)
        return None, ()

    def do_next_check(self) -> Answer:
        """Return the result of the next check, as a mapping; None after the last."""
        finding = next(self.findings, None)
        return finding and asdict(finding), ()

    def do_findings(self) -> Answer:
        """Return what quick checks find wrong with the user's records of the plan, a line each."""
        from optbench.checks.quick import find_faults
        from optbench.sweeps.plan import has_user_code

        assert self.plan is not None
        found = []
        for record in self.plan.records():
            if has_user_code(record.origins):
                self._send_state(f"checking {record.name}")
                found += [f"{text} (optbench check {record.origins[0].file.name})" for text in find_faults(record)]
        return found, ()

    def _prepare_cohort(
        self, plugins: Sequence[str], data: Mapping[str, Any], skipped: Mapping[str, str]
    ) -> "PlannedCohort":
        """Return a cohort with compiled kernels, whose users' schedules send their text when they are called.

        plugins: paths of the user's files; data: the cohort, from `cohort_to_json`. skipped: by text, why schedules are
        not called: their lanes fail for that reason.
        """
        from optbench.engine.run import compile_for
        from optbench.sweeps.serialization import cohort_from_json

        planned = cohort_from_json(data, self._load_catalogue(plugins))
        self._send_state("compiling")
        compile_for(planned.cohort)
        self._send_state("running")
        schedules = {id(lane.schedule): lane.schedule for lane in planned.cohort.lanes}
        traced = {key: self._trace_schedule(schedule, skipped) for key, schedule in schedules.items()}
        if all(traced[key] is schedule for key, schedule in schedules.items()):
            return planned
        lanes = tuple(replace(lane, schedule=traced[id(lane.schedule)]) for lane in planned.cohort.lanes)
        return replace(planned, cohort=replace(planned.cohort, lanes=lanes))

    def _trace_schedule(self, schedule: Schedule, skipped: Mapping[str, str]) -> Schedule:
        """Return the schedule; if it is a user's, with a function that sends its text while it runs.

        skipped: by text, why schedules are not called: their function raises PluginError with this reason.
        """
        from optbench.sweeps.plan import has_user_code

        def skip(*arguments: Any, **parameters: Any) -> NoReturn:
            """Raise PluginError with the reason why the schedule is not called."""
            raise PluginError(skipped[schedule.text])

        def trace(*arguments: Any, **parameters: Any) -> Any:
            """Call the schedule, and send its text before and an empty one after it."""
            send(self.answers, ("schedule", schedule.text))
            try:
                return schedule.function(*arguments, **parameters)
            finally:
                send(self.answers, ("schedule", ""))

        if schedule.text in skipped:
            return replace(schedule, function=skip)
        return replace(schedule, function=trace) if has_user_code(schedule.origins) else schedule

    def do_run(self, plugins: Sequence[str], cohort: dict[str, Any], threads: int, skipped: dict[str, str]) -> Answer:
        """Run a cohort; the answer is its file. skipped: the schedules not to call, by text, with the reason.

        plugins: paths of the user's files; cohort: from `cohort_to_json`, here as below; threads: for ``timings``.
        """
        from optbench.engine.run import limited_threads
        from optbench.sweeps.run.executors import Job

        planned = self._prepare_cohort(plugins, cohort, skipped)
        progress, stop = self._make_callbacks()
        with limited_threads():
            return None, Job((planned,)).run(threads, progress, stop)

    def do_grid(self, plugins: Sequence[str], problem: str, domain: Any) -> Answer:
        """Return a problem's landscape over a domain, column by column."""
        from optbench.sweeps.tables import make_landscape

        record, ((left, right), (bottom, top)) = self._load_catalogue(plugins).problem(problem), domain
        self._send_state("compiling")
        return make_landscape(replace(record, domain=((left, right), (bottom, top)))).to_pydict(), ()

    def do_trajectory(self, plugins: Sequence[str], cohort: dict[str, Any]) -> Answer:
        """Return the trajectory of a cohort, column by column."""
        from optbench.engine.run import limited_threads
        from optbench.sweeps.trajectories import run_trajectory

        planned = self._prepare_cohort(plugins, cohort, {})
        with limited_threads():
            return run_trajectory(planned).to_pydict(), ()

    def do_codes(self, plugins: Sequence[str], cohort: dict[str, Any], epochs: int, remark: str) -> Answer:
        """Return the code of the setting of a cohort's first lane, library by library (see `write_code`)."""
        from optbench.sweeps.chosen import write_code
        from optbench.sweeps.serialization import cohort_from_json

        made = cohort_from_json(cohort, self._load_catalogue(plugins)).cohort
        return write_code(made, made.lanes[0], epochs, remark), ()

    def _make_callbacks(self) -> tuple[Callable[[int], None], Callable[[], bool]]:
        """Return two functions for the engine: one takes run-steps, one says whether to stop; both report progress."""
        made, last = 0, time.monotonic()

        def progress(run_steps: int) -> None:
            """Add to the run-steps made so far."""
            nonlocal made
            made += run_steps

        def stop() -> bool:
            """Return False, and send the run-steps made since the last message now and then."""
            nonlocal made, last
            now = time.monotonic()
            if now - last > _PROGRESS_SECONDS:
                send(self.answers, ("steps", made))
                made, last = 0, now
            return False

        return progress, stop


if __name__ == "__main__":
    main()
