"""Runs the simulated Twilio by itself: `python -m bench.simulators.twilio --port 9000 --webhook-url …`.

With `--scenario` it also lets somebody call the number, and prints how the call went.
"""

import argparse
import asyncio

from bench.scenarios.errors import ScenarioError
from bench.scenarios.loader import load_named
from bench.scenarios.scenario import Scenario
from bench.simulators.twilio.call import SimulatedCall
from bench.simulators.twilio.config import NumberConfig, TwilioConfig
from bench.simulators.twilio.simulator import TwilioSimulator


def main() -> None:
    """Read the command line and serve until interrupted, or until the call is over."""
    parser = argparse.ArgumentParser(prog="python -m bench.simulators.twilio", description=__doc__)
    defaults = TwilioConfig()
    parser.add_argument("--host", default=defaults.host, help="numeric address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0 for any")
    parser.add_argument("--account-sid", default=defaults.account_sid)
    parser.add_argument("--auth-token", default=defaults.auth_token)
    parser.add_argument("--number", default="+15550100001", help="the account's phone number")
    parser.add_argument("--webhook-url", required=True, help="the number's voice URL")
    parser.add_argument("--scenario", help="let somebody call: NAME, NAME:VARIANT or a YAML file")
    arguments = parser.parse_args()
    try:
        scenario = load_named(arguments.scenario) if arguments.scenario else None
    except ScenarioError as error:
        parser.error(str(error))
    number = NumberConfig(arguments.number, voice_url=arguments.webhook_url)
    config = TwilioConfig(
        arguments.account_sid, arguments.auth_token, arguments.host, arguments.port, numbers=(number,)
    )
    try:
        asyncio.run(_serve(config, scenario))
    except KeyboardInterrupt:
        pass


async def _serve(config: TwilioConfig, scenario: Scenario | None) -> None:
    async with TwilioSimulator(config) as twilio:
        print(f"Simulated Twilio at {twilio.url} (account {config.account_sid})", flush=True)
        if scenario is None:
            await asyncio.Event().wait()
            return
        call = await twilio.dial_in(config.numbers[0].phone_number, scenario.caller)
        await call.finished()
        _report(call)


def _report(call: SimulatedCall) -> None:
    print(f"{call.sid}: {call.status}, {call.duration_s} s, ended by the {call.ended_by}")
    for step in call.steps:
        print(f"  {step.started_ms / 1000:7.2f} – {step.ended_ms / 1000:7.2f} s  {step.step}: {step.outcome}")
    for words in call.heard_say:
        print(f"  heard: {words}")
    for note in call.notes:
        print(f"  {note.code or ''} {note.text}")


if __name__ == "__main__":
    main()
