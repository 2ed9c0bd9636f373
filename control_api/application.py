"""Puts the API into a web application: operations bound, routes added, the document built."""

from aiohttp import web

from control_api.dispatch import go_on, http_handler
from control_api.errors import WiringError
from control_api.event_stream import OPEN_STREAMS, OpenStreams
from control_api.metrics import ApiMetrics
from control_api.openapi import Schema, build_document, encode_document, names_in
from control_api.operation import BoundOperation, bind
from control_api.operations import calls, documentation, flows, numbers, outbound, recordings, system
from control_api.services import ApiServices
from control_api.shaping import answer_signal, shape_errors
from control_api.table import OPERATIONS

_MODULES = (system, calls, flows, numbers, outbound, recordings, documentation)


def bound_operations() -> list[BoundOperation]:
    """Bring the table and the handlers together.

    Raises:
        WiringError: they disagree.
    """
    bound = bind(OPERATIONS, _MODULES)
    for each in bound:
        declared = sorted(each.path.model_fields) if each.path is not None else []
        if declared != sorted(names_in(each.operation.path)):
            raise WiringError(
                f"{each.operation.id}: the handler's path model does not fit {each.operation.path}"
            )
    return bound


def openapi_document(version: str, public_url: str | None = None) -> Schema:
    """Return the OpenAPI document without serving it.

    Args:
        version: of the software.
        public_url: where the API is served; left out when None.
    """
    return build_document(bound_operations(), version, public_url)


def add_control_api(app: web.Application, services: ApiServices) -> None:
    """Add the API to an application that may have other routes; those are left alone.

    Args:
        app: not started yet.
        services: what the handlers need.

    Raises:
        WiringError: operations and handlers disagree.
    """
    bound = bound_operations()
    metrics = ApiMetrics(services.registry, services.event_log)
    streams = OpenStreams(services.bus, metrics)
    app[OPEN_STREAMS] = streams
    app[documentation.DOCUMENT] = encode_document(
        build_document(bound, services.version, services.public_url)
    )
    app.middlewares.append(shape_errors)
    app.on_response_prepare.append(answer_signal(metrics))
    app.on_shutdown.append(streams.close)
    for each in bound:
        app.router.add_route(
            each.operation.method, each.operation.path, http_handler(each, services), expect_handler=go_on
        )
