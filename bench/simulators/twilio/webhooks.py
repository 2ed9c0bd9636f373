"""Asking the service: signed HTTP requests with Twilio's time-outs and retries.

Source: Twilio docs, "Webhooks: connection overrides", read 2026-11: connect time-out 5 s, read 15 s, 15 s in
all including retries, one retry by default and only when the connection fails; the URL's fragment overrides
(`#ct=…&rt=…&tt=…&rc=…&rp=…`); `I-Twilio-Idempotency-Token` is the same on every try. At most 10 redirects.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import aiohttp
from yarl import URL

from bench.simulators.twilio.sids import SidSource
from bench.simulators.twilio.signature import SIGNATURE_HEADER, sign, signed_url

Params = tuple[tuple[str, str], ...]

_MAX_BODY_BYTES = 1024 * 1024
_MAX_REDIRECTS = 10
USER_AGENT = "TwilioProxy/1.1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service answered. `url` is where it came from after redirects."""

    status: int
    content_type: str
    body: bytes
    url: str

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 become replacement characters."""
        return self.body.decode("utf-8", "replace")

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Failure:
    """The service could not be asked, with the Twilio error code for why."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook request as it went: for tests and for people watching."""

    at_s: float
    url: str
    method: str
    params: Params
    result: Answer | Failure
    attempts: int

    def param(self, name: str) -> str | None:
        """Return a parameter's value, or None."""
        return next((value for key, value in self.params if key == name), None)


@dataclass(frozen=True, slots=True)
class _Patience:
    connect_s: float = 5.0
    read_s: float = 15.0
    total_s: float = 15.0
    retries: int = 1
    retry_all: bool = False
    retry_5xx: bool = False


def patience_of(url: str) -> _Patience:
    """Return the time-outs and retries a URL's fragment asks for, within Twilio's bounds."""
    wanted = dict(parse_qsl(url.partition("#")[2]))

    def bounded(name: str, default: int, low: int, high: int) -> int:
        value = wanted.get(name, "")
        return min(max(int(value), low), high) if value.isascii() and value.isdigit() else default

    policy = wanted.get("rp", "ct").split(",")
    return _Patience(
        connect_s=bounded("ct", 5000, 100, 10_000) / 1000,
        read_s=bounded("rt", 15_000, 100, 15_000) / 1000,
        total_s=bounded("tt", 15_000, 100, 15_000) / 1000,
        retries=bounded("rc", 1, 0, 5),
        retry_all="all" in policy,
        retry_5xx="5xx" in policy,
    )


class WebhookClient:
    """Sends signed requests; use as an async context manager.

    Args:
        auth_token: signs every request.
        sids: makes the idempotency tokens.
        reroute: public base URL to the base really asked.
    """

    def __init__(self, auth_token: str, sids: SidSource, reroute: Mapping[str, str]) -> None:
        self._auth_token = auth_token
        self._sids = sids
        self._reroute = dict(reroute)
        self._session: aiohttp.ClientSession | None = None
        self.deliveries: list[Delivery] = []

    async def __aenter__(self) -> "WebhookClient":
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=None)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    def rerouted(self, url: str) -> str:
        """Return where a public URL is really asked."""
        for public, real in self._reroute.items():
            if url.startswith(public):
                return real + url[len(public) :]
        return url

    def signature(self, url: str, params: Params = ()) -> str:
        """Return the signature for a URL and its POST parameters."""
        return sign(self._auth_token, url, params)

    async def request(self, url: str, params: Params, method: str = "POST") -> Answer | Failure:
        """Ask the service and follow redirects; the request is kept in `deliveries`.

        Args:
            url: as configured, fragment included.
            params: form parameters (POST) or query parameters (GET).
            method: `POST` or `GET`.

        Returns:
            The answer whatever its status, or the failure to get one.
        """
        started = asyncio.get_running_loop().time()
        patience = patience_of(url)
        token = self._sids.token()
        attempts = 0
        result: Answer | Failure = Failure(11200, "not tried")
        try:
            async with asyncio.timeout(patience.total_s):
                while attempts <= patience.retries:
                    attempts += 1
                    result = await self._follow(url, params, method, token, patience)
                    if not _worth_retrying(result, patience):
                        break
        except TimeoutError:
            result = Failure(11200, f"no answer within {patience.total_s:g} s")
        self.deliveries.append(Delivery(started, url, method, params, result, attempts))
        return result

    async def _follow(
        self, url: str, params: Params, method: str, token: str, patience: _Patience
    ) -> Answer | Failure:
        for _ in range(_MAX_REDIRECTS + 1):
            if not _is_http_url(url):
                return Failure(11100, f"invalid URL: {url!r}")
            result, location = await self._once(url, params, method, token, patience)
            if location is None:
                return result
            url, method = urljoin(url, location), "GET"
        return Failure(11215, f"more than {_MAX_REDIRECTS} redirects")

    async def _once(
        self, url: str, params: Params, method: str, token: str, patience: _Patience
    ) -> tuple[Answer | Failure, str | None]:
        assert self._session is not None
        if method == "GET":
            url = _with_query(url, params)
            params = ()
        headers = {
            SIGNATURE_HEADER: self.signature(url, params),
            "I-Twilio-Idempotency-Token": token,
            "User-Agent": USER_AGENT,
            "Accept": "*/*",
            "Host": urlsplit(signed_url(url)).netloc,
        }
        timeout = aiohttp.ClientTimeout(sock_connect=patience.connect_s, sock_read=patience.read_s)
        body = urlencode(params).encode() if method == "POST" else None
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
        target = self.rerouted(urlunsplit(urlsplit(url)._replace(fragment="")))
        try:
            async with self._session.request(
                method,
                URL(target, encoded=True),
                data=body,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                content = await _read_body(response)
                location = response.headers.get("Location") if 300 <= response.status < 400 else None
                return Answer(response.status, response.content_type, content, url), location
        except aiohttp.ServerTimeoutError as error:
            connecting = isinstance(error, aiohttp.ConnectionTimeoutError)
            return Failure(11205 if connecting else 11200, f"time-out: {error}"), None
        except aiohttp.ClientConnectorError as error:
            return Failure(11205, f"cannot connect: {error}"), None
        except aiohttp.InvalidURL as error:
            return Failure(11100, f"invalid URL: {error}"), None
        except aiohttp.ClientError as error:
            return Failure(11200, f"{type(error).__name__}: {error}"), None


def _worth_retrying(result: Answer | Failure, patience: _Patience) -> bool:
    match result:
        case Failure(code=code):
            return code == 11205 or patience.retry_all
        case Answer(status=status):
            return status >= 500 and (patience.retry_5xx or patience.retry_all)


async def _read_body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece[: _MAX_BODY_BYTES - len(body)]
    return bytes(body)


def _is_http_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _with_query(url: str, params: Params) -> str:
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, urlencode(params)) if part)
    return urlunsplit(parts._replace(query=query))
