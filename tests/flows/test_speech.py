"""What a flow says about speech: what is read, and where exactly it says that something is not right."""

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.document import FlowError, check_flow, parse_speech
from flows.speech import (
    PROVIDERS,
    Eagerness,
    EnergyTurns,
    Fallback,
    FallbackKind,
    Interruption,
    MeaningTurns,
    Speech,
)
from providers.capabilities import CAPABILITIES
from providers.session import SemanticVad, ServerVad

WHOLE = {
    "providers": ["openai", "gemini"],
    "fallback": {"do": "transfer", "target": "front_desk"},
    "interruption": {"threshold_dbfs": -30, "min_speech_ms": 80},
    "greeting_interruptible": False,
    "language": "en",
    "turn_detection": {
        "type": "server_vad",
        "threshold": 1,
        "prefix_padding_ms": 200,
        "silence_duration_ms": 700.0,
    },
    "model": {"openai": "gpt-realtime-2.1-mini"},
}


def where(value: Any) -> list[tuple[str, str]]:
    """(path below speech_json, code) of every problem; what reads the text agrees."""
    text = json.dumps(value)
    problems = check_flow({"speech_json": text})
    if problems:
        with pytest.raises(FlowError) as caught:
            parse_speech(text)
        assert caught.value.problems == problems
    else:
        parse_speech(text)
    return [
        (problem.path.removeprefix("speech_json").removeprefix("."), problem.code) for problem in problems
    ]


def test_the_providers_are_those_the_service_can_speak_with() -> None:
    assert set(PROVIDERS) == set(CAPABILITIES)


def test_turns_are_found_by_default_as_sessions_find_them() -> None:
    ours, theirs = EnergyTurns(), ServerVad()
    assert (ours.threshold, ours.prefix_padding_ms, ours.silence_duration_ms) == (
        theirs.threshold,
        theirs.prefix_padding_ms,
        theirs.silence_duration_ms,
    )
    assert MeaningTurns().eagerness == SemanticVad().eagerness


def test_all_of_it() -> None:
    assert where(WHOLE) == []
    assert parse_speech(json.dumps(WHOLE)) == Speech(
        providers=("openai", "gemini"),
        fallback=Fallback("transfer", "front_desk"),
        interruption=Interruption(-30.0, 80),
        greeting_interruptible=False,
        language="en",
        turn_detection=EnergyTurns(1.0, 200, 700),
        models={"openai": "gpt-realtime-2.1-mini"},
    )


def test_nothing_of_it() -> None:
    assert parse_speech(None) == parse_speech("{}") == Speech()
    assert Speech().interruption == Interruption(threshold_dbfs=-38.0, min_speech_ms=40)
    assert Speech().fallback == Fallback("apologise", None, None)
    assert Speech().greeting_interruptible is True


def test_whole_numbers_are_whole_and_levels_are_not() -> None:
    read = parse_speech('{"interruption": {"threshold_dbfs": -38, "min_speech_ms": 60.0}}').interruption
    assert (type(read.threshold_dbfs), type(read.min_speech_ms)) == (float, int)


@pytest.mark.parametrize("kind", get_args(FallbackKind))
@pytest.mark.parametrize("target", [None, "front_desk"])
def test_only_a_transfer_has_a_target(kind: str, target: str | None) -> None:
    problems = where({"fallback": {"do": kind} | ({"target": target} if target else {})})
    if (kind == "transfer") == (target is not None):
        assert problems == []
    else:
        assert problems == [("fallback.target", "missing" if kind == "transfer" else "out_of_place")]


@pytest.mark.parametrize("eagerness", get_args(Eagerness))
def test_turns_by_meaning(eagerness: Any) -> None:
    value = {"turn_detection": {"type": "semantic_vad", "eagerness": eagerness}}
    assert where(value) == []
    assert parse_speech(json.dumps(value)).turn_detection == MeaningTurns(eagerness)


@pytest.mark.parametrize(
    ("place", "least", "most"),
    [
        ("interruption.threshold_dbfs", -60, -10),
        ("interruption.min_speech_ms", 20, 1000),
        ("turn_detection.threshold", 0, 1),
        ("turn_detection.prefix_padding_ms", 0, 5000),
        ("turn_detection.silence_duration_ms", 50, 10_000),
    ],
)
def test_numbers_have_ranges(place: str, least: int, most: int) -> None:
    outer, inner = place.split(".")
    fixed = {"type": "server_vad"} if outer == "turn_detection" else {}
    for value in (least, most, float(most)):
        assert where({outer: fixed | {inner: value}}) == []
    for value in (least - 1, most + 1, -(10**400), 1e300):
        assert where({outer: fixed | {inner: value}}) == [(place, "out_of_range")]
    for no_number in ("40", None, True, [40], {}):
        assert where({outer: fixed | {inner: no_number}}) == [(place, "wrong_type")]
    broken = least + 0.5
    assert where({outer: fixed | {inner: broken}}) == (
        [(place, "wrong_type")] if inner.endswith("_ms") else []
    )


