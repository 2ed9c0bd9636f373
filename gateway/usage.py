"""What a call used and what it costs, added up from its log: the log is the truth, the record its copy."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from store import calls
from store.call_events import UsageReported
from store.event_rows import read_events_of


def add_up(counts: Iterable[UsageReported]) -> dict[str, Any]:
    """The sums over a call as they stand on its record; empty when nothing was counted.

    `cost_cents` is None as soon as one count has no price. `providers` holds, by provider, tokens by kind,
    `transcription_ms` and `session_ms`.

    Args:
        counts: Every count of the call, in order.
    """
    cents: float | None = 0.0
    as_of: str | None = None
    providers: dict[str, Counter[str]] = {}
    for count in counts:
        cents = None if cents is None or count.cost_cents is None else cents + count.cost_cents
        as_of = count.prices_as_of
        tokens = {"input_tokens": count.input_tokens, "output_tokens": count.output_tokens}
        providers.setdefault(count.provider, Counter()).update(tokens | count.details)
    if not providers:
        return {}
    return {
        "cost_cents": None if cents is None else round(cents, 4),
        "prices_as_of": as_of,
        "providers": {name: {k: v for k, v in sums.items() if v} for name, sums in providers.items()},
    }


async def store_usage(conn: AsyncConnection, org_id: str, call_id: str) -> None:
    """Bring the record's usage up to its log; as often as you like, it only ever says what the log says."""
    logged = await read_events_of(conn, org_id, call_id, (UsageReported.type_name(),))
    if usage := add_up(x.event for x in logged if isinstance(x.event, UsageReported)):
        await calls.update_call(conn, org_id, call_id, usage=usage)
