"""The composition root on a bad day: a failing start fails plainly, a stop does not trip over the store."""

from pathlib import Path
from typing import Any

import pytest

from hum.service import running_service
from hum.settings import Settings
from store import nodes
from store.errors import DatabaseLocked

pytestmark = pytest.mark.virtual_time


async def locked(*_: Any) -> None:
    raise DatabaseLocked("somebody writes without end")


async def test_a_database_that_locks_at_start_is_one_plain_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "register", locked)
    with pytest.raises(DatabaseLocked, match="without end"):
        async with running_service(Settings(port=0, data_dir=tmp_path)):
            pytest.fail("it must not start")


async def test_an_error_in_the_body_comes_out_as_itself(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with running_service(Settings(port=0, data_dir=tmp_path)):
            _ = 1 / 0


async def test_a_database_that_locks_at_the_end_does_not_keep_the_service_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_service(Settings(port=0, data_dir=tmp_path)):
        monkeypatch.setattr(nodes, "stop", locked)
