"""Workers of dask: the bytes of threads from files that they cannot see, and whatever may die on the way."""

import contextlib
import gzip
import os
import re
import signal
import struct
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from harness import execute
from records import finished

import optbench
from optbench import datasets
from optbench.contract.errors import OptbenchError
from optbench.datasets.copies import use_copies
from optbench.plan.spec_files import make_spec
from optbench.run import dask

TABLES = ("runs.parquet", "curves.parquet")
SPEC = {
    "optimizers": ["gd", "mine"], "learning_rates": [1e-3, 1e-2], "batch_sizes": [16], "seeds": 4, "steps": 40,
    "tuning_seeds": 2,
}  # fmt: skip

PLUGIN = """
import os
import sys
from pathlib import Path

import numpy as np
from optbench import Problem, optimizer, problem


@optimizer(source="a test")
def mine(w, g, lr):
    return w - 0.5 * lr * g


def value_and_gradient(w, g):
    g[0] = w[0]
    return 0.5 * w[0] * w[0]


@problem(source="a test")
def killer(deadly=0):
    def start(rng):
        if deadly and Path(sys.argv[0]).parent.name == "dask":
            os._exit(11)
        return np.ones(1)

    return Problem(form="single", dim=1, value_and_gradient=value_and_gradient, start=start, minimum=0.0,
                   minimum_source="closed form")
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with a plug-in and data."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "rules.py").write_text(PLUGIN)
    rng = np.random.default_rng(0)
    rows = [f"{a:.4f},{b:.4f},{int(a + b > 0)}" for a, b in rng.normal(size=(200, 2))]
    (folder / "measured.csv").write_text("\n".join(["a,b,ill", *rows]) + "\n")
    return folder


def spec_of(files, **changes):
    data = {"problems": ["rosenbrock", f"logistic(data={files}/measured.csv)"], "plugins": [str(files / "rules.py")]}
    return make_spec(SPEC | data, changes)


def content(folder):
    return [(folder / name).read_bytes() for name in TABLES]


@pytest.fixture(scope="module")
def by_threads(files, tmp_path_factory):
    """The tables as threads make them."""
    folder = tmp_path_factory.mktemp("threads")
    execute(spec_of(files), folder, workers=2)
    return content(folder)


WORKER = ("--nthreads", "1", "--no-dashboard", "--no-nanny")


def started(ends, *arguments, cwd=None, **environment):
    """Start a command of dask and return its process; the exit stack ``ends`` kills it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True, cwd=cwd,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | environment,
    )  # fmt: skip
    ends.callback(process.wait)
    ends.callback(process.kill)
    return process


