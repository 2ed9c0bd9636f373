"""Downloads: recordings in whole and in part, the document and its page."""

import asyncio
import dataclasses
import json
import re
from pathlib import Path

import pytest
from aiohttp import ClientPayloadError

from control_api import file_download
from store import calls
from tests.control_api.harness import WAV, Api, record


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    return tmp_path / "recordings"


async def fetch(api: Api, method: str = "GET", **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.call(method, f"/api/calls/{api.ours.call_id}/recording", role="viewer", headers=named)


async def test_a_recording_in_whole(api: Api, recordings: Path):
    await record(api, api.ours, recordings)
    response = await fetch(api)
    assert (response.status, await response.read()) == (200, WAV)
    assert response.headers["Content-Type"] == "audio/wav"
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["Cache-Control"] == "private, no-cache"
    head = await fetch(api, "HEAD")
    assert (head.status, await head.read()) == (200, b"")
    for name in ("Content-Length", "Content-Type", "ETag", "Accept-Ranges"):
        assert head.headers[name] == response.headers[name]
    assert (await fetch(api, "HEAD", Range="bytes=0-1")).headers["Content-Length"] == str(len(WAV))
    not_changed = await fetch(api, If_None_Match=response.headers["ETag"])
    assert (not_changed.status, await not_changed.read()) == (304, b"")


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-99", 10, 100),
        (f"bytes={len(WAV) - 1}-", len(WAV) - 1, len(WAV)),
        ("bytes=100-", 100, len(WAV)),
        ("bytes=-10", len(WAV) - 10, len(WAV)),
        ("bytes=0-999999999", 0, len(WAV)),
        ("bytes=-999999999", 0, len(WAV)),
    ],
)
async def test_a_recording_in_part(api: Api, recordings: Path, wanted: str, start: int, stop: int):
    await record(api, api.ours, recordings)
    response = await fetch(api, Range=wanted)
    assert response.status == 206
    assert await response.read() == WAV[start:stop]
    assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(WAV)}"
    tag = response.headers["ETag"]
    assert (await fetch(api, Range=wanted, If_Range=tag)).status == 206
    changed = await fetch(api, Range=wanted, If_Range='"other"')
    assert (changed.status, len(await changed.read())) == (200, len(WAV))


@pytest.mark.parametrize(
    "wanted",
    ["bytes=9-3", "pages=1-2", "bytes=x", "bytes=-", "bytes=0-1,3-4", "bytes= 0-1", "bytes=\u0661-", ""],
)
async def test_ranges_that_are_none_are_ignored(api: Api, recordings: Path, wanted: str):
    await record(api, api.ours, recordings)
    response = await fetch(api, Range=wanted)
    assert (response.status, await response.read()) == (200, WAV)


async def test_a_file_that_shrinks_while_it_is_sent_is_no_whole_answer(
    api: Api, recordings: Path, monkeypatch: pytest.MonkeyPatch
):
    real = file_download._open
    monkeypatch.setattr(file_download, "CHUNK_BYTES", 1)
    monkeypatch.setattr(
        file_download, "_open", lambda file: dataclasses.replace(real(file), size_bytes=len(WAV))
    )
    await record(api, api.ours, recordings, WAV[:3])
    response = await fetch(api)
    with pytest.raises(ClientPayloadError):
        await response.read()


@pytest.mark.parametrize(("if_match", "status"), [("*", 200), ('"other"', 412), ('W/"other"', 412)])
async def test_another_version_is_not_sent(api: Api, recordings: Path, if_match: str, status: int):
    await record(api, api.ours, recordings)
    assert (await fetch(api, If_Match=if_match)).status == status
    tag = (await fetch(api)).headers["ETag"]
    assert (await fetch(api, If_Match=tag)).status == 200


