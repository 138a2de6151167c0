"""One cache of kernels for all workers, one BLAS thread, and the catalogue."""

import atexit
import gc
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import stat
import sys
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from browser import chromium  # noqa: F401  a fixture
from shared import locked

ROOT = Path(__file__).parent.parent
MEASURED = any(argument.startswith("--cov") for argument in sys.argv) or "NUMBA_JIT_COVERAGE" in os.environ
if MEASURED:
    os.environ["NUMBA_JIT_COVERAGE"] = "1"  # lines that numba compiles count as covered; workers inherit this


def _sources() -> str:
    """A hash of where kernels come from and what makes them: numba's cache sees changes in a kernel's own file only."""
    files = sorted((ROOT / "optbench" / "compiler").glob("*.py"))
    return hashlib.sha256(b"".join([str(ROOT).encode(), *(file.read_bytes() for file in files)])).hexdigest()


def _locked_folder(number: int) -> Path | None:
    """Return a folder of this user and this session alone, which outlives the session; None if it cannot be had."""
    import fcntl

    folder = Path(tempfile.gettempdir()) / f"optbench-tests-{os.getuid()}" / str(number)
    for part in (folder.parent, folder):
        part.mkdir(mode=0o700, exist_ok=True)
        found = part.lstat()
        # The cache holds pickles and machine code: nobody else may have made the folder, or may write to it.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            return None
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # until the process ends, however it ends
    except OSError:
        os.close(lock)
        return None
    return folder


def _cache_folder() -> Path:
    """Return a folder for numba's cache that no other session writes to, warm from the last session if possible."""
    folder = None
    if not MEASURED:  # numba reports the lines of what it compiles, not of what it finds in the cache
        with suppress(ImportError, OSError):  # no locks here, or the temporary folder is somebody else's
            folder = next(filter(None, map(_locked_folder, range(8))), None)
    if folder is None:
        folder = _folder_of_this_session()
    kernels, stamp = folder / "kernels", folder / "sources"
    if not stamp.exists() or stamp.read_text() != _sources():
        shutil.rmtree(kernels, ignore_errors=True)
        stamp.write_text(_sources())
    kernels.mkdir(exist_ok=True)
    return kernels


def _folder_of_this_session() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="optbench-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


# Tests are a hundred thousand objects and numba allocates much, in no circles: Python need not look for any so often.
gc.set_threshold(50_000, 20, 100)
if "numba" in sys.modules:
    raise RuntimeError("numba was imported before the tests could give it a cache of their own")
if "PYTEST_XDIST_WORKER" not in os.environ:  # workers inherit both: what one of them compiled, the others find
    os.environ["NUMBA_CACHE_DIR"] = str(_cache_folder())
    os.environ["OPTBENCH_TESTS_SHARED"] = str(_folder_of_this_session())


@pytest.fixture(scope="session", autouse=True)
def _temporary_files(tmp_path_factory):
    """Sweeps without a folder leave theirs among temporary files: in a folder that goes when the session ends."""
    tmp_path_factory.getbasetemp()  # pytest's own stay
    before, tempfile.tempdir = tempfile.tempdir, str(_folder_of_this_session())
    yield
    tempfile.tempdir = before


@pytest.fixture
def command(capsys, monkeypatch):
    """command(*arguments) -> (exit code, standard output, standard error) of ``optbench``."""
    from optbench.cli import app

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["optbench", *map(str, arguments)])
        try:
            app.main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        return code, *capsys.readouterr()

    return call


@pytest.fixture(scope="session")
def small_sweep(tmp_path_factory):
    """The folder of a finished sweep of gd and momentum on two problems, for tests that only read it."""
    import optbench

    folder = tmp_path_factory.mktemp("small") / "sweep"
    optbench.sweep(
        problems=["quadratic(dim=4)", "rosenbrock"], optimizers=["gd", "momentum"], learning_rates="1e-4:1e-1:4",
        batch_sizes=[16], schedules=["constant"], blocks=3, widen=1, epochs=10, out=folder,
    )  # fmt: skip
    return folder


@pytest.fixture(autouse=True)
def own_count_of_versions(request, monkeypatch):
    """No test counts as one of the user's versions of an optimizer; the few that rank make a folder for it."""

    def folder():
        own = request.getfixturevalue("tmp_path")
        return own.with_name(f"{own.name}-count")

    monkeypatch.setattr("optbench.atlas.looks.cache_folder", folder)


@pytest.fixture
def data_cache(tmp_path, monkeypatch):
    """The folder of data sets that are kept on disk, an empty one; nothing is remembered of the sets before."""
    from optbench import datasets

    monkeypatch.setenv("OPTBENCH_DATA", str(tmp_path / "cache"))
    datasets._load_cached.cache_clear()
    yield tmp_path / "cache"
    datasets._load_cached.cache_clear()


LONG = ("test_damage", "test_kernel_cache", "test_fuzz_folders", "test_isolation", "test_signals")
"""Files with the longest of the slow tests. Begun last, one of them would keep one worker while the other has nothing
left; xdist begins with the groups of most tests, unless it is told --no-loadscope-reorder."""

