"""From the API to the job loop: a call placed is dialled at once, not at the loop's next look."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from jobs.kinds import PLACE_CALL
from jobs.loop import POLL_S, JobLoop
from tests.control_api.harness import Api


@pytest.mark.virtual_time
async def test_the_bell_rings_once_the_job_can_be_seen(api: Api):
    loop = asyncio.get_running_loop()
    dialled: list[tuple[str, float]] = []

    async def dial(payload: Any) -> timedelta | None:
        dialled.append((payload["call_id"], loop.time()))
        return None

    jobs = JobLoop(api.database, api.services.bus, {PLACE_CALL: dial})
    async with asyncio.TaskGroup() as group:
        group.create_task(jobs.run())
        await asyncio.sleep(POLL_S / 2)  # the loop has looked, found nothing and waits
        for _ in range(3):
            asked_at = loop.time()
            body = {"flow_id": api.ours.flow_id, "to": "+15551234567"}
            call = await api.json("POST", "/api/outbound/calls", role="operator", json=body)
            await asyncio.sleep(POLL_S / 10)
            call_id, at = dialled.pop()
            assert call_id == call["id"]
            assert at - asked_at < POLL_S / 10
        jobs.stop()
    assert dialled == []