@pytest.mark.parametrize("wanted", [f"bytes={len(WAV)}-", "bytes=99999999-", "bytes=-0"])
async def test_ranges_outside_are_416(api: Api, recordings: Path, wanted: str):
    await record(api, api.ours, recordings)
    response = await fetch(api, Range=wanted)
    assert response.status == 416
    assert response.headers["Content-Range"] == f"bytes */{len(WAV)}"
    assert (await response.json())["code"] == "range_not_satisfiable"


async def test_a_large_recording_does_not_hold_others_up(api: Api, recordings: Path):
    content = WAV * 2000
    await record(api, api.ours, recordings, content)
    async with asyncio.TaskGroup() as group:
        downloads = [group.create_task((await fetch(api)).read()) for _ in range(3)]
        for _ in range(5):
            assert (await api.call("GET", "/api/health")).status == 200
    assert all(download.result() == content for download in downloads)


async def test_a_recording_that_is_not_there(api: Api, recordings: Path):
    assert (await fetch(api)).status == 404
    await record(api, api.ours, recordings)
    (file,) = await asyncio.to_thread(lambda: list(recordings.rglob("*.wav")))
    await asyncio.to_thread(file.unlink)
    response = await fetch(api)
    assert (response.status, (await response.json())["message"]) == (404, "There is no such recording.")
    assert (await fetch(api, "HEAD")).status == 404


@pytest.mark.parametrize("path", ["../outside.wav", "/etc/hostname", "link.wav", ".", ""])
async def test_a_path_never_leads_out_of_the_recordings(api: Api, recordings: Path, path: str):
    def plant() -> None:
        recordings.mkdir(exist_ok=True)
        (recordings.parent / "outside.wav").write_bytes(WAV)
        (recordings / "link.wav").symlink_to(recordings.parent / "outside.wav")

    await asyncio.to_thread(plant)
    async with api.database.write() as conn:
        await calls.update_call(conn, api.ours.org_id, api.ours.call_id, recording_path=path)
    assert (await fetch(api)).status == 404


async def test_the_document_is_served_and_cached(api: Api):
    response = await api.call("GET", "/openapi.json", role=None)
    document = await response.json()
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": "https://hum.example.com"}]
    assert document["info"]["version"] == "9.9.9"
    tag = response.headers["ETag"]
    again = await api.call("GET", "/openapi.json", role=None, headers={"If-None-Match": f'"x", {tag}'})
    assert (again.status, await again.read(), again.headers["ETag"]) == (304, b"", tag)
    assert (await api.call("GET", "/openapi.json", headers={"If-None-Match": '"x"'})).status == 200


async def test_the_page_loads_nothing_from_elsewhere(api: Api):
    page = await api.call("GET", "/docs", role=None)
    html = await page.text()
    policy = page.headers["Content-Security-Policy"]
    assert page.content_type == "text/html"
    assert "default-src 'self'" in policy
    assert not re.search(r"https?:|unsafe|\*", policy)
    assert not re.search(r"https?://|<script>|style=|onload=", html)
    loaded = re.findall(r'(?:src|href)="(/[^"]+)"', html)
    assert loaded == ["/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/start.js"]
    types = []
    for path in loaded:
        response = await api.call("GET", path, role=None)
        assert response.status == 200
        assert len(await response.read()) > 100
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        types.append(response.content_type)
    assert types == ["text/css", "text/javascript", "text/javascript"]
    start = await (await api.call("GET", "/docs/start.js", role=None)).text()
    assert "validatorUrl: null" in start


@pytest.mark.parametrize(
    "name", ["index.html", "LICENSE.txt", "..%2f__init__.py", "%2e%2e", "none.js", "%00"]
)
async def test_the_page_has_these_parts_and_no_others(api: Api, name: str):
    assert (await api.call("GET", f"/docs/{name}", role=None)).status in (400, 404)


async def test_what_is_served_is_what_the_command_prints(api: Api):
    from control_api.application import openapi_document

    served = await api.json("GET", "/openapi.json", role=None)
    printed = json.loads(json.dumps(openapi_document("9.9.9", "https://hum.example.com")))
    assert served == printed
