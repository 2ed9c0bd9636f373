"""One good request for every operation, from the table: who it is about, and what is sent."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from control_api.table import OPERATIONS, Operation
from store import call_events as ce
from store import calls
from store.event_log import append_now
from store.schema import metadata
from tests.control_api.harness import Api, Tenant

_serial = itertools.count(1000)  # apart from the numbers the tenants have

BODIES: dict[str, Callable[[Tenant, int], dict[str, Any]]] = {
    "createFlow": lambda tenant, n: {"name": f"Flow {n}", "caller_id_number_id": tenant.number_id},
    "updateFlow": lambda tenant, n: {"name": f"Flow {n}"},
    "createNumber": lambda tenant, n: {"sid": f"PN{n:032x}", "e164": f"+1555100{n:04}"},
    "updateNumber": lambda tenant, n: {"friendly_name": f"Desk {n}", "flow_id": tenant.flow_id},
    "createOutboundCall": lambda tenant, n: {"flow_id": tenant.flow_id, "to": f"+1555200{n:04}"},
}
"""The body of each operation that takes one, for a tenant; the number makes each one new."""

IDS = {"/api/calls/": "call_id", "/api/flows/": "flow_id", "/api/numbers/": "number_id"}
"""Which of a tenant's things the `{id}` in a path names."""

OTHER_NAMES = {"getDocsFile": {"name": "start.js"}}


@dataclass(frozen=True)
class Sample:
    """A request that succeeds for whoever may make it."""

    operation: Operation
    path: str
    body: dict[str, Any] | None

    async def send(self, api: Api, role: str | None, tenant: Tenant | None = None, **options: Any) -> Any:
        """Send it; `role` and `tenant` say who asks."""
        sent = options if self.body is None else options | {"json": self.body}
        return await api.call(self.operation.method, self.path, role=role, tenant=tenant, **sent)


def named(operation: Operation) -> str:
    """The attribute of `Tenant` that the operation's `{id}` stands for."""
    return next(name for prefix, name in IDS.items() if operation.path.startswith(prefix))


def sample(operation: Operation, about: Tenant, **changes: Any) -> Sample:
    """Return a good request about a tenant's own things."""
    names = dict(OTHER_NAMES.get(operation.id, {}))
    if "{id}" in operation.path:
        names["id"] = getattr(about, named(operation))
    body = None
    if operation.id in BODIES:
        body = BODIES[operation.id](about, next(_serial)) | changes
    return Sample(operation, operation.path.format(**names), body)


async def furnish(api: Api) -> None:
    """Give both tenants' calls a log that has ended and a recording, so that every sample succeeds."""
    for tenant in (api.ours, api.theirs):
        relative = f"{tenant.org_id}.wav"
        api.services.recordings_dir.mkdir(parents=True, exist_ok=True)
        (api.services.recordings_dir / relative).write_bytes(b"RIFF" + bytes(400))
        async with api.database.write() as conn:
            events = [
                ce.TranscriptFinal(turn_id="a", party="agent", text="Hello", started_ms=0, ended_ms=900),
                ce.ToolCalled(tool_call_id="t", name="book", arguments={"day": 1}),
                ce.ToolFinished(tool_call_id="t", name="book", result=[1, None]),
                ce.CallEnded(status="completed", disposition="hung_up", reason="", duration_ms=900),
            ]
            at = datetime.now(UTC)
            await append_now(conn, tenant.org_id, tenant.call_id, events, at)
            ending = calls.Ending(
                status="completed", disposition="hung_up", reason="", ended_at=at, duration_ms=900
            )
            assert await calls.finish_call(conn, tenant.org_id, tenant.call_id, ending)
            await calls.update_call(
                conn,
                tenant.org_id,
                tenant.call_id,
                recording_path=relative,
                recording_bytes=404,
                recording_duration_ms=900,
            )


async def rows_of(api: Api, org_id: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of an org, in every table that has orgs."""
    found = {}
    async with api.database.read() as conn:
        for table in metadata.sorted_tables:
            column = table.c.id if table.name == "orgs" else table.c.get("org_id")
            if column is not None:
                rows = await conn.execute(select(table).where(column == org_id))
                found[table.name] = sorted((tuple(row) for row in rows), key=repr)
    return found


SESSION_OPERATIONS = [each for each in OPERATIONS if each.auth == "session"]
WITH_ID = [each for each in SESSION_OPERATIONS if "{" in each.path]
