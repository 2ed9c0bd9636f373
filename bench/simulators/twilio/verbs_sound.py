"""The verbs that make or take sound: Say, Play, Pause, Record."""

import asyncio

from bench.simulators.twilio.call import SimulatedCall
from bench.simulators.twilio.fetching import Loaded
from bench.simulators.twilio.network import Network, RecordingRecord
from bench.simulators.twilio.twiml import Pause, Play, Record, Say
from bench.simulators.twilio.verb_results import After, NextVerb, after_action
from bench.simulators.twilio.webhooks import Answer, Failure, Params
from bench.sound import mulaw
from bench.sound.errors import AudioFileError
from bench.sound.wav import read_bytes

_MAX_LOOPS = 1000
_LEAST_SAY_MS = 200


async def say(network: Network, call: SimulatedCall, verb: Say) -> After:
    """Speak: the text is logged, and time passes in proportion to its length."""
    duration_ms = max(_LEAST_SAY_MS, len(verb.text) * network.config.say_ms_per_char)
    for _ in range(verb.loop or _MAX_LOOPS):
        call.heard_say.append(verb.text)
        call.line.heard.reserve(call.line.now(), duration_ms * mulaw.BYTES_PER_MS)
        call.line.notify()
        if not await call.pause(duration_ms / 1000):
            call.line.heard.cut(call.line.now())
            call.line.notify()
            break
    return NextVerb()


async def play(network: Network, call: SimulatedCall, loaded: Loaded, verb: Play) -> After:
    """Play a WAV file to the caller."""
    url = loaded.resolve(verb.url)
    match await network.webhooks.request(url, (), "GET"):
        case Failure(code=code, reason=reason):
            call.note(code, f"{url}: {reason}")
        case Answer() as answer if not answer.ok:
            call.note(11200, f"{url}: status {answer.status}")
        case Answer(body=body):
            try:
                await _play_sound(call, read_bytes(body, url), verb.loop or _MAX_LOOPS)
            except AudioFileError as error:
                call.note(12300, str(error))
    return NextVerb()


async def _play_sound(call: SimulatedCall, sound: bytes, loops: int) -> None:
    for _ in range(loops):
        call.line.heard.place(call.line.now(), sound)
        call.line.notify()
        if not await call.pause(len(sound) / mulaw.SAMPLE_RATE_HZ):
            call.line.heard.cut(call.line.now())
            call.line.notify()
            return


async def pause(call: SimulatedCall, verb: Pause) -> After:
    """Wait."""
    await call.pause(verb.length_s)
    return NextVerb()


async def record(network: Network, call: SimulatedCall, loaded: Loaded, verb: Record) -> After:
    """Record the caller until silence, a key, the maximum length, or the end of the call.

    The action gets RecordingUrl, RecordingSid, RecordingDuration and Digits (`hangup` when the caller hung
    up); its default is the document's own URL, as with Twilio.
    """
    recording = RecordingRecord(
        sid=network.sids.new("RE"),
        call=call,
        source="RecordVerb",
        channels=1,
        created_at=network.clock.now(),
        start_sample=call.line.now(),
        status_callback=loaded.resolve(verb.recording_status_callback)
        if verb.recording_status_callback
        else "",
        caller_only=True,
    )
    network.books.recordings[recording.sid] = recording
    digits = await _until_recorded(call, recording, verb)
    finish_recording(network, recording)
    if call.over:
        digits = "hangup"
    extra: Params = (
        ("RecordingSid", recording.sid),
        ("RecordingUrl", recording_url(network, recording)),
        ("RecordingDuration", str(recording.duration_s)),
        ("Digits", digits),
    )
    return await after_action(network, call, loaded, verb.action or "", verb.method, extra)


async def _until_recorded(call: SimulatedCall, recording: RecordingRecord, verb: Record) -> str:
    line = call.line
    keys: asyncio.Queue[str] = asyncio.Queue(1)

    def on_digit(digit: str) -> None:
        if digit in verb.finish_on_key and keys.empty():
            keys.put_nowait(digit)
            line.notify()

    call.on_digit = on_digit
    last = recording.start_sample + verb.max_length_s * mulaw.SAMPLE_RATE_HZ
    try:
        while keys.empty() and not call.interrupted and (now := line.now()) < last:
            heard_until = max(line.said.audible_end(now) or 0, recording.start_sample)
            silent_at = min(heard_until, now) + verb.timeout_s * mulaw.SAMPLE_RATE_HZ
            if now >= silent_at:
                break
            await line.wait_change(min(silent_at, last))
    finally:
        call.on_digit = None
    return "" if keys.empty() else keys.get_nowait()


def finish_recording(network: Network, recording: RecordingRecord) -> None:
    """Complete a recording and tell its status callback."""
    if recording.status != "in-progress":
        return
    recording.end_sample = recording.call.line.now()
    recording.status = "completed"
    if not recording.status_callback:
        return
    recording.call.poster.post(
        recording.status_callback,
        (
            ("AccountSid", network.config.account_sid),
            ("CallSid", recording.call.sid),
            ("RecordingSid", recording.sid),
            ("RecordingUrl", recording_url(network, recording)),
            ("RecordingStatus", recording.status),
            ("RecordingDuration", str(recording.duration_s)),
            ("RecordingChannels", str(recording.channels)),
            ("RecordingSource", recording.source),
            ("RecordingStartTime", network.clock.rfc2822(recording.created_at)),
        ),
    )


def recording_url(network: Network, recording: RecordingRecord) -> str:
    """Return the address of a recording's media, without extension (that is a WAV)."""
    return network.absolute(network.uri("Recordings", recording.sid))
