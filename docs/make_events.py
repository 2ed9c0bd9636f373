"""Writes docs/events.md from store/call_events.py; run it as `python docs/make_events.py`."""

import types
import typing
from pathlib import Path
from typing import Any

from store.call_events import EVENT_TYPES, CallEvent

PAGE = Path(__file__).with_name("events.md")

HEAD = """\
# Call events

Every fact a call leaves behind, by the type it has on the wire and in the database. Made from
`store/call_events.py` by `python docs/make_events.py`: change it there. Times in a call (`…_ms`) count from
the start of its first media stream. Every field is always sent.

| type | meaning | fields |
| --- | --- | --- |
"""

JSON_WORDS = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    types.NoneType: "null",
    Any: "any",
}


def render() -> str:
    """Return the page as it should be."""
    rows = (f"| `{name}` | {_meaning(cls)} | {_fields(cls)} |\n" for name, cls in EVENT_TYPES.items())
    return HEAD + "".join(rows)


def _meaning(cls: type[CallEvent]) -> str:
    return " ".join((cls.__doc__ or "").split()).replace("|", "\\|")


def _fields(cls: type[CallEvent]) -> str:
    hints = typing.get_type_hints(cls)
    return ", ".join(f"`{name}` {_json_type(hints[name])}" for name in cls.__struct_fields__) or "none"


def _json_type(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_json_type(argument) for argument in arguments)
    if origin is dict:
        of = _json_type(arguments[1])
        return "object" if of == "any" else f"object of {of}s"
    if origin in (list, tuple):
        return f"array of {_json_type(arguments[0])}s"
    return JSON_WORDS[hint]


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
