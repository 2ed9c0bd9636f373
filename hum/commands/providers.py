"""`hum providers`: the speech providers this service can reach."""

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import typer

from hum.commands.exits import FAILED, clear_errors
from hum.provider_check import Fails, Finding, NotConfigured, Works, all_work, check_providers
from hum.settings import SettingsError, read_settings
from providers.directory import PROVIDERS
from providers.errors import PriceError

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def providers() -> None:
    """Speech providers: OpenAI Realtime, Gemini Live, ElevenLabs Agents."""


@app.command()
def check(
    provider: Annotated[str | None, typer.Option(help="Check this one only; it must have a key.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Open a session with each provider there is a key for, ask for a greeting, wait for its sound.

    It costs a fraction of a cent each. Exit status 0 means that at least one has a key and all that have one
    work.
    """
    with clear_errors():
        if provider is not None and provider not in PROVIDERS:
            raise SettingsError(f"--provider: there are {', '.join(PROVIDERS)}")
        wanted = PROVIDERS if provider is None else (provider,)
        try:
            findings = asyncio.run(check_providers(read_settings(), wanted))
        except PriceError as error:
            raise SettingsError(str(error)) from error
        good = all_work(findings)
        if as_json:
            print(json.dumps({"ok": good, "providers": [_plain(each) for each in findings]}))
        else:
            for each in findings:
                print(_line(each))
    raise typer.Exit(0 if good else FAILED)


def _plain(finding: Finding) -> dict[str, object]:
    match finding:
        case Works():
            return {"status": "works", **asdict(finding)}
        case Fails():
            return {"status": "fails", **asdict(finding)}
        case NotConfigured():
            return {"status": "not_configured", **asdict(finding)}


def _line(finding: Finding) -> str:
    match finding:
        case Works():
            cost = "cost unknown" if finding.cost_cents is None else f"{finding.cost_cents} cents"
            return (
                f"{finding.provider:<12} works: opened in {finding.opened_ms} ms, first sound after "
                f"{finding.first_audio_ms} ms, {finding.audio_format}, {finding.model}, {cost}"
            )
        case Fails():
            return f"{finding.provider:<12} fails: {finding.reason} ({finding.code})"
        case NotConfigured():
            return f"{finding.provider:<12} has no key: set {finding.variable}"
