"""What the simulated provider is told when it starts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OpenAIConfig:
    """The simulated Realtime API.

    Args:
        api_key: the only key accepted.
        host: numeric loopback address to listen on.
        port: 0 for any.
        speed: how many times faster than real time a response's audio is sent.
        chunk_bytes: sizes of the audio deltas in mu-law bytes (8 per millisecond), used in turn; odd sizes on
            purpose.
        transcribe_ms: from the end of the caller's speech to the transcript.
        transcript_deltas: in how many pieces the caller's transcript comes.
        max_session_s: after this long a session expires, as the real one does after 60 minutes.
        send_timeout_s: a client that does not read for so long is dropped.
    """

    api_key: str = "sk-simulated"
    host: str = "127.0.0.1"
    port: int = 0
    speed: float = 4.0
    chunk_bytes: tuple[int, ...] = (1200, 800, 397, 1600, 803)
    transcribe_ms: int = 150
    transcript_deltas: int = 3
    max_session_s: float = 3600.0
    send_timeout_s: float = 30.0
