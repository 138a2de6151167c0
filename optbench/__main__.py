"""``python -m optbench``, and the command ``optbench``."""

from optbench.cli import stopping


def main() -> None:
    """Run the command line; a signal is heard from here on."""
    stopping.listen()
    from optbench.cli.app import main as run

    run()


if __name__ == "__main__":
    main()