def scheduler(ends, file, ending=None):
    """Start a scheduler and return its address; the list ``ending`` receives a function that kills it."""
    process = started(
        ends, "scheduler", "--port", "0", "--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", ":0",
        "--scheduler-file", str(file),
    )  # fmt: skip
    if ending is not None:
        ending.append(lambda executor: process.kill())
    for _ in range(600):
        if file.exists() and (found := re.search(r'"address": "(\S+)"', file.read_text())):
            return found[1]
        time.sleep(0.05)
    raise AssertionError("the scheduler did not come up")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The address of a scheduler and two worker processes that somebody else has started."""
    folder = tmp_path_factory.mktemp("cluster")
    with contextlib.ExitStack() as ends:
        address = scheduler(ends, folder / "scheduler.json")
        for _ in range(2):
            started(ends, "worker", address, *WORKER, cwd=folder, XDG_CACHE_HOME=str(folder))
        yield address


@pytest.mark.slow
def test_the_bytes_of_threads_from_files_that_the_workers_cannot_see(cluster, files, by_threads, tmp_path, monkeypatch):
    address = cluster
    away, submit = files.with_name("elsewhere"), dask.DaskExecutor.submit

    def submitted(*arguments):
        if files.exists():
            files.rename(away)
        return submit(*arguments)

    monkeypatch.setattr(dask.DaskExecutor, "submit", submitted)
    spec = spec_of(files)
    try:
        status = execute(spec, tmp_path, executor="dask", scheduler=address)
    finally:
        away.rename(files)
    assert not status.failed and status.cohorts == 16
    assert content(tmp_path) == by_threads


@pytest.fixture
def after_the_first(monkeypatch):
    """Tasks of one cohort each; what is put into the list is called once, after the first one has come back."""
    calls, receive = [], dask.DaskExecutor._receive

    def wrapped(executor, *arguments):
        receive(executor, *arguments)
        while calls:
            calls.pop()(executor)

    monkeypatch.setattr(dask.DaskExecutor, "cohorts_per_job", 1)
    monkeypatch.setattr(dask.DaskExecutor, "_receive", wrapped)
    return calls


@pytest.mark.slow
def test_workers_that_are_killed_cost_time_only(files, by_threads, after_the_first, tmp_path):
    killed = []

    def kill(executor):
        killed.extend(executor._client.run(os.getpid).values())
        for pid in killed:
            os.kill(pid, signal.SIGKILL)

    after_the_first.append(kill)
    status = execute(spec_of(files), tmp_path, workers=2, executor="dask")
    assert len(killed) == 2 and not status.failed and content(tmp_path) == by_threads


@pytest.mark.slow
def test_a_cohort_that_kills_its_worker_each_time_fails_and_the_others_go_on(files, tmp_path):
    spec = spec_of(files, problems=["killer", "killer(deadly=1)", "rosenbrock"], optimizers=["gd"], seeds=1)
    status = execute(spec, tmp_path, workers=2, executor="dask")
    assert list(status.failed) == ["killer(deadly=1) with gd"]
    runs = optbench.load(tmp_path).runs
    failed = runs["problem"] == "killer(deadly=1)"
    assert (runs["status"].eq("failed") == failed).all() and failed.sum() == len(spec.learning_rates)
    assert runs["failure"][failed].str.contains("the dask workers that ran it died").all()


@pytest.mark.slow
def test_a_scheduler_that_goes_away_leaves_what_was_finished(files, after_the_first, tmp_path):
    with contextlib.ExitStack() as ends:
        address = scheduler(ends, tmp_path / "scheduler.json", after_the_first)
        started(ends, "worker", address, *WORKER)
        with pytest.raises(OptbenchError, match=f"the dask scheduler at {address} .*gone; what was finished is kept"):
            execute(spec_of(files), tmp_path / "out", executor="dask", scheduler=address)
    assert 0 < len(finished(tmp_path / "out")) < 16


@pytest.mark.slow
def test_an_interrupt_leaves_the_scheduler_of_others_idle_and_running(cluster, files, tmp_path):
    from distributed import Client

    address = cluster

    def watch(status):
        if status.cohorts:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(spec_of(files, steps=50_000), tmp_path, executor="dask", scheduler=address, watch=watch)
    assert finished(tmp_path)
    with Client(address, set_as_default=False) as client:
        end = time.monotonic() + 20
        while any(client.run(_busy).values()) and time.monotonic() < end:
            time.sleep(0.05)
        assert not any(client.run(_busy).values()) and not any(client.processing().values())


def _busy(dask_worker):
    return dask_worker.state.executing_count


def test_files_of_each_kind_are_read_under_their_names_where_they_were_sent(tmp_path):
    home, away = tmp_path / "home", tmp_path / "away"
    (home / "parts").mkdir(parents=True)
    (home / "rules.py").write_text(
        PLUGIN.replace("0.5 * lr", "HALF * lr").replace("import os", "from parts import HALF")
    )
    (home / "parts" / "__init__.py").write_text("HALF = 0.5\n")
    (home / "measured.csv").write_text("a,b,ill\n" + "".join(f"{i / 2},{i * i % 7},{i % 2}\n" for i in range(20)))
    pd.read_csv(home / "measured.csv").to_parquet(home / "measured.parquet")
    for part, count in (("train", 8), ("t10k", 5)):
        for kind, shape in (("images-idx3", (count, 2, 2)), ("labels-idx1", (count,))):
            head = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
            data = head + bytes(i % 10 for i in range(int(np.prod(shape))))
            (home / f"{part}-{kind}-ubyte.gz").write_bytes(gzip.compress(data))
    names = [str(home / "measured.csv"), str(home / "measured.parquet"), f"fashion_mnist(path='{home}')"]
    names.append(f"file(path='{home}/measured.csv', target='b', drop=('ill',), positive='4')")
    digests = {name: datasets.load(name).digest for name in names}
    places = dask.pack(tmp_path / "sent.zip", [str(home / "rules.py")], ["", *digests.values()])
    home.rename(away)
    catalogue, copies = dask.unpack(tmp_path / "sent.zip", places)
    assert catalogue.optimizer("mine")[0].name == "mine"
    with use_copies(copies):
        for name, digest in digests.items():
            again = datasets.load(name)
            asked = str(home / "measured.csv") if name.startswith("file(") else name
            assert (again.name, again.digest) == (asked, digest)
    with pytest.raises(OptbenchError, match="no such file"):
        datasets.load(next(iter(digests)))


def test_a_file_that_has_gone_is_named(tmp_path):
    with pytest.raises(OptbenchError, match="cannot read .*gone.py': No such file"):
        dask.pack(tmp_path / "sent.zip", [str(tmp_path / "gone.py")], [])


@pytest.mark.slow
def test_another_version_is_refused_by_the_name_of_its_worker(cluster, files, tmp_path, monkeypatch):
    address = cluster
    there = dask.versions() | {"numpy": "0.1"}
    monkeypatch.setattr(dask, "versions", lambda: there)
    with pytest.raises(OptbenchError, match=rf"the dask worker on .* has numpy {np.__version__}, not 0.1: install"):
        execute(spec_of(files), tmp_path, executor="dask", scheduler=address)


def test_without_dask_one_line_says_how_to_get_it(files, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(OptbenchError, match=r"needs the extra 'dask': pip install -e '\.\[dask\]'$"):
        execute(spec_of(files), tmp_path, executor="dask")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"executor": "dsk"}, "unknown executor 'dsk': did you mean 'dask'?"),
        ({"scheduler": "tcp://127.0.0.1:1"}, "a scheduler needs the executor dask"),
        ({"executor": "dask", "scheduler": "tcp://127.0.0.1:1", "workers": 2}, "workers are those of the scheduler"),
        ({"executor": "dask", "scheduler": "tcp://127.0.0.1:1"}, "no dask scheduler answers at 'tcp://127.0.0.1:1'"),
        ({"executor": "dask", "scheduler": "no address"}, "no dask scheduler answers at 'no address'"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(options, message, files, tmp_path, monkeypatch):
    monkeypatch.setattr(dask, "_CONNECT_SECONDS", 0.3)
    with pytest.raises(OptbenchError) as caught:
        execute(spec_of(files), tmp_path, **options)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)
