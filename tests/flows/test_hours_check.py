"""What is accepted as hours and holidays, and where exactly it is said that something is not."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.document import FlowError, check_flow
from flows.hours import parse_hours
from tests.source_tree import ROOT

DAY = {"from": "09:00", "to": "17:00"}


def where(field: str, value: Any) -> list[tuple[str, str]]:
    found = [(p.path, p.code) for p in check_flow({field: json.dumps(value)})]
    assert all(path.startswith(field) for path, _ in found)
    return [(path.removeprefix(field), code) for path, code in found]


@pytest.mark.parametrize(
    ("value", "problems"),
    [
        ([DAY], [("", "wrong_type")]),
        ({"mon": DAY}, [(".mon", "wrong_type")]),
        ({"mon": None}, [(".mon", "wrong_type")]),
        ({"mon": ["09:00-17:00"]}, [(".mon[0]", "wrong_type")]),
        (
            {"Mon": [DAY], "mo": [], "": []},
            [(".Mon", "unknown_key"), (".mo", "unknown_key"), (".", "unknown_key")],
        ),
        ({"mon": [DAY], "monday": []}, [(".monday", "duplicate")]),
        ({"mon": [{}]}, [(".mon[0].from", "invalid_time"), (".mon[0].to", "invalid_time")]),
        ({"mon": [DAY | {"open": True}]}, [(".mon[0].open", "unknown_key")]),
        ({"sun": [{"from": "24:00", "to": "24:00"}]}, [(".sun[0].from", "invalid_time")]),
        ({"sun": [{"from": "09:00", "to": "09:00"}]}, [(".sun[0].to", "empty_interval")]),
        ({"sun": [DAY, {"from": "16:59", "to": "18:00"}]}, [(".sun[1]", "overlap")]),
        ({"sun": [{"from": "16:59", "to": "18:00"}, DAY]}, [(".sun[0]", "overlap")]),
        (
            {"sun": [{"from": "20:00", "to": "02:00"}, {"from": "22:00", "to": "23:00"}]},
            [(".sun[1]", "overlap")],
        ),
        ({"sun": [{"from": "17:00", "to": "02:00"}, DAY]}, []),
        ({"sun": [DAY] * 25}, [(".sun", "too_many")]),
    ],
)
def test_hours(value: Any, problems: list[tuple[str, str]]) -> None:
    assert where("business_hours_json", value) == problems


@pytest.mark.parametrize(
    "time",
    ["9:00", "09.00", "0900", "09:60", "24:01", "25:00", "-1:00", "09:00\n", " 09:00", "٠٩:٠٠", 9, None, ""],
)
def test_times_that_are_none(time: Any) -> None:
    hours = {"mon": [DAY, {"from": "18:00", "to": time}]}
    assert where("business_hours_json", hours) == [(".mon[1].to", "invalid_time")]
    holidays = [{"date": "12-24", "hours": [{"from": time, "to": "18:00"}]}]
    assert where("holidays_json", holidays) == [("[0].hours[0].from", "invalid_time")]


@pytest.mark.parametrize(
    ("value", "problems"),
    [
        ({"2026-12-25": "Christmas"}, [("", "wrong_type")]),
        ([20261225, None], [("[0]", "wrong_type"), ("[1]", "wrong_type")]),
        (["12-25", "12-25"], [("[1]", "duplicate")]),
        (["12-25", {"date": "12-25"}, "2026-12-25"], [("[1].date", "duplicate")]),
        ([{"name": "Christmas"}], [("[0].date", "invalid_date")]),
        ([{"date": "12-25", "name": " "}], [("[0].name", "invalid_name")]),
        ([{"date": "12-25", "name": "x" * 121}], [("[0].name", "invalid_name")]),
        ([{"date": "12-25", "name": None}], [("[0].name", "invalid_name")]),
        ([{"date": "12-25", "closed": True}], [("[0].closed", "unknown_key")]),
        ([{"date": "12-25", "hours": None}], [("[0].hours", "wrong_type")]),
        ([{"date": "12-25", "hours": []}, "02-29", "2028-02-29"], []),
        (["12-25"] * 1001, [("", "too_many")]),
    ],
)
def test_holidays(value: Any, problems: list[tuple[str, str]]) -> None:
    assert where("holidays_json", value) == problems


@pytest.mark.parametrize(
    "date",
    [
        "2026-02-29",
        "02-30",
        "13-01",
        "00-10",
        "0000-01-01",
        "1-1",
        "2026-1-1",
        "25.12.",
        "2026-12-25\n",
        "٢-٢",
    ],
)
def test_dates_that_are_none(date: str) -> None:
    assert where("holidays_json", [date, {"date": date}]) == [
        ("[0]", "invalid_date"),
        ("[1].date", "invalid_date"),
    ]


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "EST5EDT"]
)
def test_zones(zone: str) -> None:
    assert not check_flow({"timezone": zone})
    assert parse_hours(zone).zone.key == zone


@pytest.mark.parametrize(
    "zone",
    [
        "",
        "Berlin",
        "europe/berlin",
        "GMT+2",
        "Factory",
        "localtime",
        "../UTC",
        "/etc/passwd",
        "UTC\n",
        "UTC\0",
        1,
        ["UTC"],
    ],
)
def test_zones_that_are_none(zone: Any) -> None:
    assert [(p.path, p.code) for p in check_flow({"timezone": zone})] == [("timezone", "unknown_zone")]


parts = st.sampled_from(["mon", "friday", "from", "to", "date", "name", "hours", "09:00", "24:00", "12-25"])
values = st.recursive(
    parts | st.none() | st.integers() | st.text(max_size=5) | st.just(DAY),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(parts, inner, max_size=4),
    max_leaves=12,
)


@given(values, values)
def test_whatever_is_found_well_is_read(hours: Any, holidays: Any) -> None:
    fields = {"business_hours_json": json.dumps(hours), "holidays_json": json.dumps(holidays)}
    problems = check_flow(fields)
    if not problems:
        parse_hours(None, **fields)
        return
    with pytest.raises(FlowError) as caught:
        parse_hours(None, **fields)
    assert caught.value.problems == problems


PAGE = (ROOT / "docs/flows.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```json (\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_has_examples() -> None:
    assert {field for field, _ in EXAMPLES} >= {"business_hours_json", "holidays_json"}
    assert len(EXAMPLES) == PAGE.count("```json")


@pytest.mark.parametrize(("field", "text"), EXAMPLES, ids=[field for field, _ in EXAMPLES])
def test_examples_on_the_page_are_well(field: str, text: str) -> None:
    assert not check_flow({field: text})
    assert json.loads(text)
