"""Which forms count as signed by the carrier: repeated names do, files and signatures of any bytes do not."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from multidict import MultiDict
from twilio.request_validator import RequestValidator

from tests.gateway.whole_call import AUTH_TOKEN, NUMBER, House, house

pytestmark = [pytest.mark.virtual_time(wall=True), pytest.mark.whole_call]

INCOMING = [("CallSid", "CA" + "2" * 32), ("From", "+15557654321"), ("To", NUMBER), ("CallStatus", "ringing")]


async def post(home: House, data: object, signed: MultiDict[str], **headers: str) -> tuple[int, str]:
    url = f"{home.public_url}/twilio/voice/{home.number_id}"
    signature = RequestValidator(AUTH_TOKEN).compute_signature(url, signed)
    sent = {"X-Twilio-Signature": signature, **headers}
    async with aiohttp.ClientSession() as client, client.post(url, data=data, headers=sent) as answer:
        return answer.status, await answer.text()


async def test_a_name_given_twice(tmp_path: Path) -> None:
    form = MultiDict([*INCOMING, ("Extra", "b"), ("Extra", "a")])
    async with house(tmp_path) as home:
        status, twiml = await post(home, form, form)
        assert (status, "<Stream" in twiml) == (200, True)
        assert (await post(home, MultiDict([*INCOMING, ("Extra", "b")]), form))[0] == 403


async def test_a_file_among_the_fields(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        upload = aiohttp.FormData(INCOMING)
        upload.add_field("File", b"x", filename="x.bin")
        assert (await post(home, upload, MultiDict(INCOMING)))[0] == 403


async def test_a_signature_that_is_no_text(tmp_path: Path) -> None:
    form = MultiDict(INCOMING)
    async with house(tmp_path) as home:
        for signature in ("é".encode(), b"\xff\xfe"):
            raw = await _raw_post(home, signature)
            assert raw.startswith(b"HTTP/1.1 403 ")
        assert (await post(home, form, form))[0] == 200


async def _raw_post(home: House, signature: bytes) -> bytes:
    """Send what no client library would: a header of any bytes."""
    parts = urlsplit(home.public_url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    body = b"CallSid=CA1"
    head = (
        f"POST /twilio/voice/{home.number_id} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
    )
    writer.write(head.encode() + b"X-Twilio-Signature: " + signature + b"\r\n\r\n" + body)
    await writer.drain()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer
