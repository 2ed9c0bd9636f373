"""What the gateway is given by the composition root."""

from dataclasses import dataclass
from pathlib import Path

from carrier.rest import CarrierClient
from carrier.signature import SignatureCheck
from gateway.metrics import GatewayMetrics
from providers.circuit import Circuits
from providers.directory import ProviderDirectory
from providers.prices import PriceTable
from providers.socket import Connector
from store.bus import Bus
from store.database import Database
from store.event_log import EventLog


@dataclass(frozen=True, slots=True)
class GatewayServices:
    """The parts every live call uses.

    Attributes:
        public_url: Where the carrier reaches us, without a slash at the end.
        recordings_dir: Recordings lie here, by org.
        node_id: Names this process in the store.
        carrier: The carrier's REST API, or None when no account is configured.
    """

    database: Database
    event_log: EventLog
    bus: Bus
    providers: ProviderDirectory
    circuits: Circuits
    prices: PriceTable
    connector: Connector
    signatures: SignatureCheck
    carrier: CarrierClient | None
    metrics: GatewayMetrics
    public_url: str
    recordings_dir: Path
    node_id: str

    def call_url(self, call_id: str, what: str) -> str:
        """The address of one of a call's own webhooks: `next`, `status`, `amd`, `recording`."""
        return f"{self.public_url}/twilio/calls/{call_id}/{what}"

    def stream_url(self, token: str) -> str:
        """The address of the media socket a token opens."""
        return f"ws{self.public_url.removeprefix('http')}/twilio/media/{token}"
