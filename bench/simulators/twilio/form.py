"""A form-encoded request body, where a key may be repeated."""

from collections.abc import Iterable


class Form:
    """Reads form fields.

    Args:
        pairs: names and values in the order sent.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    def get(self, name: str) -> str:
        """Return the first value of a field, empty when it is not there."""
        return self._values.get(name, [""])[0]

    def all(self, name: str) -> list[str]:
        """Return every value of a field."""
        return self._values.get(name, [])

    def has(self, name: str) -> bool:
        """Whether the field was sent at all."""
        return name in self._values

    def integer(self, name: str, default: int) -> int:
        """Return a field as a number, or the default when it is absent or not digits."""
        value = self.get(name)
        return int(value) if value.isascii() and value.isdigit() else default

    def items(self) -> list[tuple[str, str]]:
        """Return (name, first value) of every field."""
        return [(name, values[0]) for name, values in self._values.items()]
