"""Public docstrings have their parts in one order, and their examples are true.

Summary (one sentence on the first line), formula and prose, then the sections Args, Returns, Raises, Example, Source:
see "The house" in CONTRIBUTING.md.
"""

import ast
import dataclasses
import doctest
import importlib
import inspect
import itertools
import pkgutil
import re
import textwrap

import numpy as np
import pytest
from quick import slow

import optbench
from optbench import contract, figures
from optbench.figures import style

SECTIONS = ("Args", "Returns", "Raises", "Example", "Source")
PUBLIC = sorted(set(optbench.__all__) - {"__version__"})
FIGURES = sorted(set(figures.__all__) - {"Plot"})


def sections(doc):
    """Return the lines of each section by its title, in order; "" is the title of the text before the first."""
    parts, name = {"": []}, ""
    for line in doc.splitlines():
        heading = re.fullmatch(r"([A-Z]\w+):", line)
        if heading and heading[1] in (
            *SECTIONS,
            "Arguments",
            "Return",
            "Yields",
            "Raise",
            "Examples",
            "Sources",
            "Note",
        ):
            name = heading[1]
            assert name not in parts, f"{name} stands twice"
            parts[name] = []
        else:
            parts[name].append(line)
    return parts


def own_raises(function):
    """Return True if the body of a function, or of a function inside it, raises an error that it names."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError):
        return False
    return any(isinstance(node, ast.Raise) and node.exc is not None for node in ast.walk(tree))


def check_order(doc):
    assert doc, "no docstring"
    first, *rest = doc.splitlines()
    assert first.endswith((".", "?")), f"the first line is no sentence: {first!r}"
    assert not rest or not rest[0], "an empty line must follow the summary"
    names = list(sections(doc))[1:]
    assert names == [name for name in SECTIONS if name in names], f"sections are {names}, in the order {SECTIONS}"
    for name in names:
        assert any(line.strip() for line in sections(doc)[name]), f"{name} is empty"
        assert all(line.startswith("    ") or not line for line in sections(doc)[name]), f"{name} is not indented"


def entries(lines):
    """Return the names in a section: the words before the colons of its least indented lines."""
    return [line.strip().partition(":")[0] for line in lines if re.match(r"    [\w*]", line)]


def check_function(function, doc, example=False):
    """Check that the sections of a function or a method are those that apply to it."""
    check_order(doc)
    parts, signature = sections(doc), inspect.signature(function)
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    wanted = [stars.get(p.kind, "") + p.name for p in signature.parameters.values() if p.name not in ("self", "cls")]
    assert entries(parts.get("Args", [])) == wanted, "the arguments"
    nothing = signature.return_annotation in (None, "None")
    assert nothing or "Returns" in parts, "Returns is missing"
    assert "Raises" in parts or not own_raises(function), "Raises is missing"
    assert not example or ">>> " in "\n".join(parts.get("Example", [])), "an example is missing"


def check_class(kind, doc, example=False):
    """Check the docstrings of a class: its own, its fields', its public methods' and properties'."""
    check_order(doc)
    assert not example or ">>> " in "\n".join(sections(doc).get("Example", [])), "an example is missing"
    if dataclasses.is_dataclass(kind):
        told = field_texts(kind)
        silent = [f.name for f in dataclasses.fields(kind) if not f.name.startswith("_") and not told.get(f.name)]
        assert not silent, f"fields without a text below them: {silent}"
    elif "__init__" in vars(kind):
        names = list(inspect.signature(kind).parameters)
        assert entries(sections(doc).get("Args", [])) == names
    for name, value in methods(kind):
        if name.startswith("_"):
            continue
        if isinstance(value, property):
            check_order(inspect.getdoc(value))
        elif inspect.isfunction(value) and name not in getattr(kind, "__annotations__", {}):
            check_function(value, inspect.getdoc(value) or "")


def methods(kind):
    """Yield the attributes of a class, and those from its base classes in this package that are not public names."""
    for each in kind.__mro__:
        if each is kind or (each.__module__.startswith("optbench.") and each.__name__ not in PUBLIC):
            yield from list(vars(each).items())


def field_texts(kind):
    """Return the strings below the fields of a dataclass, and of those that it extends, by field."""
    texts = {}
    for each in reversed(kind.__mro__[:-1]):
        body = ast.parse(textwrap.dedent(inspect.getsource(each))).body[0].body
        for field, text in itertools.pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                texts[field.target.id] = text.value.value
    return texts


def check(value, example):
    doc = inspect.getdoc(value) if inspect.isfunction(value) else inspect.cleandoc(vars(value).get("__doc__") or "")
    (check_class if inspect.isclass(value) else check_function)(value, doc, example)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_tells_all_in_order(name):
    check(getattr(optbench, name), example=True)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_tells_all_in_order(name):
    check(getattr(figures, name), example=True)


HOMES = sorted(
    {getattr(optbench, name).__module__ for name in PUBLIC}
    | {found.name for found in pkgutil.iter_modules(contract.__path__, "optbench.contract.")}
    | {each.__module__ for each in optbench.Results.__mro__[1:-1]}
    | {getattr(figures, name).__module__ for name in FIGURES}
)
SLOW_HOMES = tuple(f"optbench.{room}" for room in ("checks", "figures", "plan", "results", "run", "single", "store"))


@pytest.mark.parametrize("home", [slow(home) if home.startswith(SLOW_HOMES) else home for home in HOMES])
def test_examples_are_true(home, tmp_path, monkeypatch):
    """The doctests of every module that holds a public name; they may use all of these, and leave no file behind."""
    monkeypatch.chdir(tmp_path)
    names = {name: getattr(optbench, name) for name in PUBLIC}
    with style.detached():
        found = doctest.testmod(
            importlib.import_module(home), extraglobs={"optbench": optbench, "np": np, **names},
            optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL,
        )  # fmt: skip
    assert not found.failed and not list(tmp_path.iterdir())
