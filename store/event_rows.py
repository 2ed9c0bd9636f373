"""Call events as rows: numbering, writing, reading. Each call's events are numbered 1, 2, 3, … without gaps.

The numbers come from `calls.last_event_seq`, advanced in the transaction that inserts the events; the row
lock this takes makes commit order and number order the same for each call, on both engines.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import insert, select, tuple_, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from store.call_events import EVENT_TYPES, AnyCallEvent, CallEvent
from store.columns import encode_json
from store.errors import NotFound
from store.schema import call_events, calls

CallKey = tuple[str, str]
"""org id and call id"""

_decoder: msgspec.json.Decoder[AnyCallEvent] = msgspec.json.Decoder(AnyCallEvent)


class UnrecognisedEvent(CallEvent, frozen=True, kw_only=True, tag="unrecognised"):
    """An event of a type this version does not know, as another version stored it."""

    stored_type: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One event of a call's log. `seq` counts from 1 within the call; `type` is the stored type name."""

    seq: int
    call_id: str
    at: datetime
    type: str
    event: CallEvent


@dataclass(frozen=True, slots=True)
class EncodedEvent:
    """An event ready to be written; encoding happens before any transaction is open."""

    at: datetime
    type: str
    data: str

    @classmethod
    def of(cls, event: CallEvent, at: datetime) -> "EncodedEvent":
        """Encode an event that happened at `at`."""
        return cls(at, event.type_name(), encode_json(event))


async def take_numbers(conn: AsyncConnection, counts: Counter[CallKey]) -> dict[CallKey, int]:
    """Reserve event numbers; return the last one before the reserved for each call that exists.

    Calls that get equally many are served by one statement, so a batch over fifty calls costs a few
    statements, not fifty.
    """
    c = calls.c
    before: dict[CallKey, int] = {}
    if len(counts) > 1 and conn.dialect.name == "postgresql":
        # Two nodes' batches may share calls: taking the row locks in one order keeps them from deadlock.
        here = tuple_(c.org_id, c.id).in_(sorted(counts))
        await conn.execute(select(c.id).where(here).order_by(c.id).with_for_update(key_share=True))
    for count in sorted(set(counts.values())):
        keys = sorted(key for key, wanted in counts.items() if wanted == count)
        rows = await conn.execute(
            update(calls)
            .where(tuple_(c.org_id, c.id).in_(keys))
            .values(last_event_seq=c.last_event_seq + count)
            .returning(c.org_id, c.id, c.last_event_seq)
        )
        before |= {(org_id, call_id): last - count for org_id, call_id, last in rows}
    return before


async def write_events(
    conn: AsyncConnection, batch: Sequence[tuple[CallKey, EncodedEvent]]
) -> dict[CallKey, int]:
    """Number and insert events, in order for each call.

    Returns:
        The first number given for each call; a call that does not exist is missing, its events unwritten.
    """
    last = await take_numbers(conn, Counter(key for key, _ in batch))
    first = {key: number + 1 for key, number in last.items()}
    rows = []
    for key, event in batch:
        if key not in last:
            continue
        last[key] += 1
        rows.append(
            {
                "org_id": key[0],
                "call_id": key[1],
                "seq": last[key],
                "at": event.at,
                "type": event.type,
                "data": event.data,
            }
        )
    if rows:
        await conn.execute(insert(call_events), rows)
    return first


async def append_now(
    conn: AsyncConnection, org_id: str, call_id: str, events: Sequence[CallEvent], at: datetime
) -> int:
    """Append events in the caller's own transaction; the caller rings `call_topic(call_id)` after it.

    Returns:
        The number of the last event of the call.

    Raises:
        NotFound: the org has no such call.
    """
    key = (org_id, call_id)
    first = await write_events(conn, [(key, EncodedEvent.of(event, at)) for event in events])
    if key not in first:
        raise NotFound("there is no such call")
    return first[key] + len(events) - 1


async def read_events(
    conn: AsyncConnection, org_id: str, call_id: str, after: int = 0, limit: int = 500
) -> list[LoggedEvent]:
    """Return up to `limit` events of a call that come after number `after`, in order."""
    e = call_events.c
    rows = await conn.execute(
        select(e.seq, e.call_id, e.at, e.type, e.data)
        .where(e.org_id == org_id, e.call_id == call_id, e.seq > after)
        .order_by(e.seq)
        .limit(limit)
    )
    return [_logged(row) for row in rows]


async def read_events_of(
    conn: AsyncConnection, org_id: str, call_id: str, types: Sequence[str]
) -> list[LoggedEvent]:
    """Return all events of a call that are of these types, in order."""
    e = call_events.c
    rows = await conn.execute(
        select(e.seq, e.call_id, e.at, e.type, e.data)
        .where(e.org_id == org_id, e.call_id == call_id, e.type.in_(types))
        .order_by(e.seq)
    )
    return [_logged(row) for row in rows]


async def has_event(conn: AsyncConnection, key: CallKey, seq: int, event: EncodedEvent) -> bool:
    """Return whether exactly this event stands under this number."""
    e = call_events.c
    row = await conn.execute(
        select(e.at, e.type, e.data).where(e.org_id == key[0], e.call_id == key[1], e.seq == seq)
    )
    found = row.one_or_none()
    return found is not None and tuple(found) == (event.at, event.type, event.data)


def _logged(row: Row[*tuple[Any, ...]]) -> LoggedEvent:
    if row.type in EVENT_TYPES:
        return LoggedEvent(row.seq, row.call_id, row.at, row.type, _decoder.decode(row.data))
    fields = msgspec.json.decode(row.data)
    return LoggedEvent(
        row.seq, row.call_id, row.at, row.type, UnrecognisedEvent(stored_type=row.type, fields=fields)
    )
