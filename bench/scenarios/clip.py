"""A piece of recorded speech with the words in it."""

from dataclasses import dataclass, field

from bench.sound import mulaw


@dataclass(frozen=True, slots=True)
class Clip:
    """Recorded speech.

    Args:
        name: what to call it in logs, usually the file's name.
        text: the words spoken.
        sound: mu-law, 8 kHz mono.
    """

    name: str
    text: str
    sound: bytes = field(repr=False)

    @property
    def duration_ms(self) -> int:
        """How long it takes to play, in whole milliseconds."""
        return len(self.sound) // mulaw.BYTES_PER_MS
