"""What the demonstration shows: progress, the conversation as it is spoken, where to look further."""

from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hum.demo.client import StreamedEvent

_NAMES = {"caller": ("caller", "cyan"), "agent": ("agent", "green")}


class Screen:
    """Prints to a terminal, or plainly to anything else.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, transient=True, refresh_per_second=12, auto_refresh=False)
        self._partials: dict[str, Table] = {}

    def __enter__(self) -> "Screen":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        """Tell what is going on."""
        self._console.print(Text(text, style="dim"))

    def title(self, text: str) -> None:
        """Announce the call."""
        self._console.print()
        self._console.print(Text(text, style="bold"))

    def show(self, event: StreamedEvent) -> None:
        """Show one event of the call."""
        data = event.data
        match data.get("type"):
            case "transcript.partial":
                self._partials[data["turn_id"]] = _turn(data, "…")
                self._refresh()
            case "transcript.final":
                self._partials.pop(data["turn_id"], None)
                self._refresh()
                self._console.print(_turn(data, _heard(data)))
            case "speech.barge_in":
                self._console.print(_note(data["at_ms"], "the caller cuts in; the agent falls silent"))
            case "provider.opened":
                opened = f"{data['provider']} session ready in {data['opened_in_ms']} ms"
                self._console.print(_note(0, opened))
            case "tool.called":
                self._console.print(_note(None, f"the agent calls {data['name']}"))
            case "call.ended":
                self._console.print(_note(data["duration_ms"], f"call over: {data['disposition']}"))
            case _:
                pass

    def _refresh(self) -> None:
        if self._live.is_started:
            self._live.update(Group(*self._partials.values()), refresh=True)

    def verdict(self, problems: list[str], figures: str) -> None:
        """Tell whether the call left behind what it should."""
        if problems:
            lines = "\n".join(f"✗ {problem}" for problem in problems)
            self._console.print(Panel(Text(lines, style="red"), title="not as it should be", expand=False))
            return
        good = "✓ call record  ✓ transcript  ✓ recording  ✓ event stream"
        self._console.print(Panel(Text(f"{good}\n{figures}", style="green"), expand=False))

    def further(self, url: str, api_key: str, call_id: str) -> None:
        """Tell where to look further."""
        call = f"{url}/api/calls/{call_id}"
        auth = f"-H 'Authorization: Bearer {api_key}'"
        self._console.print()
        for label, text in (
            ("API key", api_key),
            ("the call", f"curl -s {auth} {call}"),
            ("its events", f"curl -sN {auth} {call}/stream"),
            ("its recording", f"curl -s {auth} -o call.wav {call}/recording"),
            ("API reference", f"{url}/docs"),
        ):
            line = Text(f"{label:>14}  ", style="bold")
            line.append(text, style="default")
            self._console.print(line, soft_wrap=True)


def _turn(data: dict[str, Any], after: str) -> Table:
    """One turn; what does not fit on a line is indented under its beginning."""
    name, style = _NAMES[data["party"]]
    heard = data.get("heard_text")
    words = Text(data["text"] if heard is None else heard, style=style)
    words.append(f" {after}" if after else "", style="dim")
    if heard is not None:
        words.append(data["text"].removeprefix(heard), style="dim strike")
    turn = Table.grid(padding=(0, 2))
    turn.add_column(width=7)
    turn.add_column(width=6, justify="right")
    turn.add_column()
    turn.add_row(Text(_clock(data.get("started_ms")), style="dim"), Text(name, style=f"bold {style}"), words)
    return turn


def _heard(data: dict[str, Any]) -> str:
    return f"[cut after {data['heard_ms'] / 1000:.1f} s]" if data.get("interrupted") else ""


def _note(at_ms: int | None, text: str) -> Text:
    return Text(f"{_clock(at_ms):<9}{text:>{len(text) + 8}}", style="dim italic")


def _clock(at_ms: int | None) -> str:
    return "       " if at_ms is None else f"{at_ms // 60_000:2}:{at_ms / 1000 % 60:04.1f}"
