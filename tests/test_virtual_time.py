"""The virtual clock jumps exactly when nothing else can happen, and never while a thread is at work."""

import asyncio
import concurrent.futures
import datetime as dt
import itertools
import threading
import time
from pathlib import Path

import aiosqlite
import pytest
from aiohttp import ClientSession, ClientTimeout, WSMsgType, web
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests import virtual_time
from tests.virtual_time import DeadlockError, HorizonError, StuckThreadError, VirtualTimeLoop

pytestmark = pytest.mark.virtual_time


def run_alone(coroutine, **options):
    """Run a coroutine on a loop of its own, outside the guards of this test."""
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(**options)) as runner:
        return runner.run(coroutine)


async def test_an_hour_takes_no_time_and_exactly_an_hour() -> None:
    loop = asyncio.get_running_loop()
    started, really_started = loop.time(), time.monotonic()
    await asyncio.sleep(3600)
    assert loop.time() - started == 3600
    assert time.monotonic() - really_started < 5
    assert virtual_time.utc_now() == virtual_time.START_UTC + dt.timedelta(hours=1)


async def test_timers_fire_in_order_and_on_their_instant() -> None:
    loop = asyncio.get_running_loop()
    fired: list[tuple[int, float]] = []
    started = loop.time()

    async def ticker(name: int, period_s: float) -> None:
        for _ in range(50):
            await asyncio.sleep(period_s)
            fired.append((name, round(loop.time() - started, 6)))

    async with asyncio.TaskGroup() as group:
        group.create_task(ticker(1, 0.02))
        group.create_task(ticker(2, 0.03))
    assert [at for _, at in fired] == sorted(at for _, at in fired)
    assert [at for name, at in fired if name == 1] == [round(0.02 * n, 6) for n in range(1, 51)]


@pytest.mark.parametrize("step_s", [0.02, 0.1, 0.06, 1 / 3])
async def test_many_short_sleeps_are_never_short_of_their_sum(step_s: float) -> None:
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    for count in range(1, 3001):
        due_s = loop.time() + step_s
        await asyncio.sleep(step_s)
        assert loop.time() >= due_s
        assert 0 <= loop.time() - started_s - count * step_s + 1e-12 < 1e-6


async def test_a_timeout_ends_in_virtual_time() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(600):
            await asyncio.Event().wait()


async def test_a_thread_job_stops_the_clock() -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(0.001):  # would strike at once if the clock moved
        assert await asyncio.to_thread(lambda: time.sleep(0.05) or 7) == 7
    assert loop.time() == virtual_time.START_S


async def test_a_cancelled_thread_job_still_stops_the_clock() -> None:
    finished = threading.Event()
    job = asyncio.get_running_loop().run_in_executor(None, lambda: (time.sleep(0.05), finished.set()))
    await asyncio.sleep(0)
    job.cancel()
    await asyncio.sleep(1000)
    assert finished.is_set()


async def test_a_job_cancelled_before_it_starts_does_not_stop_the_clock_for_ever() -> None:
    loop = asyncio.get_running_loop()
    release = threading.Event()
    pool = concurrent.futures.ThreadPoolExecutor(1)
    busy = loop.run_in_executor(pool, release.wait)
    waiting = loop.run_in_executor(pool, lambda: 1)
    waiting.cancel()
    release.set()
    assert await busy
    await asyncio.sleep(10)
    await asyncio.to_thread(pool.shutdown)


async def test_a_failing_thread_job_lets_the_clock_go_on() -> None:
    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(lambda: 1 / 0)
    await asyncio.sleep(10)


async def test_aiosqlite_stops_the_clock(tmp_path: Path) -> None:
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200000) SELECT max(i) FROM n"
    async with asyncio.timeout(0.001), aiosqlite.connect(tmp_path / "a.db") as connection:
        assert await connection.execute_fetchall(slow) == [(200000,)]
    assert asyncio.get_running_loop().time() == virtual_time.START_S


async def test_a_cancelled_aiosqlite_operation_still_stops_the_clock(tmp_path: Path) -> None:
    async with aiosqlite.connect(tmp_path / "a.db") as connection:
        finished = threading.Event()
        await connection.create_function("dawdle", 0, lambda: (time.sleep(0.05), finished.set()) and 1)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(connection.execute_fetchall("SELECT dawdle()"))
            await asyncio.sleep(0)
            task.cancel()
        await asyncio.sleep(1000)
        assert finished.is_set()


