"""One process at a time writes into a folder; a dead owner's lock is nobody's."""

import json
import os
import platform
import shlex
import subprocess
import sys
import threading

import pytest

import optbench
from optbench.contract.errors import OptbenchError
from optbench.results import results as sweep_results
from optbench.store.atomic_files import LOCK, folder_lock
from optbench.store.folder import Store

SMALL = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [1e-3], "seeds": 3, "steps": 5}
HOLD = """
import sys, time
from pathlib import Path
from optbench.store.atomic_files import folder_lock
with folder_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(folder):
    """Start a process that holds the folder's lock, and return it."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_refused_and_a_dead_ones_lock_is_taken_over(tmp_path):
    with holder(tmp_path) as process:
        with pytest.raises(OptbenchError) as caught:
            optbench.sweep(SMALL, out=tmp_path)
        message = str(caught.value)
        assert str(tmp_path) in message and "\n" not in message
        assert f"in use by process {process.pid} on {platform.node()} since 20" in message
        process.kill()
    assert (tmp_path / LOCK).stat().st_size, "a killed process cleans nothing"
    assert len(optbench.sweep(SMALL, out=tmp_path).runs) == 3
    assert not (tmp_path / LOCK).stat().st_size


def test_the_lock_of_another_host_is_left_to_the_user_who_is_told_the_command(tmp_path):
    told = {"pid": 7, "host": "elsewhere", "since": "2026-01-01 00:00:00+00:00"}
    folder = tmp_path / "it's mine"
    folder.mkdir()
    (folder / LOCK).write_text(json.dumps(told))
    with pytest.raises(OptbenchError, match="process 7 on elsewhere since 2026-01-01 .*if that process has") as caught:
        optbench.sweep(SMALL, out=folder)
    assert json.loads((folder / LOCK).read_text()) == told
    _, command = str(caught.value).split("remove it and run again: ")
    subprocess.run(shlex.split(command), check=True)
    optbench.sweep(SMALL, out=folder)


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path):
    mine = tmp_path / "mine"
    mine.write_text("keep this")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / LOCK).symlink_to(mine)
    with pytest.raises(OptbenchError, match="cannot write to"):
        optbench.sweep(SMALL, out=tmp_path / "out")
    assert mine.read_text() == "keep this"


def test_a_pipe_in_the_place_of_the_lock_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / LOCK)
    with pytest.raises(OptbenchError, match="is no plain file, and so no lock: remove it and run again: rm "):
        optbench.sweep(SMALL, out=tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"pid": 1}', "\x00"])
def test_a_lock_that_says_nothing_is_taken_over(content, tmp_path):
    (tmp_path / LOCK).write_text(content)
    assert len(optbench.sweep(SMALL, out=tmp_path).runs) == 3
    assert not (tmp_path / LOCK).stat().st_size


def test_a_process_holds_a_folder_once(tmp_path):
    refused = pytest.raises(OptbenchError, match=f"in use by process {os.getpid()} on ")
    with folder_lock(tmp_path), refused, folder_lock(tmp_path):
        pass
    with folder_lock(tmp_path):
        pass


@pytest.mark.parametrize("moment", ["at its begin", "in its last second"])
def test_a_folder_that_is_read_while_it_is_written_is_not_damaged(moment, tmp_path, monkeypatch):
    """Another process reads between the files and the manifest, which has their checksums."""
    optbench.sweep(SMALL, out=tmp_path, workers=1)
    write, read = Store._write_manifest, []

    def write_late(store, manifest, *tables):
        if manifest.finished == (moment == "in its last second"):
            reader = threading.Thread(target=lambda: read.append(optbench.load(tmp_path)))
            reader.start()
            reader.join(0.3)
            write(store, manifest, *tables)
            reader.join()
        else:
            write(store, manifest, *tables)

    monkeypatch.setattr(Store, "_write_manifest", write_late)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", ["another command"])
        optbench.sweep(out=tmp_path, extend=True, learning_rates=[1e-5], workers=1)
    assert read and all(len(results.runs) for results in read)


def test_a_folder_that_is_written_for_long_names_the_writer(tmp_path, monkeypatch):
    optbench.sweep(SMALL, out=tmp_path, workers=1)
    monkeypatch.setattr(sweep_results, "_WAIT_SECONDS", 0.2)
    (tmp_path / "provenance.json").write_text("{}")
    with pytest.raises(OptbenchError, match="provenance.json' is damaged"):
        optbench.load(tmp_path)
    with folder_lock(tmp_path), pytest.raises(OptbenchError, match=f"is being written by process {os.getpid()} on"):
        optbench.load(tmp_path)


def test_a_table_that_was_written_anew_after_the_folder_was_read_says_so(tmp_path):
    optbench.sweep(SMALL, out=tmp_path, workers=1)
    results = optbench.load(tmp_path)
    optbench.sweep(out=tmp_path, extend=True, learning_rates=[1e-5], workers=1)
    with pytest.raises(OptbenchError, match="curves.parquet' was written anew meanwhile: load the folder again"):
        results.curves  # noqa: B018
