"""What happened on one connection, for assertions; a message's type is the name of its first field."""

from dataclasses import dataclass, field
from typing import Any

from bench.simulators.speech.session_log import Logged, SessionLog

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LoggedMessage(Logged):
    """A message with the loop time at which it was received or sent."""

    @property
    def type(self) -> str:
        """The message's first field, e.g. `serverContent`; empty for rubbish."""
        return next(iter(self.event), "")


@dataclass(slots=True)
class GeminiSessionLog(SessionLog):
    """One connection. `received` has the client's messages in lowerCamelCase, realtime audio kept apart."""

    setup: Json = field(default_factory=dict)
    """The setup message's body in lowerCamelCase; empty before it comes."""
    resumed_from: str | None = None
    """The handle by which an earlier session was continued."""
    history: list[Json] = field(default_factory=list)
    """Contents the client gave as history, or that a resumed session had been given."""
    unheard_ms: float = 0.0
    """Audio outside the activity the client marked: it is in `audio`, but the model never hears it."""

    def sent_of(self, kind: str) -> list[Json]:
        """Return the server messages that have a field."""
        return [logged.event for logged in self.sent if kind in logged.event]

    def contents(self, name: str) -> list[Any]:
        """Return a field of every serverContent that has it, e.g. `interrupted`."""
        found = [message["serverContent"] for message in self.sent_of("serverContent")]
        return [content[name] for content in found if name in content]


def without_sound(message: Json) -> Json:
    """Return a server message for the log: every inlineData has `bytes` in place of its `data`."""
    content = message.get("serverContent", {})
    if "modelTurn" not in content:
        return message
    parts = [_part_without_sound(part) for part in content["modelTurn"]["parts"]]
    turn = {**content["modelTurn"], "parts": parts}
    return {**message, "serverContent": {**content, "modelTurn": turn}}


def _part_without_sound(part: Json) -> Json:
    if "inlineData" not in part:
        return part
    inline = part["inlineData"]
    size = len(inline["data"]) * 3 // 4
    return {**part, "inlineData": {"mimeType": inline["mimeType"], "bytes": size}}
