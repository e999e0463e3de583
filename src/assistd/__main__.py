"""`python -m assistd`, and the command of that name."""

from assistd.cli.collector import pausing_collector


def main() -> None:
    """Import the command line, then run the command."""
    with pausing_collector():
        from assistd.cli.main import main as run  # noqa: PLC0415  with the collector off
    run()


if __name__ == "__main__":
    main()
