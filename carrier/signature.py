"""Proof that a request comes from Twilio.

Source: Twilio, "Webhooks security" and the SDK's `twilio.request_validator` 9.13, read 2026-11-24: a
base64 HMAC over the URL as Twilio was told it, followed by the sorted POST parameters. The URL is rebuilt
from our configured public address, never from Host or forwarded headers, which a client may choose.
"""

import hmac
from collections.abc import Mapping

from multidict import MultiMapping
from twilio.request_validator import (
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
    get_signature_algorithm,
)


class SignatureCheck:
    """Checks signatures against one account's token.

    Args:
        auth_token: The account's primary auth token; None refuses everything.
        public_url: Where the carrier reaches us, e.g. `https://hum.example.com`.
    """

    def __init__(self, auth_token: str | None, public_url: str) -> None:
        self._validator = RequestValidator(auth_token) if auth_token else None
        self._public_url = public_url.rstrip("/")

    def http(self, path_qs: str, form: MultiMapping[str], headers: Mapping[str, str]) -> bool:
        """Whether a webhook request is genuine.

        Args:
            path_qs: Path and query exactly as received.
            form: All POST parameters.
            headers: The request's headers (case-insensitive mapping).
        """
        url = self._public_url + path_qs
        return any(self._matches(candidate, form, headers) for candidate in _with_and_without_port(url))

    def websocket(self, path: str, headers: Mapping[str, str]) -> bool:
        """Whether a media stream handshake is genuine.

        Twilio signs the wss URL without parameters, in some versions with a slash at the end.
        """
        base = "ws" + self._public_url.removeprefix("http")
        bare = base + path.rstrip("/")
        candidates = (*_with_and_without_port(bare), *_with_and_without_port(bare + "/"))
        return any(self._matches(candidate, {}, headers) for candidate in candidates)

    def _matches(
        self, url: str, form: MultiMapping[str] | Mapping[str, str], headers: Mapping[str, str]
    ) -> bool:
        given = headers.get(SIGNATURE_HEADER, "")
        if self._validator is None or not given:
            return False
        algorithm = get_signature_algorithm(headers.get(SIGNATURE_SETTINGS_HEADER))
        try:
            expected = self._validator.compute_signature(url, form, algorithm)
            return hmac.compare_digest(expected.encode(), given.encode())
        except ValueError:  # an algorithm we do not know, or bytes that are no text
            return False


_DEFAULT_PORTS = {"https": ":443", "http": ":80", "wss": ":443", "ws": ":80"}


def _with_and_without_port(url: str) -> tuple[str, ...]:
    """Twilio drops the port of some URLs and spells out the default port of others."""
    scheme, _, rest = url.partition("://")
    netloc, slash, path = rest.partition("/")
    host, colon, port = netloc.rpartition(":")
    if colon and port.isdigit():
        return (url, f"{scheme}://{host}{slash}{path}")
    return (url, f"{scheme}://{netloc}{_DEFAULT_PORTS.get(scheme, '')}{slash}{path}")
