"""The archive: a private bucket, read by the world through CloudFront and by nothing else."""

from __future__ import annotations

from pathlib import Path

import buckets
import policies
import pulumi
import pulumi_aws as aws
import unsubscribe

# CloudFront's managed policies have the same ids in every account.
_CACHE_AS_ORIGIN_SAYS = "658327ea-f89d-4fab-a63d-7e88639e58f6"  # CachingOptimized
_SECURITY_HEADERS = "67f7725c-6f97-4210-82d7-5512b31e9d03"  # SecurityHeadersPolicy
_KEPT_VERSIONS_DAYS = 90


class Archive(pulumi.ComponentResource):
    """Bucket and distribution; `url` is where readers find the archive, with a slash at its end."""

    bucket: aws.s3.Bucket
    distribution: aws.cloudfront.Distribution
    url: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        unsubscribe_webhook: str | None,
        let_data_go: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("gridletter:aws:Archive", name, None, opts)
        here = pulumi.ResourceOptions(parent=self)
        made = buckets.private(
            f"{name}-archive",
            self,
            let_go=let_data_go,
            versioned=True,
            expire_days=_KEPT_VERSIONS_DAYS,
        )
        self.bucket = made.bucket
        access = aws.cloudfront.OriginAccessControl(
            f"{name}-access",
            name=f"{name}-archive",
            origin_access_control_origin_type="s3",
            signing_behavior="always",
            signing_protocol="sigv4",
            opts=here,
        )
        folders = aws.cloudfront.Function(
            f"{name}-folders",
            name=f"{name}-folders",
            runtime="cloudfront-js-2.0",
            comment="A folder's address means its index.html",
            code=(Path(__file__).parent / "archive_front.js").read_text("utf-8"),
            opts=here,
        )
        clicks = unsubscribe.front(name, self, unsubscribe_webhook)
        self.distribution = aws.cloudfront.Distribution(
            f"{name}-readers",
            enabled=True,
            comment=f"{name}: the archive",
            is_ipv6_enabled=True,
            http_version="http2and3",
            price_class="PriceClass_100",  # edges in Europe and North America
            default_root_object="index.html",
            origins=[
                {
                    "origin_id": "archive",
                    "domain_name": self.bucket.bucket_regional_domain_name,
                    "origin_access_control_id": access.id,
                },
                *clicks.origins,
            ],
            default_cache_behavior={
                "target_origin_id": "archive",
                "viewer_protocol_policy": "redirect-to-https",
                "allowed_methods": ["GET", "HEAD"],
                "cached_methods": ["GET", "HEAD"],
                "compress": True,
                "cache_policy_id": _CACHE_AS_ORIGIN_SAYS,
                "response_headers_policy_id": _SECURITY_HEADERS,
                "function_associations": [
                    {"event_type": "viewer-request", "function_arn": folders.arn}
                ],
            },
            ordered_cache_behaviors=clicks.behaviors,
            restrictions={"geo_restriction": {"restriction_type": "none"}},
            viewer_certificate={
                "cloudfront_default_certificate": True,
                "minimum_protocol_version": "TLSv1",  # what its own domain allows; no key of ours
            },
            opts=here,
        )
        aws.s3.BucketPolicy(
            f"{name}-archive-policy",
            bucket=self.bucket.id,
            policy=policies.document(
                made.tls_only,
                {
                    "Sid": "ReadersByCloudFront",
                    "Effect": "Allow",
                    "Principal": {"Service": "cloudfront.amazonaws.com"},
                    "Action": "s3:GetObject",
                    "Resource": pulumi.Output.concat(self.bucket.arn, "/*"),
                    "Condition": {"StringEquals": {"AWS:SourceArn": self.distribution.arn}},
                },
            ),
            opts=here,
        )
        self.url = pulumi.Output.concat("https://", self.distribution.domain_name, "/")
        self.register_outputs({"url": self.url})
