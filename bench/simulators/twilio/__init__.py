"""A simulated Twilio: REST API, signed webhooks, TwiML, media streams, callers and called people.

`async with TwilioSimulator(TwilioConfig(numbers=(NumberConfig(...),))) as twilio` embeds it;
`python -m bench.simulators.twilio` runs it by itself.
"""

from bench.simulators.twilio.call import SimulatedCall
from bench.simulators.twilio.config import (
    Disorder,
    MachineDetection,
    NumberConfig,
    RestFault,
    TwilioConfig,
)
from bench.simulators.twilio.simulator import TwilioSimulator
from bench.simulators.twilio.stream_record import StreamRecord

__all__ = [
    "Disorder",
    "MachineDetection",
    "NumberConfig",
    "RestFault",
    "SimulatedCall",
    "StreamRecord",
    "TwilioConfig",
    "TwilioSimulator",
]
