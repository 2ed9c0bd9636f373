"""Server-sent events: whole, live, resumed, and ended when they should be."""

import asyncio
from datetime import UTC, datetime
from unittest import mock

import pytest
from aiohttp import ClientPayloadError
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from control_api import event_stream
from control_api.errors import BadInput
from store import api_keys, calls, memberships, web_sessions
from store import call_events as ce
from store.database import Database
from store.errors import DatabaseUnavailable
from store.event_log import EventLog, LoggedEvent, UnrecognisedEvent
from tests.control_api.harness import NOW, Api, end_call, seed_events, serving
from tests.control_api.sse_reader import listening, whole


def digit(number: int) -> ce.DigitPressed:
    return ce.DigitPressed(digit=str(number), at_ms=number)


def seqs(messages: list) -> list[int]:
    return [message.id for message in messages if message.id is not None]


async def test_a_closed_call_answers_its_whole_log_and_ends(api_on_both: Api):
    api = api_on_both
    await seed_events(api, api.ours.call_id)
    await end_call(api, api.ours.call_id)
    got = await whole(api, api.ours.call_id, role="viewer")
    assert got[0].event == "hello"
    assert (got[0].id, got[0].retry_ms) == (None, 2000)
    assert got[0].data == {"call_id": api.ours.call_id, "status": "completed", "after": 0}
    assert seqs(got) == list(range(1, 13))
    assert [message.event for message in got[1:-1]] == [
        "state", "state", "transcript", "transcript", "transcript", "tool", "tool", "tool", "tool", "tool",
        "transcript", "state",
    ]  # fmt: skip
    assert (got[-1].event, got[-1].id) == ("end", None)
    assert got[-1].data == {"call_id": api.ours.call_id, "status": "completed", "disposition": "hung_up"}
    final = got[11].data
    assert (final["seq"], final["type"], final["text"]) == (
        11,
        "transcript.final",
        "Booked for Tuesday at nine",
    )
    assert final["at"].endswith("Z")
    assert len(final["at"]) == len("2026-11-24T09:00:00.000Z")


async def test_the_answer_is_a_stream_no_proxy_holds_back(api: Api):
    await end_call(api, api.ours.call_id)
    async with listening(api, api.ours.call_id) as (response, _):
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Accel-Buffering"] == "no"
        assert response.headers["X-Request-Id"].startswith("req_")


async def test_nothing_is_sent_twice_to_one_who_has_it(api: Api):
    await seed_events(api, api.ours.call_id)
    await end_call(api, api.ours.call_id)
    assert seqs(await whole(api, api.ours.call_id, after=10)) == [11, 12]
    assert [m.event for m in await whole(api, api.ours.call_id, after=12)] == ["hello", "end"]
    path = f"/api/calls/{api.ours.call_id}/stream?last_event_id=11"
    text = await (await api.call("GET", path)).text()
    assert text.count("id: ") == 1
    # The header is what browsers send by themselves when they reconnect; it knows better.
    text = await (await api.call("GET", path, headers={"Last-Event-ID": "9"})).text()
    assert text.count("id: ") == 3
    assert seqs(await whole(api, api.ours.call_id, after="")) == list(range(1, 13))


@pytest.mark.parametrize(
    "rubbish", ["x", "-1", "1.0", " 1x", "+1", "13", "99999999999999999999", "\u0661", "1,2", "0x1", "1\x0b"]
)
async def test_rubbish_for_a_place_to_go_on_is_400(api: Api, rubbish: str):
    await seed_events(api, api.ours.call_id)
    await end_call(api, api.ours.call_id)
    for options in ({"headers": {"Last-Event-ID": rubbish}}, {"params": {"last_event_id": rubbish}}):
        if "\x0b" in rubbish and "headers" in options:
            continue  # the client library refuses to send it
        path = f"/api/calls/{api.ours.call_id}/stream"
        error = await api.json("GET", path, status=400, **options)
        assert error["details"][0]["code"] == "invalid_last_event_id"


@given(st.text(max_size=25), st.integers(0, 50))
def test_a_starting_point_is_a_number_the_call_has_reached(text: str, last: int):
    try:
        after = event_stream.starting_point(text, last)
    except BadInput:
        assert not (text.isascii() and text.isdigit() and len(text) <= 18 and int(text) <= last)
    else:
        assert after == int(text or 0) <= last


