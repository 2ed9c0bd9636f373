"""Reads the agent's side of a scenario document."""

import json
from typing import get_args

from bench.scenarios.agent import (
    AgentScript,
    CallTool,
    CloseSocket,
    Delay,
    Expire,
    FailResponse,
    Fault,
    FaultAction,
    Moment,
    Refuse,
    Reply,
    ReplyItem,
    ResetConnection,
    SendError,
    Speak,
    Stall,
    StayMute,
    TranscriptTiming,
    Turn,
)
from bench.scenarios.clips import ClipLibrary
from bench.scenarios.node import Node

_MAX_MS = 24 * 3600 * 1000
_ACTIONS = ("refuse", "stay_mute", "delay_ms", "error", "fail_response", "close", "reset", "stall", "expire")
_AT_UPGRADE = (Refuse, Delay, ResetConnection, Stall)


def read_agent(node: Node, clips: ClipLibrary) -> AgentScript:
    """Read the `agent` mapping.

    Raises:
        ScenarioError: something in it is wrong; the message says where.
    """
    node.only("prompted", "turns", "on_idle", "faults")
    return AgentScript(
        prompted=tuple(_reply(each, clips) for each in node.at("prompted", []).each()),
        turns=tuple(_turn(each, clips) for each in node.at("turns", []).each()),
        on_idle=tuple(_reply(each, clips) for each in node.at("on_idle", []).each()),
        faults=tuple(_fault(each) for each in node.at("faults", []).each()),
    )


def _turn(node: Node, clips: ClipLibrary) -> Turn:
    node.only("hears", "transcript", "reply")
    timing: TranscriptTiming = "before"
    if node.has("transcript"):
        timing = node.at("transcript").choice(*get_args(TranscriptTiming))  # type: ignore[assignment]
    return Turn(node.at("hears").text(), _reply(node.at("reply"), clips), timing)


def _reply(node: Node, clips: ClipLibrary) -> Reply:
    """A reply is a list of items, or a mapping with `items`, `thinks_ms` and `then`."""
    if node.is_list():
        return Reply(tuple(_item(each, clips) for each in node.each()))
    node.only("items", "thinks_ms", "then")
    return Reply(
        items=tuple(_item(each, clips) for each in node.at("items", []).each()),
        thinks_ms=node.at("thinks_ms", Reply().thinks_ms).integer(0, _MAX_MS),
        then=_reply(node.at("then"), clips) if node.has("then") else None,
    )


def _item(node: Node, clips: ClipLibrary) -> ReplyItem:
    node.only("say", "call", "arguments")
    if node.has("say") == node.has("call"):
        raise node.fail("an item has either 'say' or 'call'")
    if node.has("say"):
        return Speak(clips.get(node.only("say").at("say")))
    arguments = node.at("arguments", {})
    try:
        json.dumps(arguments.mapping())
    except (TypeError, ValueError) as error:
        raise arguments.fail(f"not JSON: {error}") from error
    return CallTool(node.at("call").text(), arguments.mapping())


def _fault(node: Node) -> Fault:
    node.only("at", "turn", "after_ms", "sessions", *_ACTIONS)
    named = [name for name in _ACTIONS if node.has(name)]
    if len(named) != 1:
        raise node.fail(f"a fault has exactly one of {', '.join(_ACTIONS)}")
    moment: Moment = node.at("at").choice(*get_args(Moment))  # type: ignore[assignment]
    action = _action(named[0], node.at(named[0]))
    if isinstance(action, Refuse) and moment != "upgrade":
        raise node.fail("'refuse' is for the upgrade")
    if moment == "upgrade" and not isinstance(action, _AT_UPGRADE):
        raise node.fail(f"{named[0]!r} cannot happen at the upgrade")
    if isinstance(action, FailResponse) and moment not in ("greeting", "answer"):
        raise node.fail("'fail_response' is for a greeting or an answer")
    return Fault(
        moment,
        action,
        turn=node.at("turn").integer(1, 10_000) if node.has("turn") else None,
        after_ms=node.at("after_ms", 0).integer(0, _MAX_MS),
        sessions=node.at("sessions").integer(1, 10_000) if node.has("sessions") else None,
    )


def _action(name: str, node: Node) -> FaultAction:
    if name == "delay_ms":
        return Delay(node.integer(0, _MAX_MS))
    if node.value is None:
        node = Node({}, node.path)
    match name:
        case "refuse":
            node.only("status", "type", "code", "message")
            default = Refuse()
            return Refuse(
                node.at("status", default.status).integer(400, 599),
                *_words(node, default.type, default.message),
            )
        case "error":
            node.only("type", "code", "message", "close_code")
            close_code = node.at("close_code").integer(1000, 4999) if node.has("close_code") else None
            return SendError(*_words(node, SendError().type, SendError().message), close_code)
        case "fail_response":
            node.only("type", "code", "message")
            return FailResponse(*_words(node, FailResponse().type, FailResponse().message))
        case "close":
            node.only("code", "reason")
            code = node.at("code", CloseSocket().code).integer(1000, 4999)
            return CloseSocket(code, node.at("reason", CloseSocket().reason).text())
        case _:
            node.only()
            plain: dict[str, FaultAction] = {
                "stay_mute": StayMute(),
                "reset": ResetConnection(),
                "stall": Stall(),
                "expire": Expire(),
            }
            return plain[name]


def _words(node: Node, kind: str, message: str) -> tuple[str, str | None, str]:
    code = node.at("code").text() if node.has("code") else None
    return node.at("type", kind).text(), code, node.at("message", message).text()
