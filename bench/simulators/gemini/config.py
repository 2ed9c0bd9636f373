"""What the simulated provider is told when it starts."""

from dataclasses import dataclass

MODELS = (
    "gemini-3.8-live",
    "gemini-3.8-live-extended-thinking",
    "gemini-3.1-flash-live-preview",
    "gemini-2.5-flash-native-audio-preview-12-2025",
)


@dataclass(frozen=True, slots=True)
class GeminiConfig:
    """The simulated Live API.

    Args:
        api_key: the only key accepted.
        host: numeric loopback address to listen on.
        port: 0 for any.
        tls: serve TLS with a certificate made at start; the official SDK speaks nothing else.
        models: ids of the models there are.
        speed: how many times faster than real time a response's audio is sent.
        chunk_bytes: sizes of the audio chunks in mu-law bytes (8 per millisecond; six times as many bytes of
            PCM go out), used in turn; odd sizes on purpose.
        binary_frames: JSON goes out in binary frames, as the service does it; otherwise in text frames.
        voice_activity: tell the client when speech starts and stops; older models do not.
        interaction_status: say `IDLE` with every turnComplete; older models do not.
        silence_ms: after so much silence the caller's turn is over, unless the client asks otherwise.
        transcribe_ms: from the end of the caller's speech to its transcript.
        transcript_pieces: in how many pieces the caller's transcript comes.
        max_connection_s: a connection is closed after so long.
        go_away_s: the client is warned so long before that.
        deadline_code: close code when the time is up.
        max_audio_s: how much caller audio a session takes that does not have its context compressed; counted
            over all connections of it.
        handle_valid_s: how long a session can be resumed.
        send_timeout_s: a client that does not read for so long is dropped.
    """

    api_key: str = "simulated-key"
    host: str = "127.0.0.1"
    port: int = 0
    tls: bool = False
    models: tuple[str, ...] = MODELS
    speed: float = 4.0
    chunk_bytes: tuple[int, ...] = (1920, 960, 397, 1600, 803)
    binary_frames: bool = True
    voice_activity: bool = True
    interaction_status: bool = True
    silence_ms: int = 500
    transcribe_ms: int = 150
    transcript_pieces: int = 3
    max_connection_s: float = 600.0
    go_away_s: float = 60.0
    deadline_code: int = 1011
    max_audio_s: float = 900.0
    handle_valid_s: float = 7200.0
    send_timeout_s: float = 30.0
