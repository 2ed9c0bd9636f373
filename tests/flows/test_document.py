"""The JSON inside a flow's strings: what is accepted, and where exactly it says that something is not."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flows.document import MAX_TEXT, FlowError, check_flow, parse_transfer_map
from flows.problems import Problem

OBJECTS = ["transfer_map_json", "flow_transfer_map_json", "outcome_schema_json"]
LISTS_TOO = ["business_hours_json", "holidays_json"]
FIELDS = ["tools_json", *OBJECTS, *LISTS_TOO, "speech_json"]


def where(**fields: object) -> list[tuple[str, str]]:
    return [(p.path, p.code) for p in check_flow(fields)]


def test_a_flow_as_it_should_be() -> None:
    tools = [
        {"name": "look_up", "description": "Finds.", "parameters": {"type": "object", "properties": {}}},
        {"name": "Look-Up_2"},
        {"name": "x" * 64},
    ]
    assert not check_flow(
        {
            "tools_json": json.dumps(tools),
            "transfer_map_json": '{"desk": "+15551234567", "büro": {"number": "+4930123456"}}',
            "flow_transfer_map_json": '{"sales": "flow_1"}',
            "outcome_schema_json": '{"type": "object"}',
            "business_hours_json": '{"mon": []}',
            "holidays_json": '["2026-12-25"]',
            "name": "{not looked at",
            "greeting": None,
        }
    )


@pytest.mark.parametrize("field", FIELDS)
def test_absent_and_null_are_no_problem(field: str) -> None:
    assert not check_flow({field: None})
    assert not check_flow({})


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        "[1,]",
        "{'a': 1}",
        "[] []",
        '{"a": 1, "a": 1}',
        '[{"deep": {"a": 1, "a": 2}}]',
        "[NaN]",
        "[Infinity]",
        '{"a": -Infinity}',
        '{"a": [1e999]}',
        '{"\\ud800": "+15551234567"}',
        '[{"name": "a", "description": "\\udfff"}]',
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 40_000 + "1" + "}" * 40_000,
        "[" + "9" * 5_000 + "]",
        "\ufeff{}",
        "{}\x00",
        '{"a": "\n"}',
    ],
    ids=lambda text: text[:24],
)
@pytest.mark.parametrize("field", FIELDS)
def test_what_is_not_json_is_one_problem_of_its_field(field: str, text: str) -> None:
    assert where(**{field: text}) == [(field, "invalid_json")]


@pytest.mark.parametrize("field", FIELDS)
def test_the_longest_text_is_read_and_one_longer_is_not(field: str) -> None:
    value = "[]" if field == "tools_json" else "{}"
    assert where(**{field: value.ljust(MAX_TEXT)}) == []
    assert where(**{field: value.ljust(MAX_TEXT + 1)}) == [(field, "too_long")]


@pytest.mark.parametrize("field", [*OBJECTS, "speech_json"])
@pytest.mark.parametrize("text", ["[]", "null", "0", '"text"', "true"])
def test_fields_that_must_be_objects(field: str, text: str) -> None:
    assert where(**{field: text}) == [(field, "wrong_type")]


@pytest.mark.parametrize("field", LISTS_TOO)
def test_fields_that_may_be_lists(field: str) -> None:
    assert where(**{field: "[]"}) == where(**{field: "{}"}) == []
    assert where(**{field: '"mon"'}) == [(field, "wrong_type")]


def test_tools_must_be_a_list() -> None:
    assert where(tools_json='{"name": "a"}') == [("tools_json", "wrong_type")]


def test_each_problem_of_each_tool_has_its_path() -> None:
    tools = [
        {"name": "a"},
        {"name": "a"},
        "a",
        {"name": "has space"},
        {"name": 7},
        {},
        {"name": "b", "description": 1},
        {"name": "c", "parameters": []},
        {"name": "d", "parameters": {"type": "array"}},
        {"name": "e" * 65, "description": None, "parameters": None},
    ]
    assert where(tools_json=json.dumps(tools)) == [
        ("tools_json[1].name", "duplicate"),
        ("tools_json[2]", "wrong_type"),
        ("tools_json[3].name", "invalid_name"),
        ("tools_json[4].name", "invalid_name"),
        ("tools_json[5].name", "invalid_name"),
        ("tools_json[6].description", "wrong_type"),
        ("tools_json[7].parameters", "wrong_type"),
        ("tools_json[8].parameters", "wrong_type"),
        ("tools_json[9].name", "invalid_name"),
        ("tools_json[9].description", "wrong_type"),
        ("tools_json[9].parameters", "wrong_type"),
    ]


@pytest.mark.parametrize("name", ["é", "name\n", "ａ", "a.b", "", "ⅷ", "٣"])
def test_tool_names_are_ascii(name: str) -> None:
    assert where(tools_json=json.dumps([{"name": name}])) == [("tools_json[0].name", "invalid_name")]


@pytest.mark.parametrize(
    "number",
    [
        "15551234567",
        "+05551234567",
        "+1555123",
        "+1555123456789012",
        "+1 555 123 4567",
        "+1555123456\n",
        "+١٥٥٥١٢٣٤٥٦٧",
        "+１５５５１２３４５６７",
        "+1555123456²",
        "",
        None,
        15551234567,
        ["+15551234567"],
        {},
        {"number": None},
        {"number": {"number": "+15551234567"}},
    ],
)
def test_numbers_that_are_none(number: object) -> None:
    text = json.dumps({"good": "+15551234567", "front.desk": number})
    assert where(transfer_map_json=text) == [("transfer_map_json.front.desk", "invalid_number")]
    with pytest.raises(FlowError) as caught:
        parse_transfer_map(text)
    assert [p.path for p in caught.value.problems] == ["transfer_map_json.front.desk"]
    assert "transfer_map_json.front.desk" in str(caught.value)


def test_problems_of_several_fields_come_together() -> None:
    assert where(holidays_json="1", tools_json="1", transfer_map_json="1") == [
        ("tools_json", "wrong_type"),
        ("transfer_map_json", "wrong_type"),
        ("holidays_json", "wrong_type"),
    ]


def test_a_transfer_map_is_read_in_both_its_forms() -> None:
    text = '{"a": "+15551234567", "b": {"number": "+4930123456", "note": "Berlin"}}'
    assert parse_transfer_map(text) == {"a": "+15551234567", "b": "+4930123456"}
    assert parse_transfer_map("{}") == {}


@pytest.mark.parametrize("text", ["", "[]", '{"a": "+15551234567", "a": "+15551234568"}', "NaN"])
def test_a_transfer_map_that_cannot_be_read(text: str) -> None:
    with pytest.raises(FlowError):
        parse_transfer_map(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
texts = (
    st.text(st.characters()) | json_values.map(json.dumps) | st.text(alphabet='[]{}":,-+.0123456789eNa\\u ')
)


@given(st.sampled_from(FIELDS), texts)
@example("transfer_map_json", '{"\\ud83d": 1}')
@example("tools_json", '[{"name": "\\ud83d"}]')
def test_any_text_is_judged_and_every_problem_can_be_told(field: str, text: str) -> None:
    problems = check_flow({field: text})
    for problem in problems:
        assert isinstance(problem, Problem)
        assert problem.path.startswith(field)
        assert problem.message
        (problem.path + problem.message).encode()  # an answer in UTF-8 carries it
    if field == "transfer_map_json":
        if problems:
            with pytest.raises(FlowError):
                parse_transfer_map(text)
        else:
            assert set(parse_transfer_map(text)) == set(json.loads(text))
