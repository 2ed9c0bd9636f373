"""TwiML: what we answer when Twilio asks what to do with a call.

Source: Twilio, "TwiML for Programmable Voice" (Say, Connect, Stream, Dial, Record, Hangup, Reject), read
2026-11-24. Built with the SDK's own `VoiceResponse`, so escaping is theirs; characters that XML 1.0 cannot
hold even escaped are left out, since Twilio would refuse the whole document (error 12100).
"""

import re

from twilio.twiml.voice_response import Connect, Dial, VoiceResponse

VOICEMAIL_MAX_S = 180
VOICEMAIL_SILENCE_S = 5
DIAL_TIMEOUT_S = 30
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Source: XML 1.0 (fifth edition), section 2.2, production [2] Char."""


def connect_stream(stream_url: str, action_url: str, *, announcement: str | None = None) -> str:
    """Connect the caller to our media stream.

    Args:
        stream_url: wss (or ws, for simulators) URL without a query, which Twilio does not support.
        action_url: Asked for what follows, however the stream ends; without it Twilio would hang up.
        announcement: Spoken first, e.g. that the call is recorded.
    """
    response = VoiceResponse()
    if announcement:
        response.say(_spoken(announcement))
    connect = Connect(action=action_url, method="POST")
    connect.stream(url=stream_url)
    response.append(connect)
    return str(response)


def say_and_hang_up(text: str) -> str:
    """Speak one sentence, then hang up."""
    response = VoiceResponse()
    response.say(_spoken(text))
    response.hangup()
    return str(response)


def hang_up() -> str:
    """End the call."""
    response = VoiceResponse()
    response.hangup()
    return str(response)


def voicemail(prompt: str, action_url: str, *, recording_url: str) -> str:
    """Ask for a message, beep, record it.

    Args:
        prompt: Spoken before the beep.
        action_url: Asked what follows; Twilio's default would request the current URL in a loop.
        recording_url: Told once the recording can be fetched, which may be later.
    """
    response = VoiceResponse()
    response.say(_spoken(prompt))
    response.record(
        action=action_url,
        method="POST",
        max_length=VOICEMAIL_MAX_S,
        timeout=VOICEMAIL_SILENCE_S,
        play_beep=True,
        trim="do-not-trim",
        recording_status_callback=recording_url,
        recording_status_callback_event="completed",
    )
    return str(response)


def dial(number_e164: str, action_url: str, *, caller_id: str | None) -> str:
    """Pass the caller to a person.

    Args:
        number_e164: Whom to call.
        action_url: Gets the outcome (`DialCallStatus`).
        caller_id: What the person's phone shows: one of the call's own numbers.
    """
    response = VoiceResponse()
    transfer = Dial(action=action_url, method="POST", timeout=DIAL_TIMEOUT_S, caller_id=caller_id)
    transfer.number(number_e164)
    response.append(transfer)
    return str(response)


def reject() -> str:
    """Refuse the call unanswered and unbilled."""
    response = VoiceResponse()
    response.reject()
    return str(response)


def _spoken(text: str) -> str:
    return _NOT_XML.sub("", text)
