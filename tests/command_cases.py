"""A small sweep as it is typed, and what the tests of the commands expect of a mistake."""

SMALL = ["sweep", "--problems", "rosenbrock", "--optimizers", "gd,momentum", "--batch-sizes", "100,full", "--schedules",
         "constant", "--lr", "1e-3,10", "--seeds", "3", "--steps", "5", "--no-report"]  # fmt: skip


def line(errors: str) -> str:
    """Standard error, which must be one line of this program's."""
    assert errors.startswith("optbench: ") and errors.count("optbench: ") == 1 and len(errors) < 300, errors
    return errors.removeprefix("optbench: ")


BLOCKS = ["sweep", "--problems", "softmax(data=gaussian(examples=60, features=3, classes=3))", "--optimizers", "gd",
          "--batch-sizes", "16", "--schedules", "constant", "--lr", "1e-3:1:3", "--blocks", "2", "--steps", "3",
          "--no-report"]  # fmt: skip
