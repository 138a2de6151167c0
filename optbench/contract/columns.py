"""The fixed columns of the tidy tables, one list a table; hyperparameters and metrics have columns beside them.

All else follows from these lists: the order of the columns, their types in the files, what a reader demands of a table.
A new column of ``curves`` is a line in `TABLES`, and an entry in ``measures`` of the engine's outcome.
"""

from typing import Literal, NamedTuple


class Column(NamedTuple):
    """A column of a table."""

    name: str
    kind: Literal["text", "integer", "number", "bytes"] = "number"
    optional: bool = False
    """True if it may be missing in folders of older versions, and may have empty rows."""
    least: int = 0
    """The least value of an integer."""
    per_step: bool = False
    """True for a column of ``curves`` that comes from ``measures`` of the engine's outcome, empty at step 0."""


TARGETS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8)
"""Shares of the first suboptimality that a run has a column each for: close together where runs with noise end, far
apart below; nobody has measured it."""


def target_column(share: float) -> str:
    """Return the column of ``runs`` with the samples until a share of the first suboptimality: "samples_to_0.01"."""
    return f"samples_to_{share:g}"


SCORES = {
    "log_loss": "log loss", "accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "f1": "F1", "auc": "AUC",
    "r2": "R2", "mae": "mean absolute error",
}  # fmt: skip
"""Metrics of a problem's predictions, with their names in words: a sweep that chooses by one has it of every run, as
test_NAME."""
CONSTANT = "constant_"
"""The prefix of the columns of ``problems`` with what a constant answer has on test data, by the training rows."""


TABLES: dict[str, tuple[Column, ...]] = {
    "runs": (
        Column("run_id", "text"),
        Column("cohort_id", "text"),
        Column("problem", "text"),
        Column("optimizer", "text"),
        Column("schedule", "text"),
        Column("lr"),
        Column("batch_size", "integer", least=1),
        Column("seed", "integer"),
        Column("dtype", "text"),
        Column("stage", "text", optional=True),
        Column("block", "integer", optional=True),
        Column("fold", "integer", optional=True),
        Column("steps", "integer"),
        Column("epochs"),
        Column("samples", "integer"),
        Column("status", "text"),
        Column("failure", "text", optional=True),
        Column("diverged_at", "integer", optional=True),
        Column("loss_initial"),
        Column("loss_final"),
        Column("loss_best"),
        Column("suboptimality_final"),
        Column("validation_loss_final", optional=True),
        Column("test_loss_final"),
        Column("log_tail", optional=True),
        Column("target", optional=True),
        *(Column(target_column(share), optional=True) for share in TARGETS),
    ),
    "curves": (
        Column("run_id", "text"),
        Column("step", "integer"),
        Column("epoch"),
        Column("samples", "integer"),
        Column("lr", optional=True, per_step=True),
        Column("batch_loss", optional=True, per_step=True),
        Column("train_loss"),
        Column("validation_loss", optional=True),
        Column("test_loss", optional=True),
        Column("gradient_norm", optional=True, per_step=True),
    ),
    "timings": (
        Column("cohort_id", "text"),
        Column("lanes", "integer", least=1),
        Column("steps", "integer"),
        Column("seconds"),
        Column("evaluation_seconds"),
        Column("ns_per_run_step"),
        Column("compile_seconds"),
        Column("host", "text", optional=True),
        Column("threads", "integer", optional=True),
        Column("device", "text", optional=True),
        Column("device_note", "text", optional=True),
        Column("eager", "text", optional=True),
        Column("state_bytes", optional=True),
    ),
    "problems": (
        Column("problem", "text"),
        Column("minimum", optional=True),
        Column("minimum_source", "text", optional=True),
        Column("dim", optional=True),
        Column("examples", optional=True),
        Column("data", "text", optional=True),
        Column("source", "text", optional=True),
        Column("digest", "text", optional=True),
        Column(f"{CONSTANT}answer", "text", optional=True),
        *(Column(f"{CONSTANT}{name}", optional=True) for name in ("loss", *SCORES)),
    ),
    "landscapes": (Column("problem", "text"), Column("w_1"), Column("w_2"), Column("value")),
    "paths": (
        Column("run_id", "text"),
        Column("problem", "text"),
        Column("optimizer", "text"),
        Column("step", "integer"),
        Column("w_1"),
        Column("w_2"),
        Column("train_loss", optional=True),
    ),
    "snippets": (
        Column("problem", "text"),
        Column("optimizer", "text"),
        Column("schedule", "text"),
        Column("hyperparameters", "text"),
        Column("batch_size", "integer", least=1),
        Column("lr"),
        Column("library", "text"),
        Column("equal", "integer"),
        Column("code", "text"),
        Column("rate", optional=True),
    ),
}
RUNS = tuple(column.name for column in TABLES["runs"])
CURVES = tuple(column.name for column in TABLES["curves"])
PER_STEP = tuple(column.name for column in TABLES["curves"] if column.per_step)
FORMER = ("tail_source",)
"""Columns of ``runs`` that folders of older versions have."""
STANDING_IN = "lowest_loss"
"""The column of ``runs`` in memory with the loss that stands for a minimum which is not known, if there is such one."""
FIRST_TARGET = "first_target"
"""The column of ``runs`` in memory with the target of the first look at a problem, inf where there was none."""
FIRST_LOOK = "first_look"
"""The column of ``runs`` in memory with the first look at which an optimizer's reports on a problem were these."""
_ANYWHERE = {column.name: column for table in reversed(TABLES.values()) for column in table}
_ANYWHERE |= {name: Column(name, "text", optional=True) for name in FORMER}
VALIDATION, TEST, EARLY, JACKKNIFE = "validation_", "test_", "early_", "jackknife_"
METRICS = ("train_", VALIDATION, TEST, EARLY, JACKKNIFE, "w_")
"""Prefixes of the metrics' columns: on the training, validation and test data; where the validation loss was lowest,
which folders before 0.19 have; on the test data without one group of its examples each, as bytes; and coordinates of
the weights."""
DEAD_UNITS = "train_dead_units"
"""The column of ``runs`` with the share of hidden ReLU units that are 0 on every training row at the end."""
GROUPS = 50
"""Groups of test examples at most: a variance estimated from so many is known to a fifth. More make tables larger."""


def is_metric(column: str) -> bool:
    """Return whether a column beside the fixed ones holds a metric; if not, it is a hyperparameter."""
    return column.startswith(METRICS)


MEASURES = ("time", "loss", "test_loss", "test_accuracy", *SCORES)
"""What verdicts can be about, besides other metrics of a problem."""
_GAINS = ("f1", "auc", "r2")


def is_gain(column: str) -> bool:
    """Return whether a metric is better where it is higher, with 1 as the best: an accuracy, F1, AUC, R2."""
    return "accuracy" in column or column.endswith(_GAINS)


def metric_kind(column: str) -> Literal["number", "bytes"]:
    """Return the kind of a metric's column: float32 numbers as bytes for those of a jackknife."""
    return "bytes" if column.startswith(JACKKNIFE) else "number"


def column_of(table: str, name: str) -> Column | None:
    """Return the fixed column of that table, or else of another; None for a hyperparameter, a metric or a stranger."""
    return next((column for column in TABLES.get(table, ()) if column.name == name), _ANYWHERE.get(name))


def is_taken(name: str) -> bool:
    """Return whether a hyperparameter of this name would clash with a column."""
    return name in RUNS or name in CURVES or is_metric(name)


def spreadsheet_text(text: str) -> str:
    """Return a text for a CSV file, behind an apostrophe if a spreadsheet would run it as a formula."""
    if not text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text
