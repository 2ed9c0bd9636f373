"""Guards around every async test: no task left running, no error swallowed by the loop, no blocked loop."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import blockbuster.blockbuster
from blockbuster import BlockBuster, BlockingError

from tests.virtual_time import describe_tasks

PROJECT = Path(__file__).resolve().parent.parent
TESTS = str(PROJECT / "tests")
SETTLE_ROUNDS = 25
"""Turns of the loop a task gets to finish by itself after the test (connections closing, for example)."""

MAY_BLOCK = {
    # First use of a module or a data file: happens once, before calls are carried.
    "mimetypes.py": {"init"},
    "hypothesis/internal/charmap.py": {"charmap"},
    # A new PostgreSQL connection looks for the user's certificate and password files.
    "asyncpg/connect_utils.py": {"_parse_connect_dsn_and_args", "_parse_connect_arguments"},
    # pytest explains a failed assertion.
    "_pytest/_code/code.py": {"getsource", "fullsource", "statement"},
    "inspect.py": {"getsource", "findsource", "getmodule"},
}
"""Functions below which blocking is fine, by the end of their file's path."""


class RecordedBlockingError(BlockingError):
    """A blocking call on the loop, noted even when somebody swallows the exception."""

    seen: list[str] = []  # noqa: RUF012 - one list for the process, emptied by the guard

    def __init__(self, func: str) -> None:
        super().__init__(func)
        caller = sys._getframe(2)  # 1 is blockbuster's own wrapper
        frame = _project_frame(caller) or caller
        self.seen.append(f"{func} from {frame.f_code.co_filename}:{frame.f_lineno}")


def _project_frame(frame: FrameType | None) -> FrameType | None:
    """The innermost frame of project or test code (this guard aside)."""
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(str(PROJECT)) and "/site-packages/" not in path and path != __file__:
            return frame
        frame = frame.f_back
    return None


def _called_by_a_test() -> bool:
    frame = _project_frame(sys._getframe(1))
    return frame is not None and frame.f_code.co_filename.startswith(TESTS)


def _or_by_a_test(predicate: Callable[..., bool]) -> Callable[..., bool]:
    def may_block(*args: Any, **kwargs: Any) -> bool:
        return predicate(*args, **kwargs) or _called_by_a_test()

    return may_block


class BlockedLoopGuard:
    """Blocking calls raise while a loop runs; test code itself may still touch files (not sleep or lock)."""

    def __init__(self) -> None:
        self._buster = BlockBuster()
        for name, function in self._buster.functions.items():
            for filename, functions in MAY_BLOCK.items():
                function.can_block_in(filename, functions)
            if name.startswith(("os.", "io.")):
                function.can_block_predicate = _or_by_a_test(function.can_block_predicate)

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Watch for blocking calls inside the `with`."""
        original = blockbuster.blockbuster.BlockingError
        blockbuster.blockbuster.BlockingError = RecordedBlockingError  # type: ignore[misc]
        self._buster.activate()
        try:
            yield
        finally:
            self._buster.deactivate()
            blockbuster.blockbuster.BlockingError = original  # type: ignore[misc]

    def take_seen(self) -> list[str]:
        """Return the blocking calls noted since the last time, and forget them."""
        seen = list(RecordedBlockingError.seen)
        RecordedBlockingError.seen.clear()
        return seen


class LoopGuard:
    """What may not be left behind on one test's loop.

    Args:
        runner: the runner of the test's loop.
    """

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._loop = runner.get_loop()
        self._known = asyncio.all_tasks(self._loop)
        self._errors: list[str] = []
        self._loop.set_exception_handler(self._note)

    def _note(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._errors.append(f"{context['message']}: {context.get('exception')!r}")

    def complaints(self) -> list[str]:
        """Say what the test left behind: running tasks by name, and errors nobody handled."""
        if self._loop.is_closed():
            return ["the test closed its event loop"]
        leaked = [f"leaked task {line}" for line in describe_tasks(self._runner.run(self._survivors()))]
        return leaked + [f"unhandled on the loop: {error}" for error in self._errors]

    async def _survivors(self) -> set[asyncio.Task[Any]]:
        own = asyncio.current_task()
        left: set[asyncio.Task[Any]] = set()
        for _ in range(SETTLE_ROUNDS):
            left = {task for task in asyncio.all_tasks() - self._known if task is not own}
            if not left:
                break
            await asyncio.sleep(0)
        return left
