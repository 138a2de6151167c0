"""The way to workers of dask: a client of a scheduler, and a cluster on this machine where no scheduler was named."""

import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from optbench.contract.errors import OptbenchError, in_one_line
from optbench.sweeps.crews.dask_local import LocalWorkers, local
from optbench.sweeps.crews.dask_worker import refusal
from optbench.sweeps.parcels import Parcel

_CONNECTING = 10
"""Seconds that a scheduler may take to answer."""
_WAITING = 0.5
"""Seconds between two looks for a worker that may take files, and whether the sweep is to end."""
_COUNTING = 2
"""Seconds between two counts of a cluster's workers."""
_CLOSING = 1
"""Seconds that taking leave of a scheduler may take."""


class Connection:
    """A client of the scheduler at ``address``, or of one on this machine with so many ``workers`` of one thread each.

    Raises OptbenchError where dask is not installed, no scheduler answers, or a worker has other versions.
    """

    client: Any

    def __init__(self, address: str | None, workers: int, versions: Mapping[str, str]):
        try:
            import distributed  # noqa: F401
        except ImportError:
            raise OptbenchError("--executor dask needs the extra 'dask': pip install 'optbench[dask]'") from None
        self._undo = contextlib.ExitStack()
        self._local: LocalWorkers | None = None
        try:
            self._undo.enter_context(_quiet())
            if address is None:
                address, self._local = self._undo.enter_context(local(workers))
            self._address = address
            self.client = self._connected(address)
            if self._local is None:
                self._check(versions)
        except BaseException:
            self._undo.close()
            raise
        self._workers, self._counted = workers, -math.inf
        self._threads = 0

    def _connected(self, address: str) -> Any:
        from distributed import Client

        try:
            # Workers of a cluster may be out of this machine's reach: results then come by way of the scheduler.
            client = Client(
                address, timeout=_CONNECTING, set_as_default=False, name="optbench",
                direct_to_workers=self._local is not None,
            )  # fmt: skip
        except (OSError, ValueError, TypeError) as error:
            raise OptbenchError(f"no dask scheduler answers at {address!r}: {in_one_line(error)}") from None
        self._undo.callback(client.close, timeout=_CLOSING)
        return client

    def _check(self, versions: Mapping[str, str]) -> None:
        """Ask all workers that are there; one that comes later says so with its first task."""
        for worker, answer in sorted(self.client.run(refusal, versions, on_error="return").items()):
            if isinstance(answer, BaseException):
                raise OptbenchError(f"the dask worker {worker} cannot run optbench: {in_one_line(answer)}")
            if answer:
                raise OptbenchError(f"the dask worker {worker} {answer}")

    def threads(self) -> int:
        """How many cohorts run at once, at least 1: of a cluster that grows and shrinks, counted every few seconds."""
        if self._local is not None:
            return self._workers
        if (now := time.monotonic()) > self._counted + _COUNTING:
            self._threads, self._counted = sum(self.client.nthreads().values()), now
        return max(self._threads, 1)

    def scatter(self, parcel: Parcel, stopping: Callable[[], bool]) -> Any:
        """The files, on all workers; waits for a first one. Raises OptbenchError where none can come."""
        while True:
            try:
                scattered = self.client.scatter(parcel, broadcast=True, hash=False, timeout=_WAITING)
                if self._local:
                    self._local.came_up = True
                return scattered
            except TimeoutError:
                if stopping() or not self.is_open:
                    raise
                if self._local and self._local.failure:
                    raise OptbenchError(f"the workers of dask do not start: {self._local.failure}") from None

    @property
    def is_open(self) -> bool:
        """Whether the scheduler is still there."""
        return self.client.status == "running"

    def gone(self) -> OptbenchError:
        """What to say when it is not."""
        return OptbenchError(
            f"the dask scheduler at {self._address} or its workers have gone; what was finished is kept, run the same "
            "command again to go on"
        )

    def close(self, tasks: Iterable[Any]) -> None:
        """Cancel what runs, and leave; a scheduler that somebody else has started goes on. Harmless a second time."""
        if self.is_open:
            with contextlib.suppress(Exception):
                self.client.cancel(list(tasks), force=True)
        self._undo.close()


_SILENT = logging.CRITICAL + 1


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without dask's own words on the terminal: what matters to a sweep is said in its own."""
    levels = {}
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        if name.split(".")[0] in ("distributed", "tornado", "asyncio"):
            levels[logger] = logger.level
            logger.setLevel(_SILENT)
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)
