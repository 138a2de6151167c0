"""Kernels on disk: a file that was cut short, a disk that takes none and another process that writes stop nothing."""

import errno
import os
import signal
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
from optbench.compiler.kernel_files import KernelCacheWarning
from optbench.contract.errors import PluginError

ROOT = Path(__file__).parents[2]
VECTOR = types.Array(float64, 1, "C")
SUM = float64(VECTOR, float64)


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch):
    numba_compat.is_plain()  # its self-test leaves two kernels
    monkeypatch.setattr(kernel_files, "_warned", [])


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


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_a_file_that_was_cut_short_is_compiled_anew_and_mended(ending, scaled, tmp_path):
    scaled()
    (path,) = (tmp_path / "kernels").rglob(f"*.{ending}")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.warns(KernelCacheWarning, match="kernels are compiled anew") as told:
        assert scaled() == 0
    assert len(told) == 1 and scaled() == 1


def test_a_suspended_process_that_holds_the_lock_is_named_and_not_waited_for_again(scaled, tmp_path, monkeypatch):
    monkeypatch.setattr(kernel_files, "WAIT_SECONDS", 0.1)
    scaled()
    lock = kept(tmp_path)[0].parent / "kernels.lock"
    script = f"from optbench.compiler.kernel_files import one_writer\nwith one_writer({str(lock.parent)!r}):\n"
    script += "    print(flush=True)\n    input()"
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as other:
        other.stdout.readline()
        other.send_signal(signal.SIGSTOP)
        try:
            for path in kept(tmp_path):
                path.unlink()
            with pytest.warns(KernelCacheWarning, match=f"process {other.pid} has held {lock} for 0.1 s") as told:
                assert (scaled(), scaled()) == (0, 0)
            assert len(told) == 1 and not kept(tmp_path)
        finally:
            other.send_signal(signal.SIGCONT)
            other.communicate(b"\n")
    assert (scaled(), scaled()) == (0, 1)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EACCES])
def test_a_disk_that_takes_nothing_stops_nothing(error, scaled, tmp_path, monkeypatch):
    def refuse(*paths):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.warns(KernelCacheWarning, match=f"cannot be kept in .*: {os.strerror(error)}: kernels are") as told:
        assert scaled() == 0
    assert len(told) == 1 and not kept(tmp_path)


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
def test_processes_that_write_at_once_mix_nothing_up(tmp_path):
    """Six at once, each with another signature of the same functions: what they leave gives the right numbers."""
    file = tmp_path / "many.py"
    file.write_text("".join(f"def f{n}(a):\n    return a.ndim * 100 + {n}\n" for n in range(12)))
    script = (
        "import sys, many, numba, numpy as np\nfrom optbench.compiler import numba_compat\n"
        "hits = 0\nfor ndim in map(int, sys.argv[1:]):\n"
        "    for n in range(12):\n"
        "        kernel = numba_compat.cached(numba.njit, getattr(many, f'f{n}'))\n"
        "        assert kernel(np.zeros((1,) * ndim)) == ndim * 100 + n\n"
        "        hits += sum(kernel.stats.cache_hits.values())\nprint(hits)"
    )
    paths = {"NUMBA_CACHE_DIR": str(tmp_path / "kernels"), "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    environment, command = os.environ | paths, [sys.executable, "-W", "error", "-c", script]
    started = [subprocess.Popen([*command, str(ndim)], env=environment) for ndim in range(1, 7)]
    assert [process.wait(timeout=300) for process in started] == [0] * 6
    last = subprocess.run([*command, *map(str, range(1, 7))], env=environment, capture_output=True, text=True)
    assert (last.stdout, last.stderr) == ("72\n", "")


@pytest.mark.slow
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
