"""What a REST client asked for when it placed a call, read from the form of Calls.json.

Source: Twilio docs, "Call resource", and twilio-python 9.13.0, read 2026-11: `Url` xor `Twiml` (`Url` wins),
Timeout 60 s by default and 600 s at most, StatusCallbackEvent is a repeated key and `completed` by default,
AsyncAmd is the text "true". Errors: 21201 no To, 21211 bad To, 21213 no From, 21210 From is not ours, 21205
neither Url nor Twiml.
"""

import re
from dataclasses import dataclass

from bench.simulators.twilio.call_facts import FetchFrom, Inline, Source, StatusSubscription
from bench.simulators.twilio.form import Form
from bench.simulators.twilio.rest_answers import RestError

MAX_TWIML_CHARS = 4000
_E164 = re.compile(r"\+[1-9]\d{1,14}", re.ASCII)
_EVENTS = frozenset({"initiated", "ringing", "answered", "completed"})


@dataclass(frozen=True, slots=True)
class OutboundOrder:
    """A call to place."""

    to_number: str
    from_number: str
    source: Source
    subscription: StatusSubscription | None
    timeout_s: int = 60
    machine_detection: bool = False
    async_amd: bool = False
    amd_callback: str = ""
    amd_callback_method: str = "POST"


def read_order(form: Form, own_numbers: frozenset[str]) -> OutboundOrder:
    """Read the form of POST Calls.json.

    Raises:
        RestError: as Twilio would refuse it.
    """
    to_number, from_number = form.get("To"), form.get("From")
    if not to_number:
        raise RestError(400, 21201, "No 'To' number is specified")
    if not _E164.fullmatch(to_number):
        raise RestError(400, 21211, f"Invalid 'To' Phone Number: {to_number}")
    if not from_number:
        raise RestError(400, 21213, "No 'From' number is specified")
    if from_number not in own_numbers:
        raise RestError(
            400,
            21210,
            f"The source phone number provided, {from_number}, is not yet verified for your account.",
        )
    return OutboundOrder(
        to_number=to_number,
        from_number=from_number,
        source=read_source(form, required=True) or Inline(""),
        subscription=_subscription(form),
        timeout_s=min(form.integer("Timeout", 60), 600),
        machine_detection=bool(form.get("MachineDetection")) and not form.get("SendDigits"),
        async_amd=form.get("AsyncAmd").lower() == "true",
        amd_callback=form.get("AsyncAmdStatusCallback"),
        amd_callback_method=form.get("AsyncAmdStatusCallbackMethod") or "POST",
    )


def read_source(form: Form, required: bool) -> Source | None:
    """Return the TwiML a form names, by Url or in itself.

    Raises:
        RestError: neither is there although `required`, or the TwiML is too long.
    """
    url, twiml = form.get("Url"), form.get("Twiml")
    if url:
        return FetchFrom(url, form.get("Method") or "POST", form.get("FallbackUrl"))
    if twiml:
        if len(twiml) > MAX_TWIML_CHARS:
            raise RestError(400, 21635, f"Twiml is longer than {MAX_TWIML_CHARS} characters")
        return Inline(twiml)
    if required:
        raise RestError(400, 21205, "Url parameter is required.")
    return None


def _subscription(form: Form) -> StatusSubscription | None:
    url = form.get("StatusCallback")
    if not url:
        return None
    events = frozenset(form.all("StatusCallbackEvent")) or frozenset({"completed"})
    unknown = sorted(events - _EVENTS)
    if unknown:
        raise RestError(400, 21626, f"Invalid status callback event: {unknown[0]}")
    return StatusSubscription(url, events, form.get("StatusCallbackMethod") or "POST")
