"""Flows: the stored form of what a call should do. What the fields mean is `flows`' business (the room)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.errors import Conflict, NotFound
from store.ids import new_id
from store.rows import make, make_or_none
from store.schema import flows
from store.times import utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowFields:
    """What people set of a flow, with the contract's defaults; `*_json` fields are JSON as text."""

    name: str
    kind: str = "inbound"
    greeting: str = ""
    system_prompt: str = ""
    voice: str = "alloy"
    voicemail_enabled: int = 1
    announce_recording: int = 1
    tools_json: str = "[]"
    transfer_map_json: str = "{}"
    flow_transfer_map_json: str = "{}"
    outcome_schema_json: str | None = None
    caller_id_number_id: str | None = None
    voicemail_leave_message: str | None = None
    provider: str | None = None
    timezone: str | None = None
    business_hours_json: str | None = None
    holidays_json: str | None = None
    after_hours_message: str | None = None
    business_hours_enabled: int = 0
    speech_json: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFlow(FlowFields):
    """A flow's row. `version` starts at 1 and grows by one with every change."""

    id: str
    org_id: str
    version: int
    created_at: datetime
    updated_at: datetime


_CHANGEABLE = frozenset(field.name for field in fields(FlowFields))


async def create_flow(
    conn: AsyncConnection, org_id: str, flow: FlowFields, *, now: datetime | None = None
) -> StoredFlow:
    """Store a new flow as version 1."""
    at = now or utc_now()
    values = asdict(flow) | {
        "id": new_id("flow"),
        "org_id": org_id,
        "version": 1,
        "created_at": at,
        "updated_at": at,
    }
    return make(StoredFlow, (await conn.execute(insert(flows).values(values).returning(flows))).one())


async def get_flow(conn: AsyncConnection, org_id: str, flow_id: str) -> StoredFlow | None:
    """Return the org's flow, None when it has none of that id."""
    row = await conn.execute(select(flows).where(flows.c.org_id == org_id, flows.c.id == flow_id))
    return make_or_none(StoredFlow, row.one_or_none())


async def update_flow(
    conn: AsyncConnection,
    org_id: str,
    flow_id: str,
    changes: Mapping[str, Any],
    if_version: int | None = None,
    *,
    now: datetime | None = None,
) -> StoredFlow:
    """Change some fields and return the new version; without changes the flow stays as it is.

    Args:
        conn: a writing connection.
        org_id: the org.
        flow_id: its flow.
        changes: field name to new value; names of `FlowFields` only.
        if_version: change only when this is still the version, None for any.
        now: time of the change, aware.

    Raises:
        NotFound: the org has no such flow.
        Conflict: the version has moved on.
        ValueError: a name in `changes` is no field of a flow.
    """
    unknown = set(changes) - _CHANGEABLE
    if unknown:
        raise ValueError(f"not fields of a flow: {sorted(unknown)}")
    f = flows.c
    here = (f.org_id == org_id) & (f.id == flow_id)
    if if_version is not None:
        here &= f.version == if_version
    if changes:
        values = {**changes, "version": f.version + 1, "updated_at": now or utc_now()}
        row = (await conn.execute(update(flows).where(here).values(values).returning(flows))).one_or_none()
    else:
        row = (await conn.execute(select(flows).where(here))).one_or_none()
    if row is not None:
        return make(StoredFlow, row)
    if await get_flow(conn, org_id, flow_id) is None:
        raise NotFound("there is no such flow")
    raise Conflict("the flow has changed since that version")


async def list_flows(conn: AsyncConnection, org_id: str) -> list[StoredFlow]:
    """Return all flows of an org, oldest first."""
    rows = await conn.execute(
        select(flows).where(flows.c.org_id == org_id).order_by(flows.c.created_at, flows.c.id)
    )
    return [make(StoredFlow, row) for row in rows]
