"""REST: text messages, their segments and their way to `delivered`.

Source: Twilio docs, "Message resource", read 2026-11: the first status is `queued` from a number, `accepted`
from a messaging service; then sent and delivered are reported to StatusCallback. Errors: 21604 no To, 21603
no From, 21602 no body, 21211 bad To, 21606 From is not ours, 21617 body too long, 21610 opted out.
"""

import re
from collections.abc import Callable

from aiohttp import web

from bench.simulators.twilio.form import Form
from bench.simulators.twilio.network import MessageRecord, Network
from bench.simulators.twilio.rest import RestServer, json_answer, read_form
from bench.simulators.twilio.rest_answers import RestError, message_json, not_found, page_json

_E164 = re.compile(r"\+[1-9]\d{1,14}", re.ASCII)
_MAX_BODY_CHARS = 1600
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = frozenset("^{}\\[~]|€\f")


def segments(body: str) -> int:
    """Return how many segments a text takes: 160 or 70 characters in one, 153 or 67 in each of several.

    Source: 3GPP TS 23.038 (GSM 7-bit; extended characters count twice) and 23.040 (concatenation).
    """
    if all(char in _GSM or char in _GSM_EXTENDED for char in body):
        length, single, each = len(body) + sum(char in _GSM_EXTENDED for char in body), 160, 153
    else:
        length, single, each = len(body.encode("utf-16-le")) // 2, 70, 67
    return 1 if length <= single else -(-length // each)


class MessageRoutes:
    """Handlers for Messages.

    Args:
        network: configuration and books.
        deliver: takes a new message on its way.
    """

    def __init__(self, network: Network, deliver: Callable[[MessageRecord], None]) -> None:
        self._network = network
        self._deliver = deliver

    def add_to(self, server: RestServer) -> None:
        """Add the routes."""
        server.route("POST", "/Messages.json", self.create)
        server.route("GET", "/Messages.json", self.index)
        server.route("GET", "/Messages/{sid}.json", self.fetch)

    async def create(self, request: web.Request) -> web.Response:
        """POST Messages.json: send a text."""
        message = self._read(await read_form(request))
        self._network.books.messages[message.sid] = message
        body = message_json(self._network, message)
        self._deliver(message)
        return json_answer(body, 201)

    async def index(self, request: web.Request) -> web.Response:
        """GET Messages.json, newest first, filtered by To and From."""
        query = dict(request.query)
        bodies = [message_json(self._network, m) for m in reversed(self._network.books.messages.values())]
        for parameter, field in (("To", "to"), ("From", "from")):
            if parameter in query:
                bodies = [body for body in bodies if body[field] == query[parameter]]
        return json_answer(page_json("messages", bodies, request.path, query))

    async def fetch(self, request: web.Request) -> web.Response:
        """GET Messages/{SM}.json."""
        message = self._network.books.messages.get(request.match_info["sid"])
        if message is None:
            raise not_found(request.path)
        return json_answer(message_json(self._network, message))

    def _read(self, form: Form) -> MessageRecord:
        to_number, from_number, body = form.get("To"), form.get("From"), form.get("Body")
        service = form.get("MessagingServiceSid")
        media = form.all("MediaUrl")
        self._check(to_number, from_number, service, body, media)
        now = self._network.clock.now()
        return MessageRecord(
            sid=self._network.sids.new("MM" if media else "SM"),
            from_number=from_number,
            to_number=to_number,
            body=body,
            status="accepted" if service else "queued",
            direction="outbound-api",
            created_at=now,
            updated_at=now,
            num_segments=0 if service else segments(body),
            num_media=len(media),
            messaging_service_sid=service or None,
            status_callback=form.get("StatusCallback"),
        )

    def _check(self, to_number: str, from_number: str, service: str, body: str, media: list[str]) -> None:
        if not to_number:
            raise RestError(400, 21604, "A 'To' phone number is required.")
        if not _E164.fullmatch(to_number):
            raise RestError(400, 21211, f"The 'To' number {to_number} is not a valid phone number.")
        if not from_number and not service:
            raise RestError(400, 21603, "A 'From' phone number is required.")
        if not body and not media:
            raise RestError(400, 21602, "Message body is required.")
        if len(body) > _MAX_BODY_CHARS:
            raise RestError(
                400, 21617, f"The concatenated message body exceeds the {_MAX_BODY_CHARS} character limit."
            )
        if from_number and self._network.books.number(from_number) is None:
            raise RestError(
                400, 21606, f"The From phone number {from_number} is not a valid, SMS-capable number."
            )
        if (from_number or service, to_number) in self._network.books.opted_out:
            raise RestError(400, 21610, "Attempt to send to unsubscribed recipient")
