"""Notebooks that tests run, each in a kernel of its own."""

import os
from pathlib import Path
from unittest import mock

import nbformat
from nbclient import NotebookClient


def run_cells(folder: Path, cells, **keywords) -> list:
    """Run cells from the texts; return their outputs, a list for each. folder: holds what IPython writes."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    environment |= {"IPYTHONDIR": str(folder / "ipython"), "TMPDIR": str(folder)}  # not the user's start-up files
    with mock.patch.dict(os.environ, environment, clear=True):
        NotebookClient(notebook, timeout=120, kernel_name="python3", **keywords).execute()
    return [cell.outputs for cell in notebook.cells]


def pictures(outputs) -> list[str]:
    """Return the pictures among the outputs of a cell, as base64."""
    return [output["data"]["image/png"] for output in outputs if "image/png" in output.get("data", {})]
