"""Where messages wait that are too large for a flow run's parameter."""

from __future__ import annotations

import buckets
import policies
import pulumi
import pulumi_aws as aws

_KEPT_DAYS = 14


class Claims(pulumi.ComponentResource):
    """A private bucket that forgets: a message older than two weeks was published or given up."""

    bucket: aws.s3.Bucket

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gridletter:aws:Claims", name, None, opts)
        made = buckets.private(
            f"{name}-claims", self, let_go=True, versioned=False, expire_days=_KEPT_DAYS
        )
        self.bucket = made.bucket
        aws.s3.BucketPolicy(
            f"{name}-claims-policy",
            bucket=self.bucket.id,
            policy=policies.document(made.tls_only),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"bucket": self.bucket.bucket})
