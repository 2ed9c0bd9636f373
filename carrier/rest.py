"""Twilio's REST API for calls, through the official SDK.

The SDK's own asynchronous transport has no timeout, logs phone numbers at INFO and repeats POSTs when asked
to retry, so it is given ours: one shared aiohttp session, a deadline, no retry. Twilio has no idempotency
key: a request whose answer was lost may have been carried out, and says so in `CarrierError.retryable`.

Source: twilio-python 9.13 `rest/api/v2010/account/call`, `http/async_http_client`, read 2026-11-24.
"""

import asyncio
import base64
import logging
from dataclasses import dataclass
from typing import Any

import aiohttp
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from carrier.errors import CarrierError, NotInProgress

REQUEST_TIMEOUT_S = 10.0
CODE_NOT_IN_PROGRESS = 21220
CODE_NOT_FOUND = 20404
STATUS_EVENTS = ["initiated", "ringing", "answered", "completed"]
_NOT_CARRIED_OUT = frozenset({"429"})
"""Statuses that say the request was not processed; after a 503 the phone may ring all the same."""


class _Transport(AsyncHttpClient):  # type: ignore[misc]  # the SDK is untyped
    """The SDK's requests on our aiohttp session."""

    def __init__(self, session: aiohttp.ClientSession, timeout_s: float) -> None:
        super().__init__(logging.getLogger("twilio"), True, timeout_s)
        self._session = session
        self._timeout_s = timeout_s

    async def request(
        self,
        method: str,
        url: str,
        params: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """Carry out one request of the SDK."""
        sent = dict(headers or {})
        if auth is not None:
            sent["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
        async with asyncio.timeout(timeout or self._timeout_s):
            async with self._session.request(
                method.upper(), url, params=params, data=data, headers=sent, allow_redirects=allow_redirects
            ) as answer:
                text = await answer.text(errors="replace")
        if answer.ok and text and not text.lstrip().startswith("{"):
            raise ValueError("the answer is not a JSON object")  # the SDK would fall over it
        return Response(answer.status, text, answer.headers)


@dataclass(frozen=True, slots=True)
class CarrierCall:
    """A call as Twilio describes it; `duration_s` is None until it is over."""

    sid: str
    status: str
    duration_s: int | None


@dataclass(frozen=True, slots=True)
class Dialling:
    """How to place a call.

    Attributes:
        to_e164: Whom to call.
        from_e164: Which of our numbers to call from.
        answer_url: Asked for TwiML when the call is answered.
        status_url: Told about each status.
        amd_url: Told who answered, person or machine, while the call goes on.
        time_limit_s: The carrier ends the call after this time whatever happens.
    """

    to_e164: str
    from_e164: str
    answer_url: str
    status_url: str
    amd_url: str
    time_limit_s: int


class CarrierClient:
    """Places, looks up and ends calls.

    Args:
        session: A shared HTTP session; the caller closes it.
        account_sid: The Twilio account.
        auth_token: Its secret.
        base_url: Where the API is, or None for Twilio's own address.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        account_sid: str,
        auth_token: str,
        base_url: str | None = None,
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> None:
        self._client = Client(account_sid, auth_token, http_client=_Transport(session, timeout_s))
        if base_url:
            self._client.api.base_url = base_url

    async def place_call(self, dialling: Dialling) -> CarrierCall:
        """Ask the carrier to dial.

        Raises:
            CarrierError: Not accepted; `retryable` only when it certainly did not dial.
        """
        return await self._ask(
            self._client.calls.create_async(
                to=dialling.to_e164,
                from_=dialling.from_e164,
                url=dialling.answer_url,
                status_callback=dialling.status_url,
                status_callback_event=STATUS_EVENTS,
                machine_detection="DetectMessageEnd",
                async_amd="true",
                async_amd_status_callback=dialling.amd_url,
                time_limit=dialling.time_limit_s,
            )
        )

    async def fetch_call(self, call_sid: str) -> CarrierCall:
        """Look a call up.

        Raises:
            NotInProgress: The carrier knows no such call.
            CarrierError: No answer.
        """
        return await self._ask(self._client.calls(call_sid).fetch_async())

    async def hang_up(self, call_sid: str) -> None:
        """End a call; one that is over already counts as ended.

        Raises:
            CarrierError: The carrier could not be asked.
        """
        try:
            await self._ask(self._client.calls(call_sid).update_async(status="completed"))
        except NotInProgress:
            return

    async def _ask(self, request: Any) -> CarrierCall:
        try:
            return _described(await request)
        except (TwilioRestException, TwilioServiceException) as error:
            raise _refusal(error) from error
        except TwilioException as error:
            raise CarrierError(0, str(error), retryable=False) from error
        except (aiohttp.ClientConnectorError, ConnectionRefusedError) as error:
            raise CarrierError(0, "the carrier cannot be reached", retryable=True) from error
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise CarrierError(0, f"no usable answer from the carrier: {error}", retryable=False) from error


def _described(call: Any) -> CarrierCall:
    sid, status, duration = call.sid, call.status, call.duration
    if not (isinstance(sid, str) and sid and isinstance(status, str)):
        raise ValueError("a call without sid or status")
    if duration is not None and not (isinstance(duration, str | int) and str(duration).isdecimal()):
        raise ValueError("a call with a duration that is no number")
    return CarrierCall(sid, status, None if duration is None else int(duration))


def _refusal(error: TwilioRestException | TwilioServiceException) -> CarrierError:
    """The SDK raises one class for Twilio's older error bodies and another for those of RFC 9457."""
    message = error.msg if isinstance(error, TwilioRestException) else error.detail or error.title
    code = int(error.code) if str(error.code).isdecimal() else 0
    if code in (CODE_NOT_IN_PROGRESS, CODE_NOT_FOUND) or error.status == 404:
        return NotInProgress(code, str(message))
    return CarrierError(code, str(message), retryable=str(error.status) in _NOT_CARRIED_OUT)
