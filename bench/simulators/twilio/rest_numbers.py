"""REST: the account's phone numbers."""

import re

from aiohttp import web

from bench.simulators.twilio.form import Form
from bench.simulators.twilio.network import Network, NumberRecord
from bench.simulators.twilio.rest import RestServer, json_answer, read_form
from bench.simulators.twilio.rest_answers import RestError, not_found, number_json, page_json

_E164 = re.compile(r"\+[1-9]\d{1,14}", re.ASCII)
_SETTINGS = frozenset(
    {
        "FriendlyName",
        "VoiceUrl",
        "VoiceMethod",
        "VoiceFallbackUrl",
        "VoiceFallbackMethod",
        "VoiceApplicationSid",
        "SmsUrl",
        "SmsMethod",
        "SmsFallbackUrl",
        "SmsFallbackMethod",
        "SmsApplicationSid",
        "StatusCallback",
        "StatusCallbackMethod",
    }
)
_URLS = frozenset({"VoiceUrl", "VoiceFallbackUrl", "SmsUrl", "SmsFallbackUrl", "StatusCallback"})


class NumberRoutes:
    """Handlers for IncomingPhoneNumbers.

    Args:
        network: configuration and books.
    """

    def __init__(self, network: Network) -> None:
        self._network = network

    def add_to(self, server: RestServer) -> None:
        """Add the routes."""
        server.route("GET", "/IncomingPhoneNumbers.json", self.index)
        server.route("POST", "/IncomingPhoneNumbers.json", self.create)
        server.route("GET", "/IncomingPhoneNumbers/{sid}.json", self.fetch)
        server.route("POST", "/IncomingPhoneNumbers/{sid}.json", self.update)
        server.route("DELETE", "/IncomingPhoneNumbers/{sid}.json", self.delete)

    async def index(self, request: web.Request) -> web.Response:
        """GET IncomingPhoneNumbers.json, filtered by PhoneNumber (`*`: any digits) and FriendlyName."""
        query = dict(request.query)
        bodies = [number_json(self._network, n) for n in self._network.books.numbers.values()]
        if pattern := query.get("PhoneNumber"):
            wanted = re.compile(re.escape(pattern).replace(r"\*", r"\d*"))
            bodies = [body for body in bodies if wanted.search(body["phone_number"])]
        if name := query.get("FriendlyName"):
            bodies = [body for body in bodies if body["friendly_name"] == name]
        return json_answer(page_json("incoming_phone_numbers", bodies, request.path, query))

    async def create(self, request: web.Request) -> web.Response:
        """POST IncomingPhoneNumbers.json: buy a number."""
        form = await read_form(request)
        phone_number = form.get("PhoneNumber")
        if not phone_number and form.get("AreaCode"):
            phone_number = f"+1{form.get('AreaCode')}555{len(self._network.books.numbers):04d}"
        if not _E164.fullmatch(phone_number):
            raise RestError(400, 21421, f"PhoneNumber is invalid: {phone_number!r}")
        if self._network.books.number(phone_number) is not None:
            raise RestError(400, 21422, f"{phone_number} is not available.")
        now = self._network.clock.now()
        number = NumberRecord(self._network.sids.new("PN"), phone_number, now, now)
        self._apply(number, form)
        self._network.books.numbers[number.sid] = number
        return json_answer(number_json(self._network, number), 201)

    async def fetch(self, request: web.Request) -> web.Response:
        """GET IncomingPhoneNumbers/{PN}.json."""
        return json_answer(number_json(self._network, self._number(request)))

    async def update(self, request: web.Request) -> web.Response:
        """POST IncomingPhoneNumbers/{PN}.json: change its settings."""
        number = self._number(request)
        self._apply(number, await read_form(request))
        number.updated_at = self._network.clock.now()
        return json_answer(number_json(self._network, number))

    async def delete(self, request: web.Request) -> web.Response:
        """DELETE IncomingPhoneNumbers/{PN}.json: give it back."""
        del self._network.books.numbers[self._number(request).sid]
        return web.Response(status=204)

    def _apply(self, number: NumberRecord, form: Form) -> None:
        for name, value in form.items():
            if name in _URLS and value and not value.startswith(("http://", "https://")):
                raise RestError(400, 21502 if name == "VoiceUrl" else 21503, f"{name} is not a valid URL")
        number.settings.update({name: value for name, value in form.items() if name in _SETTINGS})

    def _number(self, request: web.Request) -> NumberRecord:
        number = self._network.books.numbers.get(request.match_info["sid"])
        if number is None:
            raise not_found(request.path)
        return number
