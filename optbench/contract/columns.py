"""The fixed columns of the tidy tables; hyperparameters and metrics have columns of their own beside them."""

RUNS = (
    "run_id",
    "cohort_id",
    "problem",
    "optimizer",
    "schedule",
    "lr",
    "batch_size",
    "seed",
    "dtype",
    "stage",
    "block",
    "steps",
    "epochs",
    "samples",
    "status",
    "failure",
    "diverged_at",
    "loss_initial",
    "loss_final",
    "loss_best",
    "suboptimality_final",
    "test_loss_final",
    "log_tail",
)
CURVES = (
    "run_id",
    "step",
    "epoch",
    "samples",
    "lr",
    "batch_loss",
    "train_loss",
    "test_loss",
    "gradient_norm",
)
FORMER = ("tail_source",)
"""Columns of ``runs`` that folders of older versions have."""
METRICS = ("train_", "test_", "w_")
"""Prefixes of the metrics' columns: on the training data, on the test data, and coordinates of the weights."""


def is_metric(column: str) -> bool:
    """Whether a column beside the fixed ones holds a metric; if not, it is a hyperparameter.

    Args:
        column: its name.

    Returns:
        True for a metric.
    """
    return column.startswith(METRICS)


def is_taken(name: str) -> bool:
    """Whether a hyperparameter of this name would clash with a column.

    Args:
        name: the hyperparameter's.

    Returns:
        True where it would.
    """
    return name in RUNS or name in CURVES or is_metric(name)


def spreadsheet_text(text: str) -> str:
    """Return a text as it stands in a CSV file: a spreadsheet would run one that begins like a formula.

    Args:
        text: a name or whatever else is no number of ours.

    Returns:
        The text, behind an apostrophe where it begins with ``=``, ``+``, ``-``, ``@``, a tab or a line break and is no
        number.
    """
    if not text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text
