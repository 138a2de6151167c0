"""Shell completion by typer: names of the catalogue and of the user's plug-in files.

Nothing here imports NumPy or executes a file: names are read from the text of files. An argument without a function
here is completed by the shell, with files.
"""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

import typer

_ANY_OPTIMIZER = ("optimizers", "wrappers", "baselines")
_LIBRARIES = ("torch:", "optax:")


def program() -> str | None:
    """Return the program's name if completion needs it, also under ``python -m optbench``; else click finds it."""
    is_setup = sys.argv[1:2] in (["--install-completion"], ["--show-completion"])
    return "optbench" if is_setup or os.environ.get("_OPTBENCH_COMPLETE") else None


@contextmanager
def quiet() -> Iterator[None]:
    """Print no error while a shell asks for completions: it would stand in the middle of the user's line."""
    if not os.environ.get("_OPTBENCH_COMPLETE"):
        yield
        return
    try:
        with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
            yield
    except Exception:
        sys.exit(1)


def words(*choices: str) -> Callable[[str], list[str]]:
    """Return a completer of one of these words: a function from what was typed to the words that begin so."""
    return lambda incomplete: [word for word in choices if word.startswith(incomplete)]


def word_list(*choices: str) -> Callable[[str], list[str]]:
    """Return a completer of the last word of a list with commas: a function from what was typed to completed lists."""
    return lambda incomplete: _complete_last(incomplete, choices)


def _complete_last(text: str, names: Iterable[str]) -> list[str]:
    """Return the typed list with its last name completed, once for each match: ``gd, ad`` becomes ``gd, adam``."""
    last = text.rpartition(",")[2].lstrip()
    return [text.removesuffix(last) + name for name in names if name.startswith(last)]


def _read_names(ctx: typer.Context, registries: Iterable[str]) -> list[str]:
    """Return the names of these registries ("optimizers", ...), with those of the plug-ins in the command line."""
    from optbench.catalogue.sources import registered_names, shipped_files

    plugins = [Path(path).expanduser() for path in ctx.params.get("plugin") or ctx.params.get("plugins") or ()]
    names = registered_names([*shipped_files(), *plugins])
    return [name for registry in registries for name in names[registry]]


def optimizers(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the last of a list of optimizers, those of other libraries as far as the library's name."""
    return _complete_last(incomplete, [*_read_names(ctx, _ANY_OPTIMIZER), *_LIBRARIES])


def schedules(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the last of a list of schedules."""
    return _complete_last(incomplete, _read_names(ctx, ("schedules", "schedule_wrappers")))


def problems(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the last of a list of problems."""
    return _complete_last(incomplete, _read_names(ctx, ("problems", "problem_wrappers")))


def file_or_optimizer(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete an optimizer's name once it is begun; before, the shell offers files."""
    return optimizers(ctx, incomplete) if incomplete else []


def file_or_spec(incomplete: str) -> list[str]:
    """Complete ``thorough`` or ``atlas`` once it is begun; before, the shell offers files."""
    return words("thorough", "atlas")(incomplete) if incomplete else []


def kinds(incomplete: str) -> list[str]:
    """Complete a kind of names for ``list``, such as "optimizers"."""
    from optbench.catalogue.sources import REGISTRIES

    return words(*REGISTRIES, "eager", "datasets")(incomplete)


def any_name(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete a name of any kind, data sets included."""
    from optbench.catalogue.sources import REGISTRIES, data_set_names

    return _complete_last(incomplete, [*_read_names(ctx, REGISTRIES), *_LIBRARIES, *data_set_names()])


def claims(incomplete: str) -> list[str]:
    """Complete the id of a claim, or of one part of it, from the text of the lecture's files."""
    files = sorted(Path(__file__).parents[1].joinpath("lecture").glob("*.py"))
    parts = re.findall(r'\bid="([A-Z]\d+(?:\.\d+)?)"', "".join(file.read_text(encoding="utf-8") for file in files))
    return words(*sorted({*parts, *(part.partition(".")[0] for part in parts)}))(incomplete)
