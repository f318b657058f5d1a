"""IAM's decisions, by the simulator in tools/: may a call pass under these policies?"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from aws_calls import Call

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "tools"
Policy = dict[str, Any]


def needed() -> None:
    """Skip where the simulator is not installed; CI has it."""
    if shutil.which("node") is None or not (TOOLS / "node_modules").is_dir():
        said = "node or tools/node_modules is missing: npm ci --prefix tools"
        if "CI" in os.environ:
            pytest.fail(said)
        pytest.skip(said)


def judge(
    principal: str, policies: Mapping[str, Sequence[Policy]], calls: Sequence[Call]
) -> dict[str, list[bool]]:
    """Return for each set of policies which of the calls it lets pass."""
    requests = [
        {
            "policy": name,
            "principal": principal,
            "action": call.action,
            "resource": call.resource,
            "context": dict(call.context),
        }
        for name in policies
        for call in calls
    ]
    answers = iter(_asked({"policies": policies, "requests": requests}))
    return {name: [next(answers) for _ in calls] for name in policies}


def without_resource(actions: Sequence[str]) -> list[str]:
    """Return those of the actions for which AWS knows no resource but `*`."""
    return _asked({"actions": list(actions)})


def weakened(policies: Sequence[Policy]) -> Iterator[tuple[str, list[Policy]]]:
    """Yield the policies without one action of one statement, for each, with the two's names."""
    for place, policy in enumerate(policies):
        for number, statement in enumerate(policy["Statement"]):
            actions = statement["Action"]
            for action in actions:
                left = {**statement, "Action": [each for each in actions if each != action]}
                statements = [*policy["Statement"]]
                statements[number : number + 1] = [left] if left["Action"] else []
                changed = [*policies]
                changed[place] = {**policy, "Statement": statements}
                yield f"{statement['Sid']}: {action}", changed


def _asked(question: object) -> list[Any]:
    done = subprocess.run(
        ["node", str(TOOLS / "judge.mjs")],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answered: list[Any] = json.loads(done.stdout)
    return answered
