"""Schemathesis over the served document: what it invents is answered as the document says."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from tests.contract.reading import entries
from tests.contract.requests import furnish, rows_of
from tests.control_api.harness import Api

LIMIT_S = 50.0
CHECKED_BEYOND_SCHEMAS = {
    "listCalls": "a cursor must be one of ours",
    "streamCallEvents": "Last-Event-ID must be an event's",
    "createFlow": "JSON inside texts is checked, ids must exist",
    "updateFlow": "JSON inside texts is checked, ids must exist, If-Match must hold",
    "createNumber": "the flow must exist, a number is registered once",
    "updateNumber": "the flow must exist",
    "createOutboundCall": "the flow and number must exist",
    "getCallRecording": "the range must lie in the file",
    "headCallRecording": "the range must lie in the file",
}
"""Operations that rightly refuse some of what fits their schema, and why."""


def configuration(api: Api) -> str:
    """Schemathesis' configuration, as TOML."""
    ids = {"Calls": api.ours.call_id, "Flows": api.ours.flow_id, "Numbers": api.ours.number_id}
    lines = [
        "seed = 20261124",
        "workers = 1",
        "[auth.openapi]",
        f"apiKey = {{ bearer = {json.dumps(api.ours.keys['admin'])} }}",
        f"sessionCookie = {{ api_key = {json.dumps(api.ours.cookies['admin'])} }}",
        "[generation]",
        "deterministic = true",
        "max-examples = 6",
        'database = "none"',
        "no-shrink = true",
        "[cache]",
        "enabled = false",
        "[checks.positive_data_acceptance]",
        'expected-statuses = ["2xx", 404]',
    ]
    for tag, known in ids.items():
        lines += [
            "[[operations]]",
            f'include-tag = "{tag}"',
            f'parameters = {{ "path.id" = {json.dumps(known)} }}',
        ]
    statuses = '["2xx", 400, 404, 409, 412, 416]'
    for name in CHECKED_BEYOND_SCHEMAS:
        lines += [
            "[[operations]]",
            f'include-operation-id = "{name}"',
            f"checks = {{ positive_data_acceptance = {{ expected-statuses = {statuses} }} }}",
        ]
    # OpenAPI 3.1 has no words for a stream of events: the contract's "string" is the whole body, and
    # schemathesis holds each event against it.
    lines += [
        "[[operations]]",
        'include-operation-id = "streamCallEvents"',
        "checks = { response_schema_conformance = { enabled = false } }",
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.timeout(90)
@pytest.mark.blocking_loop("aiohttp logs what is no HTTP by itself, to standard error here")
async def test_schemathesis_finds_nothing(api: Api, tmp_path: Path):
    await furnish(api)
    before = await rows_of(api, api.theirs.org_id)
    file = tmp_path / "schemathesis.toml"
    file.write_text(configuration(api), encoding="utf-8")
    where = str(api.client.make_url("/openapi.json"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(file),
        "run", where, "--url", str(api.client.make_url("/")).rstrip("/"),
        "--phases", "examples,coverage,fuzzing", "--continue-on-failure", "--no-color", "--warnings", "off",
        "--report-json-path", str(tmp_path / "report.json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=tmp_path,
        env=os.environ | {"PYTHONWARNINGS": "ignore", "COLUMNS": "160"},
    )  # fmt: skip
    try:
        async with asyncio.timeout(LIMIT_S):
            output = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, output
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["complete"]
    assert report["operations"]["tested"] == len(entries()) - 1, "all but the document itself"
    for name, phases in report["valid_rates"].items():
        assert sum(phase["accepted"] for phase in phases.values()) > 0, f"{name} never succeeded"
    assert await rows_of(api, api.theirs.org_id) == before
    after = await rows_of(api, api.ours.org_id)
    assert len(after["flows"]) > 1, "no flow was created: signed in at all?"
    assert (await api.json("GET", f"/api/flows/{api.ours.flow_id}"))["version"] > 1
