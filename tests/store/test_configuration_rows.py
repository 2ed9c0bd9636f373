"""Flows, numbers, kept replies, and the small parts: ids, column types, the bus."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import flows, idempotency, numbers, orgs
from store.bus import Bus
from store.columns import encode_json, storable
from store.database import Database
from store.errors import Conflict, NotFound
from store.ids import new_id
from tests.store.seeds import NOW, seed_org


async def make_flow(database: Database, org_id: str, name: str = "F") -> flows.StoredFlow:
    async with database.write() as conn:
        return await flows.create_flow(conn, org_id, flows.FlowFields(name=name), now=NOW)


async def test_a_change_makes_a_new_version(database: Database):
    org_id = await seed_org(database)
    flow = await make_flow(database, org_id)
    assert (flow.version, flow.voice, flow.kind, flow.tools_json) == (1, "alloy", "inbound", "[]")
    later = NOW + timedelta(seconds=1)
    async with database.write() as conn:
        changed = await flows.update_flow(
            conn, org_id, flow.id, {"name": "G", "provider": "openai"}, now=later
        )
        assert (changed.version, changed.name, changed.updated_at) == (2, "G", later)
        assert (changed.created_at, changed.greeting) == (NOW, "")
        assert await flows.update_flow(conn, org_id, flow.id, {}) == changed
        assert await flows.update_flow(conn, org_id, flow.id, {"provider": None}, 2) is not None
        with pytest.raises(Conflict):
            await flows.update_flow(conn, org_id, flow.id, {"name": "H"}, 2)
        with pytest.raises(Conflict):
            await flows.update_flow(conn, org_id, flow.id, {}, 2)
        with pytest.raises(NotFound):
            await flows.update_flow(conn, "org_other", flow.id, {"name": "H"})
        with pytest.raises(ValueError, match="org_id"):
            await flows.update_flow(conn, org_id, flow.id, {"org_id": "x"})
        assert (await flows.get_flow(conn, org_id, flow.id)).version == 3


async def test_what_a_flow_says_about_speech_is_kept_as_it_was_written(database: Database):
    org_id = await seed_org(database)
    flow = await make_flow(database, org_id)
    assert flow.speech_json is None
    text = '{ "language": "en",  "providers": ["gemini"] }'
    async with database.write() as conn:
        changed = await flows.update_flow(conn, org_id, flow.id, {"speech_json": text})
        assert (changed.speech_json, changed.version) == (text, 2)
        cleared = await flows.update_flow(conn, org_id, flow.id, {"speech_json": None})
        assert cleared.speech_json is None


async def test_an_org_keeps_the_order_of_its_providers(database: Database):
    org_id, other = await seed_org(database), await seed_org(database, "Other")
    async with database.write() as conn:
        assert (await orgs.get_org(conn, org_id)).providers is None
        changed = await orgs.set_providers(conn, org_id, ["gemini", "openai"])
        assert changed.providers == ("gemini", "openai")
        assert await orgs.get_org(conn, org_id) == changed
        assert (await orgs.get_org(conn, other)).providers is None
        assert (await orgs.set_providers(conn, org_id, [])).providers is None
        with pytest.raises(NotFound, match="org_none"):
            await orgs.set_providers(conn, "org_none", ["openai"])


async def test_of_racing_changes_to_one_version_exactly_one_wins(database: Database):
    org_id = await seed_org(database)
    flow = await make_flow(database, org_id)

    async def change(name: str) -> bool:
        try:
            async with database.write() as conn:
                await flows.update_flow(conn, org_id, flow.id, {"name": name}, 1)
        except Conflict:
            return False
        return True

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(change(f"n{number}")) for number in range(6)]
    assert [task.result() for task in tasks].count(True) == 1
    async with database.read() as conn:
        assert (await flows.get_flow(conn, org_id, flow.id)).version == 2


async def test_a_number_is_registered_once_in_the_world(database: Database):
    org_id, other = await seed_org(database), await seed_org(database, "Other")
    flow, theirs = await make_flow(database, org_id), await make_flow(database, other)
    async with database.write() as conn:
        number = await numbers.create_number(conn, org_id, "PN1", "+15550001", "Desk", flow.id, now=NOW)
    for sid, e164 in (("PN1", "+15550002"), ("PN2", "+15550001")):
        with pytest.raises(Conflict):
            async with database.write() as conn:
                await numbers.create_number(conn, other, sid, e164)
    for attempt in (
        lambda conn: numbers.create_number(conn, org_id, "PN3", "+15550003", flow_id=theirs.id),
        lambda conn: numbers.update_number(conn, org_id, number.id, {"flow_id": theirs.id}),
    ):
        with pytest.raises(Conflict):
            async with database.write() as conn:
                await attempt(conn)
    async with database.write() as conn:
        assert await numbers.list_numbers(conn, org_id) == [number]
        assert await numbers.list_numbers(conn, other) == []
        assert await numbers.get_number(conn, other, number.id) is None
        assert await numbers.find_number_any_org(conn, number.id) == number
        changed = await numbers.update_number(conn, org_id, number.id, {"flow_id": None})
        assert (changed.flow_id, changed.friendly_name) == (None, "Desk")
        assert await numbers.update_number(conn, org_id, number.id, {}) == changed
        with pytest.raises(NotFound):
            await numbers.update_number(conn, other, number.id, {"friendly_name": "stolen"})
        with pytest.raises(ValueError, match="e164"):
            await numbers.update_number(conn, org_id, number.id, {"e164": "+1"})


async def test_a_kept_reply_lasts_a_day_and_is_one_orgs_and_one_operations(database: Database):
    org_id, other = await seed_org(database), await seed_org(database, "Other")
    reply = idempotency.KeptReply("a" * 64, 200, '{"id":1}')
    async with database.write() as conn:
        assert await idempotency.keep(conn, org_id, "op", "key", reply, NOW)
        assert not await idempotency.keep(conn, org_id, "op", "key", reply, NOW)
        assert await idempotency.find(conn, org_id, "op", "key", NOW + idempotency.KEPT / 2) == reply
        assert await idempotency.find(conn, org_id, "op", "key", NOW + idempotency.KEPT) is None
        assert await idempotency.find(conn, org_id, "op2", "key", NOW) is None
        assert await idempotency.find(conn, other, "op", "key", NOW) is None
        assert await idempotency.keep(conn, org_id, "op", "key", reply, NOW + idempotency.KEPT)


def test_ids_sort_by_time_and_do_not_collide():
    made = [new_id("call") for _ in range(2000)]
    assert len(set(made)) == len(made)
    assert [made_id[:15] for made_id in made] == sorted(made_id[:15] for made_id in made)
    assert all(len(made_id) == 5 + 26 and made_id.startswith("call_") for made_id in made)


@given(
    st.text(alphabet=st.characters(codec=None) | st.sampled_from(["\x00", "\ud800", "\udfff", "\U0001f600"]))
)
def test_any_text_becomes_storable_and_good_text_stays(text: str):
    out = storable(text)
    out.encode()
    assert "\x00" not in out
    if "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text):
        assert out == text
    encode_json({"k": [text]}).encode()


async def test_the_bell_coalesces_and_misses_nothing():
    bus = Bus()
    bus.ring("nobody listens")
    with bus.listen("t") as bell, bus.listen("t") as other, bus.listen("u") as elsewhere:
        bus.ring("t")
        bus.ring("t")
        assert await bell.wait(0.001)
        assert not await bell.wait(0.001)
        assert await other.wait(0.001)
        assert not await elsewhere.wait(0.001)
    bus.ring("t")
    assert not await bell.wait(0)
