"""Runs TwiML on an answered call until nothing is left to do, the call ends, or it is sent elsewhere."""

from bench.simulators.twilio.call import SimulatedCall
from bench.simulators.twilio.call_facts import FetchFrom, Source
from bench.simulators.twilio.fetching import APOLOGY, Loaded, load
from bench.simulators.twilio.network import Network
from bench.simulators.twilio.twiml import (
    ConnectStream,
    Dial,
    Document,
    Hangup,
    Pause,
    Play,
    Record,
    Redirect,
    Reject,
    Say,
    Verb,
)
from bench.simulators.twilio.verb_connect import connect_stream
from bench.simulators.twilio.verb_dial import dial
from bench.simulators.twilio.verb_results import After, EndCall, GoTo, NextVerb
from bench.simulators.twilio.verbs_sound import pause, play, record, say

# Twilio gives up on documents that only redirect to each other.
_MAX_DOCUMENTS = 100


async def run_program(network: Network, call: SimulatedCall, loaded: Loaded | None) -> None:
    """Run a call's TwiML to the end.

    When a document cannot be had the caller hears an apology and the call ends, as with Twilio.

    Args:
        network: shared parts.
        call: an answered call.
        loaded: the first document, None if there was none to be had.
    """
    for _ in range(_MAX_DOCUMENTS):
        if loaded is None:
            if not call.over:
                await say(network, call, Say(APOLOGY))
            source = None
        else:
            source = await _run_document(network, call, loaded)
        replacement = call.take_replacement()
        if call.over or (source is None and replacement is None):
            return
        following = replacement or source
        assert following is not None
        loaded = await load(network, call, following)
    call.note(12400, "too many documents: the call's TwiML redirects for ever")


async def _run_document(network: Network, call: SimulatedCall, loaded: Loaded) -> Source | None:
    for verb in loaded.document.verbs:
        after = await _run_verb(network, call, loaded, verb)
        if call.interrupted:
            return None
        match after:
            case NextVerb():
                continue
            case GoTo(source=source):
                return source
            case EndCall():
                return None
    return None


async def _run_verb(network: Network, call: SimulatedCall, loaded: Loaded, verb: Verb) -> After:
    match verb:
        case Say():
            return await say(network, call, verb)
        case Play():
            return await play(network, call, loaded, verb)
        case Pause():
            return await pause(call, verb)
        case ConnectStream():
            return await connect_stream(network, call, loaded, verb)
        case Record():
            return await record(network, call, loaded, verb)
        case Dial():
            return await dial(network, call, loaded, verb)
        case Redirect(url=url, method=method):
            return GoTo(FetchFrom(loaded.resolve(url), method))
        case Hangup():
            return EndCall()
        case Reject():
            call.note(12200, "<Reject> after the call was answered")
            return EndCall()


def rejects(document: Document) -> Reject | None:
    """Return the <Reject> a document begins with, if it does."""
    first = document.verbs[0] if document.verbs else None
    return first if isinstance(first, Reject) else None
