"""``optbench ewa``: print, write and draw the averages of one column of a file.

The table goes to standard output, messages to standard error.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optbench.cli.groups import INPUT, OUTPUT
from optbench.cli.options import check_ending, flag, numbers, option
from optbench.contract.columns import spreadsheet_text
from optbench.contract.errors import OptbenchError

if TYPE_CHECKING:
    import numpy as np
    from rich.table import Table

    from optbench.averages.series import Series

_PANEL = "How it is averaged"
_LARGEST = 1e300
"""The largest number of a picture: what lies between the ends of an axis must be a number, too."""
_ENDS = 2
"""Values at the beginning, where bias correction counts, and at the end of the series that the table shows."""


def ewa(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file whose first line names the columns.")],
    column: Annotated[str | None, option(
        "column", "NAME", "The column; needless where only one is numeric, beside an index.", INPUT,
    )] = None,
    skip_missing: Annotated[bool, flag("skip-missing", "Leave rows without a value out.", INPUT)] = False,
    beta: Annotated[list[str] | None, typer.Option(
        "--beta", "--betas", metavar="NUMBERS", rich_help_panel=_PANEL,
        help="In [0, 1); several as 0.5 0.9 or 0.5,0.9. By default 0.9.",
    )] = None,
    bias_correction: Annotated[bool, typer.Option(
        "--bias-correction/--no-bias-correction", help="Divide by 1 - beta^t; by default not, as often in practice.",
        rich_help_panel=_PANEL,
    )] = False,
    png: Annotated[Path | None, option("png", "FILE", "Draw the series and its averages.", OUTPUT)] = None,
    out: Annotated[Path | None, option("out", "FILE", "Write the averages, .csv or .parquet.", OUTPUT)] = None,
) -> None:  # fmt: skip
    """Exponentially weighted averages of a column of a CSV file."""
    from optbench.averages import array
    from optbench.averages.array import Beta
    from optbench.averages.series import read_series
    from optbench.cli.console import console, errors
    from optbench.contract.arguments import check

    try:
        betas = [check(Beta, each, "ewa: beta=") for each in numbers("beta", beta or ["0.9"])]
    except OptbenchError as error:
        if any("," in text and "." not in text for text in beta or ()):
            raise OptbenchError(f"{error}; commas separate betas, and a decimal takes a point: 0.9") from None
        raise
    check_ending("--png", png, ".png")
    check_ending("--out", out, ".csv", ".parquet")
    series = read_series(file, column, skip_missing)
    if series.note:
        errors.print(series.note, soft_wrap=True, markup=False)
    if series.missing:
        rows = "row without a value was" if series.missing == 1 else "rows without a value were"
        errors.print(f"{series.missing:,} {rows} left out")
    averages = {each: array.ewa(series.values, each, bias_correction) for each in betas}
    console.print(_make_table(series, averages, bias_correction))
    for path, write in ((out, _write_averages), (png, _draw_averages)):
        if path is None:
            continue
        try:
            write(path, series, averages, bias_correction)
        except OSError as error:
            raise OptbenchError(f"cannot write {str(path)!r}: {error.strerror or error}") from None
        errors.print(f"wrote {path}", soft_wrap=True)


def _make_table(series: Series, averages: dict, corrected: bool) -> Table:
    """Return a table of the first and last values of the series and of its averages, a row each.

    averages: arrays by beta; corrected: with bias correction. window: 1 / (1 - beta) values (lecture B2). lag: beta /
    (1 - beta), the mean age of what is averaged.
    """
    import numpy as np
    from rich.table import Table

    count = len(series.values)
    shown = [*range(count)] if count <= 2 * _ENDS else [*range(_ENDS), *range(count - _ENDS, count)]
    when = series.rows[shown] if series.dates is None else np.datetime_as_string(_drop_midnight(series.dates)[shown])

    def cells(texts: Iterable[str]) -> list[str]:
        """Return the texts of what is shown, with a gap for the rest."""
        texts = list(texts)
        return texts if count == len(shown) else [*texts[:_ENDS], "...", *texts[_ENDS:]]

    table = Table(box=None, pad_edge=False)
    for header in ("corrected" if corrected else "uncorrected", "window", "lag", *cells(map(str, when))):
        table.add_column(header, justify="right", no_wrap=True)
    table.columns[0].justify = "left"
    table.add_row(series.name, "", "", *cells(f"{value:.6g}" for value in series.values[shown]))
    for beta, average in averages.items():
        spans = (f"{span / (1 - beta):,.4g}" for span in (1.0, beta))
        table.add_row(f"beta={beta!r}", *spans, *cells(f"{value:.6g}" for value in average[shown]))
    return table


def _drop_midnight(dates: np.ndarray) -> np.ndarray:
    """Return dates without their time, if that is midnight."""
    days = dates.astype("datetime64[D]")
    return days if (days == dates).all() else dates.astype("datetime64[s]")


def _write_averages(path: Path, series: Series, averages: dict, bias_correction: bool) -> None:
    """Write the series and its averages to a CSV or Parquet file; averages: arrays by beta."""
    import pyarrow as pa
    from pyarrow import csv, parquet

    columns = {"row": series.rows}
    if series.dates is not None:
        columns["date"] = _drop_midnight(series.dates)
    is_csv = path.suffix.lower() == ".csv"
    name = spreadsheet_text(series.name) if is_csv else series.name
    columns |= {name: series.values}
    columns |= {f"{name}_ewa_{beta!r}": average for beta, average in averages.items()}
    table = pa.table(columns)
    (csv.write_csv if is_csv else parquet.write_table)(table, str(path))


def _draw_averages(path: Path, series: Series, averages: dict, bias_correction: bool) -> None:
    """Draw the series and its averages, arrays by beta, into a file."""
    import numpy as np

    from optbench.contract.version import __version__
    from optbench.figures import style
    from optbench.figures.averages_and_schedules import draw_averages
    from optbench.figures.panels import figure_of
    from optbench.store.provenance import typed_command

    if np.abs(series.values).max() > _LARGEST:
        raise OptbenchError(f"cannot draw {str(path)!r}: no axis holds numbers beyond {_LARGEST:g}")
    kind = "with" if bias_correction else "without"
    with style.detached(), style.styled():
        ax = draw_averages(
            None, series.rows if series.dates is None else series.dates, series.values, averages,
            ("row" if series.dates is None else "", series.name),
            f"{series.name}: exponentially weighted averages, {kind} bias correction",
        )  # fmt: skip
        style.save(figure_of(ax), path, f"optbench {__version__}: {typed_command()}")
