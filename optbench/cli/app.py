"""The commands: each a thin call into the package, which is imported only when the command runs."""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from optbench import __version__
from optbench.cli.options import TakesNumbers, numbers
from optbench.contract.errors import OptbenchError

app = typer.Typer(
    name="optbench",
    help="Which optimizer, batch size and learning-rate schedule works best on which objective, and how sure are we?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Plugin = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE", help="A Python file with optimizers, schedules or problems; repeatable."),
]

Json = Annotated[bool, typer.Option("--json", help="Print JSON; the keys are those of the README.")]


def _text(name: str, help: str):
    return typer.Option(f"--{name}", metavar="LIST", help=help)


@app.command()
def sweep(
    spec: Annotated[Path | None, typer.Argument(help="A TOML file; without it, the built-in default.")] = None,
    problems: Annotated[
        str | None, _text("problems", "Such as 'rosenbrock, quadratic(dim=100, condition=1e4)'.")
    ] = None,
    optimizers: Annotated[str | None, _text("optimizers", "Such as 'gd, adam(beta1=[0.8, 0.9])'.")] = None,
    batch_sizes: Annotated[str | None, _text("batch-sizes", "Such as 16,64,full.")] = None,
    schedules: Annotated[str | None, _text("schedules", "Such as 'constant, inverse(decay_rate=0.1)'.")] = None,
    lr: Annotated[
        str | None, _text("lr", "Learning rates: 0.01,0.1 or a log-spaced grid from:to:count, 1e-4:1:9.")
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="How many seeds, or a list: 0,1,2.")] = None,
    tuning_seeds: Annotated[int | None, typer.Option(help="How many of them choose; the others report.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Budget: passes over the data.")] = None,
    steps: Annotated[int | None, typer.Option(help="Budget: updates, instead of epochs.")] = None,
    dtype: Annotated[str | None, typer.Option(help="float64, float32, or both: float64,float32.")] = None,
    deadline: Annotated[float | None, typer.Option(help="Seconds after which a cohort ends where it is.")] = None,
    device: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="cpu, cuda, or auto: a GPU where one can be used. By default cpu."),
    ] = None,
    out: Annotated[
        str, typer.Option(help="The result folder; a sweep that was interrupted goes on there.")
    ] = "results",
    workers: Annotated[int | None, typer.Option(help="Threads; by default one a core.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show cohorts, runs and an estimate; run nothing.")
    ] = False,
    report: Annotated[bool, typer.Option(help="Draw the report at the end.")] = True,
    plugin: Plugin = None,
) -> None:
    """Sweep algorithm x batch size x schedule over problems; leave tables and a report in a folder."""
    from optbench.cli import terminal
    from optbench.sweeps import session
    from optbench.sweeps.provenance import typed_command
    from optbench.sweeps.spec import read

    changes = {
        "problems": problems, "optimizers": optimizers, "batch_sizes": batch_sizes, "schedules": schedules,
        "learning_rates": lr, "seeds": seeds, "tuning_seeds": tuning_seeds, "epochs": epochs, "steps": steps,
        "dtypes": dtype, "deadline": deadline, "device": device,
        "plugins": [str(path) for path in plugin] if plugin else None,
    }  # fmt: skip
    if not out.strip():
        raise OptbenchError("--out must name a folder")
    checked = read(spec, changes)
    catalogue = terminal.load_catalogue(checked.plugins)
    if dry_run:
        plan = session.plan(checked, catalogue)
        terminal.tell_device(plan)
        terminal.dry_run(plan, session.checked_workers(workers))
        return
    try:
        with terminal.Watch() as watch:
            plan = session.plan(checked, catalogue)
            terminal.tell_device(plan)
            status = session.execute(plan, out, workers=workers, command=typed_command(), watch=watch)
        terminal.summary(Path(out))
        if report:
            terminal.report(Path(out))
    except KeyboardInterrupt:
        _interrupted()
    if status.failed:
        raise OptbenchError("some cohorts could not run: " + "; ".join(f"{k}: {v}" for k, v in status.failed.items()))


