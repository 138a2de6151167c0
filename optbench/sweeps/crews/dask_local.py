"""A dask cluster for one sweep on this machine: a scheduler in this process, and a process for each worker."""

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

_SETTINGS = {
    # What may have killed a worker is tried again alone, by the crew: dask's own three tries would only cost workers.
    "distributed.scheduler.allowed-failures": 0,
    # Its statistics, which nobody looks at here, take 7% of a core.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
}
_ANY_PORT = "127.0.0.1:0"
_LOOKING = 0.2
"""Seconds between two looks whether a worker has died."""
_MOST_FAILURES = 3
"""How many workers in a row may end before one has come up."""


class LocalWorkers:
    """Processes that work for a scheduler; whichever dies is replaced.

    They are started as commands: that needs no guard around a script's main part, as multiprocessing does, and in a
    session of their own, so that Ctrl-C reaches this process alone.
    """

    def __init__(self, address: str, count: int, folder: Path):
        self._address, self._folder = address, folder
        self._stopping = threading.Event()
        self.failure = ""
        """Why no worker comes up."""
        self.came_up = False
        """Whether one has: what ends later has its reasons in what it was given."""
        self._processes = [self._start(number) for number in range(count)]
        self._watcher = threading.Thread(target=self._watch, name="optbench-dask-workers", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """End them at once: they have nothing left to say, and asked to end they would take a second or more."""
        self._stopping.set()
        self._watcher.join()
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._processes]

    def _start(self, number: int) -> subprocess.Popen:
        command = [
            sys.executable, "-m", "dask", "worker", self._address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
            "--memory-limit", "0", "--host", "127.0.0.1", "--local-directory", str(self._folder),
            "--death-timeout", "30", "--dashboard-address", _ANY_PORT,
        ]  # fmt: skip
        path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
        settings = {
            f"DASK_{name.upper().replace('.', '__').replace('-', '_')}": f"{_SETTINGS[name]}" for name in _SETTINGS
        }
        quiet = {"PYTHONPATH": path, "PYTHONWARNINGS": "ignore", "DASK_LOGGING__DISTRIBUTED": "error"} | settings
        with self._log(number).open("wb") as log:
            return subprocess.Popen(
                command, env=os.environ | quiet, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def _log(self, number: int) -> Path:
        return self._folder / f"worker-{number}.log"

    def _watch(self) -> None:
        failures = 0
        while not self._stopping.wait(_LOOKING):
            for number, process in enumerate(self._processes):
                if process.poll() is None:
                    continue
                failures += 1
                if failures >= _MOST_FAILURES and not self.came_up:
                    said = self._log(number).read_text(errors="replace").split("\n")
                    self.failure = next((line for line in reversed(said) if line.strip()), "no word of why")
                    return
                self._processes[number] = self._start(number)


@contextlib.contextmanager
def local(count: int) -> Iterator[tuple[str, LocalWorkers]]:
    """The address of a scheduler with so many workers of one thread each, and the workers."""
    import dask
    from distributed import LocalCluster
    from distributed.gc import disable_gc_diagnosis

    with contextlib.ExitStack() as ends:
        folder = ends.enter_context(tempfile.TemporaryDirectory(prefix="optbench-dask-", ignore_cleanup_errors=True))
        with dask.config.set(_SETTINGS):
            cluster = ends.enter_context(
                LocalCluster(
                    n_workers=0,
                    processes=True,
                    silence_logs=False,
                    dashboard_address=None,
                    scheduler_kwargs={"dashboard_address": _ANY_PORT},
                )  # fmt: skip
            )
        # The scheduler watches this process's garbage collector by a callback: a Ctrl-C that falls into one is lost.
        disable_gc_diagnosis()
        workers = LocalWorkers(cluster.scheduler_address, count, Path(folder))
        ends.callback(workers.stop)
        yield cluster.scheduler_address, workers
