"""REST: calls and their recordings."""

from collections.abc import Callable

from aiohttp import web

from bench.simulators.twilio.call import SimulatedCall
from bench.simulators.twilio.call_facts import FINAL
from bench.simulators.twilio.form import Form
from bench.simulators.twilio.network import Network, RecordingRecord
from bench.simulators.twilio.outbound import OutboundOrder, read_order, read_source
from bench.simulators.twilio.rest import RestServer, json_answer, read_form
from bench.simulators.twilio.rest_answers import RestError, call_json, not_found, page_json, recording_json
from bench.simulators.twilio.verbs_sound import finish_recording
from bench.sound.wav import pcm_file

Place = Callable[[OutboundOrder], SimulatedCall]


class CallRoutes:
    """Handlers for Calls and Recordings.

    Args:
        network: configuration and books.
        place: starts an outbound call.
    """

    def __init__(self, network: Network, place: Place) -> None:
        self._network = network
        self._place = place

    def add_to(self, server: RestServer) -> None:
        """Add the routes."""
        server.route("POST", "/Calls.json", self.create)
        server.route("GET", "/Calls.json", self.index)
        server.route("GET", "/Calls/{sid}.json", self.fetch)
        server.route("POST", "/Calls/{sid}.json", self.update)
        server.route("POST", "/Calls/{sid}/Recordings.json", self.start_recording)
        server.route("GET", "/Calls/{sid}/Recordings.json", self.list_recordings)
        server.route("POST", "/Calls/{sid}/Recordings/{recording}.json", self.update_recording)
        server.route("GET", "/Calls/{sid}/Recordings/{recording}.json", self.fetch_recording)
        server.route("GET", "/Recordings.json", self.list_recordings)
        server.route("GET", "/Recordings/{recording}.json", self.fetch_recording)
        server.route("DELETE", "/Recordings/{recording}.json", self.delete_recording)
        server.route("GET", "/Recordings/{recording}.wav", self.media)
        server.route("GET", "/Recordings/{recording}", self.media)

    async def create(self, request: web.Request) -> web.Response:
        """POST Calls.json: place a call."""
        own = frozenset(number.phone_number for number in self._network.books.numbers.values())
        order = read_order(await read_form(request), own)
        return json_answer(call_json(self._network, self._place(order)), 201)

    async def index(self, request: web.Request) -> web.Response:
        """GET Calls.json: newest first, filtered by Status, To, From, ParentCallSid."""
        query = dict(request.query)
        bodies = [call_json(self._network, c) for c in reversed(self._network.books.calls.values())]
        for parameter, field in (
            ("Status", "status"),
            ("To", "to"),
            ("From", "from"),
            ("ParentCallSid", "parent_call_sid"),
        ):
            if parameter in query:
                bodies = [body for body in bodies if body[field] == query[parameter]]
        return json_answer(page_json("calls", bodies, request.path, query))

    async def fetch(self, request: web.Request) -> web.Response:
        """GET Calls/{CA}.json."""
        return json_answer(call_json(self._network, self._call(request)))

    async def update(self, request: web.Request) -> web.Response:
        """POST Calls/{CA}.json: end it, cancel it, or send it elsewhere.

        Source: Twilio docs, "Modify calls in progress", read 2026-11: `canceled` ends calls that are
        queued or ringing and leaves others alone; `completed` also ends those in progress; 21220 when the
        call is not in a state that can be changed.
        """
        call = self._call(request)
        form = await read_form(request)
        if call.status in FINAL:
            raise RestError(400, 21220, f"Call is not in-progress. Cannot redirect. Status is {call.status}")
        self._apply(call, form)
        return json_answer(call_json(self._network, call))

    def _apply(self, call: SimulatedCall, form: Form) -> None:
        status = form.get("Status")
        source = read_source(form, required=False)
        if status and status not in ("completed", "canceled"):
            raise RestError(400, 21218, f"Invalid status: {status}")
        if status:
            if not call.answered:
                call.finish("canceled", "service")
            elif status == "completed":
                call.finish("completed", "service")
        elif source is not None:
            if not call.answered:
                raise RestError(400, 21220, "Call is not in-progress. Cannot redirect.")
            call.replace(source)

    async def start_recording(self, request: web.Request) -> web.Response:
        """POST Calls/{CA}/Recordings.json: record a call in progress."""
        call = self._call(request)
        form = await read_form(request)
        if call.status != "in-progress":
            raise RestError(400, 21220, "Requested resource is not eligible for recording")
        recording = RecordingRecord(
            sid=self._network.sids.new("RE"),
            call=call,
            source="StartCallRecordingAPI",
            channels=2 if form.get("RecordingChannels") == "dual" else 1,
            created_at=self._network.clock.now(),
            start_sample=call.line.now(),
            status_callback=form.get("RecordingStatusCallback"),
        )
        self._network.books.recordings[recording.sid] = recording
        return json_answer(recording_json(self._network, recording), 201)

    async def update_recording(self, request: web.Request) -> web.Response:
        """POST Calls/{CA}/Recordings/{RE}.json: stop it."""
        recording = self._recording(request)
        form = await read_form(request)
        if form.get("Status") == "stopped":
            finish_recording(self._network, recording)
        return json_answer(recording_json(self._network, recording))

    async def list_recordings(self, request: web.Request) -> web.Response:
        """GET Recordings.json, of one call or all."""
        call_sid = request.match_info.get("sid") or request.query.get("CallSid")
        bodies = [recording_json(self._network, r) for r in reversed(self._network.books.recordings.values())]
        if call_sid:
            bodies = [body for body in bodies if body["call_sid"] == call_sid]
        return json_answer(page_json("recordings", bodies, request.path, dict(request.query)))

    async def fetch_recording(self, request: web.Request) -> web.Response:
        """GET Recordings/{RE}.json."""
        return json_answer(recording_json(self._network, self._recording(request)))

    async def delete_recording(self, request: web.Request) -> web.Response:
        """DELETE Recordings/{RE}.json."""
        del self._network.books.recordings[self._recording(request).sid]
        return web.Response(status=204)

    async def media(self, request: web.Request) -> web.Response:
        """GET Recordings/{RE} or …/{RE}.wav: the sound; two channels are caller left, other side right."""
        recording = self._recording(request)
        if recording.status != "completed" or recording.end_sample is None:
            raise not_found(request.path)
        line = recording.call.line
        said = line.said.render(recording.start_sample, recording.end_sample)
        heard = line.heard.render(recording.start_sample, recording.end_sample)
        channels = [said] if recording.caller_only else [said, heard]
        return web.Response(body=pcm_file(channels), content_type="audio/x-wav")

    def _call(self, request: web.Request) -> SimulatedCall:
        call = self._network.books.calls.get(request.match_info["sid"])
        if call is None:
            raise not_found(request.path)
        return call

    def _recording(self, request: web.Request) -> RecordingRecord:
        recording = self._network.books.recordings.get(request.match_info["recording"])
        call_sid = request.match_info.get("sid")
        if recording is None or (call_sid is not None and recording.call.sid != call_sid):
            raise not_found(request.path)
        return recording
