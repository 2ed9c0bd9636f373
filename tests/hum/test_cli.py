"""The command line: what each command prints, and how it ends."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import Result
from ruamel.yaml import YAML
from typer.testing import CliRunner

from hum.cli import COMMANDS
from store import memberships
from store.database import Database
from tests.databases import run_apart

SETTINGS = [
    "HUM_DATABASE_URL", "HUM_HOST", "HUM_PORT", "HUM_PUBLIC_URL", "HUM_SECRET_KEY",
    "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN",
]  # fmt: skip


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HUM_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path / "var"


def hum(*args: str) -> subprocess.CompletedProcess[str]:
    """Run the command as people do."""
    return subprocess.run([sys.executable, "-m", "hum", *args], capture_output=True, text=True, timeout=30)


def run(command: str, *args: str) -> Result:
    """Run a command in this process."""
    app = import_module(COMMANDS[command][0]).app
    return CliRunner().invoke(app, args)


def output(command: str, *args: str) -> str:
    result = run(command, *args)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def refused(command: str, *args: str, status: int = 1) -> str:
    """Run a command that ends with one clear line."""
    result = run(command, *args)
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("hum: ")
    return line


def new_org() -> dict[str, str]:
    made: dict[str, str] = json.loads(
        output("org", "create", "--name", "Willow Creek", "--owner-email", "o@example.com")
    )
    return made


# ---- the command itself


@pytest.mark.parametrize("ask", [[], ["--help"], ["-h"], ["help"]])
def test_help_lists_every_command(ask: list[str]) -> None:
    done = hum(*ask)
    assert (done.returncode, done.stderr) == (0, "")
    for name, (_, summary) in COMMANDS.items():
        assert f"hum {name}" in done.stdout
        assert " ".join(summary.split()) in " ".join(done.stdout.split())


def test_help_imports_no_part_of_the_service() -> None:
    code = (
        "import sys; sys.argv = ['hum', '--help']\n"
        "from hum.cli import main; main()\n"
        "print('IMPORTED', *sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    imported = set(done.stdout.split("IMPORTED")[1].split())
    assert "hum" in imported
    rooms = {"gateway", "control_api", "jobs", "providers", "carrier", "flows", "store", "media", "bench"}
    heavy = {"aiohttp", "sqlalchemy", "numpy", "twilio", "pydantic", "openai", "typer"}
    assert not imported & (rooms | heavy)


@pytest.mark.parametrize("name", ["sreve", "--version", "", "Serve"])
def test_an_unknown_command_is_an_error_of_its_own(name: str) -> None:
    done = hum(name)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.strip().splitlines()[-1] == f"hum: there is no command {name!r}"
    assert "hum serve" in done.stderr


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_has_help_of_its_own(name: str) -> None:
    assert "Usage:" in output(name, "--help")


@pytest.mark.parametrize("command", ["db", "org", "session", "key"])
def test_a_subcommand_that_is_not_there_is_status_2(command: str) -> None:
    assert run(command, "destroy").exit_code == 2


@pytest.mark.parametrize("args", [["serve"], ["org", "create", "--name", "n", "--owner-email", "e@x.y"]])
def test_settings_that_contradict_each_other_are_one_line_and_status_2(
    args: list[str], monkeypatch: pytest.MonkeyPatch, data_dir: Path
) -> None:
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC1")
    done = hum(*args)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("hum: TWILIO_ACCOUNT_SID")
    assert not data_dir.exists()


def test_roles_and_ports_that_are_none() -> None:
    assert "--roles" in refused("serve", "--roles", "gateway,api,cook", status=2)
    assert "port" in refused("serve", "--port", "70000", status=2)


# ---- orgs, sessions, keys


def test_an_org_its_owner_and_ways_to_sign_in(data_dir: Path) -> None:
    made = new_org()
    assert set(made) == {"org_id", "user_id"}
    assert made["org_id"].startswith("org_")
    cookie = output("session", "create", "--org", made["org_id"], "--email", "o@example.com")
    guest = output(
        "session", "create", "--org", made["org_id"], "--email", "v@example.com", "--role", "viewer"
    )
    key = output("key", "create", "--org", made["org_id"], "--role", "operator", "--name", "ci")
    assert key.startswith("hum_live_")
    assert len({cookie, guest, key}) == 3
    stored = b"".join(path.read_bytes() for path in data_dir.iterdir())
    assert not any(secret.encode() in stored for secret in (cookie, guest, key)), "only hashes are kept"


async def _who(url: str, made: dict[str, str]) -> object:
    database = await Database.open(url)
    try:
        async with database.read() as conn:
            return await memberships.role_of(conn, made["org_id"], made["user_id"])
    finally:
        await database.close()


def test_the_owner_is_an_admin_and_a_role_given_later_counts(data_dir: Path) -> None:
    made = new_org()
    url = f"sqlite:///{data_dir / 'hum.db'}"
    assert run_apart(lambda: _who(url, made)) == "admin"
    output("session", "create", "--org", made["org_id"], "--email", "o@example.com", "--role", "operator")
    assert run_apart(lambda: _who(url, made)) == "operator"


def test_orgs_and_people_that_are_not_there() -> None:
    made = new_org()
    stranger = ["create", "--org", made["org_id"], "--email", "stranger@example.com"]
    assert "no member" in refused("session", *stranger)
    assert "org_none" in refused("session", "create", "--org", "org_none", "--email", "o@example.com")
    assert "org_none" in refused("key", "create", "--org", "org_none", "--role", "admin", "--name", "x")


def test_an_orgs_providers_are_set_shown_and_left_to_the_service_again() -> None:
    org_id = new_org()["org_id"]

    def providers(*args: str) -> object:
        return json.loads(output("org", "providers", "--org", org_id, *args))

    assert providers() == {"org_id": org_id, "providers": None}
    in_order = {"org_id": org_id, "providers": ["gemini", "openai"]}
    assert providers("gemini", "openai", "gemini") == in_order
    assert providers() == in_order
    assert providers("--clear") == {"org_id": org_id, "providers": None}
    assert providers() == {"org_id": org_id, "providers": None}


def test_an_org_or_a_provider_that_is_not_there() -> None:
    org_id = new_org()["org_id"]
    assert "org_none" in refused("org", "providers", "--org", "org_none", "openai")
    assert "org_none" in refused("org", "providers", "--org", "org_none")
    for wrong in (["acme"], ["openai", "--clear"]):
        assert run("org", "providers", "--org", org_id, *wrong).exit_code == 2
    assert json.loads(output("org", "providers", "--org", org_id))["providers"] is None


@pytest.mark.parametrize("command", ["session", "key"])
def test_roles_that_are_none_are_refused(command: str) -> None:
    more = ["--email", "o@example.com"] if command == "session" else ["--name", "x"]
    assert run(command, "create", "--org", "org_1", "--role", "king", *more).exit_code == 2


# ---- the database


def test_upgrade_check_and_backup(data_dir: Path, tmp_path: Path) -> None:
    assert output("db", "upgrade").startswith("schema is at ")
    assert output("db", "upgrade") == output("db", "upgrade"), "nothing left to do is no error"
    assert output("db", "check") == "the database is in order"
    new_org()
    copy = tmp_path / "copy.db"
    assert output("db", "backup", str(copy)) == f"copied to {copy}"
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT name FROM orgs").fetchall() == [("Willow Creek",)]
    connection.close()
    before = copy.read_bytes()
    assert "exists already" in refused("db", "backup", str(copy))
    assert copy.read_bytes() == before


def test_check_tells_what_is_wrong(data_dir: Path) -> None:
    output("db", "upgrade")
    with closing(sqlite3.connect(data_dir / "hum.db", isolation_level=None)) as connection:
        connection.execute("DROP TABLE jobs")
    connection.close()
    result = run("db", "check")
    assert result.exit_code == 1
    assert "jobs" in result.stdout


def test_a_database_that_is_none_or_not_there(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused("db", "backup", str(tmp_path / "copy.db"))
    (tmp_path / "rubbish.db").write_bytes(b"not a database" * 1000)
    monkeypatch.setenv("HUM_DATABASE_URL", f"sqlite:///{tmp_path / 'rubbish.db'}")
    refused("db", "upgrade")
    refused("org", "create", "--name", "n", "--owner-email", "e@example.com")
    monkeypatch.setenv("HUM_DATABASE_URL", "mysql://db/hum")
    refused("db", "check", status=2)


def test_a_data_directory_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HUM_DATA_DIR", str(tmp_path / "file" / "var"))
    assert "file" in refused("db", "upgrade")


# ---- the API's description


def test_openapi_is_the_same_document_in_both_forms() -> None:
    document = json.loads(output("openapi"))
    assert document["openapi"].startswith("3.1")
    assert document["info"]["version"]
    operations = [
        o["operationId"] for path in document["paths"].values() for o in path.values() if "operationId" in o
    ]
    assert {"getHealth", "listCalls", "createFlow"} <= set(operations)
    assert YAML(typ="safe", pure=True).load(output("openapi", "--yaml")) == document
