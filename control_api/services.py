"""What the API needs from the rest of the house."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry

from providers.circuit import CircuitState
from store.bus import Bus
from store.database import Database
from store.event_log import EventLog


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether this node should get new work.

    Attributes:
        ok: It should.
        details: What stands in the way, by part.
        providers: The circuit of each configured provider. For information: calls that find no provider
            hear an apology, or what their flow says instead, so an open circuit stands in nobody's way.
    """

    ok: bool
    details: dict[str, str] = field(default_factory=dict)
    providers: dict[str, CircuitState] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServices:
    """Everything the handlers use.

    Attributes:
        public_url: where browsers reach the service, without a slash at the end.
        sealing_key: secret that seals cursors; the same on every node.
        recordings_dir: root of the recordings; a call's `recording_path` is relative to it.
        version: of the software.
        live_calls: how many calls this node carries.
        readiness: asked by `/api/ready`.
        place_calls_configured: whether there are carrier credentials to dial with.
        registry: metrics served at `/metrics`; the API adds its own.
        cookie_secure: whether cookies the API sets carry `Secure`.
    """

    database: Database
    event_log: EventLog
    bus: Bus
    public_url: str
    sealing_key: bytes = field(repr=False)
    recordings_dir: Path
    version: str
    live_calls: Callable[[], int]
    readiness: Callable[[], Awaitable[Readiness]]
    place_calls_configured: bool
    registry: CollectorRegistry
    cookie_secure: bool = True
