"""The whole Pulumi program, run once against moto's server."""

from __future__ import annotations

import runpy
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_engine
import pulumi
import pytest
from moto.server import ThreadedMotoServer
from pulumi.runtime import set_mocks

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {
    "aws:region": aws_engine.REGION,
    "gridletter:mail_domain": "news.example",
    "gridletter:github_repository": "owner/gridletter",
    "gridletter:operators": "operators@news.example",
    "gridletter:unsubscribe_webhook": "https://webhooks.example/hooks/slug",
    "gridletter:smtp_url": "smtp://user:password@mail.example:587?security=starttls",
}


@dataclass
class Run:
    """What a run of the program left: its resources, their options and the stack's outputs."""

    engine: aws_engine.AwsEngine
    made: list[aws_engine.Made]
    outputs: dict[str, Any]
    secret_outputs: set[str]
    endpoint: str

    def of_kind(self, kind: str) -> list[aws_engine.Made]:
        """Return the resources of a type, such as `s3/bucket:Bucket`."""
        return [made for made in self.made if made.kind == f"aws:{kind}"]


def run_program(endpoint: str, settings: dict[str, str]) -> Run:
    """Run infra/__main__.py with `settings` against the server at `endpoint`."""
    engine = aws_engine.AwsEngine(endpoint)
    monitor = aws_engine.Monitor(engine)
    outputs: dict[str, Any] = {}
    secrets: set[str] = set()
    set_mocks(engine, project="gridletter", stack="dev", preview=False, monitor=monitor)
    pulumi.runtime.set_all_config(settings)
    exported: dict[str, pulumi.Output[Any]] = {}

    def keep(name: str, value: Any) -> None:
        exported[name] = pulumi.Output.from_input(value)

    original, pulumi.export = pulumi.export, keep
    folder = str(ROOT / "infra")
    sys.path.insert(0, folder)

    async def told(name: str, output: pulumi.Output[Any]) -> None:
        outputs[name] = await output.future()
        if await output.is_secret():
            secrets.add(name)

    @pulumi.runtime.test
    def program() -> Any:
        runpy.run_path(f"{folder}/__main__.py")
        return pulumi.Output.all(
            *(pulumi.Output.from_input(told(name, output)) for name, output in exported.items())
        )

    try:
        program()
    finally:
        pulumi.export = original
        sys.path.remove(folder)
        for module in list(sys.modules.values()):
            if str(getattr(module, "__file__", None) or "").startswith(f"{folder}/"):
                del sys.modules[module.__name__]
    for made in engine.made:
        made.options = monitor.options[made.kind, made.name]
    return Run(engine, engine.made, outputs, secrets, endpoint)


@pytest.fixture(scope="session")
def aws():
    """Run moto's server; return its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def stack(aws):
    """Run the program once, with all that it can be told to make."""
    return run_program(aws, SETTINGS)
