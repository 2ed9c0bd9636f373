"""Whole calls while the disk or the database does not play along."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bench.simulators.twilio.call import SimulatedCall
from store import call_events as e
from store.database import Database
from store.errors import DatabaseFull, DatabaseLocked, StoreError
from tests.gateway.whole_call import (
    ANSWER,
    GOODBYE,
    GREETING,
    POLITE_CALLER,
    QUESTION,
    THANKS,
    House,
    house,
)

pytestmark = [pytest.mark.virtual_time, pytest.mark.whole_call]

CONVERSATION = [
    ("agent", GREETING.text),
    ("caller", QUESTION.text),
    ("agent", ANSWER.text),
    ("caller", THANKS.text),
    ("agent", GOODBYE.text),
]


class Failing:
    """Makes the database refuse to write between two moments; reading goes on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: StoreError | None = None
        self.refused = 0
        write = Database.write

        @asynccontextmanager
        async def maybe(database: Database) -> AsyncIterator[Any]:
            if self.error is not None:
                self.refused += 1
                raise self.error
            async with write(database) as conn:
                yield conn

        monkeypatch.setattr(Database, "write", maybe)

    async def between(self, start_s: float, end_s: float, error: StoreError) -> None:
        await asyncio.sleep(start_s)
        self.error = error
        await asyncio.sleep(end_s - start_s)
        self.error = None


async def complete(home: House, call: SimulatedCall) -> list[str]:
    """Hold the call to what it would be on a good day; the types of its log."""
    row = await home.call_over(call)
    log = await home.log(row)
    assert (row.status, row.disposition) == ("completed", "agent_hangup")
    assert home.transcript(log) == CONVERSATION
    assert [x.seq for x in log] == list(range(1, len(log) + 1))
    kinds = [x.type for x in log]
    assert kinds[-1] == "call.ended"
    for once in ("call.started", "stream.started", "provider.opened", "call.ended"):
        assert kinds.count(once) <= 1, "nothing is written twice"
    finals = [x.event.turn_id for x in log if isinstance(x.event, e.TranscriptFinal)]
    assert len(finals) == len(set(finals)) == len(CONVERSATION)
    assert home.service.event_log.counts.waiting == 0
    assert call.codes == [], call.notes
    return kinds


async def test_a_call_whose_recording_cannot_be_written_is_a_call_all_the_same(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        directory = home.settings.data_dir / "recordings" / home.org_id
        await asyncio.to_thread(lambda: directory.parent.mkdir(parents=True, exist_ok=True))
        await asyncio.to_thread(directory.write_text, "in the way")  # also where the tests run as root
        call = await home.dial_in(POLITE_CALLER)
        kinds = await complete(home, call)
        assert kinds.count("recording.failed") == 1
        assert "recording.finished" not in kinds
        row = await home.record(call)
        assert row is not None
        assert row.recording_path is None
        assert await asyncio.to_thread(directory.read_text) == "in the way"


@pytest.mark.parametrize("error", [DatabaseLocked("locked"), DatabaseFull("full")], ids=["locked", "full"])
async def test_events_wait_while_the_database_cannot_be_written_in_mid_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: StoreError
) -> None:
    failing = Failing(monkeypatch)
    async with house(tmp_path) as home, asyncio.TaskGroup() as tasks:
        call = await home.dial_in(POLITE_CALLER)
        tasks.create_task(failing.between(2.0, 6.0, error), name="failing database")
        kinds = await complete(home, call)
        assert failing.refused > 2, "it did fail meanwhile"
        assert "recording.finished" in kinds


async def test_a_database_that_cannot_be_written_while_the_call_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Failing(monkeypatch)
    with capture_logs() as logs:
        await ends_while_failing(tmp_path, failing)
    assert [x for x in logs if x["event"] == "call_record_delayed"], "it did fail at the end"
    assert not [x for x in logs if x["event"] in ("call_failed", "call_not_finished")]


async def ends_while_failing(tmp_path: Path, failing: Failing) -> None:
    async with house(tmp_path) as home, asyncio.TaskGroup() as tasks:
        call = await home.dial_in(POLITE_CALLER)
        tasks.create_task(failing.between(8.0, 14.0, DatabaseLocked("locked")), name="failing database")
        kinds = await complete(home, call)
        assert failing.refused > 2
        assert kinds.count("recording.finished") == 1
