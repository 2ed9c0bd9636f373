"""`hum db`: migrations, consistency, online copy."""

from pathlib import Path
from typing import Annotated

import typer

from hum.commands.exits import FAILED, clear_errors
from hum.settings import Settings, read_settings
from store import migrate

app = typer.Typer(add_completion=False, no_args_is_help=True)


def _settings() -> Settings:
    settings = read_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return settings


@app.command()
def upgrade() -> None:
    """Bring the schema to the newest version; an SQLite file is copied first."""
    with clear_errors():
        database = _settings().database
        migrate.upgrade(database)
        print(f"schema is at {migrate.current_revision(database)}")


@app.command()
def check() -> None:
    """Look for damage and drift; exit status 1 when there is any."""
    with clear_errors():
        problems = migrate.check(_settings().database)
    for problem in problems:
        print(problem)
    if problems:
        raise typer.Exit(FAILED)
    print("the database is in order")


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="Where the copy goes; must not exist.")]) -> None:
    """Copy an SQLite database while the service runs."""
    with clear_errors():
        migrate.backup(_settings().database, file)
        print(f"copied to {file}")
