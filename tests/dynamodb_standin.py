"""A stand-in for DynamoDB on loopback: moto's server, in a process of its own.

A test module with `pytest_plugins = ("dynamodb_standin",)` has it as the fixture `dynamodb`: boto3
finds it while the module's tests run.

moto's transactions are not isolated from each other, so here one request is served at a time. Where
AWS_ENDPOINT_URL_DYNAMODB is set already, tests use what is there, DynamoDB Local for example.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

ENDPOINT = "AWS_ENDPOINT_URL_DYNAMODB"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
}


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[str]:
    """Serve DynamoDB to boto3 while the module's tests run; give its address."""
    with serving() as endpoint, pytest.MonkeyPatch.context() as environment:
        for name, value in {**CREDENTIALS, ENDPOINT: endpoint}.items():
            environment.setenv(name, value)
        yield endpoint


@contextmanager
def serving() -> Iterator[str]:
    """Run the stand-in while the context lasts; yield its address."""
    if ENDPOINT in os.environ:
        yield os.environ[ENDPOINT]
        return
    with subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.terminate()


def main() -> None:
    """Serve on a free port, which is printed, until terminated."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, *_: object) -> None:
            """Say nothing of each request."""

    moto, lock = DomainDispatcherApplication(create_backend_app), Lock()

    def one_at_a_time(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        with lock:
            return list(moto(environ, start))

    server = make_server("127.0.0.1", 0, one_at_a_time, threaded=True, request_handler=Quiet)
    print(server.server_port, flush=True)  # noqa: T201 — read by `serving`
    server.serve_forever()


if __name__ == "__main__":
    main()
