"""How a verb ends: the next one, another document, or the end of the call."""

from dataclasses import dataclass

from bench.simulators.twilio.call import SimulatedCall
from bench.simulators.twilio.call_facts import FetchFrom, Source
from bench.simulators.twilio.fetching import Loaded, tell
from bench.simulators.twilio.network import Network
from bench.simulators.twilio.webhooks import Params


@dataclass(frozen=True, slots=True)
class NextVerb:
    """Go on in the same document."""


@dataclass(frozen=True, slots=True)
class GoTo:
    """Go on with another document; what is left of this one is not run."""

    source: Source


@dataclass(frozen=True, slots=True)
class EndCall:
    """Hang up."""


After = NextVerb | GoTo | EndCall


async def after_action(
    network: Network, call: SimulatedCall, loaded: Loaded, action: str | None, method: str, extra: Params
) -> After:
    """Return what follows a verb with an `action` attribute.

    The action is requested also when the call is over, with the final CallStatus; its answer then counts for
    nothing. It is not requested when the call was sent elsewhere meanwhile. Without an action the next verb
    follows.
    """
    if call.replacement is not None or action is None:
        return NextVerb()
    url = loaded.resolve(action)
    if call.over:
        await tell(network, call, url, method, extra)
        return EndCall()
    return GoTo(FetchFrom(url, method, extra=extra))
