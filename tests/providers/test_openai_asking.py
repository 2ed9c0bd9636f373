"""Answers asked for while another is on: the server makes one at a time and refuses the second."""

import json

from providers import session as p
from providers.openai.codec import OpenAICodec

CREATED = '{"type":"response.created","response":{"id":"r1"}}'
DONE = '{"type":"response.done","response":{"id":"r1","status":"completed"}}'


def answering() -> OpenAICodec:
    codec = OpenAICodec(p.SessionConfig("", "marin"), api_key="sk-secret")
    codec.decode(CREATED)
    return codec


def test_an_answer_is_asked_for_at_once_when_none_is_on() -> None:
    codec = answering()
    codec.decode(DONE)
    assert codec.replies() == ()
    assert len(codec.encode(p.Respond())) == 1


def test_a_tool_result_goes_at_once_and_the_answer_about_it_when_the_present_one_is_done() -> None:
    codec = answering()
    (item,) = codec.encode(p.AnswerTool("t1", "{}", respond=True, instructions="Be brief."))
    assert json.loads(item)["type"] == "conversation.item.create"
    assert codec.replies() == ()
    codec.decode(DONE)
    (asked,) = codec.replies()
    assert json.loads(asked) == {"type": "response.create", "response": {"instructions": "Be brief."}}
    assert codec.replies() == (), "once"


def test_a_cut_takes_back_what_was_asked_for() -> None:
    codec = answering()
    assert codec.encode(p.Respond()) == ()
    codec.encode(p.CancelAnswer())
    codec.decode(DONE)
    assert codec.replies() == ()