@pytest.mark.parametrize("cut_after", [1, 3, 8])
async def test_a_reader_cut_off_again_and_again_gets_every_event_once(api_on_both: Api, cut_after: int):
    api = api_on_both
    call_id, total = api.ours.call_id, 40

    async def write() -> None:
        log = api.services.event_log
        for number in range(1, total):
            log.append(api.ours.org_id, call_id, digit(number))
            if number % 3 == 0:
                await log.flush()
        await log.flush()
        await end_call(api, call_id)

    async def read() -> tuple[list[int], list[str]]:
        got: list[int] = []
        while True:
            async with listening(api, call_id, got[-1] if got else None) as (response, stream):
                assert response.status == 200
                taken = 0
                async for message in stream:
                    if message.event == "end":
                        return got, [message.event]
                    if message.id is not None:
                        got.append(message.id)
                        taken += 1
                        if taken == cut_after:
                            response.close()  # cuts the connection in the middle of the stream
                            break

    async with asyncio.TaskGroup() as group:
        readers = [group.create_task(read()) for _ in range(3)]
        group.create_task(write())
    for reader in readers:
        assert reader.result() == (list(range(1, total + 1)), ["end"])


async def test_events_of_a_resumed_call_are_there_for_one_who_comes_back(api: Api):
    call_id = api.ours.call_id
    await api.append(call_id, digit(1))
    await end_call(api, call_id, disposition=calls.INTERRUPTED)
    first = await whole(api, call_id)
    assert (seqs(first), first[-1].event) == ([1, 2], "end")
    async with api.database.write() as conn:
        assert await calls.reopen_call(conn, api.ours.org_id, call_id, 2)
    await api.append(call_id, ce.CallResumed(attempt=1))
    async with listening(api, call_id, after=2) as (_, stream):
        assert (await anext(stream)).event == "hello"
        assert (await anext(stream)).data["type"] == "call.resumed"
        await api.append(call_id, digit(4))
        assert (await anext(stream)).id == 4
        await end_call(api, call_id)
        assert [message.event async for message in stream] == ["state", "end"]
    # From the beginning the first ending is not the end.
    again = await whole(api, call_id)
    assert (seqs(again), [message.event for message in again].count("end")) == ([1, 2, 3, 4, 5], 1)


async def test_what_comes_after_the_ending_is_sent_before_the_end(api: Api):
    call_id = api.ours.call_id
    await end_call(api, call_id)
    await api.append(call_id, ce.CarrierStatusReported(status="completed"))
    got = await whole(api, call_id)
    assert [message.data.get("type") for message in got[1:-1]] == ["call.ended", "carrier.status"]
    assert got[-1].event == "end"
    assert [m.event for m in await whole(api, call_id, after=2)] == ["hello", "end"]


@pytest.mark.virtual_time
async def test_silence_is_filled_and_a_late_row_still_ends_the_stream(api: Api):
    """The log may say `call.ended` before the row does, and a reader may come in between."""
    loop = asyncio.get_running_loop()
    call_id = api.ours.call_id
    await api.append(call_id, ce.CallEnded(status="completed", disposition="x", reason="", duration_ms=1))
    async with listening(api, call_id, after=1) as (_, stream):
        assert (await anext(stream)).event == "hello"
        started = loop.time()
        assert (await anext(stream)).event == ":"
        assert loop.time() - started == pytest.approx(15, abs=0.5)
        assert (await anext(stream)).event == ":"
        assert loop.time() - started == pytest.approx(30, abs=1)
        ending = calls.Ending(status="completed", disposition="x", reason="", ended_at=NOW)
        async with api.database.write() as conn:
            await calls.finish_call(conn, api.ours.org_id, call_id, ending)
        assert [message.event async for message in stream] == [":", "end"]
        assert loop.time() - started == pytest.approx(45, abs=1)


@pytest.mark.virtual_time
@pytest.mark.parametrize("how", ["key", "membership", "moved"])
async def test_a_right_taken_away_ends_the_stream_within_half_a_minute(api: Api, how: str):
    loop = asyncio.get_running_loop()
    cookies = {"bh_hum_session": api.ours.cookies["viewer"]}
    # Sessions are judged by the wall clock, which stands still here beside the loop's.
    options = {"role": "viewer"} if how == "key" else {"role": None, "cookies": cookies}
    me = await api.json("GET", "/api/me", **options)
    async with listening(api, api.ours.call_id, **options) as (_, stream):
        assert (await anext(stream)).event == "hello"
        started = loop.time()
        async with api.database.write() as conn:
            match how:
                case "key":
                    await api_keys.revoke(conn, api.ours.org_id, me["id"], datetime.now(UTC))
                case "membership":
                    await memberships.remove_member(conn, api.ours.org_id, me["id"])
                case _:
                    await web_sessions.revoke_all(conn, api.ours.org_id, me["id"])
        await api.append(api.ours.call_id, digit(1))
        rest = [message async for message in stream]
        assert loop.time() - started == pytest.approx(30, abs=1)
        assert "end" not in [message.event for message in rest]


