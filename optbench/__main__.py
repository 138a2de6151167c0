"""``python -m optbench``, and the command ``optbench``."""

import gc

from optbench.cli import stopping

_OBJECTS = 100_000
"""More objects than before before the collector of cycles looks at the youngest."""


def main() -> None:
    """Run the command line; a signal is heard from here on."""
    stopping.listen()
    gc.set_threshold(_OBJECTS, *gc.get_threshold()[1:])
    from optbench.cli.app import main as run

    run()


if __name__ == "__main__":
    main()
