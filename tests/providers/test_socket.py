"""The ordered outbox, and the client socket against a provider that refuses, stalls and closes."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from socket import SO_LINGER, SOL_SOCKET

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from providers.errors import ProviderError, SocketClosed
from providers.socket import (
    MAX_MESSAGE_BYTES,
    OUTBOX_LIMIT,
    AiohttpConnector,
    AiohttpSocket,
    Outbox,
    SocketTarget,
)

pytestmark = pytest.mark.virtual_time


class Peer:
    """The far end of an outbox: takes messages, or keeps the writer waiting."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.fails: Exception | None = None

    async def take(self, text: str) -> None:
        await self.reads.wait()
        if self.fails is not None:
            raise self.fails
        self.got.append(text)


# ---- the outbox


async def test_messages_leave_in_the_order_they_were_put() -> None:
    peer = Peer()
    outbox = Outbox(peer.take)
    for number in range(5):
        outbox.put(str(number))
    assert peer.got == []
    await outbox.flush()
    await outbox.flush()
    assert peer.got == ["0", "1", "2", "3", "4"]


async def test_two_flushing_tasks_keep_the_order_when_the_first_is_stalled() -> None:
    peer = Peer()
    outbox = Outbox(peer.take)
    peer.reads.clear()
    async with asyncio.TaskGroup() as group:
        outbox.put("first")
        outbox.put("second")
        stalled = group.create_task(outbox.flush(), name="stalled")
        await asyncio.sleep(1)
        outbox.put("third")
        # The other task is not held up by the peer: it leaves its message to the one that is.
        async with asyncio.timeout(0.001):
            await outbox.flush()
        assert not stalled.done()
        assert peer.got == []
        peer.reads.set()
    assert peer.got == ["first", "second", "third"]


async def test_what_is_put_while_writing_goes_out_with_the_same_flush() -> None:
    got: list[str] = []

    async def take(text: str) -> None:
        got.append(text)
        if text == "a":
            outbox.put("c")
        await asyncio.sleep(0)

    outbox = Outbox(take)
    outbox.put("a")
    outbox.put("b")
    await outbox.flush()
    assert got == ["a", "b", "c"]


@given(
    st.lists(st.one_of(st.just("flush"), st.integers(1, 4)), max_size=30),
    st.lists(st.integers(0, 3), min_size=1),
)
def test_the_order_holds_however_tasks_and_stalls_interleave(
    steps: list[str | int], stalls: list[int]
) -> None:
    got: list[str] = []
    pauses = iter(stalls * 100)

    async def take(text: str) -> None:
        for _ in range(next(pauses)):
            await asyncio.sleep(0)
        got.append(text)

    async def run() -> int:
        outbox = Outbox(take)
        number = 0
        async with asyncio.TaskGroup() as group:
            for step in steps:
                if step == "flush":
                    group.create_task(outbox.flush(), name="flush")
                    continue
                for _ in range(int(step)):
                    outbox.put(str(number))
                    number += 1
                await asyncio.sleep(0)
        await outbox.flush()
        return number

    with asyncio.Runner() as runner:
        count = runner.run(run())
    assert got == [str(number) for number in range(count)]


async def test_dropping_what_waits() -> None:
    peer = Peer()
    outbox = Outbox(peer.take)
    peer.reads.clear()
    async with asyncio.TaskGroup() as group:
        outbox.put("on its way")
        group.create_task(outbox.flush(), name="stalled")
        await asyncio.sleep(0)
        outbox.put("unwanted")
        outbox.put("unwanted")
        assert outbox.drop() == 2
        assert outbox.drop() == 0
        outbox.put("wanted")
        peer.reads.set()
    assert peer.got == ["on its way", "wanted"]
    assert not outbox.closed


async def test_overflow_closes_the_outbox() -> None:
    peer = Peer()
    outbox = Outbox(peer.take)
    for number in range(OUTBOX_LIMIT):
        outbox.put(str(number))
    full = outbox.closed
    outbox.put("one too many")
    assert (full, outbox.closed) == (False, True)
    assert outbox.drop() == 0
    outbox.put("late")
    await outbox.flush()
    assert peer.got == []


async def test_overflow_behind_a_stalled_peer_ends_its_flush_too() -> None:
    peer = Peer()
    outbox = Outbox(peer.take)
    peer.reads.clear()
    async with asyncio.TaskGroup() as group:
        outbox.put("on its way")
        group.create_task(outbox.flush(), name="stalled")
        await asyncio.sleep(0)
        for number in range(OUTBOX_LIMIT + 1):
            outbox.put(str(number))
        assert outbox.closed
        peer.reads.set()
    assert peer.got == ["on its way"]


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError("gone"),
        BrokenPipeError(),
        aiohttp.ClientConnectionResetError("Cannot write to closing transport"),
        RuntimeError("unable to perform operation on <TCPTransport closed=True>"),
    ],
)
async def test_a_lost_connection_closes_the_outbox(error: Exception) -> None:
    peer = Peer()
    outbox = Outbox(peer.take)
    peer.fails = error
    outbox.put("a")
    outbox.put("b")
    await outbox.flush()
    assert outbox.closed
    peer.fails = None
    outbox.put("c")
    await outbox.flush()
    assert peer.got == []
    assert outbox.stalled_s() == 0.0


