"""Clients that go away in the middle, connections of ours that break, streams that come too late."""

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from control_api import dispatch, file_download
from control_api.application import add_control_api
from control_api.operations import recordings
from store import call_events as ce
from store import calls
from tests.control_api.harness import WAV, Api, record
from tests.control_api.sse_reader import whole


async def test_a_connection_of_ours_that_breaks_is_a_500_like_any_other(api: Api):
    with capture_logs() as logs, mock.patch.object(calls, "list_calls", side_effect=ConnectionRefusedError):
        error = await api.json("GET", "/api/calls", status=500)
    assert error["code"] == "internal"
    assert [entry["event"] for entry in logs] == ["request_failed"]


@contextlib.asynccontextmanager
async def served_as_in_production(api: Api) -> AsyncIterator[tuple[int, CollectorRegistry]]:
    """Serve the API once more, handlers not cancelled when their client goes; yield port and metrics."""
    app, registry = web.Application(), CollectorRegistry()
    add_control_api(app, dataclasses.replace(api.services, registry=registry))
    runner = web.AppRunner(app, handler_cancellation=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1], registry
    finally:
        await runner.cleanup()


async def cut(port: int, api: Api, path: str) -> None:
    """Ask for something of our call, and go away once the answer has begun."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    head = f"GET /api/calls/{api.ours.call_id}/{path} HTTP/1.1\r\nHost: x\r\n"
    writer.write(f"{head}Authorization: Bearer {api.ours.keys['viewer']}\r\n\r\n".encode())
    assert b"200 OK" in await reader.readline()
    writer.transport.abort()


async def test_a_download_the_client_cuts_is_no_error(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    await record(api, api.ours, tmp_path / "recordings", WAV * 3000)
    ended = asyncio.Event()

    async def watched(*args: Any) -> web.StreamResponse:
        try:
            return await file_download.send_file(*args)
        finally:
            ended.set()

    monkeypatch.setattr(recordings, "send_file", watched)
    async with served_as_in_production(api) as (port, _):
        await cut(port, api, "recording")
        async with asyncio.timeout(10):
            await ended.wait()
        assert (await api.call("GET", "/api/health")).status == 200
    assert [entry for entry in caplog.records if entry.levelno >= logging.WARNING] == []


async def test_a_body_the_client_does_not_finish_is_no_error(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    ended, read_json = asyncio.Event(), dispatch.read_json

    async def watched(http: web.Request) -> Any:
        try:
            return await read_json(http)
        finally:
            ended.set()

    monkeypatch.setattr(dispatch, "read_json", watched)
    with capture_logs() as logs:
        async with served_as_in_production(api) as (port, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            head = (
                f"POST /api/flows HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.ours.keys['admin']}\r\n"
            )
            head += "Content-Type: application/json\r\nContent-Length: 500\r\nExpect: 100-continue\r\n\r\n"
            writer.write(head.encode() + b'{"name":')
            assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
            writer.transport.abort()
            async with asyncio.timeout(10):
                await ended.wait()
    assert logs == []
    assert [entry for entry in caplog.records if entry.levelno >= logging.WARNING] == []
    assert len((await api.json("GET", "/api/flows"))["items"]) == 1


@pytest.mark.virtual_time
async def test_a_stream_the_client_cuts_is_no_error_and_ends_with_the_next_event(
    api: Api, caplog: pytest.LogCaptureFixture
):
    async with served_as_in_production(api) as (port, registry):
        await cut(port, api, "stream")
        await asyncio.sleep(1)
        assert registry.get_sample_value("hum_api_open_streams") == 1
        await api.append(api.ours.call_id, ce.DigitPressed(digit="1", at_ms=1))
        await asyncio.sleep(1)
        await api.append(api.ours.call_id, ce.DigitPressed(digit="2", at_ms=2))
        await asyncio.sleep(1)
        assert registry.get_sample_value("hum_api_open_streams") == 0
    assert [entry for entry in caplog.records if entry.levelno >= logging.WARNING] == []


@pytest.mark.virtual_time
async def test_a_stream_that_comes_while_the_service_stops_is_not_kept(api: Api):
    loop = asyncio.get_running_loop()
    await api.app.shutdown()
    started = loop.time()
    assert [message.event for message in await whole(api, api.ours.call_id)] == ["hello"]
    assert loop.time() - started < 1
