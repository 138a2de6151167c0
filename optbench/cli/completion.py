"""What the shell is told when somebody presses Tab: names of the catalogue, of a folder's optimizers, of words.

Nothing here imports NumPy or runs a file; names are read from the text of the files, by what is imported only when a
shell asks. Where no function stands, the shell offers files.
"""

import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import typer

VARIABLE = "_OPTBENCH_COMPLETE"
"""What the shell's function sets, as typer names it."""
_OPTIMIZERS, _SCHEDULES = ("optimizers", "wrappers", "baselines"), ("schedules", "schedule_wrappers")
_LIBRARIES = ("torch:", "optax:")


def asked() -> bool:
    """Whether this process was started by a shell that completes."""
    return bool(os.environ.get(VARIABLE))


def answer(app: Callable[[], object]) -> None:
    """Run ``app``, which answers the shell; whatever goes wrong, nothing is printed in the middle of a line."""
    errors, sys.stderr = sys.stderr, open(os.devnull, "w")  # noqa: SIM115  the process ends with it
    try:
        _mend()
        app()
    except Exception:
        sys.exit(1)
    finally:
        sys.stderr.close()
        sys.stderr = errors


def program() -> str | None:
    """The program's name where completion is set up, which ``python -m optbench`` does not have; else click finds it.

    A shell that stands behind the option is taken in place of the current one.
    """
    if sys.argv[1:2] not in (["--install-completion"], ["--show-completion"]):
        return None
    if len(sys.argv) > 2:
        os.environ["_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"] = "1"  # typer's only way to say so
    return "optbench"


def _mend() -> None:
    """Put right what typer's scripts hand over.

    Bash cuts ``--optimizers=gd`` in three words. In zsh and fish a blank at the end is taken for a new word, also
    behind a quote that is still open.
    """
    place = os.environ.get("COMP_WORDS") and os.environ.get("COMP_CWORD", "")
    if place and place.isdigit():
        kept: list[str] = []
        at = int(place)
        for i, word in enumerate(os.environ["COMP_WORDS"].split("\n")):
            if word == "=" and kept and kept[-1].startswith("--"):
                at -= i < int(place)
                kept += [""] * (i == int(place))  # the cursor stands right behind the sign
            else:
                kept.append(word)
        os.environ |= {"COMP_WORDS": "\n".join(word or "''" for word in kept), "COMP_CWORD": str(at)}
    line = os.environ.get("_TYPER_COMPLETE_ARGS", "")
    if line.endswith(" "):
        os.environ["_TYPER_COMPLETE_ARGS"] = line + next((mark for mark in "\"'" if _is_closed_by(line, mark)), "")


def _is_closed_by(line: str, mark: str) -> bool:
    """Whether a quote is open that ``mark`` closes."""
    return not _can_be_read(line) and _can_be_read(line + mark)


def _can_be_read(line: str) -> bool:
    try:
        shlex.split(line)
    except ValueError:
        return False
    return True


