"""Measures what one issue takes of each thing that AWS bills, for scripts/make_costs.py.

    .venv/bin/python scripts/measure_costs.py

A real `gridletter publish` in a process of its own, as a task has it: archive and ledger on moto's
server, whose requests are counted, and mails to an SMTP server on loopback. Twice, with few readers
and with many, so that what an issue takes and what a mail takes come apart. Prints JSON.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tests"))

from flows.delivery import ledger_dynamodb_tables as tables  # noqa: E402 — after the path
from smtp_sink import Sink  # type: ignore[import-not-found]  # noqa: E402 — stands beside the tests

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

FEW, MANY = 10, 510
SAMPLE = REPOSITORY / "notebooks" / "samples" / "wind_solar_DE_LU.xml"
BUCKET, PREFIX = "letters", "letters"
# Billed as PUT, COPY, POST and LIST; the others as GET. DELETE is free.
_S3_DEAR = {"PUT", "POST"}
_WRITES = {"PutItem", "UpdateItem", "DeleteItem"}
# The command, which counts what its process asks of Prefect's API.
_COMMAND = """\
import os
import httpx
from flows.cli import main

asked = 0

def counted(send):
    def sending(client, request, **options):
        global asked
        asked += request.url.path != "/api/health"
        return send(client, request, **options)
    return sending

httpx.Client.send = counted(httpx.Client.send)
httpx.AsyncClient.send = counted(httpx.AsyncClient.send)
try:
    main()
finally:
    with open(os.environ["ASKED"], "w") as file:
        file.write(str(asked))
"""


class _Quiet(WSGIRequestHandler):
    """Keeps connections, as AWS does, and says nothing of each request."""

    protocol_version = "HTTP/1.1"

    def log(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Measure, and print the figures by the names of make_costs' `Measured`."""
    counted: Counter[str] = Counter()
    server = make_server("127.0.0.1", 0, _counting(counted), threaded=True, request_handler=_Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "measuring",
        "AWS_SECRET_ACCESS_KEY": "measuring",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_REGION": "eu-central-1",
        "AWS_ALLOW_HTTP": "true",
    }
    few, many = (_publish(counted, readers) for readers in (FEW, MANY))
    mails = MANY - FEW
    each = {name: (many[name] - few[name]) / mails for name in few}
    print(
        json.dumps(
            {
                "run_requests": few["asked"],
                "issue_seconds": round(few["seconds"] - FEW * max(each["seconds"], 0), 1),
                "mail_seconds": round(each["seconds"], 5),
                "issue_puts": round(few["puts"]),
                "issue_gets": round(few["gets"]),
                "issue_kb": round(few["stored"] / 1000),
                "issue_writes": round(few["writes"] - FEW * each["writes"]),
                "issue_reads": round(few["reads"] - FEW * each["reads"]),
                "mail_writes": round(each["writes"], 2),
                "mail_reads": round(each["reads"], 2),
                "mail_kb": round(each["mailed"] / 1000),
            },
            indent=2,
        )
    )


def _publish(counted: Counter[str], readers: int) -> dict[str, float]:
    """Publish one issue to that many readers, in an account that has nothing yet."""
    s3, dynamodb = boto3.client("s3"), boto3.client("dynamodb")
    bucket, prefix = f"{BUCKET}-{readers}", f"{PREFIX}-{readers}"
    s3.create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    for definition in (*tables.definitions(prefix), tables.subscribers_definition(prefix)):
        dynamodb.create_table(**definition)
    with tempfile.TemporaryDirectory() as home, Sink() as sink:
        environment = os.environ | {
            "ASKED": str(Path(home) / "asked"),
            "GRIDLETTER_HOME": home,
            "GRIDLETTER_ARCHIVE": f"s3://{bucket}/archive",
            "GRIDLETTER_LEDGER": f"dynamodb://{prefix}",
            "GRIDLETTER_SMTP_URL": f"smtp://127.0.0.1:{sink.port}?security=none",
        }
        people = Path(home) / "readers.csv"
        people.write_text(
            "name,email,newsletters,zones\n"
            + "".join(f"Reader {n},reader{n}@example.org,,\n" for n in range(readers)),
            "utf-8",
        )
        _run(["subscribers", "import", str(people)], environment)
        counted.clear()
        began = _processor_seconds()
        _run(["publish", str(SAMPLE)], environment)
        seconds = _processor_seconds() - began
        if len(sink.mails) != readers:
            raise SystemExit(f"{len(sink.mails)} mails instead of {readers}")
        mailed = sum(len(mail.data) for mail in sink.mails)
        asked = int((Path(home) / "asked").read_text("utf-8"))
    stored = sum(
        item["Size"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for item in page["Contents"]
    )
    return {
        "seconds": seconds,
        "puts": counted["puts"],
        "gets": counted["gets"],
        "writes": counted["writes"],
        "reads": counted["reads"],
        "stored": stored,
        "mailed": mailed,
        "asked": asked,
    }


def _processor_seconds() -> float:
    """Return what ended children took of a processor, which a busy machine does not change."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(arguments: list[str], environment: dict[str, str]) -> None:
    command = [sys.executable, "-c", _COMMAND, *arguments]
    done = subprocess.run(  # noqa: S603 — our own command
        command, cwd=REPOSITORY, env=environment, capture_output=True, check=False
    )
    if done.returncode:
        raise SystemExit((done.stdout + done.stderr).decode())


def _counting(counted: Counter[str]) -> Any:  # noqa: ANN401 — a WSGI application
    """Return moto's server, which counts what AWS would bill; one request at a time."""
    moto = DomainDispatcherApplication(create_backend_app)
    turn = threading.Lock()

    def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        with turn:
            operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
            if operation:
                body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
                environ["wsgi.input"] = BytesIO(body)
                _count(counted, operation, json.loads(body))
            else:
                method = environ["REQUEST_METHOD"]
                lists = "list-type=" in environ.get("QUERY_STRING", "")
                if method != "DELETE":
                    counted["puts" if method in _S3_DEAR or lists else "gets"] += 1
            return list(moto(environ, start))

    return application


def _count(counted: Counter[str], operation: str, body: dict[str, Any]) -> None:
    """Count request units; items are below 1 KB each, and a transaction takes two for each."""
    if operation == "TransactWriteItems":
        counted["writes"] += 2 * len(body["TransactItems"])
    elif operation == "BatchWriteItem":
        counted["writes"] += sum(len(items) for items in body["RequestItems"].values())
    elif operation in _WRITES:
        counted["writes"] += 1
    elif operation == "BatchGetItem":
        counted["reads"] += sum(len(asked["Keys"]) for asked in body["RequestItems"].values())
    else:
        counted["reads"] += 1


if __name__ == "__main__":
    main()
