"""Who is tried after a failure, in which order, how often, for how long; how long a session lasts."""

from gateway.call.sessions import INCIDENT_LIMIT_S, SHORTEST_LIFE_S, LineUp, Session
from providers.capabilities import ELEVENLABS, OPENAI

ALL = ("openai", "gemini", "elevenlabs")


def tried(line_up: LineUp, first: str, now_s: float = 0.0) -> list[str]:
    """Everybody who is tried when each one fails at once."""
    names: list[str] = []
    provider: str | None = first
    while provider is not None:
        names.append(provider)
        line_up.failed(provider, now_s, retryable=True)
        provider = line_up.next_after(provider, now_s)
    return names


def test_each_is_tried_in_order_then_once_more() -> None:
    assert tried(LineUp(ALL), "openai") == [*ALL, *ALL]


def test_the_order_goes_round_from_the_one_that_failed() -> None:
    assert tried(LineUp(ALL), "elevenlabs")[:4] == ["elevenlabs", "openai", "gemini", "elevenlabs"]


def test_one_that_no_retry_can_mend_is_not_tried_again() -> None:
    line_up = LineUp(("openai", "gemini"))
    line_up.failed("openai", 0.0, retryable=False)
    assert line_up.next_after("openai", 0.0) == "gemini"
    line_up.failed("gemini", 1.0, retryable=True)
    assert line_up.next_after("gemini", 1.0) == "gemini"


def test_the_last_try_of_a_provider_is_the_last_resort() -> None:
    line_up = LineUp(("openai",))
    assert not line_up.last_resort("openai")
    line_up.failed("openai", 0.0, retryable=True)
    assert line_up.last_resort("openai")


def test_a_caller_is_not_kept_waiting_for_longer_than_the_limit() -> None:
    line_up = LineUp(ALL)
    line_up.failed("openai", 0.0, retryable=True)
    line_up.failed("gemini", INCIDENT_LIMIT_S / 2, retryable=True)
    assert line_up.next_after("gemini", INCIDENT_LIMIT_S) == "elevenlabs"
    assert line_up.next_after("gemini", INCIDENT_LIMIT_S + 0.1) is None


def test_an_answer_ends_the_incident_and_forgets_its_failures() -> None:
    line_up = LineUp(("openai",))
    line_up.failed("openai", 0.0, retryable=False)
    line_up.mended()
    assert line_up.incident_s is None
    assert line_up.next_after("openai", 100.0) == "openai"


def test_a_failure_long_after_the_last_one_begins_another_incident() -> None:
    line_up = LineUp(("openai",))
    line_up.failed("openai", 0.0, retryable=True)
    line_up.failed("openai", INCIDENT_LIMIT_S + 1, retryable=True)
    assert line_up.incident_s == INCIDENT_LIMIT_S + 1
    assert line_up.next_after("openai", INCIDENT_LIMIT_S + 1) == "openai"


def test_a_session_is_renewed_when_a_tenth_of_its_life_is_left() -> None:
    session = Session(1, OPENAI, asked_s=100.0)
    assert session.renew_at_s == 100.0 + 3600 * 0.9
    session.told_to_last(1800.0)
    assert session.renew_at_s == 100.0 + 1800 * 0.9


def test_a_provider_shortens_a_session_and_never_lengthens_it_nor_by_a_clock_of_its_own() -> None:
    session = Session(1, ELEVENLABS, asked_s=0.0)
    for told_s in (None, 9999.0, SHORTEST_LIFE_S - 1, -50.0):
        session.told_to_last(told_s)
        assert session.lasts_s == 7200.0
