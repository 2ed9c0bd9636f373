"""Settings: every variable, every contradiction, no secret shown, one key for all who ask at once."""

import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import pytest

from hum.settings import DEFAULT_PORT, Settings, SettingsError, read_settings

SECRET = "s3cret-" + "x" * 32
VALUES: dict[str, tuple[str, str, object]] = {
    "HUM_HOST": ("host", "127.0.0.2", "127.0.0.2"),
    "HUM_PORT": ("port", "9999", 9999),
    "HUM_PUBLIC_URL": ("public_url", "https://hum.example.com/", "https://hum.example.com"),
    "HUM_DATA_DIR": ("data_dir", "/data/hum", Path("/data/hum")),
    "HUM_DATABASE_URL": ("database_url", "postgresql://u:pw-1234@db/hum", "postgresql://u:pw-1234@db/hum"),
    "HUM_SECRET_KEY": ("secret_key", SECRET, SECRET),
    "TWILIO_ACCOUNT_SID": ("twilio_account_sid", "AC1", "AC1"),
    "TWILIO_AUTH_TOKEN": ("twilio_auth_token", "auth-token-1234", "auth-token-1234"),
    "HUM_TWILIO_URL": ("twilio_url", "http://127.0.0.1:9001", "http://127.0.0.1:9001"),
    "OPENAI_API_KEY": ("openai_api_key", "sk-1234", "sk-1234"),
    "HUM_OPENAI_URL": ("openai_url", "http://[::1]:9002/v1/", "http://[::1]:9002/v1"),
    "GEMINI_API_KEY": ("gemini_api_key", "g-1234", "g-1234"),
    "HUM_GEMINI_URL": ("gemini_url", "http://[::1]:9003/", "http://[::1]:9003"),
    "ELEVENLABS_API_KEY": ("elevenlabs_api_key", "xi-1234", "xi-1234"),
    "HUM_ELEVENLABS_URL": ("elevenlabs_url", "http://[::1]:9004/", "http://[::1]:9004"),
    "HUM_PRICES_FILE": ("prices_file", "/etc/hum/prices.json", Path("/etc/hum/prices.json")),
}


def test_every_variable_is_read_and_this_test_knows_them_all() -> None:
    assert set(VALUES) == {field.metadata["env"] for field in fields(Settings)}
    settings = read_settings({name: f"  {text} " for name, (_, text, _) in VALUES.items()})
    assert {field: getattr(settings, field) for field, _, _ in VALUES.values()} == {
        field: value for field, _, value in VALUES.values()
    }


def test_nothing_set_is_a_working_service_on_loopback() -> None:
    settings = read_settings({})
    assert (settings.host, settings.port, settings.data_dir) == ("127.0.0.1", DEFAULT_PORT, Path("var"))
    assert settings.on_loopback
    assert settings.database == "sqlite:///var/hum.db"
    for name in ("public_url", "secret_key", "twilio_account_sid", "twilio_auth_token", "openai_api_key"):
        assert getattr(settings, name) is None


def test_empty_counts_as_unset() -> None:
    assert read_settings(dict.fromkeys(VALUES, " ")) == read_settings({})


def test_the_environment_is_the_process_own_when_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VALUES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HUM_PORT", "1234")
    assert read_settings().port == 1234


def test_the_command_line_goes_before_the_environment() -> None:
    environ = {"HUM_PORT": "1", "HUM_HOST": "127.0.0.9"}
    settings = read_settings(environ, port=2, host=None)
    assert (settings.port, settings.host) == (2, "127.0.0.9")


def test_no_secret_is_in_the_text_of_the_settings() -> None:
    settings = read_settings({name: text for name, (_, text, _) in VALUES.items()})
    shown = repr(settings) + str(settings)
    for secret in (SECRET, "auth-token-1234", "sk-1234", "pw-1234"):
        assert secret not in shown
    assert "hum.example.com" in shown


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback(host: str) -> None:
    assert read_settings({"HUM_HOST": host}).on_loopback


