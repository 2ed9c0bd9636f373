"""Settings: environment variables, read here and nowhere else.

No setting at all gives a working local service on loopback. Settings that contradict each other are refused
with one line that says what to change.
"""

import ipaddress
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

DEFAULT_PORT = 8080
MAX_PORT = 65_535
MIN_SECRET_CHARS = 32


class SettingsError(ValueError):
    """A setting cannot be used; the text is one line for the person who set it."""


def _setting(env: str, doc: str, default: Any = None, *, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"env": env, "doc": doc, "secret": secret})


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says. Each field's metadata holds the variable's name and meaning."""

    host: str = _setting("HUM_HOST", "Address to listen on.", "127.0.0.1")
    port: int = _setting("HUM_PORT", "Port to listen on; 0 takes a free one.", DEFAULT_PORT)
    public_url: str | None = _setting(
        "HUM_PUBLIC_URL", "Where the carrier and browsers reach the service, e.g. https://hum.example.com."
    )
    data_dir: Path = _setting(
        "HUM_DATA_DIR", "Directory of the SQLite database and the recordings.", Path("var")
    )
    database_url: str | None = _setting(
        "HUM_DATABASE_URL",
        "sqlite:///path or postgresql://…; by default hum.db in the data directory.",
        secret=True,
    )
    secret_key: str | None = _setting(
        "HUM_SECRET_KEY",
        "Seals cursors and secrets, at least 32 characters; made and kept in the data directory on loopback.",
        secret=True,
    )
    twilio_account_sid: str | None = _setting("TWILIO_ACCOUNT_SID", "The Twilio account calls run on.")
    twilio_auth_token: str | None = _setting(
        "TWILIO_AUTH_TOKEN", "Its auth token; without it every carrier request is refused.", secret=True
    )
    twilio_url: str | None = _setting("HUM_TWILIO_URL", "Base of Twilio's REST API, for simulators.")
    openai_api_key: str | None = _setting("OPENAI_API_KEY", "Key for OpenAI Realtime.", secret=True)
    openai_url: str | None = _setting("HUM_OPENAI_URL", "Base of OpenAI's API, for simulators and proxies.")
    gemini_api_key: str | None = _setting("GEMINI_API_KEY", "Key for Gemini Live.", secret=True)
    gemini_url: str | None = _setting("HUM_GEMINI_URL", "Base of Gemini's API, for simulators and proxies.")
    elevenlabs_api_key: str | None = _setting("ELEVENLABS_API_KEY", "Key for ElevenLabs Agents.", secret=True)
    elevenlabs_url: str | None = _setting(
        "HUM_ELEVENLABS_URL", "Base of ElevenLabs' API, for simulators and proxies."
    )
    prices_file: Path | None = _setting(
        "HUM_PRICES_FILE", "JSON file of prices that replace the built-in ones, by provider and model."
    )

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def database(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{self.data_dir / 'hum.db'}"

    def sealing_key(self) -> bytes:
        """The secret key in force; on loopback one is made and kept when none is set."""
        if self.secret_key is not None:
            return self.secret_key.encode()
        return _kept_key(self.data_dir / "secret.key")


def read_settings(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Read the environment.

    Args:
        environ: Variables; the process's own by default. Empty values count as unset.
        overrides: Values from the command line, by field name; None counts as absent.

    Raises:
        SettingsError: A value is unusable or contradicts another.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    for each in fields(Settings):
        if text := environ.get(each.metadata["env"], "").strip():
            values[each.name] = _convert(each.name, each.metadata["env"], text)
    values.update({name: value for name, value in overrides.items() if value is not None})
    settings = Settings(**values)
    _check(settings)
    return settings


def child_environment(changes: Mapping[str, str], without: tuple[str, ...] = ()) -> dict[str, str]:
    """The environment for a process of ours: this one's, with changes and without some variables."""
    kept = {name: value for name, value in os.environ.items() if name not in without}
    return kept | dict(changes)


def _convert(name: str, env: str, text: str) -> Any:
    match name:
        case "port":
            if not (text.isascii() and text.isdigit() and len(text) <= 5):
                raise SettingsError(f"{env}={text[:12]!r} is not a port (0–{MAX_PORT})")
            return int(text)
        case "data_dir" | "prices_file":
            return Path(text)
        case "public_url" | "twilio_url" | "openai_url" | "gemini_url" | "elevenlabs_url":
            return _base_url(env, text)
        case _:
            return text


def _base_url(env: str, text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
        parts = urlsplit("")
    plain = text.isprintable() and " " not in text
    if not usable or not plain or parts.query or parts.fragment or parts.username:
        raise SettingsError(f"{env} must be an http(s) base like https://hum.example.com")
    return text.rstrip("/")


def _check(settings: Settings) -> None:
    if not 0 <= settings.port <= MAX_PORT:
        raise SettingsError(f"HUM_PORT={settings.port} is not a port (0–{MAX_PORT})")
    if bool(settings.twilio_account_sid) != bool(settings.twilio_auth_token):
        raise SettingsError("TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN belong together: set both or neither")
    if settings.secret_key is not None and len(settings.secret_key) < MIN_SECRET_CHARS:
        raise SettingsError(f"HUM_SECRET_KEY must have at least {MIN_SECRET_CHARS} characters")
    if not settings.on_loopback and settings.secret_key is None:
        raise SettingsError(f"HUM_HOST={settings.host} is reachable from outside: set HUM_SECRET_KEY as well")
    if not settings.on_loopback and settings.public_url is None:
        raise SettingsError(f"HUM_HOST={settings.host} is reachable from outside: set HUM_PUBLIC_URL as well")
    scheme = settings.database.split(":", 1)[0]
    if scheme not in ("sqlite", "postgresql"):
        raise SettingsError(f"HUM_DATABASE_URL must begin with sqlite:/// or postgresql://, not {scheme}:")
    if settings.database == "sqlite:///":
        raise SettingsError("HUM_DATABASE_URL names no file: write sqlite:///path/to/hum.db")


def _kept_key(path: Path) -> bytes:
    if not path.exists():
        _make_key(path)
    key = path.read_bytes()
    if len(key) < MIN_SECRET_CHARS:
        raise SettingsError(f"{path} does not hold a key: restore it, or remove it to have a new one made")
    return key


def _make_key(path: Path) -> None:
    """Make the file whole under another name first: whoever looks finds no key, or all of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secrets.token_urlsafe(48).encode())
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass  # another process was quicker: its key counts
    finally:
        draft.unlink()
