"""What several ask for and one may get: media tokens, jobs; and the nodes they run on."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from store import jobs, media_tokens, nodes
from store.database import Database
from store.errors import Conflict
from tests.store.seeds import NOW, seed_call, seed_org


async def issue(database: Database, ttl_s: float = 60) -> tuple[str, str, str]:
    org_id = await seed_org(database)
    call_id = await seed_call(database, org_id)
    async with database.write() as conn:
        return org_id, call_id, await media_tokens.issue(conn, org_id, call_id, ttl_s=ttl_s, now=NOW)


async def test_of_racing_claims_exactly_one_wins(database: Database):
    org_id, call_id, token = await issue(database)
    ready = asyncio.Barrier(6)

    async def claim() -> media_tokens.ClaimedToken | None:
        await ready.wait()
        async with database.write() as conn:
            return await media_tokens.claim(conn, token, NOW)

    async with asyncio.TaskGroup() as group:
        claims = [group.create_task(claim()) for _ in range(6)]
    won = [claim.result() for claim in claims if claim.result() is not None]
    assert won == [media_tokens.ClaimedToken(org_id, call_id)]


async def test_a_token_lives_its_time_and_is_stored_as_a_hash(database: Database):
    _, _, token = await issue(database, ttl_s=60)
    assert len(token) == 43
    async with database.write() as conn:
        assert token not in str((await conn.execute(text("SELECT * FROM media_tokens"))).all())
        for wrong in (token[:-1], token + "x", "", "\x00", "\ud800"):
            assert await media_tokens.claim(conn, wrong, NOW) is None
        assert await media_tokens.claim(conn, token, NOW + timedelta(seconds=60)) is None
        assert await media_tokens.remove_expired(conn, NOW + timedelta(seconds=59)) == 0
        assert await media_tokens.claim(conn, token, NOW + timedelta(seconds=59)) is not None
        assert await media_tokens.remove_expired(conn, NOW + timedelta(seconds=60)) == 1


async def test_a_claim_that_is_undone_leaves_the_token_good(database: Database):
    _, _, token = await issue(database)
    with pytest.raises(ZeroDivisionError):  # noqa: PT012
        async with database.write() as conn:
            assert await media_tokens.claim(conn, token, NOW)
            raise ZeroDivisionError
    async with database.write() as conn:
        assert await media_tokens.claim(conn, token, NOW)


async def test_no_token_for_another_orgs_call(database: Database):
    org_id, other = await seed_org(database), await seed_org(database, "Other")
    call_id = await seed_call(database, org_id)
    with pytest.raises(Conflict):
        async with database.write() as conn:
            await media_tokens.issue(conn, other, call_id)


async def enqueue(database: Database, org_id: str, count: int = 1, **more: object) -> list[str]:
    async with database.write() as conn:
        return [
            await jobs.enqueue(conn, org_id, "work", {"n": number}, now=NOW, **more)
            for number in range(count)
        ]


async def claim(database: Database, now=NOW, kinds: tuple[str, ...] = ("work",), lease_s: float = 30):
    async with database.write() as conn:
        return await jobs.claim(conn, list(kinds), now, lease_s)


async def test_several_workers_share_the_jobs_and_none_is_done_twice(database: Database):
    org_id = await seed_org(database)
    ids = await enqueue(database, org_id, 40)
    done: list[str] = []

    async def work() -> None:
        while (job := await claim(database)) is not None:
            done.append(job.id)
            async with database.write() as conn:
                assert await jobs.finish(conn, job)

    async with asyncio.TaskGroup() as group:
        for _ in range(6):
            group.create_task(work())
    assert sorted(done) == sorted(ids)


async def test_a_worker_that_dies_lets_its_job_go_when_the_lease_ends(database: Database):
    org_id = await seed_org(database)
    await enqueue(database, org_id)
    first = await claim(database, lease_s=30)
    assert await claim(database, NOW + timedelta(seconds=29)) is None
    second = await claim(database, NOW + timedelta(seconds=30))
    assert (first.id, first.attempts, second.id, second.attempts) == (first.id, 1, first.id, 2)
    async with database.write() as conn:
        # The first worker was only slow: it no longer has a say.
        assert not await jobs.extend(conn, first, NOW, 30)
        assert not await jobs.fail(conn, first, "late", NOW)
        assert not await jobs.finish(conn, first)
        assert await jobs.extend(conn, second, NOW + timedelta(seconds=30), 60)
    assert await claim(database, NOW + timedelta(seconds=89)) is None
    async with database.write() as conn:
        assert await jobs.finish(conn, second)
        assert not await jobs.finish(conn, second)


async def test_a_failing_job_is_tried_again_and_parked_in_the_end(database: Database):
    org_id, other = await seed_org(database), await seed_org(database, "Other")
    await enqueue(database, org_id, max_attempts=3)
    now = NOW
    for attempt in (1, 2, 3):
        job = await claim(database, now)
        assert job.attempts == attempt
        assert job.last_error == (None if attempt == 1 else f"error {attempt - 1}")
        now += timedelta(minutes=attempt)
        async with database.write() as conn:
            assert await jobs.fail(conn, job, f"error {attempt}", now)
        assert await claim(database, now - timedelta(seconds=1)) is None
    assert await claim(database, now + timedelta(days=9)) is None
    async with database.read() as conn:
        (parked,) = await jobs.parked(conn, org_id)
        assert (parked.attempts, parked.last_error) == (3, "error 3")
        assert await jobs.parked(conn, other) == []


async def test_a_job_that_kills_its_worker_every_time_is_parked(database: Database):
    org_id = await seed_org(database)
    await enqueue(database, org_id, max_attempts=2)
    await enqueue(database, org_id)
    now = NOW
    seen = []
    while (job := await claim(database, now)) is not None and len(seen) < 20:
        seen.append(job.max_attempts)
        now += timedelta(seconds=30)
    assert seen.count(2) == 2
    assert seen.count(jobs.MAX_ATTEMPTS) == jobs.MAX_ATTEMPTS
    async with database.read() as conn:
        assert {job.last_error for job in await jobs.parked(conn, org_id)} == {
            "its worker died in the last permitted attempt"
        }


async def test_giving_up_needs_no_more_attempts(database: Database):
    org_id = await seed_org(database)
    await enqueue(database, org_id)
    job = await claim(database)
    async with database.write() as conn:
        assert await jobs.fail(conn, job, "hopeless", None)
        assert not await jobs.finish(conn, job)
    assert await claim(database, NOW + timedelta(days=1)) is None


async def test_one_job_per_key_waits(database: Database):
    org_id, other = await seed_org(database), await seed_org(database, "Other")
    (first,) = await enqueue(database, org_id, key="call_1")
    assert await enqueue(database, org_id, key="call_1") == [None]
    assert await enqueue(database, other, key="call_1") != [None]
    async with database.write() as conn:
        assert await jobs.enqueue(conn, org_id, "other kind", {}, key="call_1") is not None
    job = await claim(database)
    assert job.id == first
    # What happens from now on may come too late for the run that has begun: it gets a run of its own.
    assert await enqueue(database, org_id, key="call_1") != [None]
    async with database.write() as conn:
        assert await jobs.fail(conn, job, "again", NOW)


async def test_jobs_wait_for_their_time_and_their_kind(database: Database):
    org_id = await seed_org(database)
    await enqueue(database, org_id, run_at=NOW + timedelta(seconds=5))
    assert await claim(database, NOW + timedelta(seconds=4)) is None
    assert await claim(database, NOW + timedelta(days=1), kinds=("something else",)) is None
    assert await claim(database, NOW + timedelta(days=1), kinds=()) is None
    assert (await claim(database, NOW + timedelta(seconds=5))).payload == {"n": 0}


async def test_the_longest_due_comes_first(database: Database):
    org_id = await seed_org(database)
    for minutes in (3, 1, 2):
        await enqueue(database, org_id, run_at=NOW + timedelta(minutes=minutes), key=f"{minutes}")
    order = []
    async with database.write() as conn:
        due = (await conn.execute(text("SELECT id FROM jobs ORDER BY run_at"))).scalars().all()
    while (job := await claim(database, NOW + timedelta(hours=1), lease_s=9999)) is not None:
        order.append(job.id)
    assert order == due


async def test_nodes_are_lost_when_they_neither_beat_nor_stop(database: Database):
    async with database.write() as conn:
        for name in ("alive", "silent", "stopped"):
            await nodes.register(conn, name, NOW)
        later = NOW + timedelta(seconds=20)
        await nodes.beat(conn, "alive", later)
        await nodes.beat(conn, "alive", NOW)
        await nodes.beat(conn, "unknown", later)
        await nodes.stop(conn, "stopped", NOW)
        assert await nodes.lost_nodes(conn, later) == ["silent"]
        assert await nodes.lost_nodes(conn, later - timedelta(microseconds=1)) == []
        await nodes.register(conn, "silent", later)
        assert await nodes.lost_nodes(conn, later) == []
        assert await nodes.stop_all(conn, later) == ["alive", "silent"]
        assert await nodes.lost_nodes(conn, later + timedelta(days=1)) == []
