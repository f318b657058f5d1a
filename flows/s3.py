"""A bucket of S3, or of what speaks like it, by the settings that AWS's own tools have."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.store import S3Store

from flows.errors import SettingsError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig


def open_bucket(
    name: str, prefix: str = "", *, client: ClientConfig, retry: RetryConfig
) -> S3Store:
    """Return the bucket, with what boto3 finds: environment, profile or role; nothing is asked yet.

    Args:
        name: The bucket.
        prefix: What all names in it begin with.
        client: How long to wait.
        retry: How often to ask again.

    Raises:
        SettingsError: there are no credentials, or no region.
    """
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    try:
        credentials = Boto3CredentialProvider(boto3.Session())
    except (ValueError, BotoCoreError) as error:
        raise SettingsError(
            f"there are no AWS credentials for s3://{name}",
            remedy="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run where "
            "a role gives them.",
            setting="AWS_ACCESS_KEY_ID",
        ) from error
    if "region" not in credentials.config:
        raise SettingsError(
            f"there is no AWS region for s3://{name}",
            remedy="Set AWS_DEFAULT_REGION to the bucket's.",
            setting="AWS_DEFAULT_REGION",
        )
    return S3Store(
        name,
        prefix=prefix or None,
        endpoint=endpoint,
        credential_provider=credentials,
        client_options={**client, "allow_http": (endpoint or "").startswith("http:")},
        retry_config=retry,
    )
