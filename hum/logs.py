"""Logs: structured, static text plus fields; JSON lines unless somebody watches a terminal."""

import logging
import sys

import structlog


def configure_logs(level: str = "info") -> None:
    """Send the logs of the whole process to standard error.

    Args:
        level: The least important level that is still written.
    """
    renderer: structlog.typing.Processor
    if sys.stderr.isatty():
        renderer = structlog.dev.ConsoleRenderer()
    else:
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # The SDKs of others log numbers and URLs at INFO; only their warnings are wanted.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
