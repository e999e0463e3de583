"""The playground's link: printed at the start, and opened in a browser with a key of its own."""

import http.client
import webbrowser

from assistd import ids
from assistd.cli.console import fail, out, say
from assistd.db import keys, projects
from assistd.settings import Settings
from assistd.wiring.storage import migrated_database

_KEY_NAME = "browser"
_REPLY_SECONDS = 5.0
_OF_TEXT = {"www-browser", "links", "elinks", "lynx", "w3m"}
"""Browsers that would take the terminal."""


def make_url(host: str, port: int) -> str:
    """Return the URL of a server, without a path; an IPv6 address stands in brackets there."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def make_link(settings: Settings, port: int, key: str | None = None) -> str:
    """Return the address of the playground.

    Args:
        settings: where the server listens.
        port: likewise; that of the settings may be 0.
        key: signs in; it stands in the fragment, which no browser sends.
    """
    return f"{make_url(_host(settings), port)}/playground/" + (f"#key={key}" if key else "")


def open_running(settings: Settings) -> None:
    """Open the playground of the server that runs with these settings."""
    if not settings.playground:
        fail("The playground is switched off (ASSISTD_PLAYGROUND).")
    link = make_link(settings, settings.port)
    if not _is_running(settings):
        fail(
            f"No server answers at {link}: start one with `assistd serve --open`, or name its --port."
        )
    open_playground(settings, settings.port)


def open_playground(settings: Settings, port: int) -> None:
    """Open the playground in a browser, signed in; where there is none, print the link.

    The key is called `browser`: the next one takes its place, and `assistd keys revoke` ends it.
    """
    key = ids.new_api_key()
    with migrated_database(settings) as database:
        project = database.run_sync(projects.default)
        database.run_sync(keys.replace, key, _KEY_NAME, project.id)
    link = make_link(settings, port, key)
    if _show(link):
        say(f"The playground was opened in a browser: {make_link(settings, port)}")
    else:
        out.print(f"Open in a browser: {link}", highlight=False, markup=False, soft_wrap=True)


def _show(link: str) -> bool:
    """Have the browser of this desktop show a page; return whether there is one."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    return getattr(browser, "name", "") not in _OF_TEXT and browser.open(link)


def _is_running(settings: Settings) -> bool:
    """Tell whether a server of ours listens where the settings say."""
    connection = http.client.HTTPConnection(_host(settings), settings.port, timeout=_REPLY_SECONDS)
    try:
        connection.request("GET", "/assistd/info")
        return b"assistd.info" in connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _host(settings: Settings) -> str:
    """Return where this machine reaches the server; of all its addresses, the loopback."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
