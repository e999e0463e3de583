"""The playground and the operator's page: built from `ui/`, their every file is known when the server starts."""

import gzip
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parents[2] / "ui"
_PAGES = ("playground", "operator")
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "font-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""Model text is hostile: nothing runs but our files, and nothing is asked of other servers."""
_HEADERS = {
    "content-security-policy": _POLICY,
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "vary": "accept-encoding",
}


@dataclass(frozen=True, slots=True)
class _Asset:
    type: str
    whole: bytes
    packed: bytes


def _read_assets() -> dict[str, _Asset]:
    return {
        path.name: _Asset(
            mimetypes.guess_type(path.name)[0] or "text/plain",
            content := path.read_bytes(),
            gzip.compress(content, mtime=0),
        )
        for path in _FOLDER.iterdir()
        if path.is_file() and path.suffix != ".py"
    }


_assets = _read_assets()


async def _lead_to_page(request: Request) -> Response:
    """Lead to a page, below which its files stand."""
    return RedirectResponse(f"{request.url.path}/")


async def _show_page(request: Request) -> Response:
    """Give out a page."""
    return _respond(request, f"{request.url.path.strip('/')}.html", "no-store")


async def _show_asset(request: Request, name: str) -> Response:
    """Give out a file of a page; its name changes with its content."""
    if name not in _assets or name.endswith(".html"):
        raise HTTPException(404, f"The pages have no file {name}.")
    return _respond(request, name, "public, max-age=31536000, immutable")


for _page in _PAGES:
    router.add_api_route(f"/{_page}", _lead_to_page)
    router.add_api_route(f"/{_page}/", _show_page)
    router.add_api_route(f"/{_page}/{{name}}", _show_asset)


def _respond(request: Request, name: str, caching: str) -> Response:
    asset = _assets[name]
    headers = {**_HEADERS, "cache-control": caching}
    content = asset.whole
    if "gzip" in request.headers.get("accept-encoding", ""):
        content = asset.packed
        headers["content-encoding"] = "gzip"
    return Response(content, media_type=asset.type, headers=headers)
