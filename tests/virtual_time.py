"""An event loop whose clock is virtual: it jumps to the next timer as soon as nothing else can happen.

A test marked `virtual_time` runs on `VirtualTimeLoop` (see tests/conftest.py). `loop.time()`,
`asyncio.sleep`, `asyncio.timeout` and `call_later` follow the virtual clock, so an hour passes in no time and
always the same way. What stays real:

- Sockets between parties of this process. Linux delivers on loopback before `send` returns; the selector is
  still polled several times, with a short nap, before the clock may jump.
- Threads. While a `run_in_executor` job or an aiosqlite operation is on its way the clock stands still and
  the loop waits for it in real time, at most `REAL_LIMIT_S`.

A peer outside this process (PostgreSQL, a child process) or a bare thread is invisible to the loop: wrap the
wait in `with hold("reason")`, which makes the clock stand still likewise. Code that reads `time.monotonic()`
itself sees real time: give it `loop.time` instead. Wall time (`datetime.now`, `time.time`) is real as well,
unless the marker says `virtual_time(wall=True)`: then it jumps with the virtual clock, and ticks on between.

When nothing is ready, no timer is set and nothing is held, waiting would last for ever: `DeadlockError` lists
the tasks and what each waits for.
"""

import asyncio
import concurrent.futures
import contextlib
import datetime as dt
import functools
import queue
import selectors
import time
from collections.abc import Callable, Iterator
from typing import Any

import aiosqlite.core
import time_machine

START_S = 10_000.0
"""First value of the virtual clock; not 0, so that a time is never falsy by accident."""
START_UTC = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)
"""What `utc_now` says when the virtual clock starts (a Tuesday)."""
REAL_LIMIT_S = 30.0
"""Longest real wait for a thread or a held peer."""
HORIZON_S = 7 * 86_400.0
"""Virtual time after which a test is taken to loop for ever (a ping timer and nobody to end it)."""

Job = Callable[[], Any]

_nap = time.sleep  # taken before the blocked-loop guard wraps it: this nap is ours to take


class VirtualTimeError(RuntimeError):
    """The virtual clock cannot go on; the message says what everyone waits for."""


class DeadlockError(VirtualTimeError):
    """Nothing is ready, no timer is set, no thread is at work: the test would hang for ever."""


class StuckThreadError(VirtualTimeError):
    """A thread or a held peer did not answer within the real-time limit."""


class HorizonError(VirtualTimeError):
    """The virtual clock ran past its horizon."""


class Flight:
    """One piece of work outside the loop; the clock stands still until it has landed and is answered.

    Args:
        label: what it is, for error messages.
        open_flights: the loop's set of flights; the flight takes itself out of it.
        parts: how many reports (`report`) end the flight.
    """

    def __init__(self, label: str, open_flights: "set[Flight]", parts: int = 1) -> None:
        self.label = label
        self._open_flights = open_flights
        self._parts = parts
        open_flights.add(self)

    def report(self, *_: object) -> None:
        """Note that one part is done; the last one ends the flight. Call on the loop's thread only."""
        self._parts -= 1
        if self._parts == 0:
            self._open_flights.discard(self)