@pytest.mark.virtual_time
async def test_a_lower_role_is_enough_to_go_on(api: Api):
    async with listening(
        api, api.ours.call_id, role=None, cookies={"bh_hum_session": api.ours.cookies["admin"]}
    ) as (
        _,
        stream,
    ):
        assert (await anext(stream)).event == "hello"
        async with api.database.write() as conn:
            await memberships.add_member(conn, api.ours.org_id, api.ours.users["admin"], "viewer")
        assert [(await anext(stream)).event for _ in range(4)] == [":"] * 4
        await api.append(api.ours.call_id, digit(1))
        assert (await anext(stream)).id == 1


async def test_stopping_the_service_ends_streams_at_once(sqlite_url: str, tmp_path):
    database = await Database.open(sqlite_url)
    try:
        async with serving(database, tmp_path) as api:
            async with listening(api, api.ours.call_id) as (_, stream), asyncio.timeout(5):
                assert (await anext(stream)).event == "hello"
                await api.append(api.ours.call_id, digit(1))
                assert (await anext(stream)).id == 1
                await api.app.shutdown()
                assert [message async for message in stream] == []
            # One that connects while the service stops is sent away as soon as it is greeted.
            assert [message.event for message in await whole(api, api.ours.call_id, after=1)] == ["hello"]
    finally:
        await database.close()


async def test_a_reader_that_does_not_read_is_cut_and_can_go_on(api: Api, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(event_stream, "SEND_LIMIT_S", 0.05)
    call_id = api.ours.call_id
    big = [ce.ToolFinished(tool_call_id="t", name="n", result="x" * 200_000) for _ in range(60)]
    await api.append(call_id, *big)
    reader, writer = await asyncio.open_connection(api.client.host, api.client.port, limit=1024)
    authorization = f"Authorization: Bearer {api.ours.keys['viewer']}"
    request = f"GET /api/calls/{call_id}/stream HTTP/1.1\r\nHost: x\r\n{authorization}\r\n\r\n"
    writer.write(request.encode())
    await reader.readline()
    gauge = "hum_api_open_streams 1.0"
    async with asyncio.timeout(10):
        while gauge in await (await api.call("GET", "/metrics")).text():
            await asyncio.sleep(0)
    writer.close()
    await end_call(api, call_id)
    assert seqs(await whole(api, call_id, after=58)) == [59, 60, 61]


async def test_a_database_that_fails_in_the_middle_cuts_the_stream(api: Api):
    await api.append(api.ours.call_id, digit(1))
    async with listening(api, api.ours.call_id) as (_, stream):
        assert [(await anext(stream)).event for _ in range(2)] == ["hello", "digit"]
        with (
            capture_logs() as logs,
            mock.patch.object(EventLog, "read", side_effect=DatabaseUnavailable("planted")),
        ):
            await api.append(api.ours.call_id, digit(2))
            with pytest.raises(ClientPayloadError):
                await anext(stream)
    assert [entry["event"] for entry in logs] == ["event_stream_cut"]
    async with listening(api, api.ours.call_id, after=1) as (_, stream):
        assert [(await anext(stream)).event for _ in range(2)] == ["hello", "digit"]


async def test_markup_and_line_breaks_stay_inside_the_data(api: Api):
    nasty = "a\n\ndata: b\r\nevent: end\n\u2028</script>\x00"
    await api.append(
        api.ours.call_id,
        ce.TranscriptFinal(turn_id="t", party="caller", text=nasty, started_ms=0, ended_ms=1),
    )
    await end_call(api, api.ours.call_id)
    got = await whole(api, api.ours.call_id)
    assert [message.event for message in got] == ["hello", "transcript", "state", "end"]
    assert got[1].data["text"] == nasty


def test_an_event_of_another_version_is_passed_on_as_stored():
    event = UnrecognisedEvent(stored_type="call.teleported", fields={"type": "call.teleported", "to": "Mars"})
    logged = LoggedEvent(3, "call_1", NOW, "call.teleported", event)
    assert event_stream.event_data(logged) == {
        "type": "call.teleported",
        "to": "Mars",
        "seq": 3,
        "at": "2026-11-24T09:00:00.000Z",
    }


@pytest.mark.parametrize("call_id", ["call_none", "theirs"])
async def test_no_stream_of_a_call_one_does_not_have(api: Api, call_id: str):
    target = api.theirs.call_id if call_id == "theirs" else call_id
    error = await api.json("GET", f"/api/calls/{target}/stream", status=404)
    assert error["code"] == "not_found"
