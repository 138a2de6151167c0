"""The options of ``optbench sweep``, by heading."""

from pathlib import Path
from typing import Annotated

import typer

from optbench.cli import completion
from optbench.cli.groups import HOW, PAGE, SEEDS, TIME, WHAT, WHERE
from optbench.cli.options import flag, option, plugin_option

Spec = Annotated[
    Path | None,
    typer.Argument(
        metavar="SPEC",
        help="A TOML file, or thorough; without it, the built-in default.",
        autocompletion=completion.file_or_spec,
    ),
]
Problems = Annotated[
    str | None,
    option("problems", "LIST", "Problems: 'rosenbrock, quadratic(dim=100, condition=1e4)'.", WHAT, completion.problems),
]
Optimizers = Annotated[
    str | None, option("optimizers", "LIST", "Optimizers: 'gd, adam(beta1=[0.8, 0.9])'.", WHAT, completion.optimizers)
]
BatchSizes = Annotated[str | None, option("batch-sizes", "LIST", "Batch sizes: 16,64,full.", WHAT)]
Schedules = Annotated[
    str | None,
    option("schedules", "LIST", "Schedules: 'constant, inverse(decay_rate=0.1)'.", WHAT, completion.schedules),
]
Rates = Annotated[
    str | None,
    option(
        "lr", "LIST", "Learning rates: 0.01,0.1, a log-spaced grid 1e-4:1:9, or 'log_uniform(1e-4, 1)' for --trials.",
        WHAT,
    ),
]  # fmt: skip
Plugin = Annotated[list[Path] | None, plugin_option(WHAT)]
Dtype = Annotated[
    str | None,
    option(
        "dtype", "LIST", "float64, float32, or both: float64,float32.", WHAT,
        completion.word_list("float64", "float32"),
    ),
]  # fmt: skip

Trials = Annotated[
    int | None, option("trials", "N", "Draw this many settings of each optimizer from its search space.", HOW)
]
SearchSeed = Annotated[int | None, option("search-seed", "N", "Seed of that draw; by default 0.", HOW)]
ChooseBy = Annotated[
    str | None,
    option(
        "choose-by", "MEASURE", "log_tail (training loss, the default), or a test metric such as test_accuracy.", HOW,
        completion.words("log_tail", "test_loss", "test_accuracy"),
    ),
]  # fmt: skip

Seeds = Annotated[str | None, option("seeds", "LIST", "How many seeds, or a list: 0,1,2.", SEEDS)]
TuningSeeds = Annotated[
    int | None, option("tuning-seeds", "N", "How many of them choose settings; the others confirm the choice.", SEEDS)
]
Blocks = Annotated[
    int | None,
    option(
        "blocks",
        "N",
        "Blocks of seeds, each of which tunes and confirms its choice by itself; replaces --seeds.",
        SEEDS,
    ),
]

Epochs = Annotated[float | None, option("epochs", "NUMBER", "Length of a run: passes over the data.", TIME)]
Steps = Annotated[int | None, option("steps", "N", "Length of a run: updates, instead of epochs.", TIME)]
RunTimeout = Annotated[
    str | None,
    option("run-timeout", "TIME", "Stop a run after this time: 30s, 2m, 1h.", TIME),
]
TimeLimit = Annotated[
    str | None,
    option(
        "time-limit", "TIME", "End the sweep after 10m, or 1h, and report what is complete; it can be resumed.", TIME
    ),
]
WorkerTimeout = Annotated[
    str, option("worker-timeout", "TIME", "End a worker process that makes no progress for this long.", TIME)
]

Out = Annotated[str, option("out", "FOLDER", "The results folder; an interrupted sweep is resumed there.", WHERE)]
Extend = Annotated[bool, flag("extend", "Add to the sweep in --out, and run only what is new.", WHERE)]
Shard = Annotated[
    str | None,
    option("shard", "I/N", "Run one of N parts, such as 2/8; optbench merge joins their folders.", WHERE),
]
RetryFailed = Annotated[bool, flag("retry-failed", "Run failed runs again.", WHERE)]
DryRun = Annotated[bool, flag("dry-run", "Print cohorts, runs and an estimate; run nothing.", WHERE)]
Device = Annotated[
    str | None,
    option(
        "device", "NAME", "cpu, cuda, or auto: a GPU where one can be used. By default cpu.", WHERE,
        completion.words("cpu", "cuda", "auto"),
    ),
]  # fmt: skip
Isolate = Annotated[
    str,
    option(
        "isolate", "WHEN", "Use worker processes, which may crash: auto (for --plugin), always or never.", WHERE,
        completion.words("auto", "always", "never"),
    ),
]  # fmt: skip
Executor = Annotated[
    str,
    option(
        "executor", "NAME", "threads, or dask: local processes, or the workers of --scheduler.", WHERE,
        completion.words("threads", "dask"),
    ),
]  # fmt: skip
Scheduler = Annotated[
    str | None, option("scheduler", "ADDRESS", "Address of a dask scheduler, such as tcp://host:8786.", WHERE)
]

Report = Annotated[bool, typer.Option("--report/--no-report", help="Draw the report at the end.", rich_help_panel=PAGE)]
