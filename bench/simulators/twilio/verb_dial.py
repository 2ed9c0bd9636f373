"""<Dial>: putting the caller through, with the outcome the caller's script says.

Source: Twilio docs, "TwiML Voice: Dial", read 2026-11: the action gets DialCallStatus, DialCallSid,
DialCallDuration and DialBridged; the last three are absent for a conference, whose status is `answered`.
Dialled legs are calls of their own with direction `outbound-dial` and the caller's as parent.
"""

from bench.scenarios.caller import CallerScript, DialOutcome
from bench.simulators.twilio.call import SimulatedCall
from bench.simulators.twilio.call_facts import CallFacts, DialLog, FetchFrom, Status, StatusSubscription
from bench.simulators.twilio.fetching import Loaded, load
from bench.simulators.twilio.network import Network
from bench.simulators.twilio.twiml import Dial, DialTarget, Hangup, Say
from bench.simulators.twilio.verb_results import After, NextVerb, after_action
from bench.simulators.twilio.webhooks import Params


async def dial(network: Network, call: SimulatedCall, loaded: Loaded, verb: Dial) -> After:
    """Put the caller through to the first target, as the script has it."""
    if not verb.targets:
        call.note(13224, "<Dial> without anybody to dial")
        return NextVerb()
    target = verb.targets[0]
    outcome = call.script.dials[min(len(call.dials), len(call.script.dials) - 1)]
    if target.kind == "conference":
        extra = await _confer(call, target, outcome)
    else:
        extra = await _dial_number(network, call, loaded, verb, target, outcome)
    return await after_action(network, call, loaded, verb.action, verb.method, extra)


async def _confer(call: SimulatedCall, target: DialTarget, outcome: DialOutcome) -> Params:
    await call.pause(outcome.talk_ms / 1000)
    call.dials.append(DialLog(target.name, "conference", None, "answered"))
    return (("DialCallStatus", "answered"),)


async def _dial_number(
    network: Network,
    call: SimulatedCall,
    loaded: Loaded,
    verb: Dial,
    target: DialTarget,
    outcome: DialOutcome,
) -> Params:
    leg = _new_leg(network, call, loaded, verb, target)
    leg.move_to("initiated", "initiated")
    leg.move_to("ringing", "ringing")
    status: Status = outcome.status
    whispered: tuple[str, ...] = ()
    rings_s = min(outcome.after_ms / 1000, verb.timeout_s)
    if outcome.status == "no-answer":
        rings_s = verb.timeout_s
    elif outcome.after_ms / 1000 > verb.timeout_s:
        status = "no-answer"
    if not await call.pause(rings_s):
        status = "canceled"
    elif status == "completed":
        leg.answer()
        whispered, taken = await _whisper(network, leg, loaded, target)
        status = "completed" if taken else "no-answer"
        if taken:
            await call.pause(outcome.talk_ms / 1000)
    leg.finish(status, "network")
    call.dials.append(DialLog(target.name, "number", leg.sid, status, whispered))
    return (
        ("DialCallStatus", status),
        ("DialCallSid", leg.sid),
        ("DialCallDuration", str(leg.duration_s)),
        ("DialBridged", "true" if status == "completed" else "false"),
    )


def _new_leg(
    network: Network, call: SimulatedCall, loaded: Loaded, verb: Dial, target: DialTarget
) -> SimulatedCall:
    subscription = None
    if target.status_callback is not None:
        url = loaded.resolve(target.status_callback)
        subscription = StatusSubscription(url, frozenset(target.status_callback_events))
    facts = CallFacts(
        sid=network.sids.new("CA"),
        account_sid=call.facts.account_sid,
        from_number=verb.caller_id or call.facts.from_number,
        to_number=target.name,
        direction="outbound-dial",
        parent_sid=call.sid,
    )
    leg = SimulatedCall(facts, CallerScript(), network.clock, call.poster, subscription)
    network.books.calls[leg.sid] = leg
    return leg


async def _whisper(
    network: Network, leg: SimulatedCall, loaded: Loaded, target: DialTarget
) -> tuple[tuple[str, ...], bool]:
    """Say to the called person what the target's `url` has; a <Hangup> in it means they decline."""
    if target.whisper_url is None:
        return (), True
    whisper = await load(network, leg, FetchFrom(loaded.resolve(target.whisper_url)))
    if whisper is None:
        return (), True
    said = []
    for verb in whisper.document.verbs:
        match verb:
            case Say(text=text):
                said.append(text)
                await leg.pause(len(text) * network.config.say_ms_per_char / 1000)
            case Hangup():
                return tuple(said), False
            case _:
                leg.note(12200, f"{type(verb).__name__} is not allowed while whispering")
    return tuple(said), True
