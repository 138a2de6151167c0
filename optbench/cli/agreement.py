"""What ``optbench check RULE --against OTHER`` prints."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.text import Text

from optbench.catalogue.loader import Catalogue, plugin_path
from optbench.checks.against.agreement import Agreement, compared, side
from optbench.checks.against.courses import STEPS
from optbench.cli.console import console, load_catalogue, paragraph, print_json, refuse_broken
from optbench.contract.errors import OptbenchError


def print_agreement(rule: str, other: str, tolerance: float, files: Sequence[Path], as_json: bool) -> bool:
    """Compare a rule, or all of a file's, with another optimizer; True where they are equal."""
    path = plugin_path(rule) if Path(rule).suffix == ".py" or Path(rule).is_file() else None
    catalogue = load_catalogue((path, *files) if path else files)
    names = [rule] if path is None else _names(catalogue, path)
    found = [compared(side(name, catalogue), side(other, catalogue), catalogue, tolerance) for name in names]
    if as_json:
        print_json([_data(each) for each in found])
    else:
        for each in found:
            _print(each)
    return all(each.equal for each in found)


def _names(catalogue: Catalogue, path: Path) -> list[str]:
    refuse_broken(catalogue, path)
    there = {key.split(" ", 1)[1] for key, place in catalogue.files.items() if place == path}
    names = [name for name in (*catalogue.optimizers, *catalogue.eager) if name in there]
    if not names:
        raise OptbenchError(
            f"{path.name} has no optimizer, neither a function under @optimizer nor a class of PyTorch's"
        )
    return names


def _print(found: Agreement) -> None:
    console.print(f"{found.first} against {found.second}", style="bold")
    _print_values(found)
    print()
    print(_row("", "", "largest", "first", "each at its"))
    print(_row("problem", "gradients", "difference", "step", "own weights"))
    refused = [each for each in found.walks if each.refused]
    for each in found.walks:
        if not each.refused:
            own = "" if each.by_itself is None else f"{each.by_itself:.1e}"
            print(_row(each.course, each.kind, f"{each.difference:.1e}", str(each.step or ""), own))
    if refused:
        paragraph(f"not on {', '.join(each.course for each in refused)}: {refused[0].refused}", 2, 4)
    for each in found.walks:
        if not each.refused and each.compared < STEPS:
            paragraph(f"neither is finite after step {each.compared} on {each.course}", 2, 4)
    print()
    if found.equal:
        verdict = f"equal to {found.digits} digits over {_steps(found)} steps on {_courses(found)}"
        console.print(Text.assemble("  ", (verdict, "green")), soft_wrap=True)
        return
    first = min(each.step for each in found.walks if each.step)
    over = sum(each.step is not None for each in found.walks)
    verdict = (
        f"different: above {found.tolerance:.0e} from step {first} on, in {over} of {len(found.walks) - len(refused)}"
        + f" compared ({len(refused)} of {len(found.walks)} were not)" * bool(refused)
    )
    console.print(Text.assemble("  ", (verdict, "red")), soft_wrap=True)
    for each in found.findings:
        paragraph(f"{each.name}: {each.text}", 2, 4)
    if found.remedy:
        paragraph(found.remedy, 2, 4)
    if not found.findings:
        paragraph(
            "No convention that is known here explains it. The first steps, of the weight that differs most:", 2, 2
        )
        wide = [max(22, len(name)) for name in (found.first, found.second)]
        print(f"    {'step':>4}  {'gradient':>12}  {found.first:>{wide[0]}}  {found.second:>{wide[1]}}")
        for t, g, one, two in found.steps:
            print(f"    {t:>4}  {g:>12.4g}  {one:>{wide[0]}.14g}  {two:>{wide[1]}.14g}")


def _steps(found: Agreement) -> str:
    counts = [each.compared for each in found.walks if not each.refused]
    return f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"


def _courses(found: Agreement) -> str:
    compared = sum(not each.refused for each in found.walks)
    return (
        "each"
        if compared == len(found.walks)
        else (f"each of the {compared} compared ({len(found.walks) - compared} of {len(found.walks)} were not)")
    )


def _print_values(found: Agreement) -> None:
    def listed(values: Iterable[tuple[str, float]]) -> str:
        return ", ".join(f"{name}={value:.6g}" for name, value in values)

    same = [
        (name if name == theirs else f"{name}/{theirs}", value)
        for name, value, theirs, other in found.values
        if value == other
    ]
    other = [
        f"{name}={value:.6g} but {theirs}={there:.6g}" for name, value, theirs, there in found.values if value != there
    ]
    if same:
        paragraph(f"same values: {listed(same)}", 2, 4)
    if other:
        paragraph(f"other values: {', '.join(other)}", 2, 4)
    for name, values in zip((found.first, found.second), found.alone, strict=True):
        if values:
            paragraph(f"only in {name}: {listed(values.items())}", 2, 4)


def _row(problem: str, gradients: str, difference: str, step: str, own: str) -> str:
    return f"  {problem:<28} {gradients:<18} {difference:>10} {step:>5} {own:>11}".rstrip()


def _data(found: Agreement) -> dict:
    """What ``--json`` prints; a number that is not finite is null."""

    def number(value):
        return value if not isinstance(value, float) or abs(value) < float("inf") else None

    return {
        "first": found.first,
        "second": found.second,
        "equal": found.equal,
        "digits": found.digits,
        "tolerance": found.tolerance,
        "findings": [{"name": each.name, "text": each.text} for each in found.findings],
        "remedy": found.remedy,
        "walks": [{key: number(value) for key, value in vars(each).items()} for each in found.walks],
        "steps": [[number(value) for value in row] for row in found.steps],
    }
