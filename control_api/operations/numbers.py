"""Phone numbers: which the org has, and the flow each one runs."""

from typing import Any

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from control_api.errors import BadInput, Conflicting, Detail, NoSuchThing
from control_api.fields import E164, CarrierNumberSid, IdPath, Input, Output, Text, UtcTime, absent
from control_api.operation import ApiRequest, operation
from store import flows, numbers
from store.errors import Conflict, NotFound


class NumberInput(Input):
    """A number the org owns at the carrier."""

    sid: CarrierNumberSid = Field(description="The carrier's id of the number")
    e164: E164
    friendly_name: Text = absent(max_length=120)
    flow_id: Text | None = Field(default=None, description="Flow that answers")


class NumberChanges(Input):
    """Changes to a number: what is absent stays; a null flow takes the flow away."""

    flow_id: Text | None = Field(default=None)
    friendly_name: Text = absent()


class NumberOut(Output):
    """A number. `sid` is the carrier's id of it."""

    id: str
    sid: str
    e164: str
    friendly_name: str
    flow_id: str | None
    created_at: UtcTime
    updated_at: UtcTime


class NumberList(Output):
    """All numbers of the org, oldest first; there is one page."""

    items: list[NumberOut]
    next_cursor: str | None


def _out(number: numbers.Number) -> NumberOut:
    return NumberOut(
        id=number.id,
        sid=number.carrier_sid,
        e164=number.e164,
        friendly_name=number.friendly_name,
        flow_id=number.flow_id,
        created_at=number.created_at,
        updated_at=number.updated_at,
    )


@operation("listNumbers", role="viewer")
async def list_numbers(request: ApiRequest) -> NumberList:
    """Every number with the flow it runs."""
    async with request.services.database.read() as conn:
        found = await numbers.list_numbers(conn, request.org_id)
    return NumberList(items=[_out(number) for number in found], next_cursor=None)


@operation("createNumber", role="admin")
async def create_number(request: ApiRequest, *, body: NumberInput) -> NumberOut:
    """A number can be registered once (409); set its voice webhook at the carrier to ours."""
    given = body.given()
    try:
        async with request.services.database.write() as conn:
            await _check_flow(conn, request.org_id, given)
            number = await numbers.create_number(
                conn,
                request.org_id,
                carrier_sid=body.sid,
                e164=body.e164,
                friendly_name=given.get("friendly_name", body.e164),
                flow_id=body.flow_id,
            )
    except Conflict as error:
        raise Conflicting("The number is registered already.", code="number_registered") from error
    return _out(number)


@operation("updateNumber", role="admin")
async def update_number(request: ApiRequest, *, path: IdPath, body: NumberChanges) -> NumberOut:
    """Calls in progress keep the flow they began with."""
    changes = body.given()
    async with request.services.database.write() as conn:
        if await numbers.get_number(conn, request.org_id, path.id) is None:
            raise NoSuchThing("number")
        await _check_flow(conn, request.org_id, changes)
        try:
            number = await numbers.update_number(conn, request.org_id, path.id, changes)
        except NotFound as error:
            raise NoSuchThing("number") from error
    return _out(number)


async def _check_flow(conn: AsyncConnection, org_id: str, fields: dict[str, Any]) -> None:
    flow_id = fields.get("flow_id")
    if flow_id is not None and await flows.get_flow(conn, org_id, flow_id) is None:
        raise BadInput(
            "The number is not valid.", [Detail("flow_id", "the org has no such flow", "unknown_flow")]
        )
