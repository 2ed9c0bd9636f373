"""`hum key`: API keys."""

from typing import Annotated

import typer

from hum.administration import create_key
from hum.commands.exits import clear_errors
from hum.commands.session import RoleName
from hum.commands.with_database import on_database

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def key() -> None:
    """Keys for programs that use the API."""


@app.command()
def create(
    org: Annotated[str, typer.Option(help="The organization's id.")],
    role: Annotated[RoleName, typer.Option(help="What the key may do.")],
    name: Annotated[str, typer.Option(help="What it is for.")],
) -> None:
    """Print a new API key. It is shown this once."""
    with clear_errors():
        print(on_database(lambda database: create_key(database, org, role.value, name)))
