"""`hum org`: organizations."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from flows.speech import PROVIDERS
from hum.administration import create_org, read_org, set_providers
from hum.commands.exits import clear_errors
from hum.commands.with_database import on_database

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def org() -> None:
    """Organizations: the tenants of this service."""


@app.command()
def create(
    name: Annotated[str, typer.Option(help="What it is called.")],
    owner_email: Annotated[str, typer.Option(help="Its first admin.")],
) -> None:
    """Create an organization; prints {"org_id", "user_id"}."""
    with clear_errors():
        made = on_database(lambda database: create_org(database, name, owner_email))
        print(json.dumps(asdict(made)))


@app.command()
def providers(
    org: Annotated[str, typer.Option(help="The organization.")],
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help=f"{', '.join(PROVIDERS)}; none shows the order in force."),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Leave the order to the service again.")] = False,
) -> None:
    """Set which providers speak in an organization's calls, in order; prints {"org_id", "providers"}.

    A flow that names providers of its own goes before this order.
    """
    wanted = list(dict.fromkeys(names or []))
    for name in wanted:
        if name not in PROVIDERS:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(PROVIDERS)}")
    if wanted and clear:
        raise typer.BadParameter("--clear goes with no name")
    with clear_errors():
        if wanted or clear:
            found = on_database(lambda database: set_providers(database, org, wanted))
        else:
            found = on_database(lambda database: read_org(database, org))
        print(json.dumps({"org_id": found.id, "providers": found.providers}))
