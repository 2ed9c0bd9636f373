"""Getting TwiML: from a URL with its fallback, or given as text; whatever cannot be used is noted.

Source: Twilio docs, "TwiML: how it works" and the error dictionary, read 2026-11: 11200 (could not be
retrieved, or an HTTP error status), 12100 (not XML), 12300 (unusable Content-Type). Plain text is spoken,
audio is played. An answer without a body is an empty document.
"""

from dataclasses import dataclass
from urllib.parse import urljoin

from bench.simulators.twilio.call import SimulatedCall
from bench.simulators.twilio.call_facts import FetchFrom, Inline, Source
from bench.simulators.twilio.network import Network
from bench.simulators.twilio.twiml import Document, Play, Problem, Say
from bench.simulators.twilio.twiml_parser import parse
from bench.simulators.twilio.webhooks import Answer, Failure, Params

APOLOGY = "We are sorry, an application error has occurred. Goodbye."

_XML_TYPES = frozenset({"text/xml", "application/xml", "text/html", "application/octet-stream"})


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document and the URL its relative addresses start from."""

    document: Document
    base_url: str

    def resolve(self, url: str | None) -> str:
        """Return an absolute URL for one in the document; None means the document's own.

        Rubbish is returned as it is and refused when it is asked.
        """
        try:
            return urljoin(self.base_url, url or "")
        except ValueError:
            return url or ""


async def load(network: Network, call: SimulatedCall, source: Source) -> Loaded | None:
    """Get TwiML for a call.

    Args:
        network: for the request.
        call: whose parameters go with it, and where problems are noted.
        source: where the TwiML is.

    Returns:
        The document; None when there is nothing usable (the reason is noted on the call).
    """
    match source:
        case Inline(text=text):
            return _parsed(call, text, "")
        case FetchFrom(url=url, method=method, fallback_url=fallback_url, extra=extra):
            found = await _fetch(network, call, url, method, extra)
            if isinstance(found, Loaded) or not fallback_url:
                return found if isinstance(found, Loaded) else None
            failed: Params = (("ErrorCode", str(found.code)), ("ErrorUrl", url))
            second = await _fetch(network, call, fallback_url, "POST", extra + failed)
            return second if isinstance(second, Loaded) else None


async def tell(network: Network, call: SimulatedCall, url: str, method: str, extra: Params) -> None:
    """Request an action URL whose answer no longer matters, because the call is over."""
    result = await network.webhooks.request(url, call.params() + extra, method)
    match result:
        case Failure(code=code, reason=reason):
            call.note(code, f"{url}: {reason}")
        case Answer():
            pass


async def _fetch(
    network: Network, call: SimulatedCall, url: str, method: str, extra: Params
) -> Loaded | Problem:
    result = await network.webhooks.request(url, call.params() + extra, method)
    problem: Problem | None = None
    match result:
        case Failure(code=code, reason=reason):
            problem = Problem(code, f"{url}: {reason}")
        case Answer(status=status) if not result.ok:
            problem = Problem(11200, f"{url}: status {status}")
        case Answer(content_type=content_type, url=final_url):
            if not result.body.strip():
                return Loaded(Document(()), final_url)
            if content_type == "text/plain":
                return Loaded(Document((Say(result.text.strip()),)), final_url)
            if content_type.startswith("audio/"):
                return Loaded(Document((Play(final_url),)), final_url)
            if content_type in _XML_TYPES:
                loaded = _parsed(call, result.text, final_url)
                return loaded or Problem(12100, "document parse failure")
            problem = Problem(12300, f"{url}: Content-Type {content_type}")
    call.note(problem.code, problem.text)
    return problem


def _parsed(call: SimulatedCall, text: str, base_url: str) -> Loaded | None:
    match parse(text):
        case Problem(code=code, text=reason):
            call.note(code, reason)
            return None
        case Document() as document:
            for problem in document.problems:
                call.note(problem.code, problem.text)
            return Loaded(document, base_url)
