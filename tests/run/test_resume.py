"""The result folder: the same bytes whoever ran what when, and nothing that was finished is ever lost."""

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path

import pytest
from harness import execute, plan_of
from quick import slow
from records import finished, list_records

import optbench
from optbench.contract.errors import OptbenchError
from optbench.plan.spec_files import make_spec, read_spec
from optbench.store import final_tables
from optbench.store.cohort_files import CohortFiles, Record
from optbench.store.folder import Store

ROOT = Path(__file__).parents[2]
TABLES = ("runs.parquet", "curves.parquet")

SMALL = {"problems": ["rosenbrock", "saddle"], "optimizers": ["gd", "momentum"], "learning_rates": [1e-3, 10.0],
         "batch_sizes": [100, "full"], "seeds": 3, "tuning_seeds": 1, "epochs": 3}  # fmt: skip

# 48 cohorts, and a way to run them that rests after each: long enough to be interrupted after the first.
RESTING = """
import signal
import time
from optbench.cli import app, progress
from optbench.store.folder import Store

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is born deaf to it
progress._QUIET_SECONDS = float("inf")  # a slow machine would tell how far it is
save = Store.save

def rest(*arguments):
    save(*arguments)
    time.sleep(0.25)

Store.save = rest
app.main()
"""
LONG = """
problems = ["rosenbrock"]
optimizers = ["gd"]
batch_sizes = [16]
learning_rates = "1e-5:1e-3:16"
seeds = 48
steps = 1000
"""


