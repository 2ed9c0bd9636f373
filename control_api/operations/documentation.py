"""The OpenAPI document and a page to read it; everything served from here, nothing from elsewhere.

The page is Swagger UI (control_api/docs_page, with its licence), vendored so that no third party learns who
reads our documentation.
"""

import asyncio
import hashlib
from collections.abc import Mapping
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
    headers = {"Cache-Control": "no-cache", "Content-Type": "application/json; charset=utf-8"}
    return _unless_known(request.http, document, _tag(document), headers)


@operation("getDocs", role="public")
async def get_docs(request: ApiRequest) -> web.StreamResponse:
    """A page that loads nothing from other servers."""
    return await _file(request.http, "index.html", "text/html; charset=utf-8")


@operation("getDocsFile", role="public")
async def get_docs_file(request: ApiRequest, *, path: FilePath) -> web.StreamResponse:
    """Scripts and styles of the page."""
    if path.name not in _FILES:
        raise NoSuchThing("file")
    return await _file(request.http, path.name, _FILES[path.name])


async def _file(http: web.Request, name: str, content_type: str) -> web.StreamResponse:
    content, tag = await asyncio.to_thread(_read, PAGE / name)
    return _unless_known(http, content, tag, {"Content-Type": content_type, **_HEADERS})


def _read(file: Path) -> tuple[bytes, str]:
    content = file.read_bytes()
    return content, _tag(content)


def _tag(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _unless_known(
    http: web.Request, content: bytes, tag: str, headers: Mapping[str, str]
) -> web.StreamResponse:
    """Answer with the content, or 304 when the browser has it already."""
    if any(each.value in (tag, "*") for each in http.if_none_match or ()):
        kept = {name: value for name, value in headers.items() if name != "Content-Type"}
        return web.Response(status=304, headers={**kept, "ETag": f'"{tag}"'})
    return web.Response(body=content, headers={**headers, "ETag": f'"{tag}"'})
