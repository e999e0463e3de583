"""What a server prints when it is there."""

from assistd.cli.browser import make_link, make_url
from assistd.cli.console import out
from assistd.settings import Settings
from assistd.wiring.search import describe_search


def greet(settings: Settings, port: int, key: str | None) -> None:
    """Print where the server listens, and the first key, if it was made now.

    Args:
        settings: the settings.
        port: where it listens; that of the settings may be 0.
        key: the key.
    """
    url = f"{make_url(settings.host, port)}/v1"
    out.print(f"assistd listens on {url}", highlight=False, soft_wrap=True)
    if key:
        out.print(f"Your API key, shown this once: {key}", highlight=False, soft_wrap=True)
        out.print(
            f"Point a program at it:  OPENAI_BASE_URL={url} OPENAI_API_KEY={key}",
            highlight=False,
            soft_wrap=True,
        )
    if settings.playground:  # a link with a key is for a person's eyes, not for a file of logs
        link = make_link(settings, port, key if out.is_terminal else None)
        out.print(f"Playground: {link}", highlight=False, soft_wrap=True)
    search, is_complete = describe_search(settings)
    if not is_complete:
        out.print(search, highlight=False, markup=False, soft_wrap=True)