def words(*choices: str) -> Callable[[str], list[str]]:
    """Complete one of the words."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in choices if word.startswith(incomplete)]

    return complete


def word_list(*choices: str) -> Callable[[str], list[str]]:
    """Complete the last word of a list."""

    def complete(incomplete: str) -> list[str]:
        before, last = split_last(incomplete)
        return [before + word for word in choices if word.startswith(last)]

    return complete


def split_last(text: str) -> tuple[str, str]:
    """What stands before the name that is being typed, and that name: ``gd, clip(ad`` -> ``gd, clip(``, ``ad``.

    Example:
        >>> split_last("gd, clip(ad")
        ('gd, clip(', 'ad')
    """
    match = re.search(r"[^,(\s]*$", text)
    assert match is not None  # it matches at the end of any text
    return text[: match.start()], match[0]


def _names(ctx: typer.Context, registries: Iterable[str]) -> list[str]:
    """The names of these registries, those of the plug-ins in this command among them."""
    from optbench.catalogue.sources import registered_names, shipped_files

    plugins = [Path(path).expanduser() for path in ctx.params.get("plugin") or ()]
    names = registered_names([*shipped_files(), *plugins])
    return [name for registry in registries for name in names[registry]]


def _arguments(ctx: typer.Context, name: str) -> list[str]:
    """The arguments that are typed; behind an option that still has no value, click has not sorted them yet."""
    value = ctx.params.get(name) or ctx.args
    return list(value) if isinstance(value, list | tuple) else [value]


def _complete_list(ctx: typer.Context, incomplete: str, *registries: str) -> list[str]:
    """Complete the last name of a list; inside brackets, what a wrapper stands around and nothing else."""
    before, last = split_last(incomplete)
    if (call := _open_call(before)) is not None:
        if not before.endswith("(") or call not in _names(ctx, ("wrappers", "schedule_wrappers")):
            return []
    return [before + name for name in _names(ctx, registries) if name.startswith(last)]


def _open_call(text: str) -> str | None:
    """The name before the innermost bracket that is open: ``clip`` of ``gd, clip(``."""
    opened: list[str] = []
    for match in re.finditer(r"(\w*)\(|\)", text):
        if match[0] != ")":
            opened.append(match[1])
        elif opened:
            opened.pop()
    return opened[-1] if opened else None


def optimizers(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the last of a list of optimizers."""
    return _complete_list(ctx, incomplete, *_OPTIMIZERS) + _libraries(incomplete)


def _libraries(incomplete: str) -> list[str]:
    """Where the name of another library's optimizer begins; nothing goes around those."""
    before, last = split_last(incomplete)
    return [] if _open_call(before) is not None else [before + each for each in _LIBRARIES if each.startswith(last)]


def checked(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete an optimizer's name where one is begun; else the shell offers files."""
    return optimizers(ctx, incomplete) if incomplete else []


def schedules(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the last of a list of schedules."""
    return _complete_list(ctx, incomplete, *_SCHEDULES)


def problems(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the last of a list of problems."""
    return _complete_list(ctx, incomplete, "problems")


def kinds(incomplete: str) -> list[str]:
    """Complete what can be listed."""
    from optbench.catalogue.sources import REGISTRIES

    return words(*REGISTRIES, "eager", "datasets")(incomplete)


def anything(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete a name of any kind, of a data set, too."""
    from optbench.catalogue.sources import REGISTRIES, data_set_names

    sets = [name for name in data_set_names() if name.startswith(incomplete)]
    return _complete_list(ctx, incomplete, *REGISTRIES) + _libraries(incomplete) + sets


def compared(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete what ``compare`` takes behind its first folder: an optimizer of the folder, or another folder."""
    given = _arguments(ctx, "targets")
    if not given:
        return []
    names = folder_optimizers(Path(given[0]).expanduser())
    folders = [path.parent.as_posix() for path in Path().glob("*/runs.parquet")]
    return [name for name in (*names, *folders) if name.startswith(incomplete) and name not in given]


def compared_optimizers(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the last of a list of optimizers of the first folder."""
    given = _arguments(ctx, "targets")
    before, last = split_last(incomplete)
    names = folder_optimizers(Path(given[0]).expanduser()) if given else []
    return [before + name for name in names if name.startswith(last)]


def folder_optimizers(folder: Path) -> list[str]:
    """The optimizers of a result folder, as its spec has them (to import pyarrow for its tables would take longer)."""
    import tomllib

    from optbench.contract.names import unique

    try:
        spec = tomllib.loads((folder / "spec.toml").read_text(encoding="utf-8"))
        texts = [*spec.get("optimizers", ()), *(entry["optimizer"] for entry in spec.get("chosen", ()))]
        return unique(map(_without_values, texts))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # no result folder, or a damaged one
        return []


def _without_values(text: str) -> str:
    """As runs are named: ``clip(adam)`` of ``clip(adam(beta1=0.8), norm=1)``."""
    from optbench.contract.names import INNER, parse

    name, given = parse(text)
    return f"{name}({_without_values(given[INNER])})" if INNER in given else name


def claims(incomplete: str) -> list[str]:
    """Complete the id of a claim, or of one part of it, as the texts of the lecture's files have it."""
    files = sorted(Path(__file__).parents[1].joinpath("lecture").glob("*.py"))
    parts = re.findall(r'\bid="([A-Z]\d+(?:\.\d+)?)"', "".join(file.read_text(encoding="utf-8") for file in files))
    ids = sorted({*parts, *(part.partition(".")[0] for part in parts)})
    return [each for each in ids if each.startswith(incomplete)]


def spec(incomplete: str) -> list[str]:
    """Complete ``thorough`` where it is begun; else the shell offers files."""
    return words("thorough")(incomplete) if incomplete else []


def columns(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete a column's name from the first line of the CSV file that stands before it."""
    import csv

    file = next(map(Path, _arguments(ctx, "file")), Path())
    if not file.is_file():
        return []
    with file.open(newline="", encoding="utf-8-sig") as lines:
        names = next(csv.reader(lines), [])
    return [name for name in names if name.startswith(incomplete)]
