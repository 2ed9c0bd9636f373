"""What an OpenAI session is told of the conversation before it, and how that is shortened afterwards."""

import json

from openai.types.realtime import ConversationItemCreateEvent, ConversationItemDeleteEvent

from providers import session as p
from providers.openai.codec import OpenAICodec


def continuing(*turns: p.HistoryTurn) -> OpenAICodec:
    config = p.SessionConfig("", "marin", continues=True)
    codec = OpenAICodec(config, api_key="sk-secret")
    codec.encode(p.Remember(turns))
    return codec


def test_the_conversation_so_far_as_items_of_our_own() -> None:
    history = (
        p.HistoryTurn("agent", "Willow Creek Dental."),
        p.HistoryTurn("caller", 'Are you "open"?\n'),
        p.HistoryTurn("agent", ""),
    )
    events = [json.loads(text) for text in continuing().encode(p.Remember(history))]
    assert [event["type"] for event in events] == ["conversation.item.create"] * 3
    assert [event["item"]["id"] for event in events] == [f"hum_history_{n}" for n in range(3)]
    assert [(event["item"]["role"], event["item"]["content"]) for event in events] == [
        ("assistant", [{"type": "output_text", "text": "Willow Creek Dental."}]),
        ("user", [{"type": "input_text", "text": 'Are you "open"?\n'}]),
        ("assistant", [{"type": "output_text", "text": ""}]),
    ]


def test_what_an_earlier_session_said_is_shortened_where_this_one_was_told_of_it() -> None:
    said = ("Yes, from nine to one.", "And on Sunday we rest.", "Anything else?")
    codec = continuing(p.HistoryTurn("caller", "Hm?"), *(p.HistoryTurn("agent", text) for text in said))
    cut = p.Truncate("item_old", 900, "And on Sunday")
    created, deleted = [json.loads(text) for text in codec.encode(cut)]
    assert created["previous_item_id"] == deleted["item_id"] == "hum_history_2"
    assert deleted["type"] == "conversation.item.delete"
    assert (created["type"], created["item"]["id"]) == ("conversation.item.create", "hum_history_2_heard")
    assert created["item"]["content"] == [{"type": "output_text", "text": "And on Sunday"}]
    ConversationItemCreateEvent.model_validate(created, strict=True)
    ConversationItemDeleteEvent.model_validate(deleted, strict=True)
    assert codec.encode(cut) == (), "a turn is shortened once"
    (unheard,) = [json.loads(text) for text in codec.encode(p.Truncate("item_older", 0))]
    assert unheard == {"type": "conversation.item.delete", "item_id": "hum_history_3"}
    assert codec.encode(p.Truncate("item_oldest", 40, "Never said")) == ()


def test_what_this_session_said_is_shortened_itself_though_it_continues_another() -> None:
    codec = continuing(p.HistoryTurn("agent", "Yes, from nine to one."))
    item = {"id": "item_7", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    codec.decode(json.dumps({"type": "conversation.item.added", "event_id": "e", "item": item}))
    (truncated,) = [json.loads(text) for text in codec.encode(p.Truncate("item_7", 500, "Yes"))]
    assert (truncated["type"], truncated["item_id"]) == ("conversation.item.truncate", "item_7")


def test_a_tool_that_another_session_asked_for_has_no_answer_in_this_one() -> None:
    codec = continuing()
    assert codec.encode(p.AnswerTool("call_old", "{}", respond=False)) == ()
    (asked,) = codec.encode(p.AnswerTool("call_old", "{}", respond=True))
    assert json.loads(asked)["type"] == "response.create"
    item = {"id": "i", "type": "function_call", "name": "end_call", "call_id": "call_1", "arguments": "{}"}
    codec.decode(json.dumps({"type": "response.output_item.done", "event_id": "e", "item": item}))
    assert len(codec.encode(p.AnswerTool("call_1", "{}", respond=False))) == 1
