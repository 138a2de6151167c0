"""``optbench advise``: which optimizers to try first, by the atlas that ships."""

from __future__ import annotations

from typing import Annotated

import typer

from optbench.cli import completion
from optbench.cli.groups import INPUT
from optbench.cli.options import Json, flag, option
from optbench.cli.output import print_json


def advise(
    problem: Annotated[str | None, option(
        "problem", "NAME", "A problem: advice is from the atlas's of that name, or else of its kind.", INPUT,
        completion.problems,
    )] = None,
    data: Annotated[str | None, option(
        "data", "FILE", "Your table: advice is from all linear models and networks.", INPUT,
    )] = None,
    target: Annotated[str | None, option(
        "target", "COLUMN", "Its column to be predicted; by default the last.", INPUT,
    )] = None,
    kind: Annotated[str | None, option(
        "kind", "KIND", "classical, quadratics, 'saddles and plateaus', 'linear models', networks or tokens.", INPUT,
    )] = None,
    batch_size: Annotated[int | None, option(
        "batch-size", "N", "That of your runs: the nearest of the atlas counts; by default it is advised, too.", INPUT,
    )] = None,
    budget: Annotated[float | None, option(
        "budget", "EPOCHS", "Those of your runs: problems that ran for a third to three times as long count.", INPUT,
    )] = None,
    in_torch: Annotated[bool, flag("in-torch", "Advise only optimizers that torch.optim has itself.", INPUT)] = False,
    json: Json = False,
) -> None:  # fmt: skip
    """Advise which three optimizers to try first, with their rates, from the nearest problems of the atlas.

    Nothing runs. Beside the advice stands how often such advice came close to the best, each problem of the atlas being
    advised from the others. Give one of --problem, --data and --kind.

    JSON: "table" (a row an optimizer: place, optimizer, schedule, batch_size, lr, lr_low, lr_high, ratio, worst,
    limit, torch), "problems" (those that it rests on) and "record" (a row a problem: first, three, always, the same
    _tuned, and kind). A number that is not finite is null.
    """
    from optbench.atlas.advisor import advise as find_advice

    found = find_advice(
        problem, data=data, target=target, kind=kind, batch_size=batch_size, budget=budget, in_torch=in_torch
    )
    if json:
        print_json({"table": found.table, "problems": found.problems, "record": found.record})
    else:
        typer.echo(found.text)