async def test_sqlalchemy_on_aiosqlite_stops_the_clock(tmp_path: Path) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'b.db'}")
    try:
        async with asyncio.timeout(0.001), engine.begin() as connection:
            await connection.execute(text("CREATE TABLE t (x INTEGER)"))
            await connection.execute(text("INSERT INTO t VALUES (1)"))
            assert (await connection.execute(text("SELECT x FROM t"))).scalar_one() == 1
    finally:
        await engine.dispose()
    assert asyncio.get_running_loop().time() == virtual_time.START_S


async def test_loopback_sockets_deliver_before_the_clock_moves() -> None:
    loop = asyncio.get_running_loop()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        for _ in range(20):
            async with asyncio.timeout(0.001):
                reader, writer = await asyncio.open_connection(host, port)
                writer.write(b"x" * 300_000)  # more than the buffers hold: needs many rounds both ways
                assert await reader.readexactly(300_000) == b"x" * 300_000
                writer.close()
                await writer.wait_closed()
    assert loop.time() == virtual_time.START_S


async def test_paced_websocket_conversation_over_loopback() -> None:
    loop = asyncio.get_running_loop()
    arrivals: list[float] = []

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(heartbeat=15)
        await socket.prepare(request)
        async for message in socket:
            arrivals.append(loop.time())
            await socket.send_str(message.data)
        return socket

    app = web.Application()
    app.router.add_get("/", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    sent: list[float] = []
    async with (
        ClientSession(timeout=ClientTimeout(total=5)) as session,
        session.ws_connect(f"http://localhost:{port}/") as socket,
    ):
        for number in range(500):
            await asyncio.sleep(0.02)
            sent.append(loop.time())
            await socket.send_str(str(number))
            message = await socket.receive(timeout=0.001)
            assert message.type is WSMsgType.TEXT
            assert message.data == str(number)
    await runner.cleanup()
    assert arrivals == sent
    assert sent[-1] - sent[0] == pytest.approx(499 * 0.02)


async def test_hold_waits_for_a_bare_thread() -> None:
    loop = asyncio.get_running_loop()
    arrived = asyncio.Event()
    thread = threading.Thread(target=lambda: (time.sleep(0.05), loop.call_soon_threadsafe(arrived.set)))
    with virtual_time.hold("a bare thread"):
        thread.start()
        async with asyncio.timeout(0.001):
            await arrived.wait()
    await asyncio.to_thread(thread.join)


def test_hold_does_nothing_on_an_ordinary_loop() -> None:
    async def main() -> int:
        with virtual_time.hold("nothing"):
            return 5

    assert asyncio.run(main()) == 5


def test_a_deadlock_names_the_tasks_and_their_lines() -> None:
    async def waits_for_nobody() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(waits_for_nobody(), name="listener")

    with pytest.raises(DeadlockError, match=r"(?s)Pending.*listener: .*locks\.py"):
        run_alone(main())


def test_a_thread_that_never_answers_is_an_error_with_its_name() -> None:
    release = threading.Event()

    async def main() -> None:
        await asyncio.to_thread(release.wait)

    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(real_limit_s=0.05)) as runner:
        with pytest.raises(StuckThreadError, match=r"0\.05 s from thread job Event\.wait"):
            runner.run(main())
        release.set()


def test_a_ping_nobody_ends_hits_the_horizon() -> None:
    async def main() -> None:
        for _ in itertools.count():
            await asyncio.sleep(15)

    with pytest.raises(HorizonError, match="virtual time have passed"):
        run_alone(main(), horizon_s=3600)


@pytest.mark.virtual_time(horizon_s=30 * 86_400)
async def test_the_horizon_can_be_moved() -> None:
    await asyncio.sleep(29 * 86_400)


@pytest.mark.virtual_time(wall=True)
async def test_wall_time_can_jump_along() -> None:
    started, started_s = dt.datetime.now(dt.UTC), time.time()
    await asyncio.sleep(3600)
    assert 3600 <= (dt.datetime.now(dt.UTC) - started).total_seconds() < 3660
    assert 3600 <= time.time() - started_s < 3660
    assert await asyncio.to_thread(time.time) - started_s >= 3600


def test_wall_time_is_real_again_afterwards() -> None:
    before_s = time.time()
    run_alone(asyncio.sleep(86_400), wall=True)
    assert time.time() - before_s < 600


async def test_wall_time_is_real_unless_asked_for() -> None:
    before_s = time.time()
    await asyncio.sleep(86_400)
    assert time.time() - before_s < 600
