"""The `hum` command. Each subcommand is a module of `hum.commands`, imported only when it is used."""

import sys
from importlib import import_module

from rich.console import Console
from rich.table import Table

COMMANDS = {
    "serve": ("hum.commands.serve", "Run the service: gateway, control API and worker in one process."),
    "demo": ("hum.commands.demo", "Watch a phone call: no key, no account, no phone."),
    "bench": ("hum.commands.bench", "Measure calls, codecs and more."),
    "providers": ("hum.commands.providers", "Check that each speech provider speaks with us."),
    "db": ("hum.commands.db", "Migrate, check and back up the database."),
    "org": ("hum.commands.org", "Create an organization, say who speaks in its calls."),
    "session": ("hum.commands.session", "Sign a person in without a browser."),
    "key": ("hum.commands.key", "Create an API key."),
    "openapi": ("hum.commands.openapi", "Print the OpenAPI document of the control API."),
}


def main() -> None:
    """Run one subcommand."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("--help", "-h", "help"):
        _help(Console())
        return
    if name not in COMMANDS:
        _help(Console(stderr=True))
        print(f"hum: there is no command {name!r}", file=sys.stderr)
        raise SystemExit(2)
    module, _ = COMMANDS[name]
    import_module(module).app(args=sys.argv[2:], prog_name=f"hum {name}")


def _help(console: Console) -> None:
    console.print("[bold]hum[/bold]: phone calls with realtime speech models\n")
    table = Table.grid(padding=(0, 3))
    for name, (_, summary) in COMMANDS.items():
        table.add_row(f"  hum {name}", summary)
    console.print(table)
    console.print("\n`hum COMMAND --help` tells more. New here? `hum demo`.")
