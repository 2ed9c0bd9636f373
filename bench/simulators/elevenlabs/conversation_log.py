"""What happened in one conversation, for assertions."""

from dataclasses import dataclass, field

from bench.simulators.speech.session_log import Json, SessionLog


@dataclass(slots=True)
class ConversationLog(SessionLog):
    """One connection; `model` is the agent's id.

    Args:
        authorized_by: `public`, `signed_url` or `authorization_header`.
    """

    authorized_by: str = "public"
    conversation_id: str = ""
    config: Json = field(default_factory=dict)
    """The agent's conversation config with the client's overrides."""
    context: list[str] = field(default_factory=list)
    """Texts of the contextual updates."""
    tool_results: list[Json] = field(default_factory=list)
    """Results of client tools that were waited for."""
    ignored: list[str] = field(default_factory=list)
    """What was quietly passed over: tools not declared on the agent, results nobody waits for."""
    unanswered_pings: int = 0