def content(folder):
    return [(folder / name).read_bytes() for name in TABLES]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The folder of SMALL, run without trouble by one worker."""
    folder = tmp_path_factory.mktemp("small")
    optbench.sweep(SMALL, out=folder, workers=1)
    return folder


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """(the spec's file, the folder of its sweep run without trouble)"""
    folder = tmp_path_factory.mktemp("long")
    (folder / "long.toml").write_text(LONG)
    execute(read_spec(folder / "long.toml"), folder / "whole", workers=1)
    return folder / "long.toml", folder / "whole"


def interrupted(spec, folder, number):
    """Send the signal to a sweep in a process of its own once a cohort is finished; (exit code, standard error)."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", RESTING, "sweep", str(spec), "--out", str(folder), "--no-report",
         "--workers", "1"],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        while not finished(folder) and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert 1 <= len(finished(folder)) < 48, "it was not interrupted in the middle"
    assert not any((folder / name).exists() for name in TABLES)
    return process.returncode, errors


@pytest.mark.parametrize("number", [slow(signal.SIGKILL), signal.SIGINT], ids=["killed", "Ctrl-C"])
def test_an_interrupted_sweep_goes_on_to_the_same_bytes(number, long, tmp_path):
    spec, whole = long
    code, errors = interrupted(spec, tmp_path / "out", number)
    if number == signal.SIGINT:
        assert code == 130
        line = errors.strip().splitlines()[-1]  # behind lines of progress, on a slow machine
        assert line.startswith("optbench: interrupted; what was finished is kept; resume with: ") and str(spec) in line
    (kept,) = (tmp_path / "out" / "cohorts").iterdir()
    before = kept.stat()
    status = execute(read_spec(spec), tmp_path / "out", workers=2)
    assert status.cohorts == 48 and content(tmp_path / "out") == content(whole)
    after, files = kept.stat(), CohortFiles(tmp_path / "out")
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns), "another process writes another"
    records = {files.content(each) for each in files.ids()}
    assert sum(path.stat().st_size for path in files.folder.iterdir()) == sum(map(len, records)), "some ran again"
    assert not list((tmp_path / "out").rglob(".tmp-*"))


@pytest.mark.slow
def test_leftovers_of_a_killed_write_are_cleaned_and_their_cohort_run_again(small, tmp_path):
    optbench.sweep(SMALL, out=tmp_path, workers=1)
    *whole, _ = list_records(tmp_path)
    (victim,) = (tmp_path / "cohorts").iterdir()
    with victim.open("r+b") as file:
        file.truncate(victim.stat().st_size - 9)
    assert finished(tmp_path) == sorted(chain(*whole))
    (tmp_path / ".tmp-99999-runs.parquet").write_bytes(b"half")
    (tmp_path / "runs.parquet").unlink()
    with pytest.warns(
        UserWarning, match=rf"set aside in .*: {victim.name} \(its checksum is wrong, at byte [0-9,]+\)$"
    ):
        optbench.sweep(SMALL, out=tmp_path)
    assert content(tmp_path) == content(small) and not list(tmp_path.rglob(".tmp-*"))


def test_a_sweep_that_was_refused_is_in_nobodys_way(tmp_path):
    with pytest.raises(OptbenchError):
        optbench.sweep(SMALL, out=tmp_path, learning_rates=[0.1], executor="thread")
    optbench.sweep(SMALL, out=tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "spec.toml").write_text(spec := "seeds = 3\n")
    with pytest.raises(OptbenchError, match="holds another sweep"):
        optbench.sweep(SMALL, out=tmp_path / "mine")
    assert (tmp_path / "mine" / "spec.toml").read_text() == spec


@pytest.mark.parametrize("text", ["", "not toml [", "\x00"])
def test_a_damaged_spec_in_the_folder_is_no_licence_to_overwrite_it(text, tmp_path):
    (tmp_path / "spec.toml").write_text(text)
    with pytest.raises(OptbenchError, match="holds another sweep"):
        optbench.sweep(SMALL, out=tmp_path)
    assert (tmp_path / "spec.toml").read_text() == text


def test_places_that_cannot_be_a_folder(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "cohorts").write_text("mine")
    (tmp_path / "bytes").mkdir()
    (tmp_path / "bytes" / "spec.toml").write_bytes(b"\xff\xfe")
    places = [tmp_path / "file", tmp_path / "file" / "below", tmp_path / "taken", tmp_path / "bytes", Path("/proc/no")]
    for place in places:
        with pytest.raises(OptbenchError) as caught:
            optbench.sweep(SMALL, out=place)
        assert str(place) in str(caught.value) and "\n" not in str(caught.value)
    assert (tmp_path / "file").read_text() == "mine" == (tmp_path / "taken" / "cohorts").read_text()
    monkeypatch.setattr(Path, "write_text", refuse(errno.EROFS, Path.write_text))
    with pytest.raises(OptbenchError, match="cannot write to .*: Read-only file system"):
        optbench.sweep(SMALL, out=tmp_path / "fresh")


def refuse(code, call, after=0):
    """``call`` for the first ``after`` times; then the operating system says no, of a write to a file in its middle."""
    count = 0

    def wrapped(*arguments, **named):
        nonlocal count
        count += 1
        if count == after + 1 and call is os.write:
            return call(arguments[0], arguments[1][:100])
        if count > after:
            raise OSError(code, os.strerror(code))
        return call(*arguments, **named)

    return wrapped


# So many of all records, and five tables of the whole sweep.
@pytest.mark.parametrize(
    ("share", "tables"),
    [pytest.param(0, 0, marks=pytest.mark.slow), (0.5, 0), pytest.param(1, 0, marks=pytest.mark.slow),
     pytest.param(1, 2, marks=pytest.mark.slow)],
    ids=["at once", "midway", "at the end", "in the last tables"],
)  # fmt: skip
def test_a_full_disk_costs_only_what_was_not_finished(share, tables, small, tmp_path, monkeypatch):
    after = int(share * len(list_records(small)))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse(errno.ENOSPC, os.write, after + tables))
        write = final_tables.pq.ParquetWriter.write_table
        patch.setattr(final_tables.pq.ParquetWriter, "write_table", refuse(errno.ENOSPC, write, tables))
        with pytest.raises(OptbenchError) as caught:
            optbench.sweep(SMALL, out=tmp_path, workers=1)
    message = str(caught.value)
    assert "No space left on device" in message and str(tmp_path) in message and "\n" not in message
    assert len(list_records(tmp_path)) == after
    optbench.sweep(SMALL, out=tmp_path, workers=1)
    assert content(tmp_path) == content(small)


def count_saved(monkeypatch):
    """Return a list that receives the ids of the cohorts that a sweep saves."""
    ran, save = [], Store.save
    monkeypatch.setattr(
        Store, "save", lambda store, record: (ran.extend(Record(record).cohort_ids), save(store, record))
    )
    return ran


@pytest.mark.parametrize("damage", ["emptied", slow("a bit")])
def test_a_damaged_file_is_named_set_aside_and_its_damage_run_again(damage, small, tmp_path, monkeypatch):
    optbench.sweep(SMALL, out=tmp_path, workers=1)
    lost = list_records(tmp_path)
    (victim,) = (tmp_path / "cohorts").iterdir()
    bad = bytearray(victim.read_bytes() if damage == "a bit" else b"")
    if bad:
        bad[-9] ^= 4
        lost = lost[-1:]
    victim.write_bytes(bad)
    ran = count_saved(monkeypatch)
    with pytest.warns(UserWarning, match="damaged, set aside in .* and run again: ") as told:
        optbench.sweep(SMALL, out=tmp_path)
    (line,) = [str(each.message) for each in told]
    assert f"{victim.name} (" in line and "\n" not in line
    assert (tmp_path / "cohorts" / "damaged" / victim.name).read_bytes() == bad
    assert content(tmp_path) == content(small)
    assert len(finished(tmp_path)) == 24 and sorted(ran) == sorted(chain(*lost))


def test_tables_stand_in_the_order_of_the_plan(small):
    order = [plan.cohort_id for plan in plan_of(make_spec(SMALL, {})).cohorts]
    assert list(dict.fromkeys(optbench.load(small).runs["cohort_id"])) == order
    assert sorted(order) == finished(small)


def test_provenance_tells_where_a_result_comes_from(small):
    found = json.loads((small / "provenance.json").read_text())
    assert found["optbench"] == optbench.__version__ and found["budget"] == "3 epochs"
    assert (found["seeds"], found["tuning_seeds"], found["reporting_seeds"]) == ([0, 1, 2], [0], [1, 2])
    assert found["dtype"] == ["float64"] and set(found["fastmath"]) <= {"nsz", "arcp", "contract", "afn", "reassoc"}
    names = {"optimizer gd", "optimizer momentum", "problem rosenbrock", "problem saddle", "schedule constant"}
    assert set(found["plugins"]) == names
    source = (ROOT / "problems" / "saddle.py").read_bytes()
    assert found["plugins"]["problem saddle"] == hashlib.sha256(source).hexdigest()
    assert read_spec(small / "spec.toml") == make_spec(SMALL, {})
