"""What a call costs: counts and time added up over its sessions, and said to be unknown where they are."""

import pytest

from gateway.call.cost import Cost
from gateway.call.sessions import Session
from gateway.usage import add_up
from providers.capabilities import ELEVENLABS, GEMINI, OPENAI
from providers.session import Capabilities
from tests.gateway.call_driver import PRICES


def session(capabilities: Capabilities, model: str, *, opened_s: float | None = None) -> Session:
    made = Session(1, capabilities, 0.0)
    made.model, made.billed_until_s = model, opened_s
    return made


def test_counts_of_several_providers_are_added_up() -> None:
    cost = Cost()
    first = cost.count(
        PRICES, session(OPENAI, "gpt-realtime-2.1"), {"input_audio_tokens": 1000}, input_tokens=1000
    )
    second = cost.count(
        PRICES, session(GEMINI, "gemini-3.8-live"), {"output_audio_tokens": 1000}, output_tokens=1000
    )
    assert first.cost_cents == first.call_cost_cents == pytest.approx(3.2)
    assert second.cost_cents == pytest.approx(1.2)
    assert second.call_cost_cents == pytest.approx(4.4)
    assert add_up([first, second]) == {
        "cost_cents": pytest.approx(4.4),
        "prices_as_of": PRICES.as_of,
        "providers": {
            "openai": {"input_tokens": 1000, "input_audio_tokens": 1000},
            "gemini": {"output_tokens": 1000, "output_audio_tokens": 1000},
        },
    }


def test_a_model_without_a_price_makes_the_sum_unknown_for_good() -> None:
    cost = Cost()
    unknown = cost.count(PRICES, session(OPENAI, "unheard-of"), {}, input_tokens=5)
    known = cost.count(PRICES, session(OPENAI, "gpt-realtime-2.1"), {}, input_tokens=1_000_000)
    assert unknown.cost_cents is None
    assert known.cost_cents == pytest.approx(400)
    assert known.call_cost_cents is None
    assert add_up([unknown, known])["cost_cents"] is None


def test_time_is_counted_once_from_where_it_was_counted_last() -> None:
    cost = Cost()
    spoken = session(ELEVENLABS, "default", opened_s=10.0)
    first = cost.count_time(PRICES, spoken, 40.0)
    assert first is not None
    assert (first.details, first.cost_cents) == ({"session_ms": 30_000}, pytest.approx(4.0))
    assert cost.count_time(PRICES, spoken, 40.0) is None
    second = cost.count_time(PRICES, spoken, 70.0)
    assert second is not None
    assert second.call_cost_cents == pytest.approx(8.0)


def test_time_costs_nothing_where_tokens_do_nor_before_a_session_has_opened() -> None:
    cost = Cost()
    assert cost.count_time(PRICES, session(OPENAI, "gpt-realtime-2.1", opened_s=0.0), 60.0) is None
    assert cost.count_time(PRICES, session(ELEVENLABS, "default"), 60.0) is None
    assert add_up([]) == {}
