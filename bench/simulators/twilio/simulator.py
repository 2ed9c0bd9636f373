"""The simulated phone company as a whole: REST server, webhooks, numbers and calls."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, Self

from aiohttp import web

from bench.scenarios.caller import CallerScript
from bench.simulators.clock import WallClock
from bench.simulators.errors import SimulatorUsageError
from bench.simulators.twilio.call import SimulatedCall
from bench.simulators.twilio.call_facts import CallFacts, FetchFrom, StatusSubscription
from bench.simulators.twilio.config import NumberConfig, TwilioConfig
from bench.simulators.twilio.lifecycle import run_inbound, run_outbound
from bench.simulators.twilio.network import Books, MessageRecord, Network, NumberRecord
from bench.simulators.twilio.outbound import OutboundOrder
from bench.simulators.twilio.poster import Poster
from bench.simulators.twilio.rest import RestServer
from bench.simulators.twilio.rest_calls import CallRoutes
from bench.simulators.twilio.rest_messages import MessageRoutes
from bench.simulators.twilio.rest_numbers import NumberRoutes
from bench.simulators.twilio.sids import SidSource
from bench.simulators.twilio.webhooks import Delivery, WebhookClient

_DEFAULT_CALLER = "+15558675309"
_DELIVERY_STEP_S = 0.5


class TwilioSimulator:
    """A phone company: `async with TwilioSimulator(config) as twilio`.

    Leaving the block hangs up whatever still talks and drops what is still to be delivered.

    Args:
        config: account, numbers and manners.
    """

    def __init__(self, config: TwilioConfig | None = None) -> None:
        self.config = config or TwilioConfig()
        self.callees: dict[str, CallerScript] = dict(self.config.callees)
        """What happens when a number is called; may be added to while running."""
        self._stack = contextlib.AsyncExitStack()
        self._tasks = asyncio.TaskGroup()
        self._running: set[asyncio.Task[None]] = set()
        self._next_start_s = 0.0
        self._new_call = asyncio.Event()

    async def __aenter__(self) -> Self:
        sids = SidSource()
        webhooks = WebhookClient(self.config.auth_token, sids, self.config.reroute)
        await self._stack.enter_async_context(webhooks)
        self.network = Network(self.config, WallClock(), sids, webhooks, Books())
        for number in self.config.numbers:
            self.add_number(number)
        self.rest = RestServer(self.network)
        CallRoutes(self.network, self._place).add_to(self.rest)
        NumberRoutes(self.network).add_to(self.rest)
        MessageRoutes(self.network, self._deliver).add_to(self.rest)
        await self._listen()
        await self._stack.enter_async_context(self._tasks)
        self._stack.push_async_callback(self._stop_calls)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.aclose()
        if self.rest.crashes:
            raise ExceptionGroup("the simulated phone company crashed", self.rest.crashes)

    @property
    def url(self) -> str:
        """The REST base URL, e.g. `http://127.0.0.1:40001`."""
        return self.network.base_url

    @property
    def calls(self) -> list[SimulatedCall]:
        """Every call so far, oldest first, dialled legs included."""
        return list(self.network.books.calls.values())

    @property
    def deliveries(self) -> list[Delivery]:
        """Every webhook request made so far."""
        return self.network.webhooks.deliveries

    def add_number(self, number: NumberConfig) -> NumberRecord:
        """Give the account a phone number."""
        now = self.network.clock.now()
        settings = {
            "VoiceUrl": number.voice_url,
            "VoiceFallbackUrl": number.voice_fallback_url,
            "StatusCallback": number.status_callback,
            "SmsUrl": number.sms_url,
            "FriendlyName": number.friendly_name,
        }
        record = NumberRecord(self.network.sids.new("PN"), number.phone_number, now, now, settings)
        self.network.books.numbers[record.sid] = record
        return record

    async def dial_in(
        self, to: str, caller: CallerScript | None = None, from_number: str = _DEFAULT_CALLER
    ) -> SimulatedCall:
        """Let somebody call one of the account's numbers.

        Args:
            to: the number called, E.164.
            caller: what the caller does.
            from_number: who calls; may be `anonymous`.

        Returns:
            The call, ringing; it goes on by itself.

        Raises:
            SimulatorUsageError: the number is not the account's or has no voice URL.
        """
        number = self.network.books.number(to)
        if number is None or not number.setting("VoiceUrl"):
            raise SimulatorUsageError(f"{to} is not a number of this account with a voice URL")
        facts = self._facts(from_number, to, number.sid)
        callback = number.setting("StatusCallback")
        subscription = StatusSubscription(callback) if callback else None
        call = self._new(facts, caller or CallerScript(), subscription)
        source = FetchFrom(
            number.setting("VoiceUrl"),
            number.setting("VoiceMethod") or "POST",
            number.setting("VoiceFallbackUrl"),
        )
        self._start(run_inbound(self.network, call, source), f"call {call.sid}")
        return call

    async def wait_for_call(self, count: int = 1) -> SimulatedCall:
        """Wait until there have been `count` calls and return that one (counting from 1)."""
        while len(self.network.books.calls) < count:
            await self._new_call.wait()
        return self.calls[count - 1]

    async def text_in(self, to: str, body: str, from_number: str = _DEFAULT_CALLER) -> MessageRecord:
        """Let somebody send a text to one of the account's numbers, and wait until the service was told.

        Raises:
            SimulatorUsageError: the number is not the account's or has no SMS URL.
        """
        number = self.network.books.number(to)
        if number is None or not number.setting("SmsUrl"):
            raise SimulatorUsageError(f"{to} is not a number of this account with an SMS URL")
        now = self.network.clock.now()
        sid = self.network.sids.new("SM")
        message = MessageRecord(sid, from_number, to, body, "received", "inbound", now, now)
        self.network.books.messages[sid] = message
        params = (
            ("MessageSid", sid),
            ("SmsSid", sid),
            ("SmsMessageSid", sid),
            ("AccountSid", self.config.account_sid),
            ("ApiVersion", "2010-04-01"),
            ("From", from_number),
            ("To", to),
            ("Body", body),
            ("NumMedia", "0"),
            ("NumSegments", "1"),
            ("SmsStatus", "received"),
        )
        await self.network.webhooks.request(number.setting("SmsUrl"), params)
        return message

    async def _listen(self) -> None:
        runner = web.AppRunner(self.rest.app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, self.config.host, self.config.port).start()
        host, port = runner.addresses[0][:2]
        self.network.base_url = f"http://{host}:{port}"

    def _place(self, order: OutboundOrder) -> SimulatedCall:
        number = self.network.books.number(order.from_number)
        facts = CallFacts(
            sid=self.network.sids.new("CA"),
            account_sid=self.config.account_sid,
            from_number=order.from_number,
            to_number=order.to_number,
            direction="outbound-api",
            phone_number_sid=number.sid if number else "",
        )
        script = self.callees.get(order.to_number, CallerScript())
        call = self._new(facts, script, order.subscription)
        self._start(run_outbound(self.network, call, order, self._queue_time_s()), f"call {call.sid}")
        return call

    def _queue_time_s(self) -> float:
        if self.config.calls_per_second is None:
            return 0.0
        now = asyncio.get_running_loop().time()
        start = max(now, self._next_start_s)
        self._next_start_s = start + 1 / self.config.calls_per_second
        return start - now

    def _facts(self, from_number: str, to_number: str, number_sid: str) -> CallFacts:
        return CallFacts(
            sid=self.network.sids.new("CA"),
            account_sid=self.config.account_sid,
            from_number=from_number,
            to_number=to_number,
            direction="inbound",
            phone_number_sid=number_sid,
        )

    def _new(
        self, facts: CallFacts, script: CallerScript, subscription: StatusSubscription | None
    ) -> SimulatedCall:
        poster = Poster(self.network.webhooks, self.config.disorder)
        call = SimulatedCall(facts, script, self.network.clock, poster, subscription)
        self.network.books.calls[call.sid] = call
        arrived, self._new_call = self._new_call, asyncio.Event()
        arrived.set()
        return call

    def _deliver(self, message: MessageRecord) -> None:
        self._start(self._carry(message), f"message {message.sid}")

    async def _carry(self, message: MessageRecord) -> None:
        for status in ("sent", "delivered"):
            await asyncio.sleep(_DELIVERY_STEP_S)
            message.status = status
            message.updated_at = self.network.clock.now()
            if message.status_callback:
                params = (
                    ("MessageSid", message.sid),
                    ("SmsSid", message.sid),
                    ("MessageStatus", status),
                    ("SmsStatus", status),
                    ("AccountSid", self.config.account_sid),
                    ("ApiVersion", "2010-04-01"),
                    ("From", message.from_number),
                    ("To", message.to_number),
                )
                await self.network.webhooks.request(message.status_callback, params)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run something until the simulator is left."""
        task = self._tasks.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _stop_calls(self) -> None:
        for task in list(self._running):
            task.cancel()
