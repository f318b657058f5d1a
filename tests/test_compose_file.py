"""compose.yml: it is what Compose's specification says, and what our commands and settings take."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import prefect.settings
import pytest
import typer.main
import yaml

from flows.cli.app import app
from flows.settings import PREFIX, Settings

REPOSITORY = Path(__file__).resolve().parent.parent
FILE = REPOSITORY / "compose.yml"


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    """Return the services, with anchors and merge keys resolved."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text("utf-8"))["services"]
    return found


def test_it_matches_the_specification():
    """The file is what the compose-spec's schema allows."""
    command = [
        str(Path(sys.executable).with_name("check-jsonschema")),
        *("--builtin-schema", "vendor.compose-spec", str(FILE)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_one_image_does_all_but_the_database(services: dict[str, dict[str, Any]]):
    """Prefect's server, the gateway and the worker come from the one image of this project."""
    images = {name: service["image"] for name, service in services.items()}
    assert images.pop("database").startswith("postgres:")
    assert images == dict.fromkeys(("prefect", "gateway", "worker"), "gridletter")


def test_gridletters_commands_parse(services: dict[str, dict[str, Any]]):
    """Each command of Gridletter's in it is one that the command line takes, option by option."""
    commands = [
        s["command"] for s in services.values() if s.get("command", [""])[0] == "gridletter"
    ]
    assert commands
    import flows.cli  # noqa: F401 — the commands register themselves

    group = typer.main.get_command(app)
    for _, name, *arguments in commands:
        command = group.get_command(None, name)  # type: ignore[attr-defined,arg-type]
        assert command.make_context(name, list(arguments)).params["host"] == "0.0.0.0"  # noqa: S104


def _commands(services: dict[str, dict[str, Any]], program: str) -> list[list[str]]:
    commands = [service["command"] for service in services.values() if "command" in service]
    return [command for command in commands if command[0] == program]


def test_prefects_commands_parse(services: dict[str, dict[str, Any]]):
    """Each command of Prefect's in it is one that its command line takes, option by option."""
    from prefect.cli import _app as cli

    commands = _commands(services, "prefect")
    assert len(commands) == 2
    for _, *arguments in commands:
        _, bound, unused = cli._app.parse_known_args([str(each) for each in arguments])[:3]
        assert not unused
        assert bound.arguments


def test_its_variables_are_settings(services: dict[str, dict[str, Any]]):
    """Each variable that it sets for Gridletter or Prefect is a setting of theirs."""
    named = {
        name
        for service in services.values()
        for name in service.get("environment", {})
        if name.startswith((PREFIX, "PREFECT_"))
    }
    assert "PREFECT_SERVER_DATABASE_CONNECTION_URL" in named
    for name in named:
        if name.startswith(PREFIX):
            assert name.removeprefix(PREFIX).lower() in Settings.model_fields
        else:
            assert hasattr(prefect.settings, name)


def test_nothing_listens_beyond_this_machine(services: dict[str, dict[str, Any]]):
    """Ports are on loopback alone, and the database has none and no way out."""
    content = yaml.safe_load(FILE.read_text("utf-8"))
    for service in services.values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")
    assert "ports" not in services["database"]
    assert services["database"]["networks"] == ["database"]
    assert content["networks"]["database"]["internal"] is True


def test_no_secret_is_in_it(services: dict[str, dict[str, Any]]):
    """The one password comes from outside, and Compose refuses to start without it."""
    password = services["database"]["environment"]["POSTGRES_PASSWORD"]
    assert password.startswith("${DATABASE_PASSWORD:?")
    url = services["prefect"]["environment"]["PREFECT_SERVER_DATABASE_CONNECTION_URL"]
    assert ":${DATABASE_PASSWORD}@database:" in url


def test_our_containers_have_no_rights(services: dict[str, dict[str, Any]]):
    """Containers of our image can write only their volume and /tmp, and gain no rights."""
    for name in ("prefect", "gateway", "worker"):
        service = services[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_each_waits_for_what_it_needs(services: dict[str, dict[str, Any]]):
    """A service starts once the one it needs is healthy, which each of those can tell."""
    for service in services.values():
        for needed, condition in service.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert "healthcheck" in services[needed]


def test_the_gateway_has_time_to_finish_its_mails(services: dict[str, dict[str, Any]]):
    """Compose waits longer before it kills than `serve` waits for its runners."""
    from flows.serve.child import POLITE_SECONDS

    assert services["gateway"]["stop_grace_period"] == "60s"
    assert POLITE_SECONDS < 60
