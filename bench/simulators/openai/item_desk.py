"""Client events about conversation items: create, delete, retrieve, truncate."""

from typing import Any

from bench.simulators.openai.channel import Channel
from bench.simulators.openai.conversation import Conversation, Item
from bench.simulators.openai.rejection import Rejection
from bench.simulators.openai.usage import heard_tokens, text_tokens
from bench.simulators.speech.ids import IdSource

Json = dict[str, Any]


class ItemDesk:
    """Handles one session's items.

    Args:
        channel: answers.
        conversation: the items.
        ids: names new ones.
    """

    def __init__(self, channel: Channel, conversation: Conversation, ids: IdSource) -> None:
        self._channel = channel
        self._conversation = conversation
        self._ids = ids

    async def create(self, event: Json) -> None:
        """conversation.item.create.

        Raises:
            Rejection: the id is taken, the previous item or the tool call does not exist.
        """
        body = {"id": self._ids.new("item"), "object": "realtime.item", **event["item"]}
        body["status"] = "completed"
        if body["type"] == "function_call_output" and not self._conversation.has_call(body["call_id"]):
            message = f"Tool call ID '{body['call_id']}' not found in conversation."
            raise Rejection("invalid_tool_call_id", message)
        item = Item(body, text_tokens=text_tokens(str(body.get("content") or body.get("output") or "")))
        previous = self._conversation.add(item, event.get("previous_item_id"))
        await self._announce(item, previous)

    async def delete(self, event: Json) -> None:
        """conversation.item.delete."""
        self._conversation.delete(event["item_id"])
        await self._channel.send("conversation.item.deleted", item_id=event["item_id"])

    async def retrieve(self, event: Json) -> None:
        """conversation.item.retrieve."""
        item = self._conversation.retrieve(event["item_id"])
        await self._channel.send("conversation.item.retrieved", item=item.view())

    async def truncate(self, event: Json) -> None:
        """conversation.item.truncate."""
        item_id, index, end_ms = event["item_id"], event["content_index"], event["audio_end_ms"]
        self._conversation.truncate(item_id, index, end_ms)
        await self._channel.send(
            "conversation.item.truncated", item_id=item_id, content_index=index, audio_end_ms=end_ms
        )

    async def add_utterance(self, item_id: str, audio_ms: float) -> None:
        """Commit the caller's speech as a user item and announce it."""
        body = {
            "id": item_id,
            "object": "realtime.item",
            "type": "message",
            "role": "user",
            "status": "completed",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        item = Item(body, audio_tokens=heard_tokens(audio_ms))
        previous = self._conversation.last_id
        await self._channel.send("input_audio_buffer.committed", previous_item_id=previous, item_id=item_id)
        self._conversation.add(item)
        await self._announce(item, previous)

    def set_transcript(self, item_id: str, text: str) -> None:
        """Put the transcript into a user item, if it is still there."""
        item = self._conversation.find(item_id)
        if item is not None:
            item.body["content"][0]["transcript"] = text
            item.text_tokens = text_tokens(text)

    async def _announce(self, item: Item, previous: str | None) -> None:
        for kind in ("conversation.item.added", "conversation.item.done"):
            await self._channel.send(kind, previous_item_id=previous, item=item.view())
