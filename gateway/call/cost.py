"""What the providers counted in a call, and what it costs."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.call.sessions import Session
from providers.prices import PriceTable
from store.call_events import UsageReported


@dataclass(slots=True)
class Cost:
    """What one call has cost so far.

    Attributes:
        cents: What all counts so far cost; None as soon as one of them has no price.
    """

    cents: float | None = 0.0

    def count(
        self,
        prices: PriceTable,
        session: Session,
        details: Mapping[str, int],
        *,
        input_tokens: int = 0,
        output_tokens: int = 0,
    ) -> UsageReported:
        """Add one count of a session; returns the fact."""
        cents = prices.cost_cents(
            session.provider, session.model, details=details, input_tokens=input_tokens,
            output_tokens=output_tokens,
        )  # fmt: skip
        self.cents = None if cents is None or self.cents is None else self.cents + cents
        return UsageReported(
            provider=session.provider,
            model=session.model,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            details=dict(details),
            cost_cents=_rounded(cents),
            call_cost_cents=_rounded(self.cents),
            prices_as_of=prices.as_of,
        )

    def count_time(self, prices: PriceTable, session: Session, now_s: float) -> UsageReported | None:
        """Add the time a session has been open since it was last counted, where time costs something."""
        if session.billed_until_s is None or not prices.by_time(session.provider, session.model):
            return None
        session_ms = round((now_s - session.billed_until_s) * 1000)
        if session_ms <= 0:
            return None
        session.billed_until_s = now_s
        return self.count(prices, session, {"session_ms": session_ms})


def _rounded(cents: float | None) -> float | None:
    return None if cents is None else round(cents, 4)
