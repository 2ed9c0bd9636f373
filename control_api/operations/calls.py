"""Calls: the list with its filters, one call with its conversation, its events as they happen."""

from datetime import datetime
from typing import Literal

from aiohttp import web
from pydantic import Field

from control_api.call_models import DETAIL_EVENTS, CallDetail, CallList, call_detail, call_out
from control_api.cursors import Cursors
from control_api.errors import NoSuchThing
from control_api.event_stream import EventStream, open_streams, starting_point
from control_api.fields import IdPath, Input, QueryInteger, QueryTime, Text
from control_api.operation import ApiRequest, operation
from store import calls
from store.calls import Call
from store.event_rows import read_events_of

DEFAULT_LIMIT = 50


class CallsQuery(Input):
    """Which calls to list."""

    q: Text | None = Field(default=None, description="Text in either number or the summary")
    direction: Literal["inbound", "outbound"] | None = Field(default=None, description="Which way")
    status: Text | None = Field(default=None, description="Exactly this status")
    read: Literal["unread"] | None = Field(default=None, description="Only calls you have not read")
    since: QueryTime | None = Field(default=None, description="Created then or later")
    until: QueryTime | None = Field(default=None, description="Created before")
    cursor: Text | None = Field(
        default=None, description="`next_cursor` of the page before, with the same filters"
    )
    limit: QueryInteger = Field(default=DEFAULT_LIMIT, ge=1, le=200, description="How many at most")


@operation("listCalls", role="viewer")
async def list_calls(request: ApiRequest, *, query: CallsQuery) -> CallList:
    """Pages neither skip nor repeat a call while new ones come in."""
    cursors = _cursors(request, query)
    start = None if query.cursor is None else cursors.open(query.cursor)
    which = calls.CallFilter(
        q=query.q,
        direction=query.direction,
        status=query.status,
        read=query.read,
        since=query.since,
        until=query.until,
        reader_id=request.actor.id,
    )
    async with request.services.database.read() as conn:
        found = await calls.list_calls(conn, request.org_id, which, start, query.limit + 1)
        page = found[: query.limit]
        read = await calls.read_among(conn, request.org_id, [call.id for call in page], request.actor.id)
    more = len(found) > query.limit
    return CallList(
        items=[call_out(call, request.services.public_url, read=call.id in read) for call in page],
        next_cursor=cursors.seal((page[-1].created_at, page[-1].id)) if more else None,
    )


def _cursors(request: ApiRequest, query: CallsQuery) -> Cursors:
    filters = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in query.given().items()
        if name not in ("cursor", "limit")
    }
    return Cursors(request.services.sealing_key, "listCalls", request.org_id, filters)


async def find_call(request: ApiRequest, call_id: str) -> Call:
    """Return the org's call.

    Raises:
        NoSuchThing: the org has none of that id.
    """
    async with request.services.database.read() as conn:
        call = await calls.get_call(conn, request.org_id, call_id)
    if call is None:
        raise NoSuchThing("call")
    return call


@operation("getCall", role="viewer")
async def get_call(request: ApiRequest, *, path: IdPath) -> CallDetail:
    """The transcript holds finished turns in the order spoken, with what the caller really heard."""
    async with request.services.database.read() as conn:
        call = await calls.get_call(conn, request.org_id, path.id)
        if call is None:
            raise NoSuchThing("call")
        events = await read_events_of(conn, request.org_id, path.id, DETAIL_EVENTS)
        read = await calls.read_among(conn, request.org_id, [path.id], request.actor.id)
    return call_detail(call, events, request.services.public_url, read=bool(read))


class StreamQuery(Input):
    """Where to go on, for clients that cannot set headers."""

    last_event_id: Text | None = Field(
        default=None, description="As the header Last-Event-ID, which counts before it"
    )


@operation("streamCallEvents", role="viewer")
async def stream_call_events(request: ApiRequest, *, path: IdPath, query: StreamQuery) -> web.StreamResponse:
    """Each event's `id` is its number in the call; send the last one as Last-Event-ID to go on after it.

    The first event is `hello`, a comment comes every 15 s of silence, and when the call is over and all has
    been sent, `end` comes last. A call that was interrupted may go on later: connect again then.
    """
    header = request.http.headers.get("Last-Event-ID")
    call = await find_call(request, path.id)
    after = starting_point(query.last_event_id if header is None else header, call.last_event_seq)
    return await EventStream(request, call, after, open_streams(request.http)).run()
