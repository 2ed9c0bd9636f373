"""Reads the caller's side of a scenario document."""

from bench.scenarios.caller import (
    Answers,
    BargeIn,
    CallerScript,
    CallerStep,
    CannotBeReached,
    DialOutcome,
    HangUp,
    HangUpMidWord,
    IsBusy,
    Listen,
    NeverAnswers,
    Pickup,
    Press,
    Say,
    StaySilent,
    Wait,
)
from bench.scenarios.clips import ClipLibrary
from bench.scenarios.node import Node

MAX_MS = 24 * 3600 * 1000
_KEYS = frozenset("0123456789*#ABCD")
_STEPS = (
    "listen",
    "say",
    "wait_ms",
    "press",
    "barge_in",
    "hang_up",
    "hang_up_mid_word",
    "stay_silent",
)


def read_caller(node: Node, clips: ClipLibrary) -> CallerScript:
    """Read the `caller` mapping.

    Raises:
        ScenarioError: something in it is wrong; the message says where.
    """
    node.only("steps", "pickup", "gives_up_after_ms", "max_call_ms", "dials")
    default = CallerScript()
    dials = tuple(_dial(each) for each in node.at("dials", []).each())
    gives_up = node.at("gives_up_after_ms").integer(0, MAX_MS) if node.has("gives_up_after_ms") else None
    return CallerScript(
        steps=tuple(_step(each, clips) for each in node.at("steps").each()),
        pickup=_pickup(node.at("pickup")) if node.has("pickup") else default.pickup,
        gives_up_after_ms=gives_up,
        max_call_ms=node.at("max_call_ms", default.max_call_ms).integer(1, MAX_MS),
        dials=dials or default.dials,
    )


def _step(node: Node, clips: ClipLibrary) -> CallerStep:
    if node.is_text():
        name, argument = node.choice(*_STEPS), Node({}, node.path)
    else:
        node.only(*_STEPS)
        if len(node.names()) != 1:
            raise node.fail("a step has exactly one key")
        name = node.names()[0]
        argument = node.at(name)
    match name:
        case "listen":
            argument.only("quiet_ms", "limit_ms")
            return Listen(
                argument.at("quiet_ms", Listen().quiet_ms).integer(0, MAX_MS),
                argument.at("limit_ms", Listen().limit_ms).integer(1, MAX_MS),
            )
        case "say":
            return Say(clips.get(argument))
        case "wait_ms":
            return Wait(argument.integer(0, MAX_MS))
        case "press":
            return _press(argument)
        case "barge_in":
            argument.only("clip", "after_ms", "limit_ms")
            clip = clips.get(argument.at("clip"))
            default = BargeIn(clip)
            return BargeIn(
                clip,
                argument.at("after_ms", default.after_ms).integer(0, MAX_MS),
                argument.at("limit_ms", default.limit_ms).integer(1, MAX_MS),
            )
        case "hang_up":
            argument.only()
            return HangUp()
        case "hang_up_mid_word":
            return _hang_up_mid_word(argument, clips)
        case _:
            argument.only("ms")
            return StaySilent(argument.at("ms").integer(0, MAX_MS) if argument.has("ms") else None)


def _press(node: Node) -> Press:
    digits = node.text()
    wrong = sorted(set(digits) - _KEYS)
    if wrong or not digits:
        raise node.fail(f"keys are {''.join(sorted(_KEYS))}, found {''.join(wrong) or 'none'}")
    return Press(digits)


def _hang_up_mid_word(node: Node, clips: ClipLibrary) -> HangUpMidWord:
    node.only("clip", "after_ms")
    clip = clips.get(node.at("clip"))
    after_ms = node.at("after_ms", HangUpMidWord(clip).after_ms).integer(0, MAX_MS)
    if after_ms >= clip.duration_ms:
        raise node.fail(f"after_ms {after_ms} is past the end of {clip.name} ({clip.duration_ms} ms)")
    return HangUpMidWord(clip, after_ms)


def _pickup(node: Node) -> Pickup:
    node.only("answers_after_ms", "busy_after_ms", "fails_after_ms", "never")
    if len(node.names()) != 1:
        raise node.fail("exactly one of answers_after_ms, busy_after_ms, fails_after_ms, never")
    match node.names()[0]:
        case "answers_after_ms":
            return Answers(node.at("answers_after_ms").integer(0, MAX_MS))
        case "busy_after_ms":
            return IsBusy(node.at("busy_after_ms").integer(0, MAX_MS))
        case "fails_after_ms":
            return CannotBeReached(node.at("fails_after_ms").integer(0, MAX_MS))
        case _:
            return NeverAnswers()


def _dial(node: Node) -> DialOutcome:
    node.only("status", "after_ms", "talk_ms")
    default = DialOutcome()
    status = node.at("status", default.status).choice("completed", "busy", "no-answer", "failed", "canceled")
    return DialOutcome(
        status,  # type: ignore[arg-type]
        node.at("after_ms", default.after_ms).integer(0, MAX_MS),
        node.at("talk_ms", default.talk_ms).integer(0, MAX_MS),
    )
