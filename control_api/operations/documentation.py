"""The OpenAPI document and a page to read it; everything served from here, nothing from elsewhere.

The page is Swagger UI (control_api/docs_page, with its licence), vendored so that no third party learns who
reads our documentation.
"""

import hashlib
from importlib.resources import files
from pathlib import Path

from aiohttp import web

from control_api.errors import NoSuchThing
from control_api.fields import Input, Text
from control_api.operation import ApiRequest, operation

DOCUMENT = web.AppKey("openapi_document", bytes)
PAGE = Path(str(files("control_api"))) / "docs_page"
_FILES = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "start.js": "text/javascript; charset=utf-8",
}
_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; object-src 'none'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}


class FilePath(Input):
    """The `{name}` in a path."""

    name: Text


@operation("getOpenApi", role="public")
async def get_open_api(request: ApiRequest) -> web.StreamResponse:
    """OpenAPI 3.1; `x-hum-role` names the least role an operation needs."""
    document = request.http.config_dict[DOCUMENT]
    tag = hashlib.sha256(document).hexdigest()[:32]
    headers = {"Cache-Control": "no-cache", "ETag": f'"{tag}"'}
    wanted = request.http.if_none_match or ()
    if any(each.value in (tag, "*") for each in wanted):
        return web.Response(status=304, headers=headers)
    return web.Response(body=document, content_type="application/json", headers=headers)


@operation("getDocs", role="public")
async def get_docs(_request: ApiRequest) -> web.StreamResponse:
    """A page that loads nothing from other servers."""
    return web.FileResponse(
        PAGE / "index.html", headers={"Content-Type": "text/html; charset=utf-8", **_HEADERS}
    )


@operation("getDocsFile", role="public")
async def get_docs_file(_request: ApiRequest, *, path: FilePath) -> web.StreamResponse:
    """Scripts and styles of the page."""
    if path.name not in _FILES:
        raise NoSuchThing("file")
    return web.FileResponse(PAGE / path.name, headers={"Content-Type": _FILES[path.name], **_HEADERS})
