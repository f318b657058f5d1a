"""Webhooks, which Prefect Cloud alone has: the addresses to which pushes and clicks go.

A webhook's address is random and stays; whoever knows it may push. It is rotated in Prefect Cloud.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from prefect.client.cloud import get_cloud_client
from prefect.settings import get_current_settings

from flows import unsubscribe
from flows.deploy import events
from flows.deploy.plan import differences

if TYPE_CHECKING:
    from flows.deploy.plan import Plan

_WANTED: Final = (
    {
        "name": "gridletter-entsoe",
        "description": "Takes the Transparency Platform's pushes",
        "template": events.WEBHOOK_TEMPLATE,
    },
    {
        "name": "gridletter-unsubscribe",
        "description": "Takes clicks on unsubscribe links",
        "template": unsubscribe.WEBHOOK_TEMPLATE,
    },
)


def ensure(plan: Plan) -> None:
    """Create or update the webhooks of the workspace that is set; say their addresses.

    Raises:
        httpx.HTTPError: Prefect Cloud is away.
    """
    standing = {webhook["name"]: webhook for webhook in _call("POST", "/webhooks/filter")}
    for wanted in _WANTED:
        webhook = standing.get(wanted["name"])
        if webhook is None:
            made = plan.settle("webhook", wanted["name"], None, partial(_create, wanted))
            if made is not None:
                plan.remark(_address(made))
            continue
        stands = {name: webhook[name] for name in wanted}
        path = f"/webhooks/{webhook['id']}"
        plan.settle(
            "webhook",
            wanted["name"],
            differences(stands, dict(wanted)),
            partial(_call, "PUT", path, wanted),
            _address(webhook),
        )


def _create(wanted: dict[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = _call("POST", "/webhooks/", wanted)
    return made


def _address(webhook: dict[str, Any]) -> str:
    cloud = get_current_settings().cloud.api_url.rstrip("/").removesuffix("/api")
    return f"{cloud}/hooks/{webhook['slug']}"


def _call(method: str, path: str, body: dict[str, str] | None = None) -> Any:  # noqa: ANN401 — JSON
    return asyncio.run(_ask(method, path, body))


async def _ask(method: str, path: str, body: dict[str, str] | None) -> Any:  # noqa: ANN401 — JSON
    async with get_cloud_client(host=get_current_settings().api.url) as client:
        return await client.request(method, path, json=body)
