"""The endpoints as a page to read: one table, and nothing that a browser would fetch or run."""

from html import escape

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

_PAGE = """\
<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<h1>{title}</h1>
<p>In full, for programs: <a href="openapi.json">openapi.json</a></p>
<table>
{rows}
</table>
</html>
"""
_ROW = "<tr><td><code>{method}</code></td><td><code>{path}</code></td><td>{summary}</td></tr>"


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """List the endpoints."""
    app: FastAPI = request.app
    described = app.openapi()
    rows = [
        _ROW.format(
            method=method.upper(), path=escape(path), summary=escape(each.get("description", ""))
        )
        for path, methods in described["paths"].items()
        for method, each in methods.items()
    ]
    page = _PAGE.format(title=escape(described["info"]["title"]), rows="\n".join(rows))
    return HTMLResponse(page, headers={"content-security-policy": "default-src 'none'"})
