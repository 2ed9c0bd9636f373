"""Who is asking: a browser session by cookie, or a program by API key; and what their role allows."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from control_api.errors import NotAllowed, NotSignedIn
from store import api_keys, web_sessions
from store.database import Database
from store.errors import StoreError
from store.memberships import Role

COOKIE = "bh_hum_session"
TOUCH_LIMIT_S = 0.25
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_RANK: dict[Role, int] = {"viewer": 0, "operator": 1, "admin": 2}
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever uses the API. `id` is a user's or an API key's."""

    kind: Literal["user", "api_key"]
    id: str
    org_id: str
    role: Role
    name: str
    email: str | None


async def sign_in(request: web.Request, database: Database, now: datetime) -> Actor:
    """Return who sent a request; an `Authorization` header counts before a cookie.

    Raises:
        NotSignedIn: neither, or one that is unknown, expired or revoked.
    """
    header = request.headers.get("Authorization")
    if header is not None:
        return await _by_key(header, database, now)
    cookie = request.cookies.get(COOKIE)
    if cookie is None:
        raise NotSignedIn(f"Sign in: send the {COOKIE} cookie or an API key as bearer token.")
    return await _by_session(cookie, database, now)


def signed_in_by_cookie(request: web.Request) -> bool:
    """Return whether the browser, not the program, decided to send the credential."""
    return "Authorization" not in request.headers


async def _by_key(header: str, database: Database, now: datetime) -> Actor:
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer" or not key.startswith(api_keys.KEY_PREFIX):
        raise NotSignedIn(f"The Authorization header must be: Bearer {api_keys.KEY_PREFIX}…")
    async with database.read() as conn:
        found = await api_keys.find(conn, key.strip(), now)
    if found is None:
        raise NotSignedIn("The API key is unknown or revoked.")
    if found.last_used_at is None or now - found.last_used_at >= api_keys.TOUCH_INTERVAL:
        await _note_use(database, lambda conn: api_keys.touch(conn, found.org_id, found.id, now))
    return Actor("api_key", found.id, found.org_id, found.role, found.name, None)


async def _by_session(token: str, database: Database, now: datetime) -> Actor:
    async with database.read() as conn:
        found = await web_sessions.find(conn, token, now)
    if found is None:
        raise NotSignedIn("The session is unknown or has ended.")
    if now - found.last_seen_at >= web_sessions.TOUCH_INTERVAL:
        await _note_use(database, lambda conn: web_sessions.touch(conn, token, now))
    return Actor("user", found.user_id, found.org_id, found.role, found.name, found.email)


async def _note_use(database: Database, touch: Callable[[AsyncConnection], Awaitable[None]]) -> None:
    """Write down that a credential was used, unless writing is slow just now: the request may only read."""
    try:
        async with asyncio.timeout(TOUCH_LIMIT_S), database.write() as conn:
            await touch(conn)
    except (StoreError, TimeoutError) as error:
        _log.warning("use_not_noted", error=str(error))


def require_role(actor: Actor, role: Role) -> None:
    """Refuse an actor whose role is below the one an operation needs.

    Raises:
        NotAllowed: it is.
    """
    if _RANK[actor.role] < _RANK[role]:
        raise NotAllowed(f"This needs the role {role}; you have {actor.role}.")


def refuse_forgery(request: web.Request, public_url: str) -> None:
    """Refuse unsafe requests that another site made a signed-in browser send.

    A browser says where a request comes from in Sec-Fetch-Site, an older one in Origin; a client that sends
    neither is no browser and holds the cookie on purpose.

    Source: Go 1.25 `net/http.CrossOriginProtection`, which decides the same way.

    Raises:
        NotAllowed: the request comes from elsewhere.
    """
    if request.method in SAFE_METHODS or not signed_in_by_cookie(request):
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        forged = site not in ("same-origin", "none")
    else:
        origin = request.headers.get("Origin")
        forged = origin is not None and origin.lower() != _origin_of(public_url)
    if forged:
        raise NotAllowed("This request comes from another site.", code="cross_site")


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
