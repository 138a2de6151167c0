"""The notebooks for students in docs/exercises: with the answers that they hide, every check of theirs passes."""

import re
from pathlib import Path

import nbformat
import pytest
from notebooks import run_cells

NOTEBOOKS = sorted((Path(__file__).parents[1] / "docs" / "exercises").glob("*.ipynb"))


def answers(notebook):
    """Return the answer of each task, the text of the code within it."""
    texts = (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return [
        found[1]
        for text in texts
        if (found := re.search(r"<summary>Answer</summary>.*?```python\n(.*?)```", text, re.S))
    ]


def read(path):
    return nbformat.read(path, as_version=4)


def test_there_is_one_for_each_topic_of_the_lecture():
    assert [path.stem for path in NOTEBOOKS] == ["averages", "decay", "mini_batches", "optimizers", "saddles"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_no_outputs_and_a_hint_and_an_answer_for_each_task(path):
    notebook = read(path)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    text = "\n".join(cell.source for cell in notebook.cells)
    blanks = [cell for cell in notebook.cells if cell.cell_type == "code" and "..." in cell.source]
    assert len(blanks) == text.count("<summary>Hint</summary>") == len(answers(notebook)) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_with_the_hidden_answers_every_check_passes(path, tmp_path):
    notebook = read(path)
    remaining = iter(answers(notebook))
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    outputs = run_cells(tmp_path, [next(remaining) if "..." in source else source for source in code])
    said = [output["text"] for each in outputs for output in each if output.get("name") == "stdout"]
    assert "".join(said).count("Right.") == len(answers(notebook))
