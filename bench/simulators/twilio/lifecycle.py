"""The course of a call: ringing, answer, conversation, end; inbound and outbound.

Statuses: an incoming call is `ringing` until its TwiML is there; a caller who gives up before leaves it
`no-answer`; <Reject> makes it `busy` or `no-answer`. An outbound call goes queued, (initiated), ringing, then
in-progress and completed, or busy, no-answer, failed, canceled.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from bench.scenarios.caller import Answers, CannotBeReached, IsBusy, NeverAnswers
from bench.simulators.twilio.call import SimulatedCall
from bench.simulators.twilio.call_facts import FetchFrom, Source
from bench.simulators.twilio.caller_player import CallerPlayer
from bench.simulators.twilio.fetching import Loaded, load
from bench.simulators.twilio.interpreter import rejects, run_program
from bench.simulators.twilio.network import Network
from bench.simulators.twilio.outbound import OutboundOrder
from bench.simulators.twilio.verbs_sound import finish_recording


async def run_inbound(network: Network, call: SimulatedCall, source: Source) -> None:
    """Play an incoming call from its first ring to its end, callbacks included."""
    async with _course_of(call) as tasks:
        patience = call.script.gives_up_after_ms
        impatient = None
        if patience is not None:
            impatient = tasks.create_task(_give_up(call, patience), name=f"impatience {call.sid}")
        loaded = await _ring(network, call, source)
        if impatient is not None:
            impatient.cancel()
        rejected = rejects(loaded.document) if loaded is not None else None
        if rejected is not None:
            call.finish("busy" if rejected.reason == "busy" else "no-answer", "service")
        if not call.over:
            call.answer()
            await _talk(network, call, loaded)


async def run_outbound(
    network: Network, call: SimulatedCall, order: OutboundOrder, start_in_s: float
) -> None:
    """Play a call placed over REST, callbacks included.

    Args:
        network: shared parts.
        call: the call, queued.
        order: what was asked for.
        start_in_s: how long it waits in the queue.
    """
    async with _course_of(call) as tasks:
        await call.pause(start_in_s)
        if not call.over:
            await _dial_out(network, call, order)
        if call.answered and not call.over:
            detection = tasks.create_task(_detect_machine(network, call, order), name=f"amd {call.sid}")
            if not order.async_amd:
                await asyncio.wait([detection])
            loaded = await load(network, call, _with_answered_by(call, order))
            await _talk(network, call, loaded)
            detection.cancel()


@contextlib.asynccontextmanager
async def _course_of(call: SimulatedCall) -> AsyncIterator[asyncio.TaskGroup]:
    """Send the call's callbacks while it goes on, and the last of them before it is gone."""
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(call.poster.run(), name=f"poster {call.sid}")
            yield tasks
            call.poster.close()
    finally:
        call.gone()


async def _ring(network: Network, call: SimulatedCall, source: Source) -> Loaded | None:
    loop = asyncio.get_running_loop()
    answer_at = loop.time() + network.config.ring_ms / 1000
    loaded = await load(network, call, source)
    if answer_at > loop.time():
        await call.pause(answer_at - loop.time())
    return loaded


async def _give_up(call: SimulatedCall, after_ms: int) -> None:
    await asyncio.sleep(after_ms / 1000)
    call.hang_up("caller")


async def _talk(network: Network, call: SimulatedCall, loaded: Loaded | None) -> None:
    async with asyncio.TaskGroup() as tasks:
        caller = tasks.create_task(CallerPlayer(call).run(), name=f"caller {call.sid}")
        await run_program(network, call, loaded)
        call.finish("completed", "service")
        caller.cancel()
    for recording in list(network.books.recordings.values()):
        if recording.call is call:
            finish_recording(network, recording)


async def _dial_out(network: Network, call: SimulatedCall, order: OutboundOrder) -> None:
    call.move_to("initiated", "initiated")
    if not await call.pause(network.config.dial_ms / 1000):
        return
    call.move_to("ringing", "ringing")
    match call.script.pickup:
        case Answers(after_ms=after_ms) if after_ms < order.timeout_s * 1000:
            if await call.pause(after_ms / 1000):
                call.answer()
        case IsBusy(after_ms=after_ms):
            if await call.pause(after_ms / 1000):
                call.finish("busy", "caller")
        case CannotBeReached(after_ms=after_ms):
            if await call.pause(after_ms / 1000):
                call.finish("failed", "network")
        case NeverAnswers() | Answers():
            if await call.pause(order.timeout_s):
                call.finish("no-answer", "network")


async def _detect_machine(network: Network, call: SimulatedCall, order: OutboundOrder) -> None:
    if not order.machine_detection:
        return
    finding = network.config.machine_detection
    if not await call.pause(finding.after_ms / 1000):
        return
    call.answered_by = finding.answered_by
    if order.async_amd and order.amd_callback:
        call.poster.post(
            order.amd_callback,
            (
                ("AccountSid", call.facts.account_sid),
                ("CallSid", call.sid),
                ("AnsweredBy", finding.answered_by),
                ("MachineDetectionDuration", str(finding.after_ms)),
            ),
            order.amd_callback_method,
        )


def _with_answered_by(call: SimulatedCall, order: OutboundOrder) -> Source:
    match order.source:
        case FetchFrom(url=url, method=method, fallback_url=fallback_url) if call.answered_by is not None:
            return FetchFrom(url, method, fallback_url, (("AnsweredBy", call.answered_by),))
        case source:
            return source