def _interrupted() -> NoReturn:
    text = "interrupted; what was finished is kept, run the same command again to go on"
    print(f"optbench: {text}", file=sys.stderr)
    raise typer.Exit(130) from None


@app.command()
def report(
    directory: Annotated[Path, typer.Argument(help="The result folder of a sweep.")] = Path("results"),
    plugin: Plugin = None,
) -> None:
    """Draw the figures and the page of a finished sweep anew."""
    from optbench.cli import terminal

    terminal.load_catalogue(tuple(plugin or ()))
    terminal.report(directory)


@app.command()
def lecture(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Such as A3 B5, or A for a section; by default all.")
    ] = None,
    out: Annotated[
        str, typer.Option(help="The result folder; what was finished there is kept, and an interrupted run goes on.")
    ] = "lecture-results",
    quick: Annotated[bool, typer.Option("--quick", help="Smaller experiments: fewer seeds, less data.")] = False,
    workers: Annotated[int | None, typer.Option(help="Threads; by default one a core.")] = None,
) -> None:
    """Try the lecture's claims: an experiment, a figure and a verdict each, and a page like a short paper."""
    from optbench.cli import lecture
    from optbench.sweeps.provenance import typed_command

    if not out.strip():
        raise OptbenchError("--out must name a folder")
    try:
        lecture.lecture(ids or (), out, quick, workers, typed_command())
    except KeyboardInterrupt:
        _interrupted()


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="A plug-in file.")],
    plugin: Plugin = None,
) -> None:
    """Check a plug-in's optimizers, schedules and problems against the contract, and say in words what is wrong."""
    from optbench.cli import terminal

    if not terminal.check(file, tuple(plugin or ())):
        raise typer.Exit(1)


@app.command(cls=TakesNumbers)
def ewa(
    file: Annotated[Path, typer.Argument(help="A CSV file whose first line names the columns.")],
    column: Annotated[str | None, typer.Option(help="The column; needless where only one is numeric.")] = None,
    beta: Annotated[
        list[str] | None,
        typer.Option(metavar="NUMBERS", help="In [0, 1); several as 0.5 0.9 or 0.5,0.9. By default 0.9."),
    ] = None,
    bias_correction: Annotated[bool, typer.Option(help="Divide by 1 - beta^t.")] = True,
    skip_missing: Annotated[bool, typer.Option("--skip-missing", help="Leave rows without a value out.")] = False,
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the series and its averages.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the averages, .csv or .parquet.")] = None,
) -> None:
    """Exponentially weighted averages of a column of a CSV file."""
    from optbench.cli import ewa

    ewa.run(file, column, numbers("beta", beta or ["0.9"]), bias_correction, skip_missing, png, out)


@app.command("list")
def list_names(
    kind: Annotated[
        str | None, typer.Argument(metavar="KIND", help="optimizers, schedules or problems; without it, all names.")
    ] = None,
    json: Json = False,
    plugin: Plugin = None,
) -> None:
    """List optimizers, schedules or problems with formula and defaults."""
    from optbench.cli import catalogue

    catalogue.show_list(kind, json, plugin or ())


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(help="A name, also with parameters: 'clip(adam, norm=1)', 'quadratic(dim=50)'.")
    ],
    json: Json = False,
    plugin: Plugin = None,
) -> None:
    """Show all about a name: formula, parameters, memory, minimum, source."""
    from optbench.cli import catalogue

    catalogue.show_name(name, json, plugin or ())


@app.command()
def info(json: Json = False) -> None:
    """Show versions, the machine, where kernels are kept, and whether a GPU can be used or what is missing."""
    from optbench.cli import info

    info.show(json)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False) -> None:
    if version:
        print(f"optbench {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line. A user's mistake is one line on standard error and exit code 2."""
    try:
        app()
    except OptbenchError as error:
        print(f"optbench: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        sys.exit(141)