async def test_a_closed_outbox_takes_and_writes_nothing() -> None:
    peer = Peer()
    outbox = Outbox(peer.take)
    outbox.put("a")
    outbox.close()
    outbox.close()
    outbox.put("b")
    await outbox.flush()
    assert (peer.got, outbox.drop()) == ([], 0)


async def test_how_long_a_peer_keeps_the_writer_waiting() -> None:
    peer = Peer()
    outbox = Outbox(peer.take)
    assert outbox.stalled_s() == 0.0
    peer.reads.clear()
    async with asyncio.TaskGroup() as group:
        outbox.put("a")
        outbox.put("b")
        assert outbox.stalled_s() == 0.0
        group.create_task(outbox.flush(), name="stalled")
        await asyncio.sleep(7)
        assert outbox.stalled_s() == pytest.approx(7)
        await outbox.flush()
        assert outbox.stalled_s() == pytest.approx(7)
        peer.reads.set()
    assert outbox.stalled_s() == 0.0


async def test_the_wait_counts_from_the_present_write() -> None:
    pauses = iter([3.0, 5.0])

    async def take(_: str) -> None:
        await asyncio.sleep(next(pauses))

    outbox = Outbox(take)
    outbox.put("a")
    outbox.put("b")
    async with asyncio.TaskGroup() as group:
        group.create_task(outbox.flush(), name="slow")
        await asyncio.sleep(2.5)
        assert outbox.stalled_s() == pytest.approx(2.5)
        await asyncio.sleep(1.5)
        assert outbox.stalled_s() == pytest.approx(1.0)
    assert outbox.stalled_s() == 0.0


async def test_a_cancelled_flush_can_be_taken_up_again() -> None:
    peer = Peer()
    outbox = Outbox(peer.take)
    peer.reads.clear()
    outbox.put("a")
    outbox.put("b")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await outbox.flush()
    assert outbox.stalled_s() == 0.0
    peer.reads.set()
    await outbox.flush()
    # Whether a write that was cut short has left is not known: it is not written twice.
    assert peer.got == ["b"]


# ---- the socket

Handler = Callable[[ServerConnection], Awaitable[None]]


@contextlib.asynccontextmanager
async def provider(handler: Handler, status: int | None = None) -> AsyncIterator[SocketTarget]:
    """A provider on loopback; with `status` it refuses every upgrade."""

    def upgrade(connection: ServerConnection, _: Request) -> Response | None:
        return None if status is None else connection.respond(HTTPStatus(status), "no")

    async with serve(handler, "127.0.0.1", 0, process_request=upgrade, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield SocketTarget(f"ws://127.0.0.1:{port}/v1/realtime", {"Authorization": "Bearer sk-secret"})


@contextlib.asynccontextmanager
async def connector() -> AsyncIterator[AiohttpConnector]:
    async with aiohttp.ClientSession() as session:
        yield AiohttpConnector(session)


@contextlib.asynccontextmanager
async def connected(handler: Handler) -> AsyncIterator[AiohttpSocket]:
    async with provider(handler) as target, connector() as opener:
        socket = await opener.connect(target, timeout_s=5)
        try:
            yield socket
        finally:
            await socket.close()


async def refused(target: SocketTarget, timeout_s: float = 5) -> ProviderError:
    async with connector() as opener:
        with pytest.raises(ProviderError) as caught:
            await opener.connect(target, timeout_s=timeout_s)
    assert "sk-secret" not in str(caught.value)
    return caught.value


async def wait_closed(connection: ServerConnection) -> None:
    await connection.wait_closed()


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (400, "refused", False),
        (401, "invalid_api_key", False),
        (403, "forbidden", False),
        (404, "not_found", False),
        (429, "rate_limited", True),
        (500, "refused", True),
        (503, "refused", True),
    ],
)
async def test_a_refused_upgrade(status: int, code: str, retryable: bool) -> None:
    async with provider(wait_closed, status) as target:
        error = await refused(target)
    assert (error.code, error.retryable) == (code, retryable)
    assert str(status) in error.message


