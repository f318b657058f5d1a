"""A private bucket: encrypted, TLS only, owned by the account whoever writes."""

from __future__ import annotations

from dataclasses import dataclass

import data
import policies
import pulumi
import pulumi_aws as aws


@dataclass(frozen=True)
class Bucket:
    """The bucket, and the statement about TLS that its one policy has to hold."""

    bucket: aws.s3.Bucket
    tls_only: policies.Statement


def private(
    name: str, parent: pulumi.Resource, *, let_go: bool, versioned: bool, expire_days: int
) -> Bucket:
    """Return a private bucket.

    Args:
        name: The resource's name; AWS' is that and a random suffix, since buckets share one world.
        parent: The component that it belongs to.
        let_go: It may be emptied and removed.
        versioned: What is written over is kept for `expire_days`; else all is gone after those.
        expire_days: See `versioned`.
    """
    here = pulumi.ResourceOptions(parent=parent)
    bucket = aws.s3.Bucket(
        name,
        bucket_prefix=f"{name}-",
        force_destroy=let_go,
        opts=data.kept(parent, let_go=let_go) if versioned else here,
    )
    aws.s3.BucketPublicAccessBlock(
        f"{name}-not-public",
        bucket=bucket.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=here,
    )
    aws.s3.BucketOwnershipControls(
        f"{name}-owner",
        bucket=bucket.id,
        rule={"object_ownership": "BucketOwnerEnforced"},
        opts=here,
    )
    aws.s3.BucketServerSideEncryptionConfiguration(
        f"{name}-encryption",
        bucket=bucket.id,
        rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
        opts=here,
    )
    if versioned:
        aws.s3.BucketVersioning(
            f"{name}-versions",
            bucket=bucket.id,
            versioning_configuration={"status": "Enabled"},
            opts=here,
        )
    expiry = "noncurrent_version_expiration" if versioned else "expiration"
    days = {"noncurrent_days": expire_days} if versioned else {"days": expire_days}
    aws.s3.BucketLifecycleConfiguration(
        f"{name}-lifecycle",
        bucket=bucket.id,
        rules=[
            {
                "id": "expire",
                "status": "Enabled",
                "filter": {"prefix": ""},
                expiry: days,
                "abort_incomplete_multipart_upload": {"days_after_initiation": 1},
            }
        ],
        opts=here,
    )
    tls_only = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket.arn, pulumi.Output.concat(bucket.arn, "/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return Bucket(bucket, tls_only)