OUTSIDE = {"HUM_HOST": "0.0.0.0", "HUM_SECRET_KEY": SECRET, "HUM_PUBLIC_URL": "https://hum.example.com"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "hum.example.com", "localhost.example.com"])
def test_reachable_from_outside_needs_a_key_and_a_public_url(host: str) -> None:
    environ = OUTSIDE | {"HUM_HOST": host}
    assert not read_settings(environ).on_loopback
    for needed in ("HUM_SECRET_KEY", "HUM_PUBLIC_URL"):
        with pytest.raises(SettingsError, match=needed):
            read_settings({name: value for name, value in environ.items() if name != needed})


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"HUM_PORT": "65536"}, "HUM_PORT"),
        ({"HUM_PORT": "-1"}, "HUM_PORT"),
        ({"HUM_PORT": "80.0"}, "HUM_PORT"),
        ({"HUM_PORT": "٨٠"}, "HUM_PORT"),
        ({"HUM_PORT": "²"}, "HUM_PORT"),
        ({"HUM_PORT": "9" * 5000}, "HUM_PORT"),
        ({"TWILIO_ACCOUNT_SID": "AC1"}, "TWILIO_AUTH_TOKEN"),
        ({"TWILIO_AUTH_TOKEN": "x"}, "TWILIO_ACCOUNT_SID"),
        ({"HUM_SECRET_KEY": "x" * 31}, "at least 32"),
        ({"HUM_DATABASE_URL": "mysql://db/hum"}, "HUM_DATABASE_URL"),
        ({"HUM_DATABASE_URL": "hum.db"}, "HUM_DATABASE_URL"),
        ({"HUM_DATABASE_URL": "sqlite:///"}, "HUM_DATABASE_URL"),
        ({"HUM_DATABASE_URL": "postgresql+psycopg://db/hum"}, "HUM_DATABASE_URL"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(environ: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(environ)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_of_the_command_line_is_checked_too(port: int) -> None:
    with pytest.raises(SettingsError, match="port"):
        read_settings({}, port=port)


@pytest.mark.parametrize("name", ["HUM_PUBLIC_URL", "HUM_TWILIO_URL", "HUM_OPENAI_URL"])
@pytest.mark.parametrize(
    "text",
    [
        "hum.example.com",
        "ftp://hum.example.com",
        "ws://hum.example.com",
        "https://",
        "https:///path",
        "https://user:pw-1234@hum.example.com",
        "https://hum.example.com?a=1",
        "https://hum.example.com#a",
        "https://hum.example.com:99999",
        "https://hum.example.com:0",
        "https://hum.example.com:x",
        "https://[::1",
        "https://hum example.com",
        "https://hum.example.com/\x7f",
    ],
)
def test_urls_that_are_no_base(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        read_settings({name: text})
    assert "pw-1234" not in str(caught.value)


# ---- the key that is made and kept


def test_a_set_key_is_used_and_none_is_made(tmp_path: Path) -> None:
    settings = read_settings({"HUM_SECRET_KEY": SECRET, "HUM_DATA_DIR": str(tmp_path)})
    assert settings.sealing_key() == SECRET.encode()
    assert list(tmp_path.iterdir()) == []


def test_without_one_a_key_is_made_and_kept_for_the_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        data_dir = tmp_path / "not" / "there"
        key = Settings(data_dir=data_dir).sealing_key()
    finally:
        os.umask(old)
    assert len(key) >= 32
    (kept,) = data_dir.iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert Settings(data_dir=data_dir).sealing_key() == key
    assert Settings(data_dir=tmp_path / "other").sealing_key() != key


def test_many_who_ask_at_once_get_the_same_key(tmp_path: Path) -> None:
    for attempt in range(20):
        data_dir = tmp_path / str(attempt)
        keys = ask_at_once(Settings(data_dir=data_dir), 8)
        assert len(keys) == 8
        assert len(set(keys)) == 1
        assert len(keys[0]) >= 32
        assert [path.name for path in data_dir.iterdir()] == ["secret.key"]


def ask_at_once(settings: Settings, count: int) -> list[bytes]:
    together = threading.Barrier(count)

    def ask(_: int) -> bytes:
        together.wait()
        return settings.sealing_key()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(ask, range(count)))


def test_a_key_is_never_seen_half_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks while another makes the key finds none, or a whole one."""
    settings = Settings(data_dir=tmp_path)
    seen: list[bytes] = []
    really_open = os.open

    def open_and_look(path: os.PathLike[str], flags: int, mode: int = 0o777) -> int:
        handle = really_open(path, flags, mode)
        if (kept := tmp_path / "secret.key").exists():
            seen.append(kept.read_bytes())
        return handle

    monkeypatch.setattr(os, "open", open_and_look)
    key = settings.sealing_key()
    assert all(look == key for look in seen)


@pytest.mark.parametrize("content", [b"", b"short"])
def test_a_key_file_that_cannot_be_right_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"secret\.key"):
        Settings(data_dir=tmp_path).sealing_key()
    assert path.read_bytes() == content