@pytest.mark.parametrize(
    ("value", "problems"),
    [
        ({"provider": "openai"}, [("provider", "unknown_key")]),
        ({"providers": []}, [("providers", "wrong_type")]),
        ({"providers": "openai"}, [("providers", "wrong_type")]),
        ({"providers": ["openai", "acme", "openai", None, ["gemini"]]}, [
            ("providers[1]", "unknown_provider"),
            ("providers[2]", "duplicate"),
            ("providers[3]", "unknown_provider"),
            ("providers[4]", "unknown_provider"),
        ]),
        ({"fallback": "apologise"}, [("fallback", "wrong_type")]),
        ({"fallback": {}}, [("fallback.do", "missing")]),
        ({"fallback": {"do": "cry"}}, [("fallback.do", "unknown_value")]),
        ({"fallback": {"do": ["transfer"]}}, [("fallback.do", "unknown_value")]),
        ({"fallback": {"do": "transfer", "target": 1}}, [("fallback.target", "wrong_type")]),
        ({"fallback": {"do": "apologise", "number_e164": "+15551234567"}},
         [("fallback.number_e164", "unknown_key")]),
        ({"interruption": []}, [("interruption", "wrong_type")]),
        ({"interruption": {"min_speech": 40}}, [("interruption.min_speech", "unknown_key")]),
        ({"greeting_interruptible": 1}, [("greeting_interruptible", "wrong_type")]),
        ({"language": None}, [("language", "invalid_value")]),
        ({"language": "EN"}, [("language", "invalid_value")]),
        ({"language": "en-US"}, [("language", "invalid_value")]),
        ({"language": "en\n"}, [("language", "invalid_value")]),
        ({"language": "éñ"}, [("language", "invalid_value")]),
        ({"turn_detection": None}, [("turn_detection", "wrong_type")]),
        ({"turn_detection": {}}, [("turn_detection.type", "unknown_value")]),
        ({"turn_detection": {"type": ["server_vad"]}}, [("turn_detection.type", "unknown_value")]),
        ({"turn_detection": {"type": "semantic_vad", "eagerness": "very"}},
         [("turn_detection.eagerness", "unknown_value")]),
        ({"turn_detection": {"type": "semantic_vad", "threshold": 0.5}},
         [("turn_detection.threshold", "unknown_key")]),
        ({"turn_detection": {"type": "server_vad", "eagerness": "auto"}},
         [("turn_detection.eagerness", "unknown_key")]),
        ({"model": "gpt-realtime-2"}, [("model", "wrong_type")]),
        ({"model": {"acme": "m"}}, [("model.acme", "unknown_key")]),
        ({"model": {"openai": ""}}, [("model.openai", "invalid_value")]),
        ({"model": {"openai": "a b", "gemini": "models/x-1"}}, [("model.openai", "invalid_value")]),
        ({"model": {"openai": "a?b=c"}}, [("model.openai", "invalid_value")]),
        ({"model": {"openai": "m" * 129}}, [("model.openai", "invalid_value")]),
        ({"x": 1, "language": 1, "model": 1}, [
            ("x", "unknown_key"), ("language", "invalid_value"), ("model", "wrong_type"),
        ]),
    ],
)  # fmt: skip
def test_every_problem_has_its_path(value: Any, problems: list[tuple[str, str]]) -> None:
    assert where(value) == problems


def test_the_target_is_looked_for_where_there_is_a_map() -> None:
    speech = json.dumps({"fallback": {"do": "transfer", "target": "front_desk"}})
    assert check_flow({"speech_json": speech}) == []
    assert check_flow({"speech_json": speech, "transfer_map_json": None}) == []
    assert check_flow({"speech_json": speech, "transfer_map_json": '{"front_desk": "+15551234567"}'}) == []
    (problem,) = check_flow({"speech_json": speech, "transfer_map_json": '{"desk": "+15551234567"}'})
    assert (problem.path, problem.code) == ("speech_json.fallback.target", "unknown_target")
    # a map that is not right is the one problem there is
    (problem,) = check_flow({"speech_json": speech, "transfer_map_json": '{"front_desk": "5"}'})
    assert problem.path == "transfer_map_json.front_desk"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(
        st.characters(exclude_categories=["Cs"])
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["do", "type", "x"]), inner),
    max_leaves=6,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from([*WHOLE, "x"]), json_values))
def test_whatever_stands_there_is_judged_or_read(value: dict[str, Any]) -> None:
    assert all(code for _, code in where(value))
