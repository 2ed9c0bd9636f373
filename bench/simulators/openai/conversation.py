"""The conversation as the provider keeps it: items in order, and what a client may do to them.

Source: OpenAI API reference, "Realtime conversation items", read 2026-11; error codes as in `rejection`.
"""

import copy
from dataclasses import dataclass, field
from typing import Any

from bench.simulators.openai.rejection import Rejection, invalid_value

Json = dict[str, Any]

ROOT = "root"


@dataclass(slots=True)
class Item:
    """One item.

    Args:
        body: as sent in events, without audio.
        audio_ms: for an assistant message, how much audio of it was sent.
        audio_tokens: what it costs as context.
        text_tokens: likewise.
    """

    body: Json
    audio_ms: float = 0.0
    audio_tokens: int = 0
    text_tokens: int = 0

    @property
    def id(self) -> str:
        """`item_…`."""
        return str(self.body["id"])

    def view(self) -> Json:
        """Return the body for an event."""
        return copy.deepcopy(self.body)

    @property
    def is_model_audio(self) -> bool:
        """Whether it is an assistant message with audio."""
        parts = self.body.get("content") or []
        return self.body.get("role") == "assistant" and any(p["type"] == "output_audio" for p in parts)


@dataclass(slots=True)
class Conversation:
    """The items of one session, in order."""

    items: list[Item] = field(default_factory=list)

    def find(self, item_id: str) -> Item | None:
        """Return an item by id, or None."""
        return next((item for item in self.items if item.id == item_id), None)

    @property
    def last_id(self) -> str | None:
        """The last item's id."""
        return self.items[-1].id if self.items else None

    def add(self, item: Item, after: str | None = None) -> str | None:
        """Add an item at the end, or after another.

        Args:
            item: the new item.
            after: id of the item before it; `root` for the beginning; None for the end.

        Returns:
            The id of the item before it.

        Raises:
            Rejection: the id is taken, or there is no such previous item.
        """
        if self.find(item.id) is not None:
            raise invalid_value("item.id", f"Item with id '{item.id}' already exists.")
        index = len(self.items)
        if after == ROOT:
            index = 0
        elif after is not None:
            before = self.find(after)
            if before is None:
                raise Rejection(
                    "item_not_found", f"Previous item with id '{after}' not found.", "previous_item_id"
                )
            index = self.items.index(before) + 1
        self.items.insert(index, item)
        return self.items[index - 1].id if index else None

    def delete(self, item_id: str) -> None:
        """Take an item out.

        Raises:
            Rejection: there is no such item.
        """
        item = self.find(item_id)
        if item is None:
            message = f"Error deleting item: the item with id '{item_id}' does not exist."
            raise Rejection("item_delete_invalid_item_id", message, "item_id")
        self.items.remove(item)

    def retrieve(self, item_id: str) -> Item:
        """Return an item.

        Raises:
            Rejection: there is no such item.
        """
        item = self.find(item_id)
        if item is None:
            message = f"Error retrieving item: the item with id '{item_id}' does not exist."
            raise Rejection("item_retrieve_invalid_item_id", message, "item_id")
        return item

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Cut a spoken item where the caller stopped hearing it; its transcript goes.

        Raises:
            Rejection: no such item, not audio of the model, nothing of it sent (or an end of 0), or an end
                beyond its audio.
        """
        item = self.find(item_id)
        if item is None:
            message = f"Error truncating item: the item with id '{item_id}' does not exist."
            raise Rejection("item_truncate_invalid_item_id", message, "item_id")
        if content_index >= max(1, len(item.body.get("content") or [])):
            raise invalid_value("content_index", f"Content index {content_index} does not exist.")
        if not item.is_model_audio or item.audio_ms == 0 or audio_end_ms == 0:
            raise Rejection("unsupported_content_type", "Only model output audio messages can be truncated")
        if audio_end_ms > item.audio_ms:
            message = f"Audio content of {int(item.audio_ms)}ms is already shorter than {audio_end_ms}ms"
            raise invalid_value("audio_end_ms", message)
        item.audio_ms = audio_end_ms
        item.audio_tokens = audio_end_ms // 50
        item.body["content"][content_index]["transcript"] = ""

    def has_call(self, call_id: str) -> bool:
        """Whether the model made a tool call with this id."""
        return any(i.body["type"] == "function_call" and i.body.get("call_id") == call_id for i in self.items)

    def answered(self, call_id: str) -> bool:
        """Whether a tool call's output is in."""
        return any(
            i.body["type"] == "function_call_output" and i.body.get("call_id") == call_id for i in self.items
        )

    def tokens(self) -> tuple[int, int]:
        """Return (audio, text) tokens of everything said so far."""
        return sum(i.audio_tokens for i in self.items), sum(i.text_tokens for i in self.items)
