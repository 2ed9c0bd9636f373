"""A place in a YAML document: typed reading with errors that say where."""

from collections.abc import Iterator
from typing import Any

from bench.scenarios.errors import ScenarioError

_MISSING = object()


class Node:
    """A value in a document and the path to it.

    Args:
        value: what YAML gave.
        path: e.g. `opening-hours.yaml: caller.steps[2]`.
    """

    __slots__ = ("path", "value")

    def __init__(self, value: Any, path: str) -> None:
        self.value = value
        self.path = path

    def fail(self, message: str) -> ScenarioError:
        """Return an error about this place."""
        return ScenarioError(f"{self.path.removesuffix(': ')}: {message}")

    def only(self, *allowed: str) -> "Node":
        """Check that this is a mapping with no other keys, and return it."""
        for key in self._mapping():
            if key not in allowed:
                raise self.fail(f"unknown key {key!r} (known: {', '.join(sorted(allowed))})")
        return self

    def has(self, key: str) -> bool:
        """Whether this mapping has a key."""
        return key in self._mapping()

    def names(self) -> list[str]:
        """Return the keys of this mapping."""
        return list(self._mapping())

    def at(self, key: str, default: Any = _MISSING) -> "Node":
        """Return the value under a key; without a default the key must be there."""
        found = self._mapping().get(key, default)
        if found is _MISSING:
            raise self.fail(f"missing key {key!r}")
        return Node(found, f"{self.path}{'.' if not self.path.endswith(': ') else ''}{key}")

    def each(self) -> Iterator["Node"]:
        """Return the elements of this list."""
        if not isinstance(self.value, list):
            raise self.fail(f"expected a list, found {_kind(self.value)}")
        for index, element in enumerate(self.value):
            yield Node(element, f"{self.path}[{index}]")

    def is_text(self) -> bool:
        """Whether this is a string."""
        return isinstance(self.value, str)

    def is_list(self) -> bool:
        """Whether this is a list."""
        return isinstance(self.value, list)

    def text(self) -> str:
        """Return this string."""
        if not isinstance(self.value, str):
            raise self.fail(f"expected text, found {_kind(self.value)}")
        return self.value

    def choice(self, *allowed: str) -> str:
        """Return this string if it is one of those allowed."""
        if self.text() not in allowed:
            raise self.fail(f"{self.value!r} is not one of {', '.join(allowed)}")
        return self.text()

    def integer(self, low: int, high: int) -> int:
        """Return this whole number if it lies from `low` to `high`."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise self.fail(f"expected a whole number, found {_kind(self.value)}")
        if not low <= self.value <= high:
            raise self.fail(f"{self.value} is not between {low} and {high}")
        return self.value

    def mapping(self) -> dict[str, Any]:
        """Return this mapping as plain data."""
        return dict(self._mapping())

    def _mapping(self) -> dict[str, Any]:
        if not isinstance(self.value, dict):
            raise self.fail(f"expected a mapping, found {_kind(self.value)}")
        for key in self.value:
            if not isinstance(key, str):
                raise self.fail(f"key {key!r} is not text")
        return self.value


def _kind(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "a mapping"
