"""Kernels on disk that are damaged, cut short or foreign are never run, and a disk that takes none stops nothing."""

import errno
import os
import pickle
import random
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numba
import numpy as np
import pytest
from numba import float64, types

from optbench.compiler import kernel_files, kernels, numba_compat, translator
from optbench.compiler.kernel_files import ChecksummedFiles, KernelCacheWarning
from optbench.contract.errors import PluginError

ROOT = Path(__file__).parents[2]
VECTOR = types.Array(float64, 1, "C")
SUM = float64(VECTOR, float64)
KEY = (("float64",), "this machine")


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch):
    numba_compat.is_plain()  # its self-test leaves two kernels
    monkeypatch.setattr(kernel_files, "_warned", [])


@pytest.fixture
def files(tmp_path):
    made = ChecksummedFiles(tmp_path, "mine", "a stamp", pickle.dumps)
    made.save(KEY, list(range(1000)))
    return made


def test_what_was_saved_is_loaded(files, tmp_path):
    assert files.load(KEY) == list(range(1000)) and files.load("another") is None
    assert [path.suffix for path in tmp_path.iterdir()] == [".nbc"]
    files.save(KEY, "anew")
    assert files.load(KEY) == "anew"
    files.flush()
    assert files.load(KEY) is None and not list(tmp_path.iterdir())


def damaged(data, rng):
    """Return the bytes of a file, damaged in one of many ways."""
    place = rng.randrange(len(data))
    kind = rng.choice(["flip", "cut", "insert", "zeros"])
    if kind == "flip":
        return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]
    if kind == "cut":
        return data[:place]
    if kind == "insert":
        return data[:place] + b"\0" + data[place:]
    return data[:place] + bytes(len(data) - place)


def test_no_damage_is_loaded(files):
    path, rng = files.path(KEY), random.Random(0)
    whole = path.read_bytes()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(500):
            data = damaged(whole, rng)
            path.write_bytes(data)
            assert files.load(KEY) is None or data == whole
    assert len(told) == 1 and issubclass(told[0].category, KernelCacheWarning)
    assert f"the compiled kernel {path} is damaged: kernels are compiled anew" in str(told[0].message)


def test_what_belongs_elsewhere_is_not_loaded_and_not_told(files, tmp_path):
    (tmp_path / "other").mkdir()
    for name, stamp, key in (("other", "a stamp", KEY), ("mine", "another stamp", KEY), ("mine", "a stamp", "a key")):
        other = ChecksummedFiles(tmp_path / "other", name, stamp, pickle.dumps)
        other.path(key).write_bytes(files.path(KEY).read_bytes())
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert other.load(key) is None


def test_half_a_file_is_never_seen(files, tmp_path, monkeypatch):
    def full(path, data):
        with path.open("wb") as file:
            file.write(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        files.save(KEY, "anew")
    assert files.load(KEY) == list(range(1000)) and len(list(tmp_path.iterdir())) == 1


# With kernels.


@pytest.fixture
def scaled(tmp_path, monkeypatch):
    """``made()``: a kernel of a file of its own, kept in a folder of its own, and how often it came from there."""
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path / "kernels"))
    file = tmp_path / "scaled.py"
    file.write_text("def scaled(a, n):\n    s = 0.0\n    for x in a:\n        s += n * x\n    return s\n")
    scope = {"__name__": "scaled"}
    exec(compile(file.read_text(), str(file), "exec"), scope)

    def made():
        kernel = translator.jit(scope["scaled"], SUM)
        assert kernel(np.arange(10.0), 2.0) == 90.0
        return sum(kernel.stats.cache_hits.values())

    return made


def kept(folder):
    return sorted((folder / "kernels").rglob("*.nbc"))


def test_a_kernel_comes_back(scaled, tmp_path):
    assert (scaled(), len(kept(tmp_path)), scaled()) == (0, 1, 1)
    assert kept(tmp_path)[0].parent.exists() and not list(tmp_path.rglob("*.nbi"))


def test_where_a_kernel_says_it_stands_is_not_read(tmp_path, monkeypatch):
    """A generated kernel has its rule's file and some line of it: here one that ends a text, and so begins one."""
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path / "kernels"))
    file = tmp_path / "rule.py"
    file.write_text('"""A text\nof lines.\n"""\n\n\ndef rule(w):\n    return w\n')
    scope = {"__name__": "rule"}
    exec(compile("\n\ndef halved(w):\n    return 0.5 * w\n", str(file), "exec"), scope)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert translator.jit(scope["halved"], float64(float64))(3.0) == 1.5
    assert len(kept(tmp_path)) == 1


DAMAGE = {
    "empty": lambda data: b"",
    "cut short": lambda data: data[: len(data) // 2],
    "one bit of the code": lambda data: data[:-900] + bytes([data[-900] ^ 16]) + data[-899:],
    "another file": lambda data: b"pickle" * 1000,
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_kernel_is_compiled_anew_and_mended(kind, scaled, tmp_path):
    scaled()
    (path,) = kept(tmp_path)
    path.write_bytes(DAMAGE[kind](path.read_bytes()))
    with pytest.warns(KernelCacheWarning, match=r"scaled\.scaled.* is damaged") as told:
        assert scaled() == 0
    assert len(told) == 1 and scaled() == 1 and kept(tmp_path) == [path]


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EACCES])
def test_a_disk_that_takes_nothing_stops_nothing(error, scaled, tmp_path, monkeypatch):
    def refuse(path, data):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.warns(KernelCacheWarning, match=f"cannot be kept in .*: {os.strerror(error)}: kernels are") as told:
        assert scaled() == 0
    assert len(told) == 1 and not kept(tmp_path)


