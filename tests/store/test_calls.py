"""Calls: status only forward, ended once, reopened rarely, listed exactly, searched literally."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store import calls
from store.database import Database
from store.errors import Conflict, NotFound
from tests.store.seeds import NOW, seed_call, seed_org

IN_THE_TEST = [HealthCheck.function_scoped_fixture]
ENDING = calls.Ending(status="completed", disposition="hung_up", reason="r", ended_at=NOW, duration_ms=5)
INTERRUPTED = calls.Ending(status="failed", disposition="interrupted", reason="killed", ended_at=NOW)


async def get(database: Database, org_id: str, call_id: str) -> calls.Call:
    async with database.read() as conn:
        call = await calls.get_call(conn, org_id, call_id)
    assert call is not None
    return call


async def test_a_call_is_kept_as_given(database: Database):
    org_id = await seed_org(database)
    call_id = await seed_call(
        database,
        org_id,
        carrier_call_sid="CA1",
        task_context={"a": [1, {"b": None}], "z": "\x00"},
        node_id="n",
    )
    call = await get(database, org_id, call_id)
    assert call.task_context == {"a": [1, {"b": None}], "z": "\x00"}
    assert (call.status, call.resumes, call.last_event_seq, call.ended_at) == ("ringing", 0, 0, None)
    async with database.read() as conn:
        assert await calls.find_by_carrier_sid(conn, "CA1") == call
        assert await calls.find_any_org(conn, call_id) == call
        assert await calls.get_call(conn, "org_other", call_id) is None
        assert await calls.find_any_org(conn, "\x00") is None


async def test_a_carrier_sid_names_one_call(database: Database):
    org_id = await seed_org(database)
    await seed_call(database, org_id, carrier_call_sid="CA1")
    second = await seed_call(database, org_id)
    with pytest.raises(Conflict, match="carrier sid"):
        await seed_call(database, org_id, carrier_call_sid="CA1")
    with pytest.raises(Conflict, match="carrier sid"):
        async with database.write() as conn:
            await calls.update_call(conn, org_id, second, carrier_call_sid="CA1")


async def test_only_some_columns_may_be_set_and_only_in_ones_own_org(database: Database):
    org_id, other = await seed_org(database), await seed_org(database, "Other")
    call_id = await seed_call(database, org_id)
    async with database.write() as conn:
        call = await calls.update_call(
            conn, org_id, call_id, answered_by="human", next_step={"kind": "hang_up"}
        )
        assert (call.answered_by, call.next_step) == ("human", {"kind": "hang_up"})
        for column in ("created_at", "status", "last_event_seq", "nonsense"):
            with pytest.raises(ValueError, match=column):
                await calls.update_call(conn, org_id, call_id, **{column: "x"})
    with pytest.raises(NotFound):
        async with database.write() as conn:
            await calls.update_call(conn, other, call_id, answered_by="fax")
    assert (await get(database, org_id, call_id)).answered_by == "human"


def _rank(status: str) -> int:
    return min(calls.STATUSES.index(status), 3)


@given(
    reports=st.lists(
        st.tuples(st.sampled_from(calls.STATUSES), st.none() | st.integers(0, 2**31 - 1)), max_size=8
    )
)
@settings(max_examples=25, deadline=None, suppress_health_check=IN_THE_TEST, derandomize=True)
async def test_status_moves_only_forward_whatever_comes_in_whatever_order(database: Database, reports):
    org_id = await seed_org(database)
    call_id = await seed_call(database, org_id, status="queued")
    status = "queued"
    for reported, sequence in reports:
        async with database.write() as conn:
            changed = await calls.advance_status(conn, org_id, call_id, reported, sequence, now=NOW)
        assert changed == (_rank(reported) > _rank(status))
        status = reported if changed else status
        assert (await get(database, org_id, call_id)).status == status
    call = await get(database, org_id, call_id)
    assert call.carrier_sequence == max((s for _, s in reports if s is not None), default=None)
    assert _rank(call.status) == max((_rank(reported) for reported, _ in reports), default=0)


async def test_answered_is_noted_once(database: Database):
    org_id = await seed_org(database)
    call_id = await seed_call(database, org_id)
    async with database.write() as conn:
        assert await calls.advance_status(conn, org_id, call_id, "in-progress", now=NOW)
        assert not await calls.advance_status(
            conn, org_id, call_id, "in-progress", now=NOW + timedelta(hours=1)
        )
        assert not await calls.advance_status(conn, "org_other", call_id, "completed")
    assert (await get(database, org_id, call_id)).answered_at == NOW


async def test_racing_endings_end_a_call_once(database: Database):
    org_id = await seed_org(database)
    call_id = await seed_call(database, org_id, status="in-progress")

    async def finish(number: int) -> bool:
        ending = calls.Ending(
            status="completed", disposition=f"d{number}", reason="", ended_at=NOW, duration_ms=number
        )
        async with database.write() as conn:
            return await calls.finish_call(conn, org_id, call_id, ending)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(finish(number)) for number in range(8)]
    winners = [number for number, task in enumerate(tasks) if task.result()]
    assert len(winners) == 1
    call = await get(database, org_id, call_id)
    assert (call.disposition, call.duration_ms) == (f"d{winners[0]}", winners[0])
    assert not await finish(9)


async def test_an_ending_keeps_the_final_status_the_carrier_reported(database: Database):
    org_id = await seed_org(database)
    call_id = await seed_call(database, org_id)
    async with database.write() as conn:
        assert await calls.advance_status(conn, org_id, call_id, "no-answer")
        assert await calls.finish_call(conn, org_id, call_id, ENDING)
    call = await get(database, org_id, call_id)
    assert (call.status, call.disposition, call.ended_at) == ("no-answer", "hung_up", NOW)


async def test_only_an_interrupted_call_comes_back_and_only_so_often(database: Database):
    org_id = await seed_org(database)
    call_id = await seed_call(database, org_id, status="in-progress")
    async with database.write() as conn:
        assert await calls.reopen_call(conn, org_id, call_id, max_resumes=2) is None, "it never ended"
        for resumes in (1, 2):
            assert await calls.finish_call(conn, org_id, call_id, INTERRUPTED)
            call = await calls.reopen_call(conn, org_id, call_id, max_resumes=2)
            assert call is not None
            assert (call.status, call.resumes, call.ended_at) == ("in-progress", resumes, None)
        assert await calls.finish_call(conn, org_id, call_id, INTERRUPTED)
        assert await calls.reopen_call(conn, org_id, call_id, max_resumes=2) is None
        assert await calls.reopen_call(conn, "org_other", call_id, max_resumes=9) is None
        hung_up = await seed_call_in(conn, org_id)
        assert await calls.finish_call(conn, org_id, hung_up, ENDING)
        assert await calls.reopen_call(conn, org_id, hung_up, max_resumes=2) is None


async def seed_call_in(conn, org_id: str) -> str:
    call = calls.NewCall(direction="inbound", status="ringing", from_number="1", to_number="2")
    return (await calls.create_call(conn, org_id, call)).id


async def pages(
    database: Database, org_id: str, which: calls.CallFilter, limit: int, between=None
) -> list[str]:
    seen: list[str] = []
    cursor = None
    while True:
        async with database.read() as conn:
            page = await calls.list_calls(conn, org_id, which, cursor, limit)
        seen += [call.id for call in page]
        if len(page) < limit:
            return seen
        cursor = (page[-1].created_at, page[-1].id)
        if between is not None:
            await between()


@pytest.mark.parametrize("limit", [1, 3, 7])
async def test_pages_are_exact_while_calls_come_in(database: Database, limit: int):
    org_id, other = await seed_org(database), await seed_org(database, "Other")
    # Several share a moment, so that the id decides.
    before = [
        await seed_call(database, org_id, created_at=NOW + timedelta(seconds=number // 3))
        for number in range(12)
    ]
    await seed_call(database, other)
    added = 0

    async def add() -> None:
        nonlocal added
        added += 1
        await seed_call(database, org_id, created_at=NOW + timedelta(minutes=added))

    seen = await pages(database, org_id, calls.CallFilter(), limit, add)
    assert len(seen) == len(set(seen))
    assert [call_id for call_id in seen if call_id in before] == sorted(
        before, key=lambda call_id: (before.index(call_id) // 3, call_id), reverse=True
    )
    assert added > 0


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("100%", ["percent"]),
        ("%", ["percent"]),
        ("_", ["underscore"]),
        ("/", ["slash"]),
        ("\\", ["backslash"]),
        ("1555", ["number"]),
        ("+1555", ["number"]),
        ("aBc", ["letters"]),
        ("'; DROP TABLE calls; --", []),
        ("\x00", []),
        ("zzz", []),
    ],
)
async def test_search_is_literal(database: Database, q: str, found: list[str]):
    org_id, other = await seed_org(database), await seed_org(database, "Other")
    summaries = {
        "percent": "100% sure",
        "underscore": "a_b",
        "slash": "either/or",
        "backslash": "C:\\",
        "letters": "XABCX",
    }
    ids = {}
    for name in summaries:
        ids[await seed_call(database, org_id, from_number="+49", to_number="+49")] = name
    ids[await seed_call(database, org_id, from_number="+15550", to_number="+49")] = "number"
    async with database.write() as conn:
        for call_id, name in ids.items():
            if name in summaries:
                await calls.update_call(conn, org_id, call_id, summary=summaries[name])
    stranger = await seed_call(database, other, from_number="+15550")
    async with database.write() as conn:
        await calls.update_call(conn, other, stranger, summary="100% a_b/\\ abc")
    seen = await pages(database, org_id, calls.CallFilter(q=q), 50)
    assert sorted(ids[call_id] for call_id in seen) == found


async def test_filters_hold_alone_and_together(database: Database):
    org_id = await seed_org(database)
    rows = {}
    for number, (direction, status) in enumerate(
        [("inbound", "completed"), ("outbound", "completed"), ("outbound", "failed"), ("inbound", "ringing")]
    ):
        call_id = await seed_call(
            database, org_id, direction=direction, status=status, created_at=NOW + timedelta(seconds=number)
        )
        rows[call_id] = number

    async def numbers(**which: object) -> list[int]:
        return [rows[call_id] for call_id in await pages(database, org_id, calls.CallFilter(**which), 2)]

    assert await numbers() == [3, 2, 1, 0]
    assert await numbers(direction="outbound") == [2, 1]
    assert await numbers(status="completed") == [1, 0]
    assert await numbers(status="nonsense") == []
    assert await numbers(direction="outbound", status="completed") == [1]
    assert await numbers(since=NOW + timedelta(seconds=1)) == [3, 2, 1]
    assert await numbers(until=NOW + timedelta(seconds=1)) == [0]
    assert await numbers(since=NOW + timedelta(seconds=1), until=NOW + timedelta(seconds=3)) == [2, 1]
    async with database.read() as conn:
        assert [rows[call.id] for call in await calls.list_outbound(conn, org_id, None, 10)] == [2, 1]


async def test_unread_is_each_readers_own(database: Database):
    org_id, other = await seed_org(database), await seed_org(database, "Other")
    first, second = [await seed_call(database, org_id) for _ in range(2)]
    async with database.write() as conn:
        await calls.mark_read(conn, org_id, first, "user_a", NOW)
        await calls.mark_read(conn, org_id, first, "user_a", NOW)

    async def unread(reader: str | None) -> set[str]:
        return set(await pages(database, org_id, calls.CallFilter(read="unread", reader_id=reader), 50))

    assert await unread("user_a") == {second}
    assert await unread("user_b") == {first, second}
    assert await unread(None) == {second}
    async with database.write() as conn:
        await calls.mark_unread(conn, org_id, first, "user_a")
    assert await unread("user_a") == {first, second}
    with pytest.raises(Conflict):
        async with database.write() as conn:
            await calls.mark_read(conn, other, first, "user_a", NOW)


async def test_the_reconciler_sees_unfinished_calls_of_every_org(database: Database):
    org_id, other = await seed_org(database), await seed_org(database, "Other")
    mine = await seed_call(database, org_id, node_id="n1")
    theirs = await seed_call(database, other, node_id="n2", created_at=NOW + timedelta(seconds=1))
    done = await seed_call(database, org_id, node_id="n1")
    nobodys = await seed_call(database, org_id, created_at=NOW + timedelta(seconds=2))
    async with database.write() as conn:
        await calls.finish_call(conn, org_id, done, ENDING)
    async with database.read() as conn:
        assert [c.id for c in await calls.unfinished_calls(conn, node_ids=None)] == [mine, theirs, nobodys]
        assert [c.id for c in await calls.unfinished_calls(conn, node_ids=["n2", "n9"])] == [theirs]
        assert await calls.unfinished_calls(conn, node_ids=[]) == []
