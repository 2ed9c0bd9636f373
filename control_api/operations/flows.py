"""Flows: what calls do. A change makes a new version; If-Match guards against overwriting someone else's."""

from typing import Any, Literal

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from control_api.errors import BadInput, Detail, NoSuchThing, PreconditionFailed
from control_api.fields import Flag, IdPath, Input, NonEmptyText, Output, Text, UtcTime, absent
from control_api.operation import ApiRequest, operation
from flows.document import check_flow
from flows.speech import Provider
from store import flows, numbers
from store.errors import Conflict, NotFound

Kind = Literal["inbound", "outbound"]


class FlowSettings(Input):
    """What can be set of a flow besides its name; the `*_json` fields hold JSON as text."""

    kind: Kind = "inbound"
    greeting: Text = Field(default="", description="Spoken first")
    system_prompt: Text = Field(default="", description="What the agent is told")
    voice: Text = "alloy"
    voicemail_enabled: Flag = 1
    announce_recording: Flag = 1
    tools_json: Text = Field(
        default="[]", description="List of tools: name, description, parameters (JSON Schema)"
    )
    transfer_map_json: Text = Field(default="{}", description="Object: key the agent may name → E.164 number")
    flow_transfer_map_json: Text = Field(default="{}", description="Object: key the agent may name → flow id")
    outcome_schema_json: Text | None = Field(default=None, description="JSON Schema of the outcome")
    caller_id_number_id: Text | None = Field(
        default=None, description="Number outbound calls are placed from"
    )
    voicemail_leave_message: Text | None = None
    provider: Provider | None = None
    timezone: Text | None = None
    business_hours_json: Text | None = None
    holidays_json: Text | None = None
    after_hours_message: Text | None = None
    business_hours_enabled: Flag = absent()
    speech_json: Text | None = Field(
        default=None,
        description="Object: providers, fallback, interruption, greeting_interruptible, language, "
        "turn_detection, model; see docs/api.md",
    )


class FlowInput(FlowSettings):
    """A new flow."""

    name: NonEmptyText


class FlowChanges(FlowSettings):
    """Changes to a flow: the name is always given, what else is absent stays; defaults do not apply."""

    name: NonEmptyText


class FlowOut(Output):
    """A flow at its current version; `version` also stands in the ETag as `"v<version>"`."""

    id: str
    version: int
    name: str
    kind: Kind
    greeting: str
    system_prompt: str
    voice: str
    voicemail_enabled: int
    announce_recording: int
    tools_json: str
    transfer_map_json: str
    flow_transfer_map_json: str
    outcome_schema_json: str | None
    caller_id_number_id: str | None
    voicemail_leave_message: str | None
    provider: Provider | None
    timezone: str | None
    business_hours_json: str | None
    holidays_json: str | None
    after_hours_message: str | None
    business_hours_enabled: int
    speech_json: str | None
    created_at: UtcTime
    updated_at: UtcTime


class FlowList(Output):
    """All flows of the org, oldest first; there is one page."""

    items: list[FlowOut]
    next_cursor: str | None


def _out(flow: flows.StoredFlow) -> FlowOut:
    return FlowOut(**{name: getattr(flow, name) for name in FlowOut.model_fields})


def _tag(version: int) -> str:
    return f'"v{version}"'


@operation("listFlows", role="viewer")
async def list_flows(request: ApiRequest) -> FlowList:
    """Every flow with all its fields."""
    async with request.services.database.read() as conn:
        found = await flows.list_flows(conn, request.org_id)
    return FlowList(items=[_out(flow) for flow in found], next_cursor=None)


@operation("createFlow", role="admin")
async def create_flow(request: ApiRequest, *, body: FlowInput) -> FlowOut:
    """The JSON inside the `*_json` fields is checked; each problem is named with its path."""
    fields = body.given()
    _check_documents(fields)
    _check_documents(_fields_that_refer(flows.FlowFields(**fields)))
    async with request.services.database.write() as conn:
        await _check_caller_id(conn, request.org_id, fields)
        flow = await flows.create_flow(conn, request.org_id, flows.FlowFields(**fields))
    request.reply_headers |= {"ETag": _tag(flow.version), "Location": f"/api/flows/{flow.id}"}
    return _out(flow)


@operation("getFlow", role="viewer")
async def get_flow(request: ApiRequest, *, path: IdPath) -> FlowOut:
    """The ETag names the version, for If-Match."""
    async with request.services.database.read() as conn:
        flow = await flows.get_flow(conn, request.org_id, path.id)
    if flow is None:
        raise NoSuchThing("flow")
    request.reply_headers["ETag"] = _tag(flow.version)
    return _out(flow)


@operation("updateFlow", role="admin")
async def update_flow(request: ApiRequest, *, path: IdPath, body: FlowChanges) -> FlowOut:
    """With If-Match the flow changes only if it is still at that version (412 otherwise).

    Calls in progress keep the configuration they began with.
    """
    changes = body.given()
    _check_documents(changes)
    async with request.services.database.write() as conn:
        flow = await flows.get_flow(conn, request.org_id, path.id)
        if flow is None:
            raise NoSuchThing("flow")
        expected = _expected_version(request.http.headers.getall("If-Match", []), flow.version)
        _check_documents(_fields_that_refer(flow) | changes)
        await _check_caller_id(conn, request.org_id, changes)
        try:
            flow = await flows.update_flow(conn, request.org_id, path.id, changes, expected)
        except NotFound as error:
            raise NoSuchThing("flow") from error
        except Conflict as error:
            raise PreconditionFailed("The flow has changed since that version.") from error
    request.reply_headers["ETag"] = _tag(flow.version)
    return _out(flow)


def _expected_version(if_match: list[str], version: int) -> int | None:
    """Return the version that must still be current when the change is made; None for any.

    Source: RFC 9110, 13.1.1 (If-Match compares strongly, so weak tags never match).
    """
    if not if_match:
        return None
    tags = {tag.strip() for header in if_match for tag in header.split(",")}
    if "*" in tags:
        return None
    if _tag(version) not in tags:
        raise PreconditionFailed("The flow has changed since that version.")
    return version


def _check_documents(fields: dict[str, Any]) -> None:
    problems = check_flow(fields)
    if problems:
        details = [Detail(problem.path, problem.message, problem.code) for problem in problems]
        raise BadInput("The flow is not valid.", details)


def _fields_that_refer(flow: flows.FlowFields) -> dict[str, Any]:
    """The fields that may contradict each other, whether or not they were sent."""
    return {"transfer_map_json": flow.transfer_map_json, "speech_json": flow.speech_json}


async def _check_caller_id(conn: AsyncConnection, org_id: str, fields: dict[str, Any]) -> None:
    number_id = fields.get("caller_id_number_id")
    if number_id is not None and await numbers.get_number(conn, org_id, number_id) is None:
        detail = Detail("caller_id_number_id", "the org has no such number", "unknown_number")
        raise BadInput("The flow is not valid.", [detail])