async def raw(answer: bytes, *, reset: bool = False) -> asyncio.Server:
    """A TCP server that answers anything with these bytes and hangs up; without bytes it only waits."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if reset:  # closing will say RST
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, linger)
        elif not answer:
            await reader.read()
        writer.write(answer)
        writer.close()

    return await asyncio.start_server(handle, "127.0.0.1", 0)


def target_of(server: asyncio.Server) -> SocketTarget:
    port = server.sockets[0].getsockname()[1]
    return SocketTarget(f"ws://127.0.0.1:{port}/", {"Authorization": "Bearer sk-secret"})


@pytest.mark.parametrize(
    ("answer", "code", "retryable"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "refused", False),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
            "refused",
            False,
        ),
        (b"SSH-2.0-OpenSSH\r\n", "unreachable", True),
        (b"\r\n", "unreachable", True),
    ],
    ids=["no upgrade", "no accept key", "not http", "nothing"],
)
async def test_an_upgrade_answered_with_something_else(answer: bytes, code: str, retryable: bool) -> None:
    async with await raw(answer) as server:
        error = await refused(target_of(server))
    assert (error.code, error.retryable) == (code, retryable)


async def test_a_connection_reset_during_the_upgrade() -> None:
    async with await raw(b"", reset=True) as server:
        error = await refused(target_of(server))
    assert (error.code, error.retryable) == ("unreachable", True)


@pytest.mark.parametrize("url", ["ws://127.0.0.1:1/", "ws://[::1]:1/"])
async def test_nobody_listens(url: str) -> None:
    error = await refused(SocketTarget(url, {"Authorization": "Bearer sk-secret"}))
    assert (error.code, error.retryable) == ("unreachable", True)


@pytest.mark.parametrize("url", ["ws://", "not a url", "ws://127.0.0.1:99999/", "ftp://127.0.0.1/"])
async def test_an_address_that_is_none(url: str) -> None:
    error = await refused(SocketTarget(url))
    assert error.code == "unreachable"


async def test_an_upgrade_that_is_never_answered() -> None:
    loop = asyncio.get_running_loop()
    async with await raw(b"") as server:
        started = loop.time()
        error = await refused(target_of(server), timeout_s=5)
        assert loop.time() - started == pytest.approx(5, abs=0.1)
    assert (error.code, error.retryable) == ("open_timeout", True)


async def test_text_both_ways() -> None:
    async def echo(connection: ServerConnection) -> None:
        assert connection.request is not None
        await connection.send(connection.request.headers["Authorization"])
        async for message in connection:
            await connection.send(message)

    async with connected(echo) as socket:
        assert await socket.receive() == "Bearer sk-secret"
        for text in ("{}", "ß🙂", "", "x" * 300_000):
            socket.outbox.put(text)
        await socket.outbox.flush()
        assert [await socket.receive() for _ in range(4)] == ["{}", "ß🙂", "", "x" * 300_000]


async def test_binary_frames_hold_text() -> None:
    async def binary(connection: ServerConnection) -> None:
        await connection.send('{"ß":1}'.encode())
        await connection.send(b"\xff\xfe")

    async with connected(binary) as socket:
        assert await socket.receive() == '{"ß":1}'
        assert await socket.receive() == "\ufffd\ufffd"


@pytest.mark.parametrize(
    ("code", "reason"), [(1000, ""), (1001, "session expired"), (1011, "internal error"), (4003, "ü")]
)
async def test_the_close_code_and_reason_of_the_provider(code: int, reason: str) -> None:
    async def close(connection: ServerConnection) -> None:
        await connection.send("last words")
        await connection.close(code, reason)

    async with connected(close) as socket:
        assert await socket.receive() == "last words"
        with pytest.raises(SocketClosed) as caught:
            await socket.receive()
        assert (caught.value.close_code, caught.value.reason) == (code, reason)
        assert (caught.value.code, caught.value.retryable) == ("socket_closed", True)
        assert str(code) in caught.value.message or caught.value.message == reason
        # Asked again it says so again.
        with pytest.raises(SocketClosed):
            await socket.receive()


async def test_a_connection_that_breaks_without_a_word() -> None:
    async def abort(connection: ServerConnection) -> None:
        connection.transport.abort()

    async with connected(abort) as socket:
        with pytest.raises(SocketClosed) as caught:
            await socket.receive()
        assert caught.value.close_code == 1006
        socket.outbox.put("into the void")
        await socket.outbox.flush()
        assert socket.outbox.closed


async def test_a_message_over_the_limit_ends_the_connection() -> None:
    async def flood(connection: ServerConnection) -> None:
        with contextlib.suppress(Exception):
            await connection.send("x" * (MAX_MESSAGE_BYTES + 1))
        await connection.wait_closed()

    async with connected(flood) as socket:
        with pytest.raises(SocketClosed) as caught:
            await socket.receive()
        assert caught.value.close_code == 1009


async def test_closing_waits_for_a_deaf_provider_two_seconds_at_most() -> None:
    released = asyncio.Event()

    async def deaf(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await released.wait()
        connection.transport.abort()

    loop = asyncio.get_running_loop()
    async with provider(deaf) as target, connector() as opener:
        socket = await opener.connect(target, timeout_s=5)
        await asyncio.sleep(0.1)
        started = loop.time()
        await socket.close()
        assert loop.time() - started <= 2.1
        assert socket.outbox.closed
        released.set()
