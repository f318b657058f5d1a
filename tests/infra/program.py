"""The whole Pulumi program, run once against moto's server.

As a command it is for those who have no Pulumi: it makes the stack at AWS_ENDPOINT_URL and prints,
as JSON, the stack's outputs and the policies of each identity.
"""

from __future__ import annotations

import io
import json
import runpy
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_engine
import pulumi
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
    """What a run of the program left: its resources, their options and the stack's outputs.

    `printed` is what it wrote to the terminal.
    """

    engine: aws_engine.AwsEngine
    made: list[aws_engine.Made]
    outputs: dict[str, Any]
    secret_outputs: set[str]
    printed: str

    def of_kind(self, kind: str) -> list[aws_engine.Made]:
        """Return the resources of a type, such as `s3/bucket:Bucket`."""
        return [made for made in self.made if made.kind == f"aws:{kind}"]

    def policies(self) -> dict[str, list[dict[str, Any]]]:
        """Return what each role and user may do, by its name."""
        found: dict[str, list[dict[str, Any]]] = {}
        brought = self.of_kind("iam/rolePolicy:RolePolicy") + self.of_kind(
            "iam/userPolicy:UserPolicy"
        )
        for made in brought:
            owner = made.inputs.get("role") or made.inputs["user"]
            found.setdefault(owner, []).append(json.loads(made.inputs["policy"]))
        return found


def run(settings: dict[str, str], stack: str = "dev") -> Run:
    """Run infra/__main__.py for the stack, with `settings`, against the server that boto3 finds."""
    engine = aws_engine.AwsEngine()
    monitor = aws_engine.Monitor(engine)
    outputs: dict[str, Any] = {}
    secrets: set[str] = set()
    set_mocks(engine, project="gridletter", stack=stack, preview=False, monitor=monitor)
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

    printed = io.StringIO()
    try:
        with redirect_stdout(printed), redirect_stderr(printed):
            program()
    finally:
        pulumi.export = original
        sys.path.remove(folder)
        for name, module in list(sys.modules.items()):
            if Path(getattr(module, "__file__", None) or "").parent == Path(folder):
                del sys.modules[name]
    for made in engine.made:
        made.options = monitor.options[made.kind, made.name]
    return Run(engine, engine.made, outputs, secrets, printed.getvalue())


def main() -> None:
    """Make the stack, with the settings that stdin brings as JSON besides those above."""
    made = run(SETTINGS | json.load(sys.stdin))
    json.dump({"outputs": made.outputs, "policies": made.policies()}, sys.stdout)


if __name__ == "__main__":
    main()
