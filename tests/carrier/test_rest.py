"""Calls over Twilio's REST API: against the simulated Twilio, and against a service that answers anything."""

import asyncio
import base64
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import pytest
from aiohttp import web

from bench.scenarios.caller import Answers, CallerScript, NeverAnswers, Wait
from bench.simulators.twilio import NumberConfig, RestFault, TwilioConfig, TwilioSimulator
from carrier.errors import CarrierError, NotInProgress
from carrier.rest import CarrierCall, CarrierClient, Dialling
from tests.bench.service import ToyService, twiml

pytestmark = pytest.mark.virtual_time

NUMBER = "+15550100001"
CALLEE = "+15550100099"
ACCOUNT = TwilioConfig().account_sid
SID = "CA" + "0" * 32
CREATED = {"sid": SID, "status": "queued", "duration": None}


def dialling(base: str = "https://hum.example") -> Dialling:
    return Dialling(CALLEE, NUMBER, f"{base}/answered", f"{base}/status", f"{base}/amd", 3600)


@contextlib.asynccontextmanager
async def client(url: str, **options: Any) -> AsyncIterator[CarrierClient]:
    async with aiohttp.ClientSession() as session:
        token = options.pop("auth_token", TwilioConfig().auth_token)
        yield CarrierClient(session, account_sid=ACCOUNT, auth_token=token, base_url=url, **options)


