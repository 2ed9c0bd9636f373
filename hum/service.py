"""The composition root: every part made, wired, run and stopped in order."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version

import aiohttp
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from carrier.rest import CarrierClient
from carrier.signature import SignatureCheck
from control_api.application import add_control_api
from control_api.services import ApiServices, Readiness
from gateway.dialling import place_call
from gateway.live_calls import LiveCalls
from gateway.metrics import GatewayMetrics
from gateway.provider_metrics import ProviderMetrics
from gateway.reconcile import adopt_orphans, watch
from gateway.routes import GatewayRoutes
from gateway.services import GatewayServices
from hum.loop_lag import LoopLag
from hum.settings import Settings
from jobs.kinds import PLACE_CALL
from jobs.loop import JobLoop
from providers.circuit import Circuits
from providers.directory import Access, ProviderDirectory
from providers.prices import PriceTable
from providers.socket import AiohttpConnector
from store import nodes
from store.bus import Bus
from store.database import Database
from store.errors import StoreError
from store.event_log import EventLog
from store.ids import new_id
from store.migrate import upgrade
from store.times import utc_now

_log = structlog.get_logger()

VERSION = version("hum")
ROLES = ("gateway", "api", "worker")
DRAIN_S = 30.0
"""How long live calls may run on after the first request to stop."""


@dataclass(slots=True)
class Service:
    """A running service.

    Attributes:
        url: Where it listens.
        public_url: Where the carrier reaches it.
        live: The calls it carries.
    """

    url: str
    public_url: str
    database: Database
    event_log: EventLog
    live: LiveCalls
    registry: CollectorRegistry
    _hurry: asyncio.Event = field(default_factory=asyncio.Event)

    def hurry(self) -> None:
        """Do not wait for live calls to end by themselves."""
        self._hurry.set()

    async def drain(self, limit_s: float) -> None:
        """Refuse new calls; let live ones end by themselves, within the limit or until told to hurry."""
        async with asyncio.TaskGroup() as tasks:
            draining = tasks.create_task(self.live.drain(limit_s), name="drain")
            hurrying = tasks.create_task(self._stop_when_hurried(), name="hurry")
            await draining
            hurrying.cancel()

    async def _stop_when_hurried(self) -> None:
        await self._hurry.wait()
        self.live.stop()


@asynccontextmanager
async def running_service(
    settings: Settings, *, roles: tuple[str, ...] = ROLES, drain_s: float = DRAIN_S
) -> AsyncIterator[Service]:
    """Start a service; leaving the block drains and stops it.

    Args:
        settings: What the environment says.
        roles: Which parts this process runs.
        drain_s: How long live calls may run on when the block is left.

    Raises:
        StoreError: The database cannot be used as it is.
        OSError: The address cannot be listened on.
    """
    await asyncio.to_thread(_prepare_storage, settings)
    listener = await asyncio.to_thread(_listen, settings.host, settings.port)
    with listener:
        database = await Database.open(settings.database, exclusive=True)
        try:
            async with (
                aiohttp.ClientSession(trust_env=False) as client,
                _running(settings, roles, drain_s, listener, database, client) as service,
            ):
                yield service
        finally:
            await database.close()


def _prepare_storage(settings: Settings) -> None:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    if settings.database.startswith("sqlite:"):
        upgrade(settings.database)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=512)


@asynccontextmanager
async def _running(
    settings: Settings,
    roles: tuple[str, ...],
    drain_s: float,
    listener: socket.socket,
    database: Database,
    client: aiohttp.ClientSession,
) -> AsyncIterator[Service]:
    sealing_key = await asyncio.to_thread(settings.sealing_key)
    prices = await asyncio.to_thread(PriceTable.load, settings.prices_file)
    providers = await asyncio.to_thread(_providers, settings)
    parts = _Parts.make(settings, sealing_key, prices, providers, listener, database, client)
    runner = web.AppRunner(parts.application(roles), access_log=None, shutdown_timeout=5.0)
    failure: Exception | None = None
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(parts.event_log.run(), name="event log")
        carrying = tasks.create_task(parts.live.run(), name="live calls")
        working = tasks.create_task(parts.job_loop.run(), name="jobs") if "worker" in roles else None
        watching = tasks.create_task(watch(parts.gateway, parts.live), name="watch")
        sampling = tasks.create_task(LoopLag(parts.service.registry).run(), name="loop lag")
        try:
            await parts.take_over()
            await runner.setup()
            await web.SockSite(runner, listener).start()
            yield parts.service
        except Exception as error:  # noqa: BLE001  # kept, and raised outside the group that would wrap it
            failure = error
        await parts.service.drain(drain_s if failure is None else 0)
        await carrying
        parts.job_loop.stop()
        if working is not None:
            await working
        watching.cancel()
        sampling.cancel()
        await runner.cleanup()
        await parts.gateway.providers.close()
        await parts.event_log.close()
        await parts.sign_off()
    if failure is not None:
        raise failure


@dataclass(frozen=True, slots=True)
class _Parts:
    """Everything made, nothing started."""

    sealing_key: bytes
    gateway: GatewayServices
    event_log: EventLog
    live: LiveCalls
    job_loop: JobLoop
    service: Service

    @classmethod
    def make(
        cls,
        settings: Settings,
        sealing_key: bytes,
        prices: PriceTable,
        providers: ProviderDirectory,
        listener: socket.socket,
        database: Database,
        client: aiohttp.ClientSession,
    ) -> "_Parts":
        host, port = listener.getsockname()[:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        public_url = settings.public_url or url
        bus, registry = Bus(), CollectorRegistry()
        gateway = GatewayServices(
            database=database,
            event_log=EventLog(database, bus),
            bus=bus,
            providers=providers,
            circuits=Circuits(asyncio.get_running_loop().time),
            prices=prices,
            connector=AiohttpConnector(client),
            signatures=SignatureCheck(settings.twilio_auth_token, public_url),
            carrier=_carrier(settings, client),
            metrics=GatewayMetrics(registry, ProviderMetrics(registry)),
            public_url=public_url,
            recordings_dir=settings.data_dir / "recordings",
            node_id=new_id("node"),
        )
        gateway.metrics.providers.watch_circuits(gateway.circuits, gateway.providers.configured)
        live = LiveCalls(gateway)
        job_loop = JobLoop(database, bus, {PLACE_CALL: partial(place_call, gateway)})
        service = Service(url, public_url, database, gateway.event_log, live, registry)
        return cls(sealing_key, gateway, gateway.event_log, live, job_loop, service)

    def application(self, roles: tuple[str, ...]) -> web.Application:
        """The web application with the routes of these roles."""
        app = web.Application()
        if "gateway" in roles:
            GatewayRoutes(self.gateway, self.live).add_to(app)
        if "api" in roles:
            add_control_api(app, self._api())
        return app

    def _api(self) -> ApiServices:
        gateway = self.gateway
        return ApiServices(
            database=gateway.database,
            event_log=gateway.event_log,
            bus=gateway.bus,
            public_url=gateway.public_url,
            sealing_key=self.sealing_key,
            recordings_dir=gateway.recordings_dir,
            version=VERSION,
            live_calls=lambda: self.live.count,
            readiness=self._readiness,
            place_calls_configured=gateway.carrier is not None,
            registry=self.service.registry,
            cookie_secure=gateway.public_url.startswith("https:"),
        )

    async def _readiness(self) -> Readiness:
        wrong: dict[str, str] = {}
        if self.live.stopping:
            wrong["service"] = "stopping: no new calls"
        if self.event_log.degraded is not None:
            wrong["event_log"] = self.event_log.degraded
        try:
            async with asyncio.timeout(2), self.gateway.database.read() as conn:
                await conn.execute(text("SELECT 1"))
        except (StoreError, TimeoutError) as error:
            wrong["database"] = str(error) or "no answer within 2 s"
        states = self.gateway.circuits.states(self.gateway.providers.configured)
        return Readiness(not wrong, wrong, states)

    async def take_over(self) -> None:
        """Announce this node and finish what former ones left open."""
        database = self.gateway.database
        now = utc_now()
        async with database.write() as conn:
            # On SQLite a service that starts is the only one, so every other node is gone.
            lost = await nodes.stop_all(conn) if database.dialect == "sqlite" else []
            await nodes.register(conn, self.gateway.node_id, now)
        await adopt_orphans(self.gateway, lost)

    async def sign_off(self) -> None:
        """Tell the store that this node has stopped; without it others find out by its silence."""
        try:
            async with self.gateway.database.write() as conn:
                await nodes.stop(conn, self.gateway.node_id)
        except StoreError as error:
            _log.warning("node_not_signed_off", error=str(error))


def _providers(settings: Settings) -> ProviderDirectory:
    access: dict[str, Access] = {}
    if settings.openai_api_key:
        access["openai"] = Access(settings.openai_api_key, settings.openai_url)
    if settings.gemini_api_key:
        access["gemini"] = Access(settings.gemini_api_key, settings.gemini_url)
    if settings.elevenlabs_api_key:
        access["elevenlabs"] = Access(settings.elevenlabs_api_key, settings.elevenlabs_url)
    return ProviderDirectory(access)


def _carrier(settings: Settings, client: aiohttp.ClientSession) -> CarrierClient | None:
    if not settings.twilio_account_sid or not settings.twilio_auth_token:
        return None
    return CarrierClient(
        client,
        account_sid=settings.twilio_account_sid,
        auth_token=settings.twilio_auth_token,
        base_url=settings.twilio_url,
    )
