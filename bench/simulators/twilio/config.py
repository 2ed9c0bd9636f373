"""What the simulated phone company is told when it starts: account, numbers, manners."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bench.scenarios.caller import CallerScript

AnsweredBy = Literal["human", "machine_start", "fax", "unknown", "machine_end_beep", "machine_end_silence"]


@dataclass(frozen=True, slots=True)
class NumberConfig:
    """A phone number of the account.

    Args:
        phone_number: E.164.
        voice_url: asked what to do with a call to the number.
        voice_fallback_url: asked instead when that fails.
        status_callback: told when such a call is over.
        sms_url: told about text messages.
        friendly_name: for people.
    """

    phone_number: str
    voice_url: str = ""
    voice_fallback_url: str = ""
    status_callback: str = ""
    sms_url: str = ""
    friendly_name: str = ""


@dataclass(frozen=True, slots=True)
class Disorder:
    """How status callbacks are muddled, as they may be: Twilio does not promise their order of arrival.

    Args:
        duplicate: every callback is sent twice.
        reorder: every callback waits for the next one and is sent after it.
    """

    duplicate: bool = False
    reorder: bool = False


@dataclass(frozen=True, slots=True)
class MachineDetection:
    """What answering-machine detection will find, and when (milliseconds after the answer)."""

    answered_by: AnsweredBy = "human"
    after_ms: int = 3000


@dataclass(frozen=True, slots=True)
class RestFault:
    """A REST request that fails: the first `times` requests whose path contains `path` get `status`."""

    path: str
    status: int = 503
    code: int = 20503
    message: str = "Service unavailable"
    times: int = 1


@dataclass(frozen=True, slots=True)
class TwilioConfig:
    """The simulated account and network.

    Args:
        account_sid: `AC` and 32 hex digits.
        auth_token: signs webhooks and opens the REST API.
        host: numeric loopback address to listen on.
        port: 0 for any.
        numbers: the account's phone numbers.
        callees: what happens when one of these numbers is called; others pick up and stay silent.
        reroute: public base URL to the base URL really asked, so that signatures are over public https
            addresses while the service listens on loopback.
        ring_ms: how long an incoming call rings before the TwiML is run at the earliest.
        dial_ms: from `initiated` to `ringing` for outbound calls.
        say_ms_per_char: how long <Say> takes.
        calls_per_second: outbound calls started per second; None: no limit.
        disorder: how status callbacks are muddled.
        machine_detection: what answering-machine detection finds.
        rest_faults: REST requests that fail.
        handshake_timeout_ms: a media stream's WebSocket must be open by then.
    """

    account_sid: str = "AC" + "0123456789abcdef" * 2
    auth_token: str = "simulated-auth-token"
    host: str = "127.0.0.1"
    port: int = 0
    numbers: tuple[NumberConfig, ...] = ()
    callees: Mapping[str, CallerScript] = field(default_factory=dict)
    reroute: Mapping[str, str] = field(default_factory=dict)
    ring_ms: int = 0
    dial_ms: int = 300
    say_ms_per_char: int = 60
    calls_per_second: float | None = None
    disorder: Disorder = Disorder()
    machine_detection: MachineDetection = MachineDetection()
    rest_faults: tuple[RestFault, ...] = ()
    handshake_timeout_ms: int = 10_000
