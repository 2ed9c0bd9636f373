"""The table of operations: what is served where. Handlers say how and for whom (`operations/`).

The first part is the published contract, as far as it is served; names, methods, paths, tags and success
statuses are the contract's own and a test holds them equal. The second part is ours.
"""

from dataclasses import dataclass
from typing import Literal

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation.

    Attributes:
        id: its name, unique.
        method: HTTP method in capitals.
        path: with `{names}` in braces.
        tag: heading in the documentation.
        summary: one line.
        success: status of a successful answer.
        auth: `session` needs sign-in (cookie or key), `public` does not.
        produces: media type of a successful answer.
        hidden: not in the OpenAPI document (parts of pages).
    """

    id: str
    method: str
    path: str
    tag: str
    summary: str
    success: int = 200
    auth: Literal["public", "session"] = "session"
    produces: str = JSON
    hidden: bool = False


CONTRACT_OPERATIONS = (
    Operation("getHealth", "GET", "/api/health", "System", "Say that the service is up", auth="public"),
    Operation(
        "getCurrentUser", "GET", "/api/me", "User", "Tell who is signed in, in which org, with which role"
    ),
    Operation("listCalls", "GET", "/api/calls", "Calls", "List calls, newest first"),
    Operation(
        "getCall", "GET", "/api/calls/{id}", "Calls", "Show a call with transcript, tools and recording"
    ),
    Operation(
        "streamCallEvents",
        "GET",
        "/api/calls/{id}/stream",
        "Calls",
        "Stream a call's events as they happen (server-sent events)",
        produces="text/event-stream",
    ),
    Operation("listFlows", "GET", "/api/flows", "Flows", "List flows"),
    Operation("createFlow", "POST", "/api/flows", "Flows", "Create a flow", success=201),
    Operation("getFlow", "GET", "/api/flows/{id}", "Flows", "Show a flow"),
    Operation("updateFlow", "PATCH", "/api/flows/{id}", "Flows", "Change a flow"),
    Operation("listNumbers", "GET", "/api/numbers", "Numbers", "List phone numbers"),
    Operation("createNumber", "POST", "/api/numbers", "Numbers", "Register a phone number", success=201),
    Operation("updateNumber", "PATCH", "/api/numbers/{id}", "Numbers", "Rename a number or give it a flow"),
    Operation(
        "listOutboundCalls", "GET", "/api/outbound/calls", "Outbound", "List the latest outbound calls"
    ),
    Operation("createOutboundCall", "POST", "/api/outbound/calls", "Outbound", "Place a call"),
)

OWN_OPERATIONS = (
    Operation(
        "getReadiness", "GET", "/api/ready", "System", "Say whether this node takes new work", auth="public"
    ),
    Operation(
        "getMetrics",
        "GET",
        "/metrics",
        "System",
        "Metrics for Prometheus",
        auth="public",
        produces="text/plain",
    ),
    Operation("getOpenApi", "GET", "/openapi.json", "System", "This document", auth="public"),
    Operation(
        "getDocs", "GET", "/docs", "System", "This document, to read", auth="public", produces="text/html"
    ),
    Operation(
        "getDocsFile",
        "GET",
        "/docs/{name}",
        "System",
        "A part of the documentation page",
        auth="public",
        produces="application/octet-stream",
        hidden=True,
    ),
    Operation(
        "getCallRecording",
        "GET",
        "/api/calls/{id}/recording",
        "Calls",
        "Download a call's recording (caller left, agent right)",
        produces="audio/wav",
    ),
    Operation(
        "headCallRecording",
        "HEAD",
        "/api/calls/{id}/recording",
        "Calls",
        "Size and type of a call's recording",
        produces="audio/wav",
    ),
)

OPERATIONS = CONTRACT_OPERATIONS + OWN_OPERATIONS
