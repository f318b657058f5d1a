"""The CloudFront Function before the unsubscribe webhook, run by node as CloudFront runs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parent.parent / "infra" / "unsubscribe_front.js"
LARGEST_FUNCTION_BYTES = 10_240  # CloudFront's quota


def node() -> str:
    """Return where node is; without one the test is skipped here, and fails in CI."""
    found = shutil.which("node")
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("node is not installed")
    return str(found)


def run(event: dict[str, Any], webhook: str = "/hooks/x") -> dict[str, Any]:
    """Return what the function answers to the event, its webhook's path filled in."""
    source = SOURCE.read_text("utf-8").replace("'WEBHOOK_PATH'", json.dumps(webhook))
    script = f"{source}\nprocess.stdout.write(JSON.stringify(handler({json.dumps(event)})));"
    done = subprocess.run([node(), "-"], input=script, capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def request(method: str, uri: str, **headers: str) -> dict[str, Any]:
    """Return a viewer-request event."""
    return {
        "version": "1.0",
        "context": {"eventType": "viewer-request"},
        "request": {
            "method": method,
            "uri": uri,
            "querystring": {"utm": {"value": "x"}},
            "headers": {name: {"value": value} for name, value in headers.items()},
            "cookies": {},
        },
    }


def response(method: str, status: int) -> dict[str, Any]:
    """Return a viewer-response event for the webhook's answer."""
    event = request(method, "/hooks/x")
    event["context"]["eventType"] = "viewer-response"
    event["response"] = {"statusCode": status, "headers": {}, "cookies": {}}
    return event
