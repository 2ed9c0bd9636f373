"""The guards around async tests do fail the tests they should, and no others."""

from pathlib import Path

import pytest

CONFTEST = f"""
import sys
sys.path.insert(0, {str(Path(__file__).resolve().parent.parent)!r})
from tests.conftest import *
"""
INI = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
addopts = --strict-markers -p no:cacheprovider
filterwarnings = error
markers =
    blocking_loop: may block
"""


@pytest.fixture
def inner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Run test source under our conftest in a process of its own."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # schemathesis alone takes a second to load
    pytester.makeconftest(CONFTEST)
    pytester.makeini(INI)

    def run(source: str) -> pytest.RunResult:
        pytester.makepyfile("import asyncio, pathlib, time, threading\nimport pytest\n" + source)
        return pytester.runpytest_subprocess("-p", "pytest_asyncio.plugin")

    return run


def test_leaked_tasks_fail_by_name(inner) -> None:
    result = inner("""
async def test_leaks():
    loop = asyncio.get_running_loop()
    kept.append(loop.create_task(asyncio.sleep(60), name="reader"))
    kept.append(loop.create_task(asyncio.sleep(60), name="writer"))

@pytest.mark.virtual_time
async def test_leaks_in_virtual_time():
    kept.append(asyncio.get_running_loop().create_task(asyncio.Event().wait(), name="waiter"))

async def test_cancels_without_waiting():
    task = asyncio.get_running_loop().create_task(stubborn(), name="stubborn")
    await asyncio.sleep(0)
    task.cancel()
    kept.append(task)

async def stubborn():
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        await asyncio.sleep(60)

kept = []
""")
    result.assert_outcomes(passed=3, errors=3)
    for name in ("reader: sleep at *", "writer: *", "waiter: *", "stubborn: *"):
        result.stdout.fnmatch_lines([f"leaked task {name}"])


def test_tasks_of_fixtures_and_tasks_about_to_end_are_no_leak(inner) -> None:
    result = inner("""
import pytest_asyncio

@pytest_asyncio.fixture
async def background():
    task = asyncio.get_running_loop().create_task(asyncio.sleep(60), name="fixture")
    yield task
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

async def test_with_fixture(background):
    assert not background.done()

async def test_task_that_needs_a_few_turns():
    async def few():
        for _ in range(5):
            await asyncio.sleep(0)
    kept.append(asyncio.get_running_loop().create_task(few()))

kept = []
""")
    result.assert_outcomes(passed=2)


def test_blocking_calls_fail(inner) -> None:
    result = inner("""
async def test_sleeps():
    time.sleep(0.001)

@pytest.mark.virtual_time
async def test_sleeps_in_virtual_time():
    time.sleep(0.001)

async def test_swallowed():
    try:
        time.sleep(0.001)
    except Exception:
        pass

async def test_waits_for_a_lock():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire(timeout=0.01)
""")
    result.assert_outcomes(failed=3, passed=1, errors=4)
    result.stdout.fnmatch_lines(["blocked the event loop: time.sleep from *test_blocking_calls_fail.py:*"])


async def test_a_test_may_read_a_file_itself() -> None:
    assert Path(__file__).read_text(encoding="utf-8").startswith('"""The guards')  # noqa: ASYNC240 - that is the test


def test_a_file_read_by_the_code_under_test_fails(inner, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        tests_helper="""
import pathlib
def read():
    return pathlib.Path(__file__).read_bytes()
"""
    )
    result = inner("""
import tests_helper

async def test_reads_through_other_code():
    tests_helper.read()
""")
    result.assert_outcomes(failed=1, errors=1)


def test_what_may_block(inner) -> None:
    result = inner("""
@pytest.mark.blocking_loop("reads the clock of a device")
async def test_marked():
    time.sleep(0.001)

async def test_in_a_thread(tmp_path):
    await asyncio.to_thread(time.sleep, 0.001)

def test_sync():
    time.sleep(0.001)

async def test_import():
    import wave, plistlib
    assert wave and plistlib
""")
    result.assert_outcomes(passed=4)


def test_errors_the_loop_swallows_fail(inner) -> None:
    result = inner("""
async def test_callback():
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    await asyncio.sleep(0)

async def test_task_nobody_looked_at():
    async def fails():
        raise ValueError("lost")
    asyncio.get_running_loop().create_task(fails())
    await asyncio.sleep(0)
""")
    result.assert_outcomes(passed=2, errors=2)
    result.stdout.fnmatch_lines(["unhandled on the loop: *ZeroDivisionError*"])
    result.stdout.fnmatch_lines(["unhandled on the loop: *lost*"])
