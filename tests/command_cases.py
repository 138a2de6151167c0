"""A small sweep as it is typed, and what the tests of the commands expect of a mistake."""

SMALL = ["sweep", "--problems", "rosenbrock", "--optimizers", "gd,momentum", "--batch-sizes", "100,full", "--schedules",
         "constant", "--lr", "1e-3,10", "--seeds", "3", "--steps", "5", "--no-report"]  # fmt: skip


def line(errors: str) -> str:
    """Standard error, which must be one line of this program's."""
    assert errors.startswith("optbench: ") and errors.count("optbench: ") == 1 and len(errors) < 300, errors
    return errors.removeprefix("optbench: ")
