"""A process that writes to a database like the service does; run by test_processes.

Usage: python -m tests.store.service_process URL ORG CALL [--exclusive] [--events N] [--orgs N]

Prints `ready`, then `acked SEQ` for each event (or `org NAME` for each org) once it is committed.
"""

import argparse
import asyncio
import contextlib
import sys

from store import call_events as ce
from store import orgs
from store.bus import Bus
from store.database import Database
from store.event_log import EventLog


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def write_events(database: Database, org_id: str, call_id: str, count: int) -> None:
    log = EventLog(database, Bus(), batch=10, flush_interval_s=0.0005)
    async with asyncio.TaskGroup() as group:
        group.create_task(log.run())
        for number in range(count):
            log.append(org_id, call_id, ce.DigitPressed(digit=str(number), at_ms=number))
            if number % 5 == 4:
                await log.flush()
                say(f"acked {number}")
        await log.close()


async def write_orgs(database: Database, count: int) -> None:
    for number in range(count):
        async with database.write() as conn:
            await orgs.create_org(conn, f"by command {number:03}")
        say(f"org {number}")


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("org_id", nargs="?", default="")
    parser.add_argument("call_id", nargs="?", default="")
    parser.add_argument("--exclusive", action="store_true")
    parser.add_argument("--events", type=int, default=0)
    parser.add_argument("--orgs", type=int, default=0)
    args = parser.parse_args()
    database = await Database.open(args.url, exclusive=args.exclusive)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        say("ready")
        await write_events(database, args.org_id, args.call_id, args.events)
        await write_orgs(database, args.orgs)


if __name__ == "__main__":
    asyncio.run(main())
