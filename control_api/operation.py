"""One operation, from both sides: the table says what is served, the decorated handler does it.

    @operation("createFlow", role="admin")
    async def create_flow(request: ApiRequest, *, body: FlowInput) -> FlowOut: ...

`path`, `query` and `body` are optional keyword arguments typed with request models; the return annotation is
the response model, or `web.StreamResponse` for operations that answer something else than JSON.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Literal, get_type_hints

from aiohttp import web

from control_api.errors import WiringError
from control_api.fields import Input, Output
from control_api.services import ApiServices
from control_api.sign_in import Actor
from control_api.table import Operation
from store.memberships import Role

OperationRole = Role | Literal["public"]
Handler = Callable[..., Awaitable[Any]]
_MARK = "__hum_operation__"
_INPUTS = ("path", "query", "body")


@dataclass(slots=True)
class ApiRequest:
    """What a handler gets to know about a request besides its typed input.

    Attributes:
        http: the request itself, for headers and streaming.
        services: the rest of the house.
        request_id: in logs and in the answer.
        signed_in: who asks; None for public operations.
        reply_headers: put here what the answer should carry.
    """

    http: web.Request
    services: ApiServices
    request_id: str
    signed_in: Actor | None = None
    reply_headers: dict[str, str] = field(default_factory=dict)

    @property
    def actor(self) -> Actor:
        """Who asks; only for operations that need sign-in."""
        assert self.signed_in is not None, "a public operation has no actor"
        return self.signed_in

    @property
    def org_id(self) -> str:
        """Whose data."""
        return self.actor.org_id


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the decorator notes on a handler."""

    operation_id: str
    role: OperationRole


@dataclass(frozen=True, slots=True)
class BoundOperation:
    """A row of the table with its handler and the models in the handler's signature."""

    operation: Operation
    role: OperationRole
    handler: Handler
    path: type[Input] | None
    query: type[Input] | None
    body: type[Input] | None
    result: type[Output] | None
    doc: str


def operation(operation_id: str, *, role: OperationRole) -> Callable[[Handler], Handler]:
    """Declare a handler to be the operation of this id, for this role and those above it."""

    def mark(handler: Handler) -> Handler:
        setattr(handler, _MARK, Declaration(operation_id, role))
        return handler

    return mark


def bind(table: Iterable[Operation], modules: Iterable[ModuleType]) -> list[BoundOperation]:
    """Bring table and handlers together.

    Raises:
        WiringError: an operation without handler or with two, a handler without operation, a role that
            contradicts the table, a signature that cannot be served.
    """
    handlers: dict[str, tuple[Declaration, Handler]] = {}
    for module in modules:
        for member in vars(module).values():
            declared = getattr(member, _MARK, None)
            if isinstance(declared, Declaration):
                if declared.operation_id in handlers:
                    raise WiringError(f"two handlers for {declared.operation_id}")
                handlers[declared.operation_id] = (declared, member)
    bound = []
    for row in table:
        if row.id not in handlers:
            raise WiringError(f"no handler for {row.id}, or the table has it twice")
        bound.append(_bind_one(row, *handlers.pop(row.id)))
    if handlers:
        raise WiringError(f"handlers of no operation: {sorted(handlers)}")
    return bound


def _bind_one(row: Operation, declared: Declaration, handler: Handler) -> BoundOperation:
    if (declared.role == "public") != (row.auth == "public"):
        raise WiringError(f"{row.id}: role {declared.role} contradicts auth {row.auth}")
    hints = get_type_hints(handler)
    names = list(inspect.signature(handler).parameters)[1:]
    unknown = set(names) - set(_INPUTS)
    if unknown or not inspect.iscoroutinefunction(handler) or not inspect.getdoc(handler):
        raise WiringError(f"{row.id}: needs a documented async handler taking path, query and body")
    for name in names:
        if not (isinstance(hints[name], type) and issubclass(hints[name], Input)):
            raise WiringError(f"{row.id}: {name} is not a request model")
    return BoundOperation(
        operation=row,
        role=declared.role,
        handler=handler,
        path=hints.get("path"),
        query=hints.get("query"),
        body=hints.get("body"),
        result=_result_model(row, hints.get("return")),
        doc=inspect.getdoc(handler) or "",
    )


def _result_model(row: Operation, result: Any) -> type[Output] | None:
    if result is web.StreamResponse:
        return None
    if isinstance(result, type) and issubclass(result, Output):
        return result
    raise WiringError(f"{row.id}: returns neither a response model nor a stream")
