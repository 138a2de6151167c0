"""The notebooks for students in docs/exercises: their checks take the answers that they hide, and refuse wrong ones."""

import ast
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "docs" / "exercises"
NOTEBOOKS = ["averages", "decay", "mini_batches", "optimizers", "saddles"]
BLANK = "fill in the ... above first"

# by notebook and task: wrong work, made from the hidden answer by a replacement, and how its refusal begins
WRONG = [
    ("averages", 1, "beta * v", "v", "step 2 is the first that differs: yours "),
    ("averages", 2, "1 - 1 / 50", "np.nan", "1/(1 - beta) shall be 50"),
    ("averages", 2, "1 - beta**50", "0.5", "that is not the sum"),
    ("averages", 3, "0.98**t", "0.98", "divide by 1 - beta^t"),
    ("decay", 1, "+ 1.0 * epoch", "+ 2.0 * epoch", "inverse differs first in epoch 1, at step "),
    ("decay", 1, "np.sqrt(t)", "np.sqrt(t + 1)", "sqrt_step differs first in epoch 0, at step 1: yours is 0.3535534, "),
    ("decay", 2, "distance(lambda epoch, t: 0.05)", "np.nan", "theory"),
    ("decay", 3, "distance(schedule)", "0.0", "distance(inverse) is "),
    ("decay", 3, "distance(schedule)", "np.nan", "distance(inverse) is "),
    ("decay", 3, "min(ends", "max(ends", "exponential ends at "),
    ("decay", 3, "large / ends[best]", "ends[best]", "it is "),
    ("mini_batches", 1, "(X[rows] @ w - y[rows])", "-y[rows]", "the slopes of 10 examples at w = "),
    ("mini_batches", 1, "return ", "return X.T @ (X @ w - y) / 1024  # ", "the slopes of 10 examples at w = "),
    ("mini_batches", 1, "len(rows)", "64", "the slopes of 10 examples at w = "),
    ("mini_batches", 1, "return ", "return X[rows] @ w  # ", "a gradient has 2 parts"),
    ("mini_batches", 2, "np.std", "np.var", "noise at size 1: about "),
    ("mini_batches", 2, "np.log(noise), 1)[0]", "np.log(noise), 1)[1]", "it is about -1/2"),
    ("mini_batches", 3, '"samples"].iloc[0]', '"step"].iloc[0]', "batch size 64: "),
    ("mini_batches", 3, 'samples_to(0.40, 64), samples_to(0.40, "full")', "1, 1000", "batch size 64: "),
    ("optimizers", 1, "(1 - beta1) * gradient(w)", "gradient(w)", "step 1 is the first that differs: yours ["),
    ("optimizers", 2, "g**2", "g", "step 1 is the first that differs: yours ["),
    ("optimizers", 3, "beta1**t", "beta1", "step 2 is the first that differs: yours ["),
    ("optimizers", 4, "first_of_large = 0.1", "first_of_large = 100", "Adam only knows"),
    ("saddles", 1, "[0.0, 1.0]", "[0.0, -1.0]", "not the Hessian"),
    ("saddles", 1, '"saddle"', '"minimum"', "look at the signs"),
    ("saddles", 2, "shares = ", "shares = [0.5, 0.01, 0.05, 0.9, 0.9, 0.01]  # ", "in dimension 2 "),
    ("saddles", 2, "share_of_minima(dim) for", "2.0**-dim for", "in dimension 2 "),
    ("saddles", 3, "steps_to_leave(name, lr) for", "dict(gd=90, momentum=100, rmsprop=5, adam=5)[name] for", "gd: "),
    ("saddles", 3, "max(steps", "min(steps", "rmsprop takes "),
    ("decay", 3, "large / ends[best]", "...", BLANK),
    ("optimizers", 1, "w - lr * v", "...", BLANK),
    ("optimizers", 3, "beta2 * s + (1 - beta2) * g**2", "...", BLANK),
]


def read(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def tasks(notebook):
    """Return each task's blanks, hidden answer and check."""
    sources = [cell.source for cell in notebook.cells]
    found = [re.search(r"<summary>Answer</summary>.*?```python\n(.*?)```", source, re.S) for source in sources]
    return [(sources[k - 1], match[1], sources[k + 1]) for k, match in enumerate(found) if match]


def sentences(tree):
    """Yield what a reader is told: messages of checks, docstrings, what is printed, and texts with numbers in them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) and node.msg:
            yield node.msg
        elif isinstance(node, ast.JoinedStr) and any(isinstance(each, ast.FormattedValue) for each in node.values):
            yield node
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
            yield from (each for each in node.args if isinstance(each, ast.Constant))


def without_sentences(code):
    """Return code without comments and the words of its sentences; of a text with numbers in it, these stay."""
    tree = ast.parse(code)
    for node in [*sentences(tree)]:
        if isinstance(node, ast.JoinedStr):
            node.values = sorted((each for each in node.values if isinstance(each, ast.FormattedValue)), key=ast.dump)
        else:
            node.value = ""
    return ast.unparse(tree)


def without_words(notebook):
    """Return a notebook's code and formulas, those of its text too, without comments, sentences and prose."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    text = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    answers = re.findall(r"```python\n(.*?)```", "\n".join(text), re.S)
    formulas = [sorted(re.findall(r"`[^`\n]+`|\$[^$]+\$", source)) for source in text]
    return [without_sentences(each) for each in code + answers], formulas


def refusal(work, check, names):
    """Return what the check says of this work, after the cells that have defined these names."""
    names = dict(names)
    with np.errstate(all="ignore"), pytest.raises(AssertionError) as raised:
        exec(work, names)
        exec(check, names)
    return str(raised.value)


def test_there_is_one_for_each_topic_of_the_lecture():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == NOTEBOOKS


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_has_no_outputs_and_a_hint_and_an_answer_for_each_task(name):
    notebook = read(name)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    assert all("..." in blanks and 'print("Right.")' in check for blanks, _, check in tasks(notebook))
    text = "\n".join(cell.source for cell in notebook.cells)
    assert len(tasks(notebook)) == text.count("<summary>Hint</summary>") == text.count("## ") >= 3


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_check_takes_the_hidden_answer_and_refuses_blanks_and_wrong_work(name, capsys):
    notebook, names = read(name), {}
    exec(notebook.cells[1].source, names)
    for number, (blanks, answer, check) in enumerate(tasks(notebook), 1):
        assert refusal(blanks, check, names) == BLANK
        for old, new, words in (each[2:] for each in WRONG if each[:2] == (name, number)):
            assert old in answer
            assert refusal(answer.replace(old, new), check, names).startswith(words)
        exec(answer, names)
        exec(check, names)
        assert capsys.readouterr().out.endswith("Right.\n")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_korean_notebook_has_the_code_and_the_formulas_of_the_english_one(name):
    english, korean = read(name), read(f"ko/{name}")
    nbformat.validate(korean)
    assert without_words(korean) == without_words(english)
    assert [cell.cell_type for cell in korean.cells] == [cell.cell_type for cell in english.cells]
    assert all(re.search("[가-힣]", cell.source) for cell in korean.cells if cell.cell_type == "markdown")
    code = "\n".join(cell.source for cell in korean.cells if cell.cell_type == "code")
    assert all(re.search("[가-힣]", ast.unparse(each)) for each in sentences(ast.parse(code)))
    text = "\n".join(cell.source for cell in korean.cells)
    assert len(tasks(english)) == text.count("<summary>힌트</summary>") == text.count("<summary>정답</summary>")
