"""`python -m assistd`, and the command of that name."""

from assistd.collector import uncollected


def main() -> None:
    """Import the command line, then do what it was asked for."""
    with uncollected():
        from assistd import cli  # noqa: PLC0415  with the collector off
    cli.main()


if __name__ == "__main__":
    main()
