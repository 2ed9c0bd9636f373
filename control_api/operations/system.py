"""Is it up, does it take work, who am I."""

from typing import Literal

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from control_api.errors import Detail, NoSuchThing, Unavailable
from control_api.fields import Output
from control_api.operation import ApiRequest, operation
from providers.circuit import CircuitState
from store import memberships, orgs
from store.memberships import Role


class Health(Output):
    """The service answers."""

    status: Literal["ok"]
    version: str


class ReadyDetails(Output):
    """What may matter although it stands in nobody's way: the circuit of each configured provider."""

    providers: dict[str, CircuitState]


class ReadyState(Output):
    """This node takes new calls and requests."""

    ready: Literal[True]
    live_calls: int
    details: ReadyDetails


class OrgOfActor(Output):
    """An org one belongs to."""

    id: str
    name: str
    role: Role


class CurrentUser(Output):
    """Who is signed in. An API key has a name and no address; it belongs to one org."""

    id: str
    kind: Literal["user", "api_key"]
    name: str
    email: str | None
    role: Role
    org: OrgOfActor
    orgs: list[OrgOfActor]


@operation("getHealth", role="public")
async def get_health(request: ApiRequest) -> Health:
    """Answers as soon as the process serves requests; says nothing about any org."""
    return Health(status="ok", version=request.services.version)


@operation("getReadiness", role="public")
async def get_readiness(request: ApiRequest) -> ReadyState:
    """503 while the node drains or a part of it does not work; `details` names the part.

    `details.providers` tells which speech providers calls are kept away from because they failed (`open`),
    or are tried again (`half_open`); the node takes calls all the same.
    """
    readiness = await request.services.readiness()
    if not readiness.ok:
        details = [Detail(part, text, "not_ready") for part, text in readiness.details.items()]
        raise Unavailable("not_ready", "This node takes no new work at the moment.", details)
    return ReadyState(
        ready=True,
        live_calls=request.services.live_calls(),
        details=ReadyDetails(providers=readiness.providers),
    )


@operation("getMetrics", role="public")
async def get_metrics(request: ApiRequest) -> web.StreamResponse:
    """Counters and gauges in Prometheus' text format; nothing in them names an org or a caller."""
    return web.Response(
        body=generate_latest(request.services.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
    )


@operation("getCurrentUser", role="viewer")
async def get_current_user(request: ApiRequest) -> CurrentUser:
    """The role is the one in force now, in the org the session or key belongs to."""
    actor = request.actor
    async with request.services.database.read() as conn:
        org = await orgs.get_org(conn, actor.org_id)
        places = await memberships.memberships_of(conn, actor.id) if actor.kind == "user" else []
    if org is None:
        raise NoSuchThing("org")
    here = OrgOfActor(id=org.id, name=org.name, role=actor.role)
    return CurrentUser(
        id=actor.id,
        kind=actor.kind,
        name=actor.name,
        email=actor.email,
        role=actor.role,
        org=here,
        orgs=[OrgOfActor(id=p.org_id, name=p.org_name, role=p.role) for p in places] or [here],
    )
