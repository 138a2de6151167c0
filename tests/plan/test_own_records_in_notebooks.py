"""Functions and rules that are cells of a notebook: compiled from their source, in its kernel and in workers."""

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.slow

CELLS = (
    """
import pathlib, tempfile
import numpy as np
import optbench

MATRIX = np.array([[3.0, 1.0], [1.0, 2.0]])
def bowl(w):
    return 0.5 * w @ MATRIX @ w + 1.0
""",
    """
def sign(x):
    return 1 if x > 0 else -1 if x < 0 else x

@optbench.optimizer(source="a cell", beta=0.5)
def signs(w, g, m, lr, beta):
    '''m = beta m + (1 - beta) g;  w = w - lr sign(m).'''
    m = beta * m + (1 - beta) * g
    return w - lr * sign(m), m
""",
    "assert abs(optbench.minimize(bowl, [1.0, 2.0]).fun - 1.0) < 1e-9",
    """
spec = dict(problems=[(bowl, [1.0, 2.0])], optimizers=[signs, "gd"], lr=[0.01, 0.1], seeds=2, steps=9,
            batch_sizes=["full"], schedules=["constant"])
folder = pathlib.Path(tempfile.mkdtemp())
here = optbench.sweep(spec, out=folder / "threads", progress=False)
there = optbench.sweep(spec, out=folder / "processes", isolate="always", progress=False)
assert set(here.runs["status"]) == set(there.runs["status"]) == {"ok"}
for name in ("runs", "curves"):
    first, second = ((folder / part / f"{name}.parquet").read_bytes() for part in ("threads", "processes"))
    assert first == second
""",
)


def test_cells_run_in_threads_and_in_worker_processes(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))  # not the user's start-up files
    monkeypatch.setenv("PYTHONWARNINGS", "default")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    assert not [output for cell in notebook.cells for output in cell.outputs], "no warning is shown"
