"""An access key of a user, whose secrets are in Pulumi's state only encrypted."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws


def access_key(name: str, user: aws.iam.User, parent: pulumi.Resource) -> aws.iam.AccessKey:
    """Make a key for `user`, where AWS takes neither a role nor OIDC."""
    return aws.iam.AccessKey(
        name,
        user=user.name,
        opts=pulumi.ResourceOptions(
            parent=parent, additional_secret_outputs=["secret", "ses_smtp_password_v4"]
        ),
    )
