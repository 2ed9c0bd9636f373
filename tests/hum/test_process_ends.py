"""What a call's record looks like after its process was told to stop, or was killed."""

import asyncio
import io
import os
import signal
import sys
from pathlib import Path

import pytest

from bench.scenarios.caller import CallerScript, Listen, Say, StaySilent
from media.wav import read_wav
from store import call_events as e
from store.call_rows import Call
from store.event_log import LoggedEvent
from tests.gateway.whole_call import CHAT, POLITE_CALLER, QUESTION
from tests.hum.served import NUMBER, Served, served

pytestmark = pytest.mark.whole_call

PATIENT = CallerScript(steps=(Listen(), Say(QUESTION), StaySilent()))


async def until(service: Served, kind: str) -> None:
    """Wait until some call's log holds an event of a type."""
    async with asyncio.timeout(30):
        while not any(x.type == kind for _, log in await service.records() for x in log):
            await asyncio.sleep(0.05)


async def until_recorded(service: Served, ms: int) -> None:
    """Wait until the recording in the making holds so much, two bytes a sample."""
    async with asyncio.timeout(30):
        while not any(x.stat().st_size > ms * 16 for x in service.data_dir.glob("recordings/*/*.wav")):
            await asyncio.sleep(0.05)


async def only(service: Served) -> tuple[Call, list[LoggedEvent]]:
    ((call, log),) = await service.records()
    assert [x.seq for x in log] == list(range(1, len(log) + 1))
    assert log[-1].type == "call.ended"
    assert call.ended_at is not None
    return call, log


async def recording(service: Served, call: Call) -> int:
    """The length of the stored recording in ms; it must be a whole WAV file."""
    assert call.recording_path is not None
    path = service.data_dir / "recordings" / call.recording_path
    sound = read_wav(io.BytesIO(await asyncio.to_thread(path.read_bytes)))
    assert sound.duration_ms == call.recording_duration_ms
    return sound.duration_ms


async def test_a_call_ends_by_itself_while_the_service_stops(tmp_path: Path) -> None:
    async with served(tmp_path, CHAT) as service:
        await service.twilio.dial_in(NUMBER, POLITE_CALLER)
        await until(service, "stream.started")
        service.signal(signal.SIGTERM)
        assert await service.ended(25) == 0
        call, log = await only(service)
        assert (call.status, call.disposition) == ("completed", "agent_hangup")
        assert [x.type for x in log].count("transcript.final") == 5
        assert await recording(service, call) > 5_000


async def test_a_second_signal_interrupts_calls_and_completes_their_records(tmp_path: Path) -> None:
    async with served(tmp_path, CHAT) as service:
        await service.twilio.dial_in(NUMBER, PATIENT)
        await until(service, "transcript.final")
        service.signal(signal.SIGTERM)
        await service.says("stopping when 1 live calls")
        service.signal(signal.SIGTERM)
        assert await service.ended(10) == 0
        call, log = await only(service)
        assert (call.status, call.disposition, call.disposition_reason) == (
            "completed",
            "interrupted",
            "shutdown",
        )
        assert next(x.event for x in log if isinstance(x.event, e.StreamEnded))
        assert await recording(service, call) > 1_000


async def test_a_killed_process_is_reconciled_at_the_next_start(tmp_path: Path) -> None:
    async with served(tmp_path, CHAT) as service:
        await service.twilio.dial_in(NUMBER, PATIENT)
        await until(service, "transcript.final")
        await until_recorded(service, 1_500)
        service.signal(signal.SIGKILL)
        assert await service.ended() == -signal.SIGKILL
        ((before, written),) = await service.records()
        assert before.ended_at is None
        await service.twilio.calls[0].wait_over()
        await service.start()
        call, log = await only(service)
        assert log[: len(written)] == written, "what was written stays"
        assert (call.status, call.disposition, call.disposition_reason) == (
            "completed",
            "interrupted",
            "process_lost",
        )
        assert any(x.type == "recording.finished" for x in log)
        assert await recording(service, call) > 1_000
        counted = [x.event for x in log if isinstance(x.event, e.UsageReported)]
        assert counted, "the greeting was"
        assert call.usage is not None
        assert call.usage["cost_cents"] == pytest.approx(
            sum(count.cost_cents or 0 for count in counted), abs=1e-3
        )
        service.signal(signal.SIGTERM)
        assert await service.ended() == 0


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"HUM_PORT": "eighty"}, "HUM_PORT='eighty' is not a port"),
        ({"HUM_HOST": "0.0.0.0"}, "set HUM_SECRET_KEY"),
        ({"TWILIO_AUTH_TOKEN": ""}, "belong together"),
        ({"HUM_DATABASE_URL": "mysql://x"}, "HUM_DATABASE_URL"),
        ({"HUM_PUBLIC_URL": "ftp://x"}, "HUM_PUBLIC_URL"),
        ({"HUM_SECRET_KEY": "short"}, "32 characters"),
    ],
)
async def test_settings_that_cannot_work_end_with_one_line_and_status_2(
    tmp_path: Path, env: dict[str, str], words: str
) -> None:
    base = os.environ | {"HUM_DATA_DIR": str(tmp_path), "TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hum", "serve", env=base | env, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(20):
        _, errors = await process.communicate()
    assert process.returncode == 2
    (line,) = errors.decode().splitlines()
    assert line.startswith("hum: ")
    assert words in line
