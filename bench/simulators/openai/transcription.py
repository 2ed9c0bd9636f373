"""The transcript of a caller's utterance, as the scenario has it, on the wire.

Source: OpenAI API reference, "conversation.item.input_audio_transcription.*", read 2026-11; it runs beside
the responses and may come before or after them.
"""

from bench.scenarios.agent import Turn
from bench.simulators.openai.channel import Channel
from bench.simulators.speech.speech_plan import split_words

_PREFIX = "conversation.item.input_audio_transcription"


async def transcribe(channel: Channel, item_id: str, turn: Turn, audio_ms: float, deltas: int) -> None:
    """Send what the transcription model makes of an utterance.

    Args:
        channel: sends the events.
        item_id: the user item.
        turn: what was heard and whether transcription works.
        audio_ms: how long the utterance is; that is what it costs.
        deltas: in how many pieces it comes.
    """
    place = {"item_id": item_id, "content_index": 0}
    if turn.transcript == "never":
        return
    if turn.transcript == "fail":
        error = {
            "type": "transcription_error",
            "code": "audio_unintelligible",
            "message": "The audio could not be transcribed.",
            "param": None,
        }
        await channel.send(f"{_PREFIX}.failed", **place, error=error)
        return
    for piece in split_words(turn.hears, deltas):
        await channel.send(f"{_PREFIX}.delta", **place, delta=piece)
    usage = {"type": "duration", "seconds": round(audio_ms / 1000, 3)}
    await channel.send(f"{_PREFIX}.completed", **place, transcript=turn.hears, usage=usage)
