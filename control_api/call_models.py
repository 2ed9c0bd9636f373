"""How calls look from outside: a row, a row with its conversation, a page of rows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from control_api.fields import Output, UtcTime
from store.call_events import Party, ToolCalled, ToolFinished, TranscriptFinal
from store.calls import Call, Direction, Status
from store.event_log import LoggedEvent

DETAIL_EVENTS = (TranscriptFinal.type_name(), ToolCalled.type_name(), ToolFinished.type_name())
"""The event types a call's detail is assembled from."""


class CallOut(Output):
    """A call. Durations are milliseconds; `disposition` says how it ended, null while it has not."""

    id: str
    direction: Direction
    status: Status
    from_number: str
    to_number: str
    number_id: str | None
    flow_id: str | None
    flow_version: int | None
    created_at: UtcTime
    scheduled_at: UtcTime | None
    answered_at: UtcTime | None
    ended_at: UtcTime | None
    duration_ms: int | None
    answered_by: str | None
    disposition: str | None
    disposition_reason: str | None
    resumes: int
    summary: str | None
    outcome: Any
    voicemail: Any
    recording_url: str | None
    cost_cents: float | None
    recording_duration_ms: int | None
    read: bool


class CallList(Output):
    """A page of calls, newest first; `next_cursor` is null on the last one."""

    items: list[CallOut]
    next_cursor: str | None


class TranscriptLine(Output):
    """One turn, numbered as the event that told it last.

    Of an agent's turn the caller heard `heard_ms`; `interrupted` says that the rest was cut, and `heard_text`
    then is what was heard of `text`.
    """

    seq: int
    turn_id: str
    party: Party
    text: str
    at: UtcTime
    started_ms: int
    ended_ms: int
    heard_ms: int | None
    interrupted: bool
    missing: bool
    heard_text: str | None


class CallUsage(Output):
    """What the speech providers counted in a call.

    `cost_cents` is US cents by the price table of `prices_as_of`, null when it knows no price; `providers`
    has the counts by provider: tokens by kind, `transcription_ms`, `session_ms`.
    """

    cost_cents: float | None
    prices_as_of: str | None
    providers: dict[str, dict[str, int]]


class ToolUse(Output):
    """A tool the agent asked for; `finished_at` is null while it has not answered."""

    seq: int
    tool_call_id: str
    name: str
    arguments: dict[str, Any]
    result: Any
    error: str | None
    called_at: UtcTime
    finished_at: UtcTime | None
    took_ms: int | None
    status: Literal["running", "done", "failed"]


class CallDetail(CallOut):
    """A call with its conversation; `events` counts its log, which can be streamed from 1."""

    task_context: dict[str, Any] | None
    usage: CallUsage | None
    transcript: list[TranscriptLine]
    tools: list[ToolUse]
    events: int


def call_fields(call: Call, public_url: str, *, read: bool) -> dict[str, Any]:
    """Return the fields of a `CallOut`."""
    fields = {name: getattr(call, name) for name in CallOut.model_fields if hasattr(call, name)}
    has_recording = call.recording_path is not None
    return fields | {
        "read": read,
        "recording_url": f"{public_url}/api/calls/{call.id}/recording" if has_recording else None,
        "cost_cents": (call.usage or {}).get("cost_cents"),
    }


def call_out(call: Call, public_url: str, *, read: bool) -> CallOut:
    """Return a row for a list."""
    return CallOut(**call_fields(call, public_url, read=read))


def call_detail(call: Call, events: Sequence[LoggedEvent], public_url: str, *, read: bool) -> CallDetail:
    """Assemble a call's detail from its row and its events of `DETAIL_EVENTS`."""
    return CallDetail(
        **call_fields(call, public_url, read=read),
        task_context=call.task_context,
        usage=CallUsage(**call.usage) if call.usage else None,
        transcript=transcript_of(events),
        tools=_tools(events),
        events=call.last_event_seq,
    )


def transcript_of(events: Sequence[LoggedEvent]) -> list[TranscriptLine]:
    """Return one line for each turn, in the order first told; the last telling counts."""
    lines: dict[str, TranscriptLine] = {}
    for logged in events:
        if isinstance(logged.event, TranscriptFinal):
            lines[logged.event.turn_id] = _line(logged, logged.event)
    return list(lines.values())


def _line(logged: LoggedEvent, turn: TranscriptFinal) -> TranscriptLine:
    return TranscriptLine(
        seq=logged.seq,
        turn_id=turn.turn_id,
        party=turn.party,
        text=turn.text,
        at=logged.at,
        started_ms=turn.started_ms,
        ended_ms=turn.ended_ms,
        heard_ms=turn.heard_ms,
        interrupted=turn.interrupted,
        missing=turn.missing,
        heard_text=turn.heard_text,
    )


def _tools(events: Sequence[LoggedEvent]) -> list[ToolUse]:
    finished: dict[str, tuple[datetime, ToolFinished]] = {
        logged.event.tool_call_id: (logged.at, logged.event)
        for logged in events
        if isinstance(logged.event, ToolFinished)
    }
    uses = []
    for logged in events:
        if isinstance(logged.event, ToolCalled):
            at, end = finished.get(logged.event.tool_call_id, (None, None))
            uses.append(
                ToolUse(
                    seq=logged.seq,
                    tool_call_id=logged.event.tool_call_id,
                    name=logged.event.name,
                    arguments=logged.event.arguments,
                    result=end.result if end else None,
                    error=end.error if end else None,
                    called_at=logged.at,
                    finished_at=at,
                    took_ms=end.took_ms if end else None,
                    status="running" if end is None else "done" if end.error is None else "failed",
                )
            )
    return uses
