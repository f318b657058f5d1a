"""A stand-in for S3 on loopback: moto's server, in the same process as DynamoDB's stand-in has.

A test module with `pytest_plugins = ("s3_standin",)` has it as the fixture `s3`, while the module's
tests run, and an empty bucket for each test as the fixture `bucket`.
"""

from __future__ import annotations

import subprocess
import sys
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3
import pytest

import dynamodb_standin

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDPOINT = "AWS_ENDPOINT_URL_S3"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """Serve S3 while the module's tests run; give its address."""
    with serving() as endpoint, pytest.MonkeyPatch.context() as environment:
        for name, value in {**dynamodb_standin.CREDENTIALS, ENDPOINT: endpoint}.items():
            environment.setenv(name, value)
        yield endpoint


@pytest.fixture
def bucket(s3: str) -> str:
    """Make an empty bucket; give the address of a store in it."""
    return new_bucket()


def new_bucket() -> str:
    """Make an empty bucket at the stand-in; return the address of a store in it."""
    name = f"letters-{uuid.uuid4().hex[:12]}"
    boto3.client("s3").create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    return f"s3://{name}/archive"


@contextmanager
def serving() -> Iterator[str]:
    """Run the stand-in while the context lasts; yield its address."""
    command = [sys.executable, dynamodb_standin.__file__]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.terminate()