@dataclass
class Rubber:
    """A REST service that keeps what it is asked and answers what it is told."""

    answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
    asked: list[tuple[str, str]] = field(default_factory=list)
    form: list[tuple[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append((request.method, request.path_qs))
        self.form = parse_qsl(await request.text(), keep_blank_values=True, strict_parsing=True)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        return await self.answer(request)


@contextlib.asynccontextmanager
async def rubber(
    answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], **options: Any
) -> AsyncIterator[tuple[Rubber, CarrierClient]]:
    service = Rubber(answer)
    runner = web.ServerRunner(web.Server(service.handle), shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with client(f"http://127.0.0.1:{runner.addresses[0][1]}", **options) as carrier:
            yield service, carrier
    finally:
        await runner.cleanup()


def says(status: int, body: Any) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        if isinstance(body, bytes):
            return web.Response(status=status, body=body, content_type="text/html")
        return web.json_response(body, status=status)

    return answer


async def refused(request: Awaitable[Any]) -> CarrierError:
    with pytest.raises(CarrierError) as caught:
        await request
    return caught.value


# ---- with the simulated Twilio


async def test_a_call_from_dialling_to_its_end() -> None:
    script = CallerScript((Wait(30_000),), pickup=Answers(500))
    async with ToyService(answers={"/answered": twiml('<Pause length="60"/>')}) as service:
        config = TwilioConfig(numbers=(NumberConfig(NUMBER),), callees={CALLEE: script})
        async with TwilioSimulator(config) as twilio, client(twilio.url) as carrier:
            placed = await carrier.place_call(dialling(service.url))
            assert (placed.status, placed.duration_s) == ("queued", None)
            call = await twilio.wait_for_call()
            assert call.sid == placed.sid
            await call.until(lambda each: each.status == "in-progress")
            await asyncio.sleep(5)
            assert (await carrier.fetch_call(placed.sid)).status == "in-progress"
            await carrier.hang_up(placed.sid)
            await call.finished()
            over = await carrier.fetch_call(placed.sid)
            assert (over.status, over.duration_s) == ("completed", call.duration_s)
            # Once more: it is over, and that is what was asked for.
            await carrier.hang_up(placed.sid)
        statuses = [asked.params["CallStatus"] for asked in service.all("/status")]
        assert statuses == ["initiated", "ringing", "in-progress", "completed"]
        assert service.last("/amd").params["AnsweredBy"] == "human"


async def test_hanging_up_while_it_rings() -> None:
    config = TwilioConfig(
        numbers=(NumberConfig(NUMBER),), callees={CALLEE: CallerScript(pickup=NeverAnswers())}
    )
    async with ToyService() as service, TwilioSimulator(config) as twilio, client(twilio.url) as carrier:
        placed = await carrier.place_call(dialling(service.url))
        call = await twilio.wait_for_call()
        await call.until(lambda each: each.status == "ringing")
        await carrier.hang_up(placed.sid)
        await call.finished()
        assert call.over


async def test_a_call_nobody_knows() -> None:
    async with TwilioSimulator() as twilio, client(twilio.url) as carrier:
        await carrier.hang_up(SID)
        with pytest.raises(NotInProgress) as caught:
            await carrier.fetch_call(SID)
        assert (caught.value.code, caught.value.retryable) == (20404, False)


async def test_a_wrong_token_and_a_number_of_somebody_else() -> None:
    async with TwilioSimulator() as twilio:
        async with client(twilio.url, auth_token="wrong") as carrier:
            error = await refused(carrier.place_call(dialling()))
            assert (error.code, error.retryable) == (20003, False)
            assert type(await refused(carrier.hang_up(SID))) is CarrierError
        async with client(twilio.url) as carrier:
            error = await refused(carrier.place_call(dialling()))
            assert error.code != 0
            assert not error.retryable
        assert not twilio.calls


async def test_a_request_that_was_put_off_works_the_next_time() -> None:
    faults = (RestFault("/Calls", status=429, code=20429, message="Too many requests"),)
    config = TwilioConfig(numbers=(NumberConfig(NUMBER),), rest_faults=faults)
    async with ToyService() as service, TwilioSimulator(config) as twilio, client(twilio.url) as carrier:
        error = await refused(carrier.place_call(dialling(service.url)))
        assert (error.code, error.retryable) == (20429, True)
        assert not twilio.calls
        await carrier.place_call(dialling(service.url))
        await (await twilio.wait_for_call()).finished()
        assert len(twilio.calls) == 1


async def test_nothing_logged_names_a_phone_number(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    config = TwilioConfig(numbers=(NumberConfig(NUMBER),))
    async with ToyService() as service, TwilioSimulator(config) as twilio, client(twilio.url) as carrier:
        placed = await carrier.place_call(dialling(service.url))
        await carrier.fetch_call(placed.sid)
        await carrier.hang_up(placed.sid)
        await (await twilio.wait_for_call()).finished()
    ours = [record for record in caplog.records if not record.name.startswith("bench")]
    for record in ours:
        text = record.getMessage()
        assert NUMBER not in text
        assert CALLEE[1:] not in text
        assert TwilioConfig().auth_token not in text


# ---- what goes over the wire


async def test_the_form_of_a_new_call() -> None:
    async with rubber(says(201, CREATED)) as (service, carrier):
        assert await carrier.place_call(dialling()) == CarrierCall(SID, "queued", None)
    assert service.asked == [("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json")]
    assert sorted(service.form) == sorted(
        [
            ("To", CALLEE),
            ("From", NUMBER),
            ("Url", "https://hum.example/answered"),
            ("StatusCallback", "https://hum.example/status"),
            ("StatusCallbackEvent", "initiated"),
            ("StatusCallbackEvent", "ringing"),
            ("StatusCallbackEvent", "answered"),
            ("StatusCallbackEvent", "completed"),
            ("MachineDetection", "DetectMessageEnd"),
            ("AsyncAmd", "true"),
            ("AsyncAmdStatusCallback", "https://hum.example/amd"),
            ("TimeLimit", "3600"),
        ]
    )
    (headers,) = service.headers
    key = base64.b64encode(f"{ACCOUNT}:{TwilioConfig().auth_token}".encode()).decode()
    assert headers["authorization"] == f"Basic {key}"
    assert headers["content-type"] == "application/x-www-form-urlencoded"


async def test_the_form_of_hanging_up_and_looking_up() -> None:
    async with rubber(says(200, {**CREATED, "status": "completed", "duration": "17"})) as (service, carrier):
        await carrier.hang_up(SID)
        assert service.form == [("Status", "completed")]
        assert await carrier.fetch_call(SID) == CarrierCall(SID, "completed", 17)
        assert service.form == []
    path = f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{SID}.json"
    assert service.asked == [("POST", path), ("GET", path)]


# ---- answers of all kinds


def legacy(status: int, code: Any) -> tuple[int, Any]:
    return status, {"status": status, "code": code, "message": "why", "more_info": "https://x"}


def problem(status: int, code: Any) -> tuple[int, Any]:
    """The same in the newer form. Source: RFC 9457; twilio-python 9.13 `base/version.py`, `exception`."""
    return status, {"type": "https://x", "title": "why", "status": status, "code": code}


@pytest.mark.parametrize("form", [legacy, problem])
@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (400, 21211, False),
        (400, 21215, False),
        (401, 20003, False),
        (403, 20005, False),
        (409, 20409, False),
        (429, 20429, True),
        (500, 20500, False),
        (502, 20502, False),
        (503, 20503, False),
        (504, 20504, False),
    ],
)
async def test_a_refusal(
    form: Callable[[int, Any], tuple[int, Any]], status: int, code: int, retryable: bool
) -> None:
    async with rubber(says(*form(status, code))) as (service, carrier):
        for ask in (carrier.place_call(dialling()), carrier.hang_up(SID), carrier.fetch_call(SID)):
            error = await refused(ask)
            assert (type(error), error.code, error.retryable) == (CarrierError, code, retryable)
            assert "why" in error.message
        assert len(service.asked) == 3  # each asked once: nothing repeats a request behind our back


@pytest.mark.parametrize("form", [legacy, problem])
@pytest.mark.parametrize(("status", "code"), [(400, 21220), (404, 20404), (404, 20000), (404, None)])
async def test_hanging_up_a_call_that_is_over(
    form: Callable[[int, Any], tuple[int, Any]], status: int, code: int | None
) -> None:
    async with rubber(says(*form(status, code))) as (_, carrier):
        await carrier.hang_up(SID)
        with pytest.raises(NotInProgress) as caught:
            await carrier.fetch_call(SID)
        assert not caught.value.retryable


@pytest.mark.parametrize("code", ["21211", "rubbish", [1], {"a": 1}, 1.5, True, None])
@pytest.mark.parametrize("form", [legacy, problem])
async def test_a_code_that_is_no_number(form: Callable[[int, Any], tuple[int, Any]], code: Any) -> None:
    async with rubber(says(*form(400, code))) as (_, carrier):
        error = await refused(carrier.place_call(dialling()))
        assert isinstance(error.code, int)
        assert not error.retryable


@pytest.mark.parametrize("status", [400, 429, 500, 503])
@pytest.mark.parametrize("body", [b"", b"<html>Bad Gateway</html>", b"\xff\xfe", [], "text", None, 7])
async def test_an_error_page(status: int, body: Any) -> None:
    async with rubber(says(status, body)) as (_, carrier):
        error = await refused(carrier.place_call(dialling()))
        assert error.retryable is (status == 429)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff\xfe",
        [],
        "text",
        None,
        7,
        {},
        {"sid": None, "status": "queued"},
        {"sid": 7, "status": "queued"},
        {"sid": "", "status": "queued"},
        {"sid": SID},
        {"sid": SID, "status": None},
        {"sid": SID, "status": "completed", "duration": "soon"},
        {"sid": SID, "status": "completed", "duration": [1]},
    ],
)
async def test_a_good_status_with_rubbish_may_have_been_carried_out(body: Any) -> None:
    async with rubber(says(200, body)) as (_, carrier):
        for ask in (carrier.place_call(dialling()), carrier.fetch_call(SID)):
            error = await refused(ask)
            assert (error.code, error.retryable) == (0, False)


