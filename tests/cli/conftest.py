"""The commands, called in an empty folder, with or without what is there of a GPU."""

import pytest

from optbench.cli import progress


@pytest.fixture
def run(command, monkeypatch, tmp_path):
    """run(*arguments) -> (exit code, standard output, standard error), blanks collapsed: the width does not matter.

    Nor does it how slow this machine is: no sweep here is long enough to say how far it is.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(progress, "_QUIET_SECONDS", float("inf"))

    def call(*arguments):
        code, out, err = command(*arguments)
        assert "Traceback" not in err or "plug-in" in err, err
        return code, " ".join(out.split()), " ".join(err.split())

    return call


@pytest.fixture
def no_gpu(monkeypatch):
    """Pretend that there is no GPU driver, and return the message that says so."""
    from optbench.compiler import cuda

    monkeypatch.setattr(
        cuda, "find_parts", lambda: cuda.Found("numba 1.0", ptxas="/bin/ptxas", missing="there is no driver")
    )
    return "there is no driver"
