"""What the REST API answers: resources, lists and errors in Twilio's shapes.

Source: Twilio docs, "API responses" and "Paging", and twilio-python 9.13.0 (what its instances read), read
2026-11. Dates are RFC 2822; durations and counts are strings; absent values null.
"""

from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from bench.simulators.twilio.call import SimulatedCall
from bench.simulators.twilio.network import Json, MessageRecord, Network, NumberRecord, RecordingRecord


class RestError(Exception):
    """A request Twilio would refuse.

    Args:
        status: the HTTP status.
        code: Twilio's error code.
        message: Twilio's words.
    """

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def body(self) -> Json:
        """Return the error body."""
        return {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }


def not_found(path: str) -> RestError:
    """Return the error for a resource that does not exist."""
    return RestError(404, 20404, f"The requested resource {path} was not found")


def call_json(network: Network, call: SimulatedCall) -> Json:
    """Return a Call resource. A call that is being dialled reads `queued`, not `initiated`, over REST."""
    facts = call.facts
    uri = network.uri("Calls", facts.sid)
    over = call.status in ("completed", "busy", "failed", "no-answer", "canceled")
    return {
        "sid": facts.sid,
        "date_created": _date(call.created_at),
        "date_updated": _date(call.ended_at or call.started_at or call.created_at),
        "parent_call_sid": facts.parent_sid,
        "account_sid": facts.account_sid,
        "to": facts.to_number,
        "to_formatted": facts.to_number,
        "from": facts.from_number,
        "from_formatted": facts.from_number,
        "phone_number_sid": facts.phone_number_sid or None,
        "status": "queued" if call.status == "initiated" else call.status,
        "start_time": _date(call.started_at),
        "end_time": _date(call.ended_at),
        "duration": str(call.duration_s) if over else None,
        "price": None,
        "price_unit": "USD",
        "direction": facts.direction,
        "answered_by": call.answered_by,
        "api_version": "2010-04-01",
        "annotation": None,
        "forwarded_from": None,
        "group_sid": None,
        "caller_name": None,
        "queue_time": "0",
        "trunk_sid": None,
        "uri": f"{uri}.json",
        "subresource_uris": {"recordings": f"{uri}/Recordings.json"},
    }


def number_json(network: Network, number: NumberRecord) -> Json:
    """Return an IncomingPhoneNumber resource."""
    return {
        "sid": number.sid,
        "account_sid": network.config.account_sid,
        "friendly_name": number.setting("FriendlyName") or number.phone_number,
        "phone_number": number.phone_number,
        "date_created": _date(number.created_at),
        "date_updated": _date(number.updated_at),
        "voice_url": number.setting("VoiceUrl"),
        "voice_method": number.setting("VoiceMethod") or "POST",
        "voice_fallback_url": number.setting("VoiceFallbackUrl"),
        "voice_fallback_method": number.setting("VoiceFallbackMethod") or "POST",
        "voice_caller_id_lookup": False,
        "voice_application_sid": number.setting("VoiceApplicationSid"),
        "sms_url": number.setting("SmsUrl"),
        "sms_method": number.setting("SmsMethod") or "POST",
        "sms_fallback_url": number.setting("SmsFallbackUrl"),
        "sms_fallback_method": number.setting("SmsFallbackMethod") or "POST",
        "sms_application_sid": number.setting("SmsApplicationSid"),
        "status_callback": number.setting("StatusCallback"),
        "status_callback_method": number.setting("StatusCallbackMethod") or "POST",
        "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
        "address_requirements": "none",
        "beta": False,
        "origin": "twilio",
        "status": "in-use",
        "trunk_sid": None,
        "emergency_status": "Inactive",
        "api_version": "2010-04-01",
        "uri": f"{network.uri('IncomingPhoneNumbers', number.sid)}.json",
    }


def recording_json(network: Network, recording: RecordingRecord) -> Json:
    """Return a Recording resource."""
    done = recording.status == "completed"
    uri = network.uri("Recordings", recording.sid)
    return {
        "sid": recording.sid,
        "account_sid": network.config.account_sid,
        "call_sid": recording.call.sid,
        "conference_sid": None,
        "date_created": _date(recording.created_at),
        "date_updated": _date(recording.created_at),
        "start_time": _date(recording.created_at),
        "duration": str(recording.duration_s) if done else None,
        "channels": recording.channels,
        "source": recording.source,
        "status": recording.status,
        "error_code": None,
        "price": None,
        "price_unit": "USD",
        "track": "both",
        "api_version": "2010-04-01",
        "encryption_details": None,
        "media_url": network.absolute(uri),
        "uri": f"{uri}.json",
    }


def message_json(network: Network, message: MessageRecord) -> Json:
    """Return a Message resource."""
    uri = network.uri("Messages", message.sid)
    sent = message.status in ("sent", "delivered", "undelivered")
    return {
        "sid": message.sid,
        "account_sid": network.config.account_sid,
        "messaging_service_sid": message.messaging_service_sid,
        "from": message.from_number or None,
        "to": message.to_number,
        "body": message.body,
        "status": message.status,
        "direction": message.direction,
        "num_segments": str(message.num_segments),
        "num_media": str(message.num_media),
        "error_code": message.error_code,
        "error_message": None,
        "price": None,
        "price_unit": "USD",
        "date_created": _date(message.created_at),
        "date_updated": _date(message.updated_at),
        "date_sent": _date(message.updated_at) if sent else None,
        "api_version": "2010-04-01",
        "uri": f"{uri}.json",
        "subresource_uris": {"media": f"{uri}/Media.json"},
    }


def page_json(key: str, items: Sequence[Json], path: str, query: dict[str, str]) -> Json:
    """Return one page of a list.

    Args:
        key: the name of the list, e.g. `calls`.
        items: all resources, newest first.
        path: the list's path.
        query: the request's query; `Page` (from 0) and `PageSize` (50, at most 1000) are read from it.
    """
    size = min(max(_int(query.get("PageSize"), 50), 1), 1000)
    page = max(_int(query.get("Page"), 0), 0)
    shown = items[page * size : (page + 1) * size]

    def uri(number: int) -> str:
        return f"{path}?{urlencode({**query, 'PageSize': str(size), 'Page': str(number)})}"

    body: dict[str, Any] = {
        key: shown,
        "page": page,
        "page_size": size,
        "start": page * size,
        "end": page * size + max(0, len(shown) - 1),
        "uri": uri(page),
        "first_page_uri": uri(0),
        "previous_page_uri": uri(page - 1) if page else None,
        "next_page_uri": uri(page + 1) if (page + 1) * size < len(items) else None,
    }
    return body


def _int(value: str | None, default: int) -> int:
    return int(value) if value and value.isascii() and value.isdigit() else default


def _date(at: datetime | None) -> str | None:
    return format_datetime(at) if at is not None else None
