"""``optbench predict``: the predictions of a trained model for the rows of a file, as CSV.

The table goes to standard output, messages to standard error.
"""

import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from optbench.cli.groups import INPUT, OUTPUT
from optbench.cli.options import check_ending, option
from optbench.contract.errors import OptbenchError
from optbench.contract.paths import is_file, is_folder


def predict(
    model: Annotated[Path, typer.Argument(
        metavar="MODEL", help="A file of results.best().save, or a results folder: its best setting is trained.",
    )],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The rows: .csv, .tsv or .parquet, with names.")],
    problem: Annotated[str | None, option("problem", "NAME", "Of a folder with several problems.", INPUT)] = None,
    save: Annotated[Path | None, option("save", "FILE", "Write the model of a folder, .json.", OUTPUT)] = None,
    out: Annotated[Path | None, option("out", "FILE", "Write the predictions, .csv.", OUTPUT)] = None,
) -> None:  # fmt: skip
    """Predict the target of new rows: a class with the probability of each, or a number.

    The first column tells the rows apart: an id of FILE that the model does not use, or the number of the row, from 1.
    """
    from optbench.cli.console import errors, warn
    from optbench.sweeps.models import load_model, predict_file

    check_ending("--out", out, ".csv")
    if out is not None and is_file(out) and is_file(file) and out.samefile(file):
        raise OptbenchError(f"--out {str(out)!r} is the file of the rows, which would be lost: name another one")
    if is_folder(model):
        from optbench.sweeps.results import load

        best = load(model).best(problem)
        if best.folds:
            errors.print(
                f"trained on the training rows of one split, not on those of the sweep's {best.folds} folds",
                soft_wrap=True,
            )
        trained = best.fit()
    elif problem is not None or save is not None:
        given = "problem" if problem is not None else "save"
        raise OptbenchError(f"--{given} is for a results folder, not for a model")
    else:
        trained = load_model(model)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = predict_file(trained, file)
    for each in caught:
        warn(str(each.message))
    if save is not None:
        trained.save(save)
        errors.print(f"wrote {save}", soft_wrap=True)
    if out is None:
        table.to_csv(sys.stdout, index=False)
        return
    try:
        table.to_csv(out, index=False)
    except OSError as error:
        raise OptbenchError(f"cannot write {str(out)!r}: {error.strerror or error}") from None
    errors.print(f"wrote {out}", soft_wrap=True)
