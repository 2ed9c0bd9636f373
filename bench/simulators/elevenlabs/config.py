"""What the simulated provider is told when it starts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ElevenLabsConfig:
    """The simulated Agents platform.

    Args:
        api_key: the only `xi-api-key` accepted.
        host: numeric loopback address to listen on.
        port: 0 for any.
        speed: how many times faster than real time a response's audio is sent.
        chunk_bytes: sizes of the audio chunks in mu-law bytes (8 per millisecond), used in turn; odd sizes on
            purpose.
        transcribe_ms: from the end of the caller's speech to the transcript.
        tentative_transcripts: how many tentative transcripts come before the final one.
        signed_url_ttl_s: how long a signed URL may be used.
        ping_every_s: time between pings.
        pong_timeout_s: a client that leaves a ping unanswered for so long is dropped; None: never.
        receive_timeout_s: a conversation ends after so long without user audio, activity or message.
        sends_complete: whether `agent_response_complete` comes at all.
        completes_first_message: whether it comes for the first message too; the real one is not to be relied
            on there.
        send_timeout_s: a client that does not read for so long is dropped.
    """

    api_key: str = "xi-simulated"
    host: str = "127.0.0.1"
    port: int = 0
    speed: float = 4.0
    chunk_bytes: tuple[int, ...] = (1200, 800, 397, 1600, 803)
    transcribe_ms: int = 150
    tentative_transcripts: int = 2
    signed_url_ttl_s: float = 900.0
    ping_every_s: float = 2.0
    pong_timeout_s: float | None = 20.0
    receive_timeout_s: float = 60.0
    sends_complete: bool = True
    completes_first_message: bool = False
    send_timeout_s: float = 30.0