class _PollingSelector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """A selector that asks its loop what to do instead of sleeping."""

    loop: "VirtualTimeLoop | None" = None

    def select(self, timeout: float | None = None) -> Any:
        if self.loop is None or (timeout is not None and timeout <= 0):
            return super().select(0)
        return self.loop.wait(super().select)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """The event loop with the virtual clock.

    Args:
        horizon_s: virtual seconds after which `HorizonError` is raised.
        real_limit_s: real seconds to wait for a thread or a held peer.
        wall: wall time jumps along.
    """

    def __init__(
        self, horizon_s: float = HORIZON_S, real_limit_s: float = REAL_LIMIT_S, wall: bool = False
    ) -> None:
        self._now_s = START_S
        self._horizon_s = START_S + horizon_s
        self._real_limit_s = real_limit_s
        self._flights: set[Flight] = set()
        self._journey = time_machine.travel(dt.datetime.now(dt.UTC)) if wall else None
        self._wall = self._journey.start() if self._journey else None
        selector = _PollingSelector()
        super().__init__(selector)
        selector.loop = self

    def close(self) -> None:
        """Close the loop; wall time is real again."""
        if self._journey is not None:
            self._journey.stop()
            self._journey = self._wall = None
        super().close()

    def time(self) -> float:
        """Virtual seconds since an arbitrary start."""
        return self._now_s

    def utc_now(self) -> dt.datetime:
        """Virtual wall time: `START_UTC` plus what has passed on this loop."""
        return START_UTC + dt.timedelta(seconds=self._now_s - START_S)

    def wait(self, poll: Callable[[float | None], list[Any]]) -> list[Any]:
        """Do what a selector does when no callback is ready: find events, or let time pass.

        Args:
            poll: the real selector's `select`.

        Returns:
            Socket events; empty when the clock has jumped and a timer is due.

        Raises:
            DeadlockError, StuckThreadError, HorizonError: waiting would be for ever.
        """
        if events := self._socket_events(poll):
            return events
        if self._flights:
            if events := poll(self._real_limit_s):
                return events
            labels = ", ".join(sorted(flight.label for flight in self._flights))
            raise StuckThreadError(self._explain(f"no answer in {self._real_limit_s:g} s from {labels}"))
        if not self._scheduled:  # type: ignore[attr-defined]
            raise DeadlockError(self._explain("nothing is ready, no timer is set, no thread is at work"))
        # The due time itself, not "now + timeout", rounded up where it is a hair below a whole nanosecond:
        # sums of floats must leave no timer in the future, nor five hundred sleeps of 20 ms short of 10 s.
        due_s = self._scheduled[0]._when  # type: ignore[attr-defined]
        earlier_s, self._now_s = self._now_s, max(self._now_s, due_s, round(due_s, 9))
        if self._wall is not None:
            self._wall.shift(self._now_s - earlier_s)
        if self._now_s > self._horizon_s:
            passed_s = self._now_s - START_S
            raise HorizonError(self._explain(f"{passed_s:g} s of virtual time have passed"))
        return []

    def _socket_events(self, poll: Callable[[float | None], list[Any]]) -> list[Any]:
        if (events := poll(0)) or len(self._selector.get_map()) <= 1:  # type: ignore[attr-defined]
            return events  # with no socket but the loop's own pipe there is nothing to look for twice
        if events := poll(0):
            return events
        _nap(0)
        return poll(0)

    def _explain(self, what: str) -> str:
        tasks = "\n".join(f"  {line}" for line in describe_tasks(asyncio.all_tasks(self))) or "  none"
        return f"virtual time stands at {self._now_s - START_S:.3f} s: {what}. Pending tasks:\n{tasks}"

    # ---- threads and others the selector cannot see

    def open_flight(self, label: str, parts: int = 1) -> Flight:
        """Make the clock stand still until the returned flight has been reported `parts` times."""
        return Flight(label, self._flights, parts)

    def report_from_thread(self, flight: Flight) -> None:
        """Report a part of a flight from any thread; nothing happens when the loop is closed by then."""
        with contextlib.suppress(RuntimeError):
            self.call_soon_threadsafe(flight.report)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """Run a job in a thread, counted until its result has been handed to the loop."""
        if executor is None:
            self._check_default_executor()  # type: ignore[attr-defined]
            if self._default_executor is None:
                self.set_default_executor(concurrent.futures.ThreadPoolExecutor(thread_name_prefix="asyncio"))
            executor = self._default_executor
        flight = self.open_flight(f"thread job {_name(func)}")
        try:
            job = executor.submit(func, *args)
        except BaseException:
            flight.report()
            raise
        future = asyncio.wrap_future(job, loop=self)
        # Callbacks run in the order added: the result is on its way to the loop before the flight ends.
        job.add_done_callback(lambda _: self.report_from_thread(flight))
        return future

    async def shutdown_default_executor(self, *args: Any, **kwargs: Any) -> None:
        """Join the executor's threads without letting the clock jump to the timeout for it."""
        with self.holding("shutdown of the default executor"):
            await super().shutdown_default_executor(*args, **kwargs)

    @contextlib.contextmanager
    def holding(self, label: str) -> Iterator[None]:
        """Make the clock stand still inside the `with`."""
        flight = self.open_flight(label)
        try:
            yield
        finally:
            flight.report()


@contextlib.contextmanager
def hold(label: str) -> Iterator[None]:
    """Wait for somebody outside this process in real time; no effect on an ordinary loop."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, VirtualTimeLoop):
        with loop.holding(label):
            yield
    else:
        yield


def utc_now() -> dt.datetime:
    """Virtual wall time of the running `VirtualTimeLoop`, to inject where code asks for the time."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop), "utc_now is for tests marked virtual_time"
    return loop.utc_now()


class CountedQueue(queue.SimpleQueue[Any]):
    """aiosqlite's job queue, with each job counted as a flight of the virtual loop that asked for it."""

    def put_nowait(self, item: Any) -> None:
        """Queue one (future, function) pair as aiosqlite does."""
        future, function = item
        loop = None if future is None else future.get_loop()
        if isinstance(loop, VirtualTimeLoop):
            item = (future, _counted(loop, future, function))
        super().put_nowait(item)


def _counted(loop: VirtualTimeLoop, future: asyncio.Future[Any], function: Job) -> Job:
    # Two parts: the job itself (a cancelled future does not stop it) and its answer on the loop.
    flight = loop.open_flight(f"aiosqlite {_name(function)}", parts=2)
    future.add_done_callback(flight.report)

    def job() -> Any:
        try:
            return function()
        finally:
            loop.report_from_thread(flight)

    return job


def count_aiosqlite() -> None:
    """Make every aiosqlite connection opened from now on count its operations."""
    aiosqlite.core.SimpleQueue = CountedQueue  # type: ignore[misc, attr-defined]


def _name(func: Callable[..., Any]) -> str:
    while isinstance(func, functools.partial):  # asyncio.to_thread wraps the job in Context.run
        func = func.args[0] if func.args and callable(func.args[0]) else func.func
    return getattr(func, "__qualname__", repr(func))


def describe_tasks(tasks: "set[asyncio.Task[Any]]") -> list[str]:
    """One line per task, by name: what it is and the line it waits at."""
    return sorted(f"{task.get_name()}: {_where(task)}" for task in tasks)


def _where(task: "asyncio.Task[Any]") -> str:
    coro: Any = task.get_coro()
    place = getattr(coro, "__qualname__", repr(coro))
    while coro is not None:
        frame = getattr(coro, "cr_frame", None) or getattr(coro, "ag_frame", None)
        if frame is not None:
            place = f"{getattr(coro, '__qualname__', coro)} at {frame.f_code.co_filename}:{frame.f_lineno}"
        coro = getattr(coro, "cr_await", None) or getattr(coro, "ag_await", None)
    return place
