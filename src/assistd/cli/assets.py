"""Builds or fetches what must be on this host before the start, and shows the progress."""

from pathlib import Path

from assistd.cli.console import err, exiting_on_errors, say
from assistd.sandbox.environments import environment
from assistd.settings import Settings
from assistd.wiring.sandbox import Assets


def prepare_server(settings: Settings) -> Assets:
    """Build and fetch what `serve` needs on this machine; hosts that have its sessions build their own.

    An upstream in the settings takes the place of the built-in model.
    """
    has_hosts = settings.sandbox_socket is not None or settings.hosts_listen is not None
    python = None if has_hosts else prepare_interpreter(settings)
    return Assets(python, fetch_weights(settings) if settings.upstream_base_url is None else None)


def prepare_interpreter(settings: Settings) -> Path:
    """Return the interpreter of the interpreter environment, built where it is missing; exit where it cannot be."""
    with exiting_on_errors():
        return build_environment(settings).python


def build_environment(settings: Settings) -> environment.Environment:
    """Return the interpreter environment with the operator's packages, built where it is missing."""
    return environment.build(settings.cache_dir, added=settings.packages_file, report=say)


def fetch_weights(settings: Settings) -> Path | None:
    """Return the file of the built-in model, fetched where it is missing; None for no model."""
    if settings.local_model == "none":
        return None
    from rich.progress import (  # noqa: PLC0415  time before the first output of other commands
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TransferSpeedColumn,
    )

    from assistd.models.local import weights  # noqa: PLC0415  see above

    pinned = weights.PINNED[settings.local_model]
    if here := weights.find(pinned, settings.cache_dir):
        return here
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=err) as progress:
        task = progress.add_task(pinned.file, total=pinned.bytes)

        def show(done: int, total: int, source: str) -> None:
            progress.update(
                task, completed=done, total=total, description=f"{pinned.file} from {source}"
            )

        with exiting_on_errors():
            return weights.fetch(pinned, settings.cache_dir, progress=show)
