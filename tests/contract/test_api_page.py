"""docs/api.md: its examples are requests we serve, and what it says of roles and streams is so."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from control_api import event_stream
from control_api.table import OPERATIONS, Operation

PAGE = (Path(__file__).parents[2] / "docs/api.md").read_text(encoding="utf-8")


def commands() -> Iterator[str]:
    """The curl commands of the page, continued lines joined."""
    for block in re.findall(r"^    curl (?:.*\\\n)*.*$", PAGE, re.MULTILINE):
        yield re.sub(r"\\\n\s*", " ", block).strip()


def operation_of(command: str) -> Operation:
    words = shlex.split(command)
    (url,) = [word for word in words if word.startswith("$HUM/")]
    method = words[words.index("-X") + 1] if "-X" in words else "POST" if "-d" in words else "GET"
    path = url.removeprefix("$HUM").split("?")[0]
    return next(
        each
        for each in OPERATIONS
        if each.method == method and re.fullmatch(re.sub(r"\{\w+\}", "[a-z]+_…", each.path), path)
    )


@pytest.mark.parametrize("command", list(commands()))
def test_examples_are_requests_we_serve(command: str) -> None:
    assert operation_of(command).id


def test_the_page_shows_how_to_use_each_kind_of_operation() -> None:
    shown = {operation_of(command).id for command in commands()}
    wanted = {"getCurrentUser", "listCalls", "updateFlow", "createOutboundCall", "streamCallEvents"}
    assert wanted | {"getCallRecording"} == shown


def test_every_name_an_event_can_have_is_on_the_page() -> None:
    section = PAGE[PAGE.index("## Event streams") :]
    for name in {*event_stream._CATEGORIES.values(), "state", "hello", "end"}:
        assert f"`{name}`" in section
    assert f"After {event_stream.PING_S:.0f} s" in section
    assert f"within {event_stream.RECHECK_S:.0f} seconds" in PAGE