SLOW_SECONDS = 600
"""After so long a slow test, or one of a browser, is taken for one that hangs; all others after the minute of
pyproject.toml. With FUZZ there is no limit."""


def pytest_addoption(parser):
    text = "run the tests of one of N equal parts alone, K of 1 to N; all parts together are all tests"
    parser.addoption("--part", metavar="K/N", help=text)


def _is_in_part(item, part: str) -> bool:
    """Return whether a test belongs to the part K/N. Its name decides, so that a new test moves no other."""
    number, parts = map(int, part.split("/"))
    return zlib.crc32(item.nodeid.encode()) % parts == number - 1


@pytest.hookimpl(tryfirst=True)  # xdist looks at the groups in its own hook of this name, and at no later ones
def pytest_collection_modifyitems(config, items):
    """Under ``--dist loadgroup``, one worker gets all tests of a plug-in: no two compile the same kernel at once.

    And all tests that share a fixture of their file, or what its process of the simulator computed. Slow tests get
    their limit of time.
    """
    if part := config.getoption("--part"):
        if not re.fullmatch(r"[1-9]\d*/[1-9]\d*", part):
            raise pytest.UsageError(f"--part {part}: it is one of N parts, 3/12 say")
        others = [item for item in items if not _is_in_part(item, part)]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if _is_in_part(item, part)]
    for item in items:
        if {"slow", "browser"} & {mark.name for mark in item.iter_markers()} or "FUZZ" in os.environ:
            item.add_marker(pytest.mark.timeout(0 if "FUZZ" in os.environ else SLOW_SECONDS), append=False)
    gc.collect()
    gc.freeze()
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        given = item.callspec.params if hasattr(item, "callspec") else {}
        text = getattr(given.get("case"), "group", None)
        text = text or next((given[key] for key in ("text", "name", "optimizer") if key in given), None)
        fixtures = (definitions[-1] for definitions in item._fixtureinfo.name2fixturedefs.values())
        if item.get_closest_marker("simulated"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
        elif isinstance(text, str):
            item.add_marker(pytest.mark.xdist_group(text.split("(")[0]))
        elif any(fixture.scope == "module" for fixture in fixtures):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    items.sort(key=lambda item: item.path.stem not in LONG)


LIBRARIES = ("torch", "optax", "keras")
"""Markers of tests that need a library of an extra; each has the library's name."""
KINDS = ("simulated", "ptx", "ptxas", "browser", *LIBRARIES)
"""Markers of tests that some machines cannot run."""


def pytest_runtest_setup(item):
    """Skip what needs a library that is not here; tests import libraries themselves, so this can be asked."""
    for name in LIBRARIES:
        if item.get_closest_marker(name) and importlib.util.find_spec(name) is None:
            pytest.skip(f"needs the extra {name}: pip install -e '.[{name}]'")


def pytest_sessionfinish(session):
    """With OPTBENCH_EVERY_KIND set, as in CI: fail where every test of a kind was skipped."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if "OPTBENCH_EVERY_KIND" not in os.environ or hasattr(session.config, "workerinput") or reporter is None:
        return
    for kind in KINDS:
        ran, skipped = (
            [report for report in reporter.stats.get(word, ()) if kind in report.keywords]
            for word in ("passed", "skipped")
        )
        if skipped and not ran:
            *_, reason = skipped[0].longrepr
            reporter.write_line(f"all tests of the kind {kind} were skipped ({reason})", red=True)
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread():
    """As in the engine's workers. Every BLAS must be loaded before it can be told."""
    import numpy  # noqa: F401
    import scipy.linalg.blas  # noqa: F401
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


@pytest.fixture
def heeded_signals():
    """Signals that the shell ignores, as it does for `pytest &`, work within the test.

    Processes inherit what is ignored, and optbench leaves it so.
    """
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    ignored = [number for number in numbers if signal.getsignal(number) == signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture(scope="session")
def catalogue():
    """The shipped optimizers, schedules and problems."""
    from optbench.catalogue import loader

    return loader.load()


def _copy_if_there(source: str, target: str) -> None:
    """Copy a file, unless another worker has renamed it since: a temporary file, which numba does not need."""
    with suppress(FileNotFoundError):
        shutil.copy2(source, target)


@pytest.fixture
def own_kernels(tmp_path, monkeypatch):
    """A cache that ends with the session, for the kernels of a test's temporary plug-in files: nobody will ask for them
    again. It begins as a copy of the other one, and what else its processes compile, the next such test finds there."""
    import numba

    kernels = Path(os.environ["OPTBENCH_TESTS_SHARED"]) / "kernels"
    with locked(kernels.with_suffix(".lock")):
        if not kernels.exists():
            shutil.copytree(os.environ["NUMBA_CACHE_DIR"], kernels, copy_function=_copy_if_there)
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(kernels))
    return tmp_path