async def test_a_redirect_is_not_followed() -> None:
    async def elsewhere(request: web.BaseRequest) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect("/elsewhere")

    async with rubber(elsewhere) as (service, carrier):
        assert not (await refused(carrier.place_call(dialling()))).retryable
        assert len(service.asked) == 1


# ---- no answer


@contextlib.asynccontextmanager
async def slow(answer: bytes, pause_s: float) -> AsyncIterator[tuple[list[bytes], CarrierClient]]:
    """A service that writes an answer byte by byte, with a pause before each, until the client is gone."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n"))
        with contextlib.suppress(ConnectionError):
            for byte in answer:
                await asyncio.sleep(pause_s)
                writer.write(bytes([byte]))
                await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with client(f"http://127.0.0.1:{port}", timeout_s=10.0) as carrier:
            yield asked, carrier


@pytest.mark.parametrize(
    ("answer", "pause_s"),
    [
        (b"H", 60.0),
        (b"HTTP/1.1 201 Created\r\nContent-Length: 99\r\n", 1.0),
        (b"HTTP/1.1 201 Created\r\nContent-Length: 99\r\n\r\n{" + b" " * 98, 0.2),
    ],
    ids=["nothing", "half a head", "half a body"],
)
async def test_no_whole_answer_in_time_may_have_been_carried_out(answer: bytes, pause_s: float) -> None:
    loop = asyncio.get_running_loop()
    async with slow(answer, pause_s) as (asked, carrier):
        started = loop.time()
        error = await refused(carrier.place_call(dialling()))
        assert loop.time() - started == pytest.approx(10.0, abs=0.1)
        assert (error.code, error.retryable) == (0, False)
        assert len(asked) == 1
        await asyncio.sleep(120)


async def test_a_connection_cut_after_the_request_may_have_been_carried_out() -> None:
    async def cut(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with rubber(cut) as (service, carrier):
        error = await refused(carrier.place_call(dialling()))
        assert (error.code, error.retryable) == (0, False)
        assert len(service.asked) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://[::1]:1"])
async def test_a_refused_connection_was_certainly_not_carried_out(url: str) -> None:
    async with client(url) as carrier:
        error = await refused(carrier.place_call(dialling()))
        assert (error.code, error.retryable) == (0, True)
