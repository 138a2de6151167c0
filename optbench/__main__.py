"""``python -m optbench``, and the command ``optbench``."""

import gc

from optbench.cli import output, stopping

# Objects: Python's 700 let the collector of cycles run hundreds of times while libraries are imported, which make no
# cycles to be freed: 0.97 s with it, 0.83 s without for numba, pandas, pyarrow and scipy.linalg; measured
_OBJECTS = 100_000
"""Threshold of the garbage collector's youngest generation while a command runs."""


def main() -> None:
    """Run the command line; signals are handled from here on."""
    stopping.handle_signals()
    output.open_stdout()
    gc.set_threshold(_OBJECTS, *gc.get_threshold()[1:])
    from optbench.cli.app import main as run

    run()


if __name__ == "__main__":
    main()
