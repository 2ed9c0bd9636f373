"""`hum serve`: the service."""

import asyncio
import gc
import signal
import sys
from typing import Annotated

import typer
import uvloop

from hum.commands.exits import clear_errors
from hum.logs import configure_logs
from hum.service import ROLES, Service, running_service
from hum.settings import Settings, SettingsError, read_settings

app = typer.Typer(add_completion=False)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    roles: Annotated[str, typer.Option(help="Parts to run, separated by commas.")] = ",".join(ROLES),
) -> None:
    """Run the service until SIGTERM or Ctrl-C; a second one does not wait for live calls."""
    with clear_errors():
        chosen = _roles(roles)
        settings = read_settings(host=host, port=port)
        configure_logs()
        uvloop.run(_serve(settings, chosen))


def _roles(text: str) -> tuple[str, ...]:
    chosen = tuple(part.strip() for part in text.split(",") if part.strip())
    unknown = sorted(set(chosen) - set(ROLES))
    if unknown or not chosen:
        raise SettingsError(f"--roles takes some of {', '.join(ROLES)}, not {text!r}")
    return chosen


async def _serve(settings: Settings, roles: tuple[str, ...]) -> None:
    stop = asyncio.Event()
    async with running_service(settings, roles=roles) as service:
        _on_signals(service, stop)
        gc.collect()
        gc.freeze()  # what is loaded by now stays: the collector need not look at it again
        print(f"HUM is ready at {service.url}", flush=True)
        await stop.wait()
        if service.live.count:
            print(
                f"stopping when {service.live.count} live calls have ended; again to hurry", file=sys.stderr
            )


def _on_signals(service: Service, stop: asyncio.Event) -> None:
    def stop_or_hurry() -> None:
        if stop.is_set():
            service.hurry()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop_or_hurry)
