"""Requests to AWS, as moto's recorder wrote them down, in the terms of IAM.

Which actions and resources a request stands for is said by the Service Authorization Reference; a
request of a kind that is not known here is an error, so that none goes unjudged.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

REGION: Final = "eu-central-1"
ACCOUNT: Final = "123456789012"
_CREDENTIAL = re.compile(r"Credential=([^/]+)/[^/]+/[^/]+/([^/]+)/")
_WRITES: Final = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
_TASKS_SERVICE: Final = (("iam:PassedToService", "ecs-tasks.amazonaws.com"),)


@dataclass(frozen=True, order=True)
class Call:
    """What IAM is asked: may `identity`, an access key's id, do that there, in this context?"""

    identity: str
    action: str
    resource: str
    context: tuple[tuple[str, str], ...] = ()


def read(recording: Path) -> set[Call]:
    """Return the different calls of the recording.

    Objects of S3 are told apart by their first folder only, tasks not at all.
    """
    return {call for entry in _entries(recording.read_text("utf-8")) for call in _calls(entry)}


def _entries(text: str) -> Iterator[dict[str, Any]]:
    """Yield what is recorded: the server's threads write at once, so lines may run together."""
    decoder, place = json.JSONDecoder(), 0
    while (place := len(text) - len(text[place:].lstrip())) < len(text):
        entry, place = decoder.raw_decode(text, place)
        yield entry


def _calls(entry: Mapping[str, Any]) -> Iterator[Call]:
    headers = {name.lower(): value for name, value in entry["headers"].items()}
    found = _CREDENTIAL.search(headers.get("authorization", ""))
    if found is None:
        return
    identity, service = found.groups()
    body = base64.b64decode(entry["body"]) if entry["body_encoded"] else entry["body"].encode()
    if service == "s3":
        asked = _s3(entry["method"], entry["url"], headers)
    elif "x-amz-target" in headers:
        operation = headers["x-amz-target"].rpartition(".")[2]
        told = json.loads(body or b"{}")
        kinds = {"dynamodb": _dynamodb, "ecs": _ecs, "logs": _logs, "secretsmanager": _vault}
        known = kinds.get(service)
        asked = known(operation, told) if known else iter([(f"{service}:{operation}", "*", ())])
    else:
        action = parse_qs(body.decode()).get("Action", ["?"])[0]
        asked = iter([(f"{service}:{action}", "*", ())])
    for action, resource, context in asked:
        yield Call(identity, action, resource, tuple(context))


def _s3(method: str, url: str, headers: Mapping[str, str]) -> Iterator[tuple[str, str, Any]]:
    address = urlsplit(url)
    bucket, _, key = unquote(address.path).strip("/").partition("/")
    asks = parse_qs(address.query, keep_blank_values=True)
    folder, _, below = key.partition("/")
    item = f"arn:aws:s3:::{bucket}/{folder}{'/object' if below else ''}"
    if not key:
        action = {"GET": "ListBucket", "POST": "DeleteObject"}.get(method, f"?{method}")
        action = action if "list-type" in asks or "delete" in asks else f"?{method} {[*asks]}"
        whole = action == "DeleteObject"
        yield f"s3:{action}", f"arn:aws:s3:::{bucket}{'/object' if whole else ''}", ()
        return
    if "uploadId" in asks and method == "DELETE":
        yield "s3:AbortMultipartUpload", item, ()
        return
    if "x-amz-copy-source" in headers:
        yield "s3:GetObject", f"arn:aws:s3:::{headers['x-amz-copy-source'].lstrip('/')}", ()
    actions = {"GET": "Get", "HEAD": "Get", "PUT": "Put", "POST": "Put", "DELETE": "Delete"}
    yield f"s3:{actions[method]}Object", item, ()


def _dynamodb(operation: str, told: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    tables = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/"
    if operation == "TransactWriteItems":
        for item in told["TransactItems"]:
            for kind, parameters in item.items():
                yield f"dynamodb:{_WRITES[kind]}", tables + parameters["TableName"], ()
    elif operation == "TransactGetItems":
        for item in told["TransactItems"]:
            yield "dynamodb:GetItem", tables + item["Get"]["TableName"], ()
    elif operation in {"BatchGetItem", "BatchWriteItem"}:
        for table in told["RequestItems"]:
            yield f"dynamodb:{operation}", tables + table, ()
    else:
        index = f"/index/{told['IndexName']}" if "IndexName" in told else ""
        yield f"dynamodb:{operation}", tables + told.get("TableName", "") + index, ()


def _ecs(operation: str, told: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    here = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
    cluster = str(told.get("cluster", "default")).rpartition("/")[2]
    where = (("ecs:cluster", f"{here}:cluster/{cluster}"),)
    task = f"{here}:task/{cluster}/0123456789abcdef0123456789abcdef"
    definition = f"{here}:task-definition/{_family(told)}"
    match operation:
        case "RegisterTaskDefinition":
            yield "ecs:RegisterTaskDefinition", definition, ()
            yield from _passed(told)
        case "RunTask":
            yield "ecs:RunTask", definition, where
            yield from _passed(told.get("overrides", {}))
        case "DescribeTasks" | "StopTask":
            yield f"ecs:{operation}", task, where
        case _:
            yield f"ecs:{operation}", "*", ()
    if told.get("tags"):
        tagged = definition if operation == "RegisterTaskDefinition" else task
        yield "ecs:TagResource", tagged, (("ecs:CreateAction", operation),)


def _family(told: Mapping[str, Any]) -> str:
    """Return family and revision, which a definition that is only registered has not yet."""
    name = str(told.get("taskDefinition") or told.get("family") or "").rpartition("/")[2]
    return name if ":" in name else f"{name}:1"


def _passed(told: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for role in ("executionRoleArn", "taskRoleArn"):
        if told.get(role):
            yield "iam:PassRole", told[role], _TASKS_SERVICE


def _logs(operation: str, told: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{told.get('logGroupName', '')}"
    stream = "stream" if "logStreamName" in told else ""
    yield f"logs:{operation}", f"{group}:log-stream:{stream}" if stream else group, ()


def _vault(operation: str, told: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    yield f"secretsmanager:{operation}", told.get("SecretId", "*"), ()
