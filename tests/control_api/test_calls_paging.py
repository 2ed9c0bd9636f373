"""Pages of calls while calls come in: none that was there is skipped or repeated."""

import asyncio
import random
from datetime import timedelta

import pytest

from store import calls
from tests.control_api.harness import NOW, Api


async def add(api: Api, seconds: list[int]) -> list[str]:
    """Add calls created so many seconds after `NOW`."""
    async with api.database.write() as conn:
        made = [
            await calls.create_call(
                conn,
                api.ours.org_id,
                calls.NewCall(
                    direction="inbound",
                    status="completed",
                    from_number="+15551230000",
                    to_number="+15559999999",
                    created_at=NOW + timedelta(seconds=second),
                ),
            )
            for second in seconds
        ]
    return [call.id for call in made]


@pytest.mark.parametrize("seed", range(4))
async def test_every_call_that_was_there_comes_once_in_order(api_on_both: Api, seed: int):
    api, chance = api_on_both, random.Random(seed)
    # Few distinct times, so that pages end between calls of the same instant.
    there = await add(api, [chance.randrange(1, 5) for _ in range(40)])
    seen: list[tuple[str, str]] = []
    cursor: str | None = ""
    while cursor is not None:
        more = f"&cursor={cursor}" if cursor else ""
        page = await api.json("GET", f"/api/calls?limit={chance.randrange(1, 8)}{more}")
        seen += [(item["created_at"], item["id"]) for item in page["items"]]
        cursor = page["next_cursor"]
        await add(api, [chance.randrange(0, 7) for _ in range(chance.randrange(0, 3))])
    ids = [call_id for _, call_id in seen]
    assert len(ids) == len(set(ids))
    assert set(there) | {api.ours.call_id} <= set(ids)
    assert seen == sorted(seen, reverse=True)


async def test_a_writer_at_the_same_time_changes_nothing_of_that(api_on_both: Api):
    api = api_on_both
    there = await add(api, [1 + number % 3 for number in range(30)])
    ids: list[str] = []
    done = asyncio.Event()

    async def write() -> None:
        while not done.is_set():
            await add(api, [0, 2, 5])

    async def read() -> None:
        cursor: str | None = ""
        while cursor is not None and len(ids) < 500:
            page = await api.json("GET", "/api/calls?limit=4" + (f"&cursor={cursor}" if cursor else ""))
            ids.extend(item["id"] for item in page["items"])
            cursor = None if set(there) <= set(ids) else page["next_cursor"]
        done.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        group.create_task(read())
    assert len(ids) == len(set(ids))
    assert set(there) <= set(ids)
