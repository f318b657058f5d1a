"""The front of the unsubscribe webhook, on the archive's own domain: no server of ours.

A webhook of Prefect Cloud sees neither path nor query, and a mail program's one-click POST has a
fixed body (RFC 8058). A CloudFront Function before it copies the link's token into a header and
answers GET, which mail scanners send, with a page that does nothing by itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pulumi
import pulumi_aws as aws

_NO_CACHE = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # Managed-CachingDisabled
_ALL_BUT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"  # Managed-AllViewerExceptHostHeader


@dataclass(frozen=True)
class Front:
    """What the distribution gains by it: nothing where there is no webhook."""

    origins: list[dict[str, Any]]
    behaviors: list[dict[str, Any]]


def front(name: str, parent: pulumi.Resource, webhook: str | None) -> Front:
    """Return origin and behavior of `/unsubscribe/*` for the webhook's address."""
    if webhook is None:
        return Front([], [])
    address = urlsplit(webhook)
    source = (Path(__file__).parent / "unsubscribe_front.js").read_text("utf-8")
    function = aws.cloudfront.Function(
        f"{name}-unsubscribe",
        name=f"{name}-unsubscribe",
        runtime="cloudfront-js-2.0",
        comment="One click to the webhook; a page for those who only look",
        code=source.replace("'WEBHOOK_PATH'", json.dumps(address.path)),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    origin = {
        "origin_id": "unsubscribe",
        "domain_name": address.netloc,
        "custom_origin_config": {
            "http_port": 80,
            "https_port": 443,
            "origin_protocol_policy": "https-only",
            "origin_ssl_protocols": ["TLSv1.2"],
        },
    }
    behavior = {
        "path_pattern": "/unsubscribe/*",
        "target_origin_id": "unsubscribe",
        "viewer_protocol_policy": "https-only",
        "allowed_methods": ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"],
        "cached_methods": ["GET", "HEAD"],
        "cache_policy_id": _NO_CACHE,
        "origin_request_policy_id": _ALL_BUT_HOST,
        "function_associations": [
            {"event_type": event, "function_arn": function.arn}
            for event in ("viewer-request", "viewer-response")
        ],
    }
    return Front([origin], [behavior])
