"""Where sockets come in: faults of the upgrade, who may talk to which agent, one conversation each.

Source: elevenlabs-python 2.78.0 (`conversational_ai/conversation.py`: signed URL or bare agent id) and
agent.asyncapi.yaml (close code 1008 covers authorization), read 2026-11.
"""

import asyncio
from dataclasses import dataclass

from aiohttp import web

from bench.scenarios.agent import AgentScript, Delay, FaultAction, Refuse, ResetConnection, Stall
from bench.simulators.elevenlabs.channel import Channel
from bench.simulators.elevenlabs.conversation import AgentConversation
from bench.simulators.elevenlabs.conversation_log import ConversationLog
from bench.simulators.elevenlabs.workspace import Agent, Workspace
from bench.simulators.speech.connection_reset import reset
from bench.simulators.speech.faults import FaultPlan

_SHOWN_HEADERS = ("user-agent", "origin")
_MAX_MESSAGE_BYTES = 16 * 1024 * 1024
_LOOK_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class _Admission:
    agent: Agent
    authorized_by: str
    conversation_id: str


class Reception:
    """Takes the connections of one simulator.

    Args:
        workspace: the account.
        script: the agent's side of the scenario.
    """

    def __init__(self, workspace: Workspace, script: AgentScript) -> None:
        self._workspace = workspace
        self._script = script
        self._upgrades = 0
        self._open: set[web.WebSocketResponse] = set()
        self._closing = asyncio.Event()
        self.sessions: list[ConversationLog] = []
        self.refused: list[int] = []
        self.crashes: list[Exception] = []

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """Serve a connection to its end."""
        self._upgrades += 1
        faults = FaultPlan(self._script.faults, self._upgrades)
        action = faults.due("upgrade")
        refusal = await self._fail_upgrade(request, action) if action is not None else None
        if refusal is not None or request.transport is None or request.transport.is_closing():
            return refusal or web.Response(status=503)  # which a client that has gone never sees
        socket = web.WebSocketResponse(compress=False, max_msg_size=_MAX_MESSAGE_BYTES, timeout=5.0)
        await socket.prepare(request)
        self._open.add(socket)
        try:
            await self._converse(request, socket, faults)
        except Exception as error:  # noqa: BLE001 - the root of a conversation: a bug here must fail the run
            self.crashes.append(error)
            await socket.close(code=1011, message=b"simulator bug")
        finally:
            self._open.discard(socket)
        return socket

    async def close_all(self, _app: web.Application) -> None:
        """The simulator is left: end every conversation."""
        self._closing.set()
        for socket in tuple(self._open):
            await socket.close(code=1001, message=b"going away")

    async def _fail_upgrade(self, request: web.Request, action: FaultAction) -> web.Response | None:
        match action:
            case Refuse(status=status, code=code, type=kind, message=message):
                self.refused.append(status)
                detail = {"detail": {"status": code or kind, "message": message}}
                return web.json_response(detail, status=status, headers={"Connection": "close"})
            case ResetConnection():
                assert isinstance(request.transport, asyncio.Transport)
                reset(request.transport)
                await asyncio.sleep(0)  # the loop tells the connection that it is lost
            case Stall():
                await self._until_gone(request)
            case Delay(ms=ms):
                await asyncio.sleep(ms / 1000)
            case _:
                pass  # the loader admits nothing else at the upgrade
        return None

    async def _converse(self, request: web.Request, socket: web.WebSocketResponse, faults: FaultPlan) -> None:
        admission = self._admit(request)
        if isinstance(admission, str):
            self.refused.append(1008)
            await socket.close(code=1008, message=admission.encode())
            return
        shown = {name: request.headers[name] for name in _SHOWN_HEADERS if name in request.headers}
        log = ConversationLog(len(self.sessions) + 1, admission.agent.id, shown)
        log.authorized_by, log.conversation_id = admission.authorized_by, admission.conversation_id
        self.sessions.append(log)
        assert isinstance(request.transport, asyncio.Transport)
        channel = Channel(socket, request.transport, log, self._workspace.config.send_timeout_s)
        conversation = AgentConversation(
            socket, channel, log, self._workspace, admission.agent, self._script, faults
        )
        await conversation.run()
        if channel.stalled:
            await self._until_gone(request)
        await channel.finish()
        log.close_code = socket.close_code if log.close_code is None else log.close_code
        log.ended_by = log.ended_by or "client"

    def _admit(self, request: web.Request) -> _Admission | str:
        """Return who is talked to and by what right, or why not."""
        query, workspace = request.query, self._workspace
        agent = workspace.agents.get(query.get("agent_id", ""))
        if agent is None:
            return "Could not find the agent."
        conversation_id = workspace.ids.new("conv")
        if "conversation_signature" in query:
            signature = workspace.use_signature(query["conversation_signature"], agent.id)
            if signature is None:
                return "The signed URL is invalid or has expired."
            return _Admission(agent, "signed_url", signature.conversation_id or conversation_id)
        if request.headers.get("xi-api-key") == workspace.config.api_key:
            return _Admission(agent, "authorization_header", conversation_id)
        if agent.needs_authorization:
            return "This agent requires authorization."
        return _Admission(agent, "public", conversation_id)

    async def _until_gone(self, request: web.Request) -> None:
        """Wait until the client has dropped the connection or the simulator is left."""
        while request.transport is not None and not request.transport.is_closing():
            try:
                async with asyncio.timeout(_LOOK_AGAIN_S):
                    await self._closing.wait()
            except TimeoutError:
                continue
            request.transport.abort()
            return
