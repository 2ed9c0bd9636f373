"""`hum org`: organizations."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from hum.administration import create_org
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
