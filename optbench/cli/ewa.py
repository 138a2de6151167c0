"""What ``ewa`` does: the averages of one column of a file, as a table, a file and a picture."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from rich.table import Table

from optbench.averages.array import ewa
from optbench.averages.contract import checked_beta
from optbench.averages.series import Series, read_series
from optbench.cli.terminal import console, errors
from optbench.contract.errors import OptbenchError

_LAST = 3


def run(file: Path, column: str | None, betas, bias_correction: bool, skip_missing: bool, png, out) -> None:
    """The table goes to standard output, all that is said about it to standard error. Raises OptbenchError."""
    betas = [checked_beta(beta, "ewa") for beta in betas]
    _check_ending("--png", png, (".png",))
    _check_ending("--out", out, (".csv", ".parquet"))
    series = read_series(file, column, skip_missing)
    if series.missing:
        errors.print(f"{series.missing:,} rows without a value were left out")
    averages = {beta: ewa(series.values, beta, bias_correction) for beta in betas}
    console.print(_table(series, averages))
    for path, write in ((out, _write), (png, _draw)):
        if path is None:
            continue
        try:
            write(path, series, averages, bias_correction)
        except OSError as error:
            raise OptbenchError(f"cannot write {str(path)!r}: {error.strerror or error}") from None
        errors.print(f"wrote {path}", markup=False, soft_wrap=True)


def _check_ending(option, path, endings) -> None:
    if path is not None and path.suffix not in endings:
        raise OptbenchError(f"{option} must end in {' or '.join(endings)}, not {str(path)!r}")


def _table(series: Series, averages: dict) -> Table:
    """The last values of the series and of its averages, a row each.

    window: 1 / (1 - beta) values (lecture B2). lag: beta / (1 - beta), the mean age of what is averaged.
    """
    last = min(_LAST, len(series.values))
    when = series.rows if series.dates is None else np.datetime_as_string(_days(series.dates[-last:]))
    table = Table(box=None, pad_edge=False)
    for header in ("average", "window", "lag", *(str(each) for each in when[-last:])):
        table.add_column(header, justify="right", no_wrap=True)
    table.columns[0].justify = "left"
    table.add_row(series.name, "", "", *(f"{value:.6g}" for value in series.values[-last:]))
    for beta, average in averages.items():
        spans = (f"{span / (1 - beta):,.4g}" for span in (1.0, beta))
        table.add_row(f"beta={beta!r}", *spans, *(f"{value:.6g}" for value in average[-last:]))
    return table


def _days(dates):
    """Dates without their time, if that is midnight."""
    days = dates.astype("datetime64[D]")
    return days if (days == dates).all() else dates.astype("datetime64[s]")


def _write(path: Path, series: Series, averages: dict, bias_correction: bool) -> None:
    from pyarrow import csv, parquet

    columns = {"row": series.rows}
    if series.dates is not None:
        columns["date"] = _days(series.dates)
    columns |= {series.name: series.values}
    columns |= {f"{series.name}_ewa_{beta!r}": average for beta, average in averages.items()}
    table = pa.table(columns)
    (csv.write_csv if path.suffix == ".csv" else parquet.write_table)(table, str(path))


def _draw(path: Path, series: Series, averages: dict, bias_correction: bool) -> None:
    from optbench import __version__
    from optbench.report import style
    from optbench.report.figure_averages import draw_averages
    from optbench.sweeps.provenance import typed_command

    kind = "with" if bias_correction else "without"
    with style.theme():
        figure = draw_averages(
            series.rows if series.dates is None else series.dates, series.values, averages, name=series.name,
            title=f"{series.name}: exponentially weighted averages, {kind} bias correction",
            along="row" if series.dates is None else "",
        )  # fmt: skip
        style.save(figure, path, f"optbench {__version__}: {typed_command()}")
