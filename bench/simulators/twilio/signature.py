"""How Twilio signs its requests, written from the published algorithm.

Source: Twilio docs, "Security" (Validating requests), read 2026-11: HMAC-SHA1 keyed with the auth token over
the full URL followed by every POST parameter name and value, names sorted; base64. Ports: dropped for HTTPS
voice callbacks, kept for HTTP; user info is always dropped; the fragment is not part of the URL.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

SIGNATURE_HEADER = "X-Twilio-Signature"


def signed_url(url: str) -> str:
    """Return the form of a webhook URL that goes into the signature."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme in ("https", "wss") and parts.port is not None:
        host = host[: -len(f":{parts.port}")]
    return urlunsplit((parts.scheme, host, parts.path, parts.query, ""))


def sign(auth_token: str, url: str, params: Iterable[tuple[str, str]] = ()) -> str:
    """Return the signature of a request.

    Args:
        auth_token: the account's auth token.
        url: the URL as configured; `signed_url` is applied here.
        params: the POST parameters; a repeated name counts once per distinct value, values sorted.
    """
    text = signed_url(url)
    for name, value in sorted(set(params)):
        text += name + value
    digest = hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()
