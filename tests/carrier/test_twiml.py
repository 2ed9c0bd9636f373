"""The TwiML we answer with: exactly the verbs and attributes meant, whatever the texts in them hold."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.simulators.twilio.twiml import Document
from bench.simulators.twilio.twiml_parser import parse
from carrier import twiml

HOSTILE = "</Say><Hangup/>&amp;\"'<!--]]>&#10; <?xml?> ß🙂"
ACTION = "https://hum.example/twilio/calls/call_1/next?a=1&b=2"

Verb = tuple[str, dict[str, str], str | None, list["Verb"]]


def verbs(text: str) -> list[Verb]:
    """Read a document as (name, attributes, text, children)."""
    root = ElementTree.fromstring(text)
    assert (root.tag, root.attrib, root.text) == ("Response", {}, None)
    return [read(element) for element in root]


def read(element: ElementTree.Element) -> Verb:
    assert element.tail is None
    return (element.tag, dict(element.attrib), element.text, [read(child) for child in element])


HANGUP: Verb = ("Hangup", {}, None, [])


def test_connecting_a_stream() -> None:
    stream: Verb = ("Stream", {"url": "wss://hum.example/twilio/media/mt_1"}, None, [])
    connect = ("Connect", {"action": ACTION, "method": "POST"}, None, [stream])
    url = "wss://hum.example/twilio/media/mt_1"
    assert verbs(twiml.connect_stream(url, ACTION)) == [connect]
    announced = twiml.connect_stream(url, ACTION, announcement=HOSTILE)
    assert verbs(announced) == [("Say", {}, HOSTILE, []), connect]
    assert verbs(twiml.connect_stream(url, ACTION, announcement="")) == [connect]


def test_saying_and_hanging_up() -> None:
    assert verbs(twiml.say_and_hang_up(HOSTILE)) == [("Say", {}, HOSTILE, []), HANGUP]
    assert verbs(twiml.hang_up()) == [HANGUP]


def test_rejecting_is_the_only_verb() -> None:
    assert verbs(twiml.reject()) == [("Reject", {}, None, [])]


def test_taking_a_message() -> None:
    assert verbs(twiml.voicemail(HOSTILE, ACTION, recording_url="https://hum.example/r?x=1&y=2")) == [
        ("Say", {}, HOSTILE, []),
        (
            "Record",
            {
                "action": ACTION,
                "method": "POST",
                "maxLength": "180",
                "timeout": "5",
                "playBeep": "true",
                "trim": "do-not-trim",
                "recordingStatusCallback": "https://hum.example/r?x=1&y=2",
                "recordingStatusCallbackEvent": "completed",
            },
            None,
            [],
        ),
    ]


@pytest.mark.parametrize("caller_id", ["+15550001111", None])
def test_passing_the_caller_to_a_person(caller_id: str | None) -> None:
    shown = {"callerId": caller_id} if caller_id else {}
    number: Verb = ("Number", {}, "+15550002222", [])
    assert verbs(twiml.dial("+15550002222", ACTION, caller_id=caller_id)) == [
        ("Dial", {"action": ACTION, "method": "POST", "timeout": "30", **shown}, None, [number])
    ]


def test_a_hostile_number_dials_nothing_else() -> None:
    ((_, attributes, _, children),) = verbs(twiml.dial("</Number><Sip>a@b</Sip>", 'a"><Sip', caller_id='"/>'))
    assert (attributes["action"], attributes["callerId"]) == ('a"><Sip', '"/>')
    assert children == [("Number", {}, "</Number><Sip>a@b</Sip>", [])]


xml_text = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=40
)


@given(xml_text, xml_text)
def test_any_text_stays_text(words: str, url: str) -> None:
    for text in (
        twiml.say_and_hang_up(words),
        twiml.connect_stream(url, url, announcement=words),
        twiml.voicemail(words, url, recording_url=url),
    ):
        (name, attributes, said, children), _ = verbs(text)
        assert (name, attributes, said, children) == ("Say", {}, words, [])


@pytest.mark.parametrize("letter", ["\x00", "\x08", "\x1b", "\ufffe", "\ud800"])
def test_letters_xml_does_not_know_are_left_out(letter: str) -> None:
    spoken = twiml.say_and_hang_up(f"before{letter}after")
    assert verbs(spoken) == [("Say", {}, "beforeafter", []), HANGUP]
    assert spoken.encode()


@pytest.mark.parametrize(
    "text",
    [
        twiml.connect_stream("wss://h/m", ACTION, announcement="Hi"),
        twiml.say_and_hang_up("Sorry."),
        twiml.hang_up(),
        twiml.voicemail("Speak.", ACTION, recording_url=ACTION),
        twiml.dial("+15550002222", ACTION, caller_id="+15550001111"),
        twiml.reject(),
    ],
)
def test_the_simulated_carrier_finds_nothing_wrong(text: str) -> None:
    document = parse(text)
    assert isinstance(document, Document)
    assert not document.problems
    assert document.verbs
