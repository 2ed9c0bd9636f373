"""What an OpenAI session is told of the conversation before it: messages it did not hear or say itself.

Source: openai SDK 3.54 `types/realtime/conversation_item_create_event.py` (`previous_item_id`) and
`conversation_item_delete_event.py`, read 2026-11-24.
"""

import json
from collections.abc import Sequence
from typing import Any

from providers.session import HistoryTurn, Truncate

HISTORY_ITEM = "hum_history_"
"""Begins the ids of the items by which a session is told what was said before it."""


class ToldHistory:
    """Writes the turns of earlier sessions, and shortens the agent's if the caller cuts in on them after all.

    The caller may still be listening to what a session said when it is gone: the next one is told all of it
    and, should it not be heard to the end, how far it was.
    """

    __slots__ = ("_agent",)

    def __init__(self) -> None:
        self._agent: dict[int, str] = {}  # the agent's turns by place, oldest first

    def tell(self, turns: Sequence[HistoryTurn]) -> Sequence[str]:
        """Write the conversation so far, oldest turn first; once in a session."""
        self._agent = {number: turn.text for number, turn in enumerate(turns) if turn.party == "agent"}
        return tuple(json.dumps(_created(_item(number, turn))) for number, turn in enumerate(turns))

    def shorten(self, cut: Truncate) -> Sequence[str]:
        """Write what is left of the last turn of the agent's that begins with the words heard.

        Args:
            cut: What was heard of an item of an earlier session.
        """
        heard = cut.heard_text
        number = next((n for n in reversed(self._agent) if self._agent[n].startswith(heard)), None)
        if number is None:
            return ()
        del self._agent[number]
        told_id = f"{HISTORY_ITEM}{number}"
        deleted = json.dumps({"type": "conversation.item.delete", "item_id": told_id})
        if not heard:
            return (deleted,)
        item = _item(number, HistoryTurn("agent", heard))
        item["id"] += "_heard"
        return json.dumps(_created(item) | {"previous_item_id": told_id}), deleted


def _item(number: int, turn: HistoryTurn) -> dict[str, Any]:
    role, kind = ("user", "input_text") if turn.party == "caller" else ("assistant", "output_text")
    content = [{"type": kind, "text": turn.text}]
    return {"id": f"{HISTORY_ITEM}{number}", "type": "message", "role": role, "content": content}


def _created(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "conversation.item.create", "item": item}
