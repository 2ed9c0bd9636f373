"""The carrier's end under load: calls that arrive, stream recorded speech and hang up.

Source: Twilio voice webhooks and Media Streams, as far as a call cannot do without; the thorough reading is
`bench.simulators.twilio`.
"""

import base64
import hashlib
import hmac
import json
import re
from collections import deque

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from bench.load.frames import StampedFrames
from bench.load.lane import Lane
from bench.load.pace import Pacer, now_s

BYTES_PER_S = 8000
_STREAM = re.compile(r'<Stream url="([^"]+)"')
_PAYLOAD = '"payload":"'


class LoadCall:
    """One call. `run` lasts until the gateway closes the stream.

    Args:
        number: counts the calls from 0.
        http: a client session.
        voice_url: the gateway's webhook.
        auth_token: signs the requests.
        frames: what the caller says.
        up: lanes of caller audio, by call; this side notes the sending.
        down: lanes of agent audio, by session; this side notes the arrivals.
        pacer: paces the callers.
    """

    def __init__(
        self,
        number: int,
        http: ClientSession,
        voice_url: str,
        auth_token: str,
        frames: StampedFrames,
        up: list[Lane],
        down: list[Lane],
        pacer: Pacer,
    ) -> None:
        self._number = number
        self._http = http
        self._voice_url = voice_url
        self._auth_token = auth_token
        self._frames = frames
        self._up = up[number]
        self._down = down
        self._pacer = pacer
        self._marks: deque[tuple[float, str]] = deque()
        self._playhead_s = 0.0
        self._sid = f"MZ{number:032x}"
        self._ws: ClientWebSocketResponse | None = None
        self.errors: list[str] = []

    async def run(self) -> None:
        """Call, stream, and read what comes back until the stream is over."""
        url = await self._ask()
        signature = self._sign(url, {})
        async with self._http.ws_connect(
            "http" + url.removeprefix("ws"), headers={"X-Twilio-Signature": signature}, max_msg_size=0
        ) as ws:
            self._ws = ws
            await ws.send_str('{"event":"connected","protocol":"Call","version":"1.0.0"}')
            await ws.send_str(json.dumps(self._start()))
            self._pacer.add(self._number, self._tick)
            async for message in ws:
                if message.type is WSMsgType.TEXT:
                    self._take(message.data)
            self._pacer.remove(self._number)

    async def hang_up(self) -> None:
        """End the call as a caller does."""
        self._pacer.remove(self._number)
        if self._ws is not None and not self._ws.closed:
            stop = {"accountSid": "AC0", "callSid": self._call_sid}
            await self._ws.send_str(json.dumps({"event": "stop", "streamSid": self._sid, "stop": stop}))

    @property
    def _call_sid(self) -> str:
        return f"CA{self._number:032x}"

    async def _ask(self) -> str:
        form = {
            "CallSid": self._call_sid,
            "AccountSid": "AC0",
            "From": f"+1555{self._number:07d}",
            "To": "+15550100200",
            "CallStatus": "ringing",
            "Direction": "inbound",
        }
        headers = {"X-Twilio-Signature": self._sign(self._voice_url, form)}
        async with self._http.post(self._voice_url, data=form, headers=headers) as answer:
            twiml = await answer.text()
        found = _STREAM.search(twiml)
        if found is None:
            raise RuntimeError(f"no stream in the gateway's answer: {twiml[:200]}")
        return found.group(1)

    def _sign(self, url: str, form: dict[str, str]) -> str:
        text = url + "".join(name + form[name] for name in sorted(form))
        digest = hmac.new(self._auth_token.encode(), text.encode(), hashlib.sha1).digest()
        return base64.b64encode(digest).decode()

    def _start(self) -> dict[str, object]:
        detail = {
            "streamSid": self._sid,
            "accountSid": "AC0",
            "callSid": self._call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {},
        }
        return {"event": "start", "sequenceNumber": "1", "start": detail, "streamSid": self._sid}

    async def _tick(self, _due_s: float) -> None:
        ws = self._ws
        if ws is None or ws.closed:
            return
        now = now_s()
        frame = self._up.send(now)
        payload = self._frames.payload(self._number, frame)
        await ws.send_str(
            f'{{"event":"media","sequenceNumber":"{frame + 2}","media":{{"track":"inbound",'
            f'"chunk":"{frame + 1}","timestamp":"{frame * 20}","payload":"{payload}"}},'
            f'"streamSid":"{self._sid}"}}'
        )
        while self._marks and self._marks[0][0] <= now:
            _, name = self._marks.popleft()
            mark = {"event": "mark", "sequenceNumber": "1", "streamSid": self._sid, "mark": {"name": name}}
            await ws.send_str(json.dumps(mark))

    def _take(self, text: str) -> None:
        now = now_s()
        at = text.find(_PAYLOAD)
        if at >= 0:
            payload = text[at + len(_PAYLOAD) : text.index('"', at + len(_PAYLOAD))]
            self._hear(payload, now)
            size_bytes = len(payload) * 3 // 4 - payload.count("=", -2)
            self._playhead_s = max(self._playhead_s, now) + size_bytes / BYTES_PER_S
            return
        message = json.loads(text)
        if message["event"] == "mark":
            self._marks.append((self._playhead_s, message["mark"]["name"]))
        else:
            self.errors.append(f"unexpected {message['event']}")

    def _hear(self, payload: str, now: float) -> None:
        try:
            for session, frame in self._frames.read(payload):
                self._down[session].arrive(frame, now)
        except (ValueError, IndexError):
            self.errors.append("agent audio without a stamp")
