"""What every test gets: the virtual clock on request, and guards nobody can forget.

- `@pytest.mark.virtual_time` (or `pytestmark = pytest.mark.virtual_time`) runs async tests and their fixtures
  on `tests.virtual_time.VirtualTimeLoop`; `virtual_time(horizon_s=...)` allows more than seven virtual days,
  `virtual_time(wall=True)` makes wall time jump along.
- An async test that leaves a task running, or an error to the loop's exception handler, is an error.
- An async test or the code under it that blocks the loop fails; `@pytest.mark.blocking_loop("why")` opts out.
"""

import asyncio
import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping

import pytest
import pytest_asyncio

from tests.guards import BlockedLoopGuard, LoopGuard
from tests.virtual_time import VirtualTimeLoop, count_aiosqlite

pytest_plugins = ["pytester"]

count_aiosqlite()


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker that chooses the virtual clock."""
    config.addinivalue_line("markers", "virtual_time(horizon_s=..., wall=...): runs on the virtual clock")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Choose the loop of an async test by its marker."""
    marker = item.get_closest_marker("virtual_time")
    if marker is None:
        return {"real": asyncio.SelectorEventLoop}
    return {"virtual": functools.partial(VirtualTimeLoop, **marker.kwargs)}


@pytest.fixture(scope="session")
def blocked_loop_guard() -> BlockedLoopGuard:
    """The detector of blocking calls, switched on around each async test."""
    return BlockedLoopGuard()


@pytest.fixture(autouse=True)
def loop_guards(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail an async test that leaks a task, loses an error or blocks its loop."""
    if not pytest_asyncio.is_async_test(request.node):
        yield
        return
    blocked = request.getfixturevalue("blocked_loop_guard")
    # Set up before every other fixture of the test, so that all of them are gone when the loop is looked at.
    guard = LoopGuard(request.getfixturevalue("_function_scoped_runner"))
    may_block = request.node.get_closest_marker("blocking_loop") is not None
    with contextlib.nullcontext() if may_block else blocked.active():
        yield
    complaints = guard.complaints() + [f"blocked the event loop: {call}" for call in blocked.take_seen()]
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)
