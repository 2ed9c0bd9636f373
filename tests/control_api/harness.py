"""A served API with two orgs, everybody who may ask, and some rows to ask for."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from control_api.application import add_control_api
from control_api.services import ApiServices, Readiness
from store import api_keys, calls, flows, memberships, numbers, orgs, users, web_sessions
from store import call_events as ce
from store.bus import Bus
from store.database import Database
from store.event_log import EventLog, append_now

PUBLIC_URL = "https://hum.example.com"
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ROLES = ("viewer", "operator", "admin")
WAV = b"RIFF" + bytes(range(256)) * 40


@dataclass
class Tenant:
    """An org with one of everything. `keys` and `cookies` by role."""

    org_id: str
    flow_id: str
    number_id: str
    call_id: str
    keys: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)


@dataclass
class Api:
    """The served API and what is behind it."""

    client: TestClient[web.Request, web.Application]
    app: web.Application
    services: ApiServices
    ours: Tenant
    theirs: Tenant
    ready: Readiness = field(default_factory=lambda: Readiness(True))

    @property
    def database(self) -> Database:
        return self.services.database

    async def call(
        self,
        method: str,
        path: str,
        *,
        role: str | None = "admin",
        tenant: Tenant | None = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> ClientResponse:
        """Send a request with the role's API key; `role=None` sends no credential."""
        sent = dict(headers or {})
        if role is not None:
            sent["Authorization"] = f"Bearer {(tenant or self.ours).keys[role]}"
        return await self.client.request(method, path, headers=sent, **options)

    async def json(self, method: str, path: str, *, status: int = 200, **options: Any) -> Any:
        """Send a request, check the status, return the decoded answer."""
        response = await self.call(method, path, **options)
        body = await response.json()
        assert response.status == status, body
        return body

    async def append(self, call_id: str, *events: ce.CallEvent) -> int:
        """Append events to a call of ours and ring, as the gateway does."""
        async with self.database.write() as conn:
            last = await append_now(conn, self.ours.org_id, call_id, list(events), datetime.now(UTC))
        self.services.bus.ring(f"call:{call_id}")
        return last


async def make_tenant(database: Database, name: str, digit: int) -> Tenant:
    now = datetime.now(UTC)
    async with database.write() as conn:
        org = await orgs.create_org(conn, name)
        flow = await flows.create_flow(conn, org.id, flows.FlowFields(name=f"{name} flow"))
        number = await numbers.create_number(
            conn, org.id, f"PN{digit:032}", f"+1555000{digit:04}", "Desk", flow.id
        )
        call = await calls.create_call(
            conn,
            org.id,
            calls.NewCall(
                direction="inbound",
                status="in-progress",
                from_number="+15551230000",
                to_number=number.e164,
                number_id=number.id,
                flow_id=flow.id,
                created_at=NOW,
            ),
        )
        tenant = Tenant(org.id, flow.id, number.id, call.id)
        for role in ROLES:
            user = await users.ensure_user(conn, f"{role}@{name}.example", role.title())
            await memberships.add_member(conn, org.id, user.id, role)
            tenant.users[role] = user.id
            tenant.cookies[role] = await web_sessions.create(conn, org.id, user.id, now)
            _, tenant.keys[role] = await api_keys.create(conn, org.id, role, f"{role} key", now)
        revoked, tenant.keys["revoked"] = await api_keys.create(conn, org.id, "admin", "old", now)
        await api_keys.revoke(conn, org.id, revoked.id, now - timedelta(seconds=1))
    return tenant


class ServiceServer(TestServer):
    """A test server that treats clients who leave as the service does: their handlers are not cancelled."""

    async def _make_runner(self, **kwargs: Any) -> web.BaseRunner:
        return await super()._make_runner(**(kwargs | {"handler_cancellation": False}))


@contextlib.asynccontextmanager
async def serving(database: Database, directory: Path, **changes: Any) -> AsyncIterator[Api]:
    """Serve the API on a free port for the length of the block, its event log running."""
    bus = Bus()
    log = EventLog(database, bus, flush_interval_s=0.001)
    ours, theirs = await make_tenant(database, "ours", 1), await make_tenant(database, "theirs", 2)
    api: Api

    async def readiness() -> Readiness:
        return api.ready

    settings: dict[str, Any] = {
        "database": database,
        "event_log": log,
        "bus": bus,
        "public_url": PUBLIC_URL,
        "sealing_key": b"k" * 32,
        "recordings_dir": directory,
        "version": "9.9.9",
        "live_calls": lambda: 3,
        "readiness": readiness,
        "place_calls_configured": True,
        "registry": CollectorRegistry(),
    }
    services = ApiServices(**(settings | changes))
    app = web.Application()
    add_control_api(app, services)
    server = ServiceServer(app)
    async with asyncio.TaskGroup() as group:
        writer = group.create_task(log.run(), name="event log")
        try:
            async with TestClient(server) as client:
                api = Api(client, app, services, ours, theirs)
                yield api
        except BaseException:
            writer.cancel()
            raise
        await log.close()


async def seed_events(api: Api, call_id: str) -> None:
    """A short conversation with a tool and an interruption."""
    await api.append(
        call_id,
        ce.CallReceived(from_number="+15551230000", to_number="+15550000001"),
        ce.StreamStarted(stream_sid="MZ1"),
        ce.TranscriptFinal(
            turn_id="a1", party="agent", text="Hello", started_ms=0, ended_ms=900, heard_ms=900
        ),
        ce.TranscriptPartial(turn_id="c1", party="caller", text="I wa"),
        ce.TranscriptFinal(
            turn_id="c1", party="caller", text="I want to book", started_ms=1000, ended_ms=2000
        ),
        ce.ToolCalled(tool_call_id="t1", name="book", arguments={"day": "Tuesday"}),
        ce.ToolFinished(tool_call_id="t1", name="book", result={"ok": True}, took_ms=12),
        ce.ToolCalled(tool_call_id="t2", name="look_up", arguments={}),
        ce.ToolFinished(tool_call_id="t2", name="look_up", error="no such thing", took_ms=3),
        ce.ToolCalled(tool_call_id="t3", name="wait", arguments={}),
        ce.TranscriptFinal(
            turn_id="a2",
            party="agent",
            text="Booked for Tuesday at nine",
            started_ms=2100,
            ended_ms=4000,
            heard_ms=700,
            interrupted=True,
        ),
    )


async def end_call(api: Api, call_id: str, disposition: str = "hung_up") -> None:
    """End a call of ours, row and log together, as the gateway does."""
    ending = calls.Ending(
        status="completed",
        disposition=disposition,
        reason="",
        ended_at=NOW + timedelta(minutes=1),
        duration_ms=60_000,
    )
    event = ce.CallEnded(status="completed", disposition=disposition, reason="", duration_ms=60_000)
    async with api.database.write() as conn:
        assert await calls.finish_call(conn, api.ours.org_id, call_id, ending)
        await append_now(conn, api.ours.org_id, call_id, [event], ending.ended_at)
    api.services.bus.ring(f"call:{call_id}")


async def record(api: Api, tenant: Tenant, directory: Path, content: bytes = WAV) -> None:
    """Give a tenant's call a recording."""
    relative = f"{tenant.org_id}/{tenant.call_id}.wav"
    file = directory / relative
    await asyncio.to_thread(file.parent.mkdir, parents=True, exist_ok=True)
    await asyncio.to_thread(file.write_bytes, content)
    async with api.database.write() as conn:
        await calls.update_call(
            conn,
            tenant.org_id,
            tenant.call_id,
            recording_path=relative,
            recording_bytes=len(content),
            recording_duration_ms=60_000,
        )
