"""What is kept of a conversation when it is over, as the REST API tells it.

Source: elevenlabs-python 2.78.0, `types/get_conversation_response_model.py`, read 2026-11. What a minute
costs is public (0.08 USD, read 2026-06); the credits it is booked as are made up, as is the price of tokens.
"""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

_USD_PER_MINUTE = 0.08
_CREDITS_PER_USD = 5000
_CHARS_PER_TOKEN = 4
_USD_PER_TOKEN = 0.0000004


@dataclass(slots=True)
class ConversationRecord:
    """One conversation.

    Args:
        started_at_s: loop time.
        started_at: Unix time.
        authorized_by: `public`, `signed_url` or `authorization_header`.
    """

    id: str
    agent_id: str
    agent_name: str
    started_at_s: float
    started_at: int
    authorized_by: str
    config: Json
    initiation: Json
    transcript: list[Json] = field(default_factory=list)
    status: str = "in-progress"
    ended_at_s: float | None = None
    termination_reason: str = ""
    error: Json | None = None
    spoken_ms: float = 0.0
    heard_ms: float = 0.0

    def say(self, role: str, message: str, now_s: float) -> Json:
        """Write down what was said; returns the line, which may be changed later."""
        line = {"role": role, "message": message, "time_in_call_secs": int(now_s - self.started_at_s)}
        self.transcript.append(line)
        return line

    def end(self, now_s: float, reason: str, error: Json | None) -> None:
        """The conversation is over."""
        self.ended_at_s = now_s
        self.termination_reason = reason
        self.error = error
        self.status = "failed" if error is not None and error["code"] != 1000 else "done"

    def view(self, now_s: float) -> Json:
        """Return it as the REST API does.

        Args:
            now_s: loop time.
        """
        said = {role: [x for x in self.transcript if x["role"] == role] for role in ("user", "agent")}
        return {
            "conversation_id": self.id,
            "agent_id": self.agent_id,
            "agent_name": self.agent_name,
            "status": self.status,
            "user_id": self.initiation.get("user_id"),
            "transcript": self.transcript,
            "metadata": self._metadata(now_s),
            "user_message_count": len(said["user"]),
            "agent_message_count": len(said["agent"]),
            "has_audio": self.spoken_ms + self.heard_ms > 0,
            "has_user_audio": self.heard_ms > 0,
            "has_response_audio": self.spoken_ms > 0,
            "has_auxiliary_audio": False,
            "conversation_initiation_client_data": self.initiation,
        }

    def _metadata(self, now_s: float) -> Json:
        seconds = (self.ended_at_s if self.ended_at_s is not None else now_s) - self.started_at_s
        spoken_chars = sum(len(x["message"]) for x in self.transcript if x["role"] == "agent")
        usage, llm_price = self._llm(spoken_chars)
        call_usd = seconds / 60 * _USD_PER_MINUTE
        call_charge, llm_charge = round(call_usd * _CREDITS_PER_USD), round(llm_price * _CREDITS_PER_USD)
        tts = self.config["tts"]
        return {
            "start_time_unix_secs": self.started_at,
            "accepted_time_unix_secs": self.started_at,
            "call_duration_secs": round(seconds),
            "cost": call_charge + llm_charge,
            "cost_fiat": round(call_usd + llm_price, 6),
            "authorization_method": self.authorized_by,
            "charging": {
                "dev_discount": False,
                "is_burst": False,
                "llm_usage": {"irreversible_generation": {"model_usage": usage}},
                "llm_price": llm_price,
                "llm_charge": llm_charge,
                "call_charge": call_charge,
                "tts_usage": {
                    "primary_tts_model": tts["model_id"],
                    "total_audio_output_seconds": round(self.spoken_ms / 1000, 3),
                    "total_characters": spoken_chars,
                },
                "asr_usage": {"total_audio_input_seconds": round(self.heard_ms / 1000, 3)},
            },
            "termination_reason": self.termination_reason,
            "error": self.error,
            "main_language": self.config["agent"]["language"],
            "text_only": self.config["conversation"]["text_only"],
        }

    def _llm(self, spoken_chars: int) -> tuple[Json, float]:
        prompt = self.config["agent"]["prompt"]
        tokens_in = (
            len(prompt["prompt"]) + sum(len(x["message"]) for x in self.transcript)
        ) // _CHARS_PER_TOKEN
        tokens_out = spoken_chars // _CHARS_PER_TOKEN
        usage = {
            "input": {"tokens": tokens_in, "price": round(tokens_in * _USD_PER_TOKEN, 9)},
            "output_total": {"tokens": tokens_out, "price": round(tokens_out * _USD_PER_TOKEN, 9)},
        }
        return {prompt["llm"]: usage}, round((tokens_in + tokens_out) * _USD_PER_TOKEN, 9)
