"""`hum session`: sign-in without a browser."""

from enum import StrEnum
from typing import Annotated

import typer

from hum.administration import create_session
from hum.commands.exits import clear_errors
from hum.commands.with_database import on_database
from store.memberships import Role

app = typer.Typer(add_completion=False, no_args_is_help=True)


class RoleName(StrEnum):
    """The roles a member can have."""

    viewer = "viewer"
    operator = "operator"
    admin = "admin"


@app.callback()
def session() -> None:
    """Browser sessions, for local administration and tests."""


@app.command()
def create(
    org: Annotated[str, typer.Option(help="The organization's id.")],
    email: Annotated[str, typer.Option(help="Who signs in.")],
    role: Annotated[RoleName | None, typer.Option(help="Make the person a member with this role.")] = None,
) -> None:
    """Print the value of a fresh bh_hum_session cookie."""
    with clear_errors():
        chosen: Role | None = None
        if role is not None:
            chosen = role.value
        print(on_database(lambda database: create_session(database, org, email, chosen)))
