"""The provider's end under load: a realtime server that takes frames and speaks without pause."""

from aiohttp import WSMsgType, web

from bench.load.elevenlabs_wire import ElevenLabsWire
from bench.load.gemini_wire import GeminiWire
from bench.load.lane import Lane
from bench.load.openai_wire import OpenAIWire
from bench.load.pace import Pacer, now_s
from bench.load.wire import ProviderWire

PROVIDERS = ("openai", "gemini", "elevenlabs")


def provider_wire(provider: str, sound: bytes) -> ProviderWire:
    """The protocol of a provider.

    Args:
        provider: one of `PROVIDERS`.
        sound: what callers and agents say, mu-law, at least one frame.

    Raises:
        ValueError: there is none for this name.
    """
    match provider:
        case "openai":
            return OpenAIWire(sound)
        case "gemini":
            return GeminiWire(sound)
        case "elevenlabs":
            return ElevenLabsWire(sound)
        case _:
            raise ValueError(f"no load generator for {provider!r}")


class ProviderSide:
    """Sessions of one provider; whose caller it is, the caller's stamped frames tell.

    Args:
        wire: how the provider speaks.
        up: lanes of caller audio, by call; this side notes the arrivals.
        down: lanes of agent audio, by session; this side notes the sending.
        pacer: paces the agents.
    """

    def __init__(self, wire: ProviderWire, up: list[Lane], down: list[Lane], pacer: Pacer) -> None:
        self._wire = wire
        self._up = up
        self._down = down
        self._pacer = pacer
        self._sessions = 0
        self.errors: list[str] = []

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        self._wire.add_to(app)
        app.router.add_get(self._wire.socket_path, self._serve)

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(compress=False)
        await ws.prepare(request)
        number = self._sessions
        self._sessions += 1
        if number >= len(self._down):
            self.errors.append("more sessions than calls")
            await ws.close()
            return ws
        for text in self._wire.opening():
            await ws.send_str(text)
        async for message in ws:
            if message.type is WSMsgType.TEXT:
                await self._take(ws, number, message.data)
        self._pacer.remove(-1 - number)
        return ws

    async def _take(self, ws: web.WebSocketResponse, number: int, text: str) -> None:
        now = now_s()
        try:
            stamps = self._wire.heard(text)
        except ValueError:
            self.errors.append("caller audio without a stamp")
            return
        if stamps is None:
            await self._control(ws, number, text)
            return
        for call, frame in stamps:
            if call < len(self._up):
                self._up[call].arrive(frame, now)
            else:
                self.errors.append("caller audio without a stamp")

    async def _control(self, ws: web.WebSocketResponse, number: int, text: str) -> None:
        reaction = self._wire.react(number, text)
        if reaction.unexpected:
            self.errors.append(f"unexpected {reaction.unexpected}")
        for reply in reaction.replies:
            await ws.send_str(reply)
        if reaction.speaks:
            self._speak(ws, number)

    def _speak(self, ws: web.WebSocketResponse, number: int) -> None:
        lane = self._down[number]

        async def tick(_due_s: float) -> None:
            text = self._wire.speech(number, lane.send(now_s()))
            if not ws.closed:
                await ws.send_str(text)

        self._pacer.add(-1 - number, tick)
