"""The options of ``optbench sweep`` that are keys of its spec: each is declared here with its help, and nowhere else.

Its type, limits and default are those of the key's field in plan/spec.py; the help page and docs/commands.md follow.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from optbench.cli import completion
from optbench.cli.groups import HOW, SEEDS, TIME, WHAT, WHERE
from optbench.cli.options import LABEL_HELP, PLUGIN_HELP, option
from optbench.contract.columns import MEASURES


@dataclass(frozen=True)
class KeyOption:
    """An option for a key of the spec."""

    key: str
    metavar: str
    help: str
    heading: str
    complete: Callable | None = None
    """What Tab offers, from what was typed."""
    type: Any = str
    """What the text is read as: str, int, float or a list of them; all else is read by the spec."""
    name: str = ""
    """What it is called where not as the key."""

    @property
    def flag(self) -> str:
        """The option as it is typed."""
        return f"--{(self.name or self.key).replace('_', '-')}"

    @property
    def parameter(self) -> inspect.Parameter:
        """The parameter of a command from which typer makes the option."""
        wanted: Any = self.type | None
        kind = Annotated[wanted, option(self.flag[2:], self.metavar, self.help, self.heading, self.complete)]
        return inspect.Parameter(self.key, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)


KEY_OPTIONS = (
    KeyOption("data", "FILE", "Your table: .csv, .tsv, .parquet, ...; problems and length follow from it.", WHAT),
    KeyOption("target", "COLUMN", "Its column to be predicted; by default the last.", WHAT),
    KeyOption("model", "FILE", "Your PyTorch networks for it: classes, or functions of inputs and outputs.", WHAT),
    KeyOption(
        "problems", "LIST", "Problems: 'rosenbrock, quadratic(dim=100, condition=1e4)'.", WHAT, completion.problems,
    ),
    KeyOption(
        "optimizers", "LIST", "Optimizers: 'gd, adam(beta1=[0.8, 0.9])'; or all, 'adam*', family:signs.", WHAT,
        completion.optimizers,
    ),
    KeyOption(
        "ablate", "LIST", "Variants side by side, each tuned by itself: 'adam(beta1=0.5|0.9)'.", WHAT,
        completion.optimizers,
    ),
    KeyOption(
        "have", "SETTING",
        "What you have, as it is, beside what is tuned: 'adam_torch, lr=0.001, batch 256, cosine', or as in PyTorch: "
        "'SGD(lr=0.01, momentum=0.9), batch 32, epochs 5'.",
        WHAT, type=list[str],
    ),
    KeyOption("batch_sizes", "LIST", "Batch sizes: 16,64,full.", WHAT),
    KeyOption("schedules", "LIST", "Schedules: 'constant, inverse(decay_rate=0.1)'.", WHAT, completion.schedules),
    KeyOption(
        "learning_rates", "LIST",
        "Learning rates: 0.01,0.1, a log-spaced grid 1e-4:1:9, or 'log_uniform(1e-4, 1)' for --trials.", WHAT,
        name="lr",
    ),
    KeyOption(
        "plugins", "FILE", f"{PLUGIN_HELP} Its optimizers join the usual ones.", WHAT, type=list[Path], name="plugin",
    ),
    KeyOption("labels", "NAME=LABEL", LABEL_HELP, WHAT, type=list[str], name="label"),
    KeyOption(
        "dtypes", "LIST", "float64, float32, or both: float64,float32.", WHAT,
        completion.word_list("float64", "float32"), name="dtype",
    ),
    KeyOption("trials", "N", "Draw this many settings of each optimizer from its search space.", HOW, type=int),
    KeyOption("search_seed", "N", "Seed of that draw; by default 0.", HOW, type=int),
    KeyOption(
        "ranges", "RANGES", "Where --trials are drawn. common, the default: a parameter has one range for all "
        "optimizers, which holds those of each; own: each optimizer its own, as in optbench show NAME; or ranges for "
        "all: 'lr=log_uniform(1e-4, 1), beta1=uniform(0.5, 0.99)', with common ones for the rest.",
        HOW, completion.words("common", "own"),
    ),
    KeyOption(
        "choose_by", "LIST", "Measures to tune for: time, loss, or on held-out data test_loss, accuracy, auc, ...",
        HOW, completion.word_list(*MEASURES),
    ),
    KeyOption(
        "judge_by", "MEASURE", "The one of them that verdicts are about; by default the first.", HOW,
        completion.words(*MEASURES),
    ),
    KeyOption("seeds", "LIST", "How many seeds, or a list: 0,1,2.", SEEDS),
    KeyOption(
        "tuning_seeds", "N", "How many of them choose settings; the others confirm the choice.", SEEDS, type=int,
    ),
    KeyOption(
        "blocks", "N", "Blocks of seeds, each of which tunes and confirms its choice by itself; replaces --seeds.",
        SEEDS, type=int,
    ),
    KeyOption(
        "widen", "N", "Rounds by which a block's search may go on around the best, beyond given ranges too, within a "
        "hyperparameter's limits; 0 for none. By default 4.", SEEDS, type=int,
    ),
    KeyOption(
        "folds", "N", "Repeat the split of the data in N folds, which the blocks take in turn.", SEEDS, type=int,
    ),
    KeyOption("epochs", "NUMBER", "Length of a run: passes over the data.", TIME, type=float),
    KeyOption("steps", "N", "Length of a run: updates, instead of epochs.", TIME, type=int),
    KeyOption("run_timeout", "TIME", "Stop a run after this time: 30s, 2m, 1h.", TIME),
    KeyOption(
        "device", "NAME",
        "cpu, cuda, or auto: a GPU where one can be used. No card has been tried yet. By default cpu.", WHERE,
        completion.words("cpu", "cuda", "auto"),
    ),
)  # fmt: skip
FLAGS = {option.key: option.flag for option in KEY_OPTIONS}
"""Each key's option as it is typed."""


def with_key_options(command: Callable[..., None]) -> Callable[..., None]:
    """Let typer read an option for each key in the place of a command's last parameter, ``**keys``; return the command.

    On the help page the keys stand behind the argument, and those under WHERE at its end, for the folder comes first
    there.
    """
    signature = inspect.signature(command, eval_str=True)
    argument, *own, _ = signature.parameters.values()
    first = [each.parameter for each in KEY_OPTIONS if each.heading != WHERE]
    last = [each.parameter for each in KEY_OPTIONS if each.heading == WHERE]
    parameters = [each.replace(kind=each.KEYWORD_ONLY) for each in (argument, *first, *own, *last)]
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command