def test_a_kernel_that_cannot_be_read_is_compiled(scaled, tmp_path):
    scaled()
    (path,) = kept(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.warns(KernelCacheWarning, match="Is a directory"):
        assert scaled() == 0


def test_a_folder_that_vanishes_is_made_anew(scaled, tmp_path):
    scaled()
    for path in kept(tmp_path):
        path.unlink()
        path.parent.rmdir()
    assert (scaled(), scaled()) == (0, 1)


def test_an_error_made_of_the_warning_does_not_blame_the_plug_in(scaled, tmp_path):
    scaled()
    kept(tmp_path)[0].write_bytes(b"")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(KernelCacheWarning):
            scaled()
    with pytest.raises(PluginError, match="a test: broken does not compile"):
        kernels.compile_kernel(lambda a, n: a.nothing, SUM, "a test", "broken")


@pytest.mark.slow
def test_processes_that_mend_at_once(tmp_path):
    """Four at a time on one damaged folder: all are right, and what they leave is whole."""
    script = (
        "from optbench.catalogue import loader\nfrom optbench.engine.cpu.update import Update\nimport numpy as np\n"
        "update = Update(loader.load().optimizers['gd'], 'rows', ((1,),), 'float64', [{}])\n"
        "update.scalars[0] = 0.25\nw = np.ones((1, 1))\nupdate(w, np.ones((1, 1)), 1)\nprint(w[0, 0])"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "kernels"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=300)
    for path in kept(tmp_path):
        path.write_bytes(path.read_bytes()[:-1])
    started = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    told = [process.communicate(timeout=300) for process in started]
    assert [out for out, _ in told] == ["0.75\n"] * 4
    assert all(error.count("KernelCacheWarning") <= 1 for _, error in told)
    assert any("is damaged" in error for _, error in told)
    last = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=300)
    assert (last.stdout, last.stderr) == ("0.75\n", "") and not list(tmp_path.rglob("*.part"))


def test_the_command_tells_in_one_line(tmp_path):
    """If no kernel can be cached, the command prints one line on standard error, and works all the same."""
    (tmp_path / "file").write_text("")
    nowhere = str(tmp_path / "file" / "nowhere")
    places = dict.fromkeys(("NUMBA_CACHE_DIR", "HOME", "XDG_CACHE_HOME"), nowhere)
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from optbench import optimizer\n\n\n@optimizer(source='a test')\ndef mine(w, g, lr):\n    return w - lr * g\n"
    )
    (tmp_path / "__pycache__").write_text("a file where the folder would be")
    command = [sys.executable, "-B", "-m", "optbench", "check", str(plugin)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | places
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.startswith("optbench: warning: there is no folder in which compiled kernels of ")
    assert done.stderr.count("\n") == 1 and "FAIL" not in done.stdout


MINE = os.geteuid()
OWNERS = {
    "mine alone": (0o700, MINE, MINE, False),
    "others read": (0o755, MINE, MINE, False),
    "my own group writes": (0o775, MINE, MINE, False),
    "another group writes": (0o775, MINE, MINE + 1, True),
    "all write": (0o777, MINE, MINE, True),
    "all write, and remove their own alone": (0o1777, 0, 0, True),
    "root's": (0o755, 0, 0, False),
    "another user's": (0o755, MINE + 1, MINE + 1, True),
}


@pytest.mark.parametrize("case", OWNERS)
def test_a_folder_in_which_others_can_put_kernels_is_named_once(case, monkeypatch):
    mode, uid, gid, warned = OWNERS[case]
    found = os.stat_result((mode, 0, 0, 0, uid, gid, 0, 0, 0, 0))
    monkeypatch.setattr(kernel_files, "_shared", [])
    monkeypatch.setattr(kernel_files.os, "stat", lambda path: found)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        kernel_files.warn_if_shared("/a/folder")
        kernel_files.warn_if_shared("/another")
    lines = [str(each.message) for each in told]
    assert [line.startswith("others can write to '/a/folder'") for line in lines] == [True] * warned


@pytest.mark.parametrize("variable", ["NUMBA_CACHE_DIR", "TMPDIR"])
def test_kernels_in_an_open_folder_are_warned_of(variable, tmp_path, monkeypatch):
    """NUMBA_CACHE_DIR itself, or what lies in the temporary folder."""
    monkeypatch.setattr(kernel_files, "_shared", [])
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path) if variable == "NUMBA_CACHE_DIR" else "")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    source = tmp_path / "rule.py"
    source.write_text("def rule(w):\n    return w\n")
    (tmp_path / "__pycache__").mkdir()
    for folder in (tmp_path, tmp_path / "__pycache__"):
        folder.chmod(0o777)
    space = {}
    exec(compile(source.read_text(), source, "exec"), space)
    with pytest.warns(KernelCacheWarning, match=f"others can write to '{tmp_path}.*set NUMBA_CACHE_DIR to a folder of"):
        numba_compat.cached(numba.njit, space["rule"])
