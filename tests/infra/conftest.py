"""A server that stands for AWS, and the stack that the program makes there."""

from __future__ import annotations

import sys
from pathlib import Path

import aws_engine
import program
import pytest
from moto.server import ThreadedMotoServer

# What is shared with the flow's own tests lies beside this folder.
sys.path.append(str(Path(__file__).resolve().parents[1]))


@pytest.fixture(scope="session", autouse=True)
def aws():
    """Run moto's server, and lead boto3 there."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        environment.setenv("AWS_DEFAULT_REGION", aws_engine.REGION)
        yield
    server.stop()


@pytest.fixture(scope="session")
def stack():
    """Run the program once, with all that it can be told to make."""
    return program.run(program.SETTINGS)
