"""Print the table and the verdict of ``optbench check RULE --against OTHER``."""

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.text import Text

from optbench.catalogue import loader
from optbench.catalogue.loader import plugin_path
from optbench.checks.agreement import Agreement, compare_names, implementation
from optbench.checks.rollouts import STEPS, problem_streams
from optbench.cli.console import console, describe_worker_end, paragraph, show_broken
from optbench.cli.output import print_json
from optbench.contract.errors import OptbenchError, in_one_line
from optbench.run.processes import Died, Report, WorkerProcess


def print_agreement(
    rule: str, other: str, tolerance: float, files: Sequence[Path], check_timeout: float, as_json: bool
) -> bool:
    """Compare a rule, or all of a file's, with another optimizer; return True if they are equal.

    The user's files are loaded and compared in a worker process, which may die, or take longer than ``check_timeout``
    seconds for one comparison.
    """
    path = plugin_path(rule) if Path(rule).suffix == ".py" or Path(rule).is_file() else None
    plugins = (path, *files) if path else files
    if plugins or "file=" in rule + other:
        found = _compare_in_worker(rule, other, tolerance, path, plugins, check_timeout)
    else:
        found = compare_names([rule], other, tolerance, loader.load())
    if as_json:
        print_json([_to_json(each) for each in found])
    else:
        for each in found:
            _print_agreement(each)
    return all(each.equal for each in found)


def _compare_in_worker(
    rule: str, other: str, tolerance: float, path: Path | None, plugins: Sequence[Path], check_timeout: float
) -> list[Agreement]:
    """Return the comparisons, made in a worker process; one that raises, crashes or times out has failed.

    path: the file of the rules; None: ``rule`` is a name. check_timeout: the seconds for loading and for each
    comparison. Raises OptbenchError if the files do not load, or what was named cannot be compared.
    """
    found: list[Agreement] = []
    running: list[str] = []

    def receive(report: str | Agreement) -> None:
        """Keep a comparison, or the name of the rule whose comparison begins."""
        if isinstance(report, str):
            running.append(report)
        else:
            found.append(report)

    with contextlib.ExitStack() as at_end:
        worker = WorkerProcess()
        at_end.callback(lambda: sys.stderr.write(worker.last_output))
        at_end.callback(worker.close)
        try:
            worker.call(_build_streams)
            asked = rule, other, path, tuple(plugins), tolerance
            broken = worker.call(_compare_rules, *asked, watch=receive, seconds=check_timeout)
            for each, trace in broken.items():
                show_broken(each, trace)
                loader.refuse_broken(each, trace)
        except Died as error:
            if not running:
                loading = f"loading {', '.join(each.name for each in plugins) or rule}"
                raise OptbenchError(describe_worker_end(error, loading, check_timeout)) from None
            failure = describe_worker_end(error, f"comparing {running[-1]} with {other}", check_timeout)
            found.append(Agreement(running[-1], other, tolerance, (), failure=_in_file(path, failure)))
    return found


def _in_file(path: Path | None, failure: str) -> str:
    """Return a failure with the name of the file before it."""
    return f"{path.name}: {failure}" if path else failure


def _build_streams(report: Report) -> None:
    """Load and compile the problems that optimizers are compared on, which takes a moment that is not theirs."""
    list(problem_streams(loader.load()))


def _compare_rules(
    report: Report, rule: str, other: str, path: Path | None, plugins: tuple[Path, ...], tolerance: float
) -> dict[Path, str]:
    """Load the user's files, and report each rule's name before, and its comparison with another one after that.

    Returns the tracebacks of files that do not load. Raises OptbenchError if the rules cannot be compared.
    """
    catalogue = loader.load(plugins)
    if catalogue.broken:
        return catalogue.broken
    defined = {key.split(" ", 1)[1] for key, place in catalogue.files.items() if place == path}
    names = [name for name in (*catalogue.optimizers, *catalogue.eager) if name in defined] if path else [rule]
    if not names:
        raise OptbenchError(f"{rule} has no optimizer, neither a function under @optimizer nor a class of PyTorch's")
    for name in (*names, other):
        implementation(name, catalogue)
    for name in names:
        report(name)
        try:
            report(compare_names([name], other, tolerance, catalogue)[0])
        except BaseException as error:  # a rule may raise anything
            failure = f"comparing {name} with {other}: {in_one_line(error)}"
            report(Agreement(name, other, tolerance, (), failure=_in_file(path, failure)))
    return {}


def _print_agreement(found: Agreement) -> None:
    """Print the comparisons, the verdict, and of two that differ the first steps."""
    console.print(f"{found.first} against {found.second}", style="bold")
    if not found.comparisons:  # it did not come to an end
        console.print(Text.assemble("  ", ("FAIL", "red"), f" {found.failure}"), soft_wrap=True)
        return
    compared = [each for each in found.comparisons if not each.refused]
    refused = [each for each in found.comparisons if each.refused]
    print()
    print(_format_row("", "", "largest", "first", "each at its"))
    print(_format_row("problem", "gradients", "difference", "step", "own weights"))
    for each in compared:
        own = "" if each.own_gradients is None else f"{each.own_gradients:.1e}"
        print(_format_row(each.problem, each.gradients, f"{each.difference:.1e}", str(each.step or ""), own))
    if refused:
        paragraph(f"not on {', '.join(each.problem for each in refused)}: {refused[0].refused}", 2, 4)
    for each in compared:
        if each.steps < STEPS:
            paragraph(f"neither is finite after step {each.steps} on {each.problem}", 2, 4)
    print()
    some = f"{len(refused)} of {len(found.comparisons)} were not"
    if found.equal:
        fewest, most = min(each.steps for each in compared), max(each.steps for each in compared)
        steps = str(fewest) if fewest == most else f"{fewest} to {most}"
        where = f"each of the {len(compared)} compared ({some})" if refused else "each"
        verdict = f"equal to {found.digits} digits over {steps} steps on {where}"
        console.print(Text.assemble("  ", (verdict, "green")), soft_wrap=True)
        return
    over = [each.step for each in compared if each.step]
    verdict = f"different: above {found.tolerance:.0e} from step {min(over)} on, in {len(over)} of {len(compared)}"
    verdict += f" compared ({some})" * bool(refused)
    console.print(Text.assemble("  ", (verdict, "red")), soft_wrap=True)
    paragraph("Where their steps part, for the weight that differs most:", 2, 2)
    widths = [max(22, len(name)) for name in (found.first, found.second)]
    print(f"    {'step':>4}  {'gradient':>12}  {found.first:>{widths[0]}}  {found.second:>{widths[1]}}")
    for t, g, one, two in found.steps:
        print(f"    {t:>4}  {g:>12.4g}  {one:>{widths[0]}.14g}  {two:>{widths[1]}.14g}")


def _format_row(problem: str, gradients: str, difference: str, step: str, own: str) -> str:
    """Return a line of the table of comparisons; own: the text of `Comparison.own_gradients`."""
    return f"  {problem:<28} {gradients:<18} {difference:>10} {step:>5} {own:>11}".rstrip()


def _to_json(found: Agreement) -> dict:
    """Return what ``--json`` prints."""
    return {
        "first": found.first,
        "second": found.second,
        "equal": found.equal,
        "digits": found.digits,
        "tolerance": found.tolerance,
        "failure": found.failure,
        "comparisons": [asdict(each) for each in found.comparisons],
        "steps": found.steps,
    }
