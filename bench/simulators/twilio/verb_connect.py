"""<Connect><Stream>: the call is joined to a WebSocket until that ends.

Source: Twilio docs, "TwiML Voice: Connect" and "Stream", read 2026-11. Error 31941: the track must be the
inbound one. A parameter's name and value together stay under 500 characters. When the stream could not be
opened the debugger shows why and the call goes on with the action or the next verb.
"""

from bench.simulators.twilio.call import SimulatedCall
from bench.simulators.twilio.fetching import Loaded
from bench.simulators.twilio.network import Network
from bench.simulators.twilio.stream import MediaStream
from bench.simulators.twilio.stream_messages import Outgoing
from bench.simulators.twilio.stream_record import StreamRecord
from bench.simulators.twilio.twiml import ConnectStream
from bench.simulators.twilio.verb_results import After, NextVerb, after_action

_MAX_PARAMETER_CHARS = 500


async def connect_stream(network: Network, call: SimulatedCall, loaded: Loaded, verb: ConnectStream) -> After:
    """Run a media stream to its end, then what follows it."""
    if verb.track != "inbound_track":
        call.note(31941, f"track {verb.track!r} is not allowed under <Connect>")
        return NextVerb()
    record = StreamRecord(network.sids.new("MZ"), verb.url, _checked(call, verb))
    call.streams.append(record)
    outgoing = Outgoing(record.stream_sid, call.facts.account_sid, call.sid)
    stream = MediaStream(record, call.line, outgoing, call.note)
    call.live_stream = stream
    _tell(network, call, loaded, verb, record, "stream-started")
    try:
        started = await stream.run(
            network.webhooks.rerouted(verb.url),
            network.config.auth_token,
            network.config.handshake_timeout_ms / 1000,
            call.wait_interrupt,
        )
    finally:
        call.live_stream = None
    _tell(network, call, loaded, verb, record, "stream-stopped" if started else "stream-error")
    return await after_action(network, call, loaded, verb.action, verb.method, ())


def _checked(call: SimulatedCall, verb: ConnectStream) -> tuple[tuple[str, str], ...]:
    for name, value in verb.parameters:
        if len(name) + len(value) >= _MAX_PARAMETER_CHARS:
            call.note(12200, f"<Parameter> {name!r} is {_MAX_PARAMETER_CHARS} characters or longer")
    return verb.parameters


def _tell(
    network: Network,
    call: SimulatedCall,
    loaded: Loaded,
    verb: ConnectStream,
    record: StreamRecord,
    event: str,
) -> None:
    if verb.status_callback is None:
        return
    params = [
        ("AccountSid", call.facts.account_sid),
        ("CallSid", call.sid),
        ("StreamSid", record.stream_sid),
        ("StreamName", verb.name or record.stream_sid),
        ("StreamEvent", event),
        ("Timestamp", network.clock.iso()),
    ]
    if event == "stream-error":
        params.append(("StreamError", call.notes[-1].text if call.notes else "unknown"))
    call.poster.post(loaded.resolve(verb.status_callback), tuple(params), verb.status_callback_method)
