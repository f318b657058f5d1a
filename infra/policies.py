"""IAM policy documents as data, so that a test can walk them and take actions away."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

Statement = Mapping[str, Any]


def allow(
    sid: str,
    actions: Sequence[str],
    resources: Sequence[pulumi.Input[str]],
    condition: Mapping[str, Any] | None = None,
) -> Statement:
    """Return a statement that allows `actions` on `resources`."""
    statement: dict[str, Any] = {
        "Sid": sid,
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": list(resources),
    }
    return statement if condition is None else {**statement, "Condition": condition}


def document(*statements: Statement) -> pulumi.Output[str]:
    """Return the policy of `statements` as JSON."""
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust_service(service: str, account_id: pulumi.Input[str] | None = None) -> pulumi.Output[str]:
    """Return the policy that lets an AWS service take a role, for this account alone."""
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    if account_id is not None:
        statement["Condition"] = {"StringEquals": {"aws:SourceAccount": account_id}}
    return document(statement)


def trust_github(provider_arn: pulumi.Input[str], subjects: Sequence[str]) -> pulumi.Output[str]:
    """Return the trust policy that lets a repository's workflows take a role by OIDC."""
    issuer = "token.actions.githubusercontent.com"
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Federated": provider_arn},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {
                    f"{issuer}:aud": "sts.amazonaws.com",
                    f"{issuer}:sub": list(subjects),
                }
            },
        }
    )


def as_data(policy: str) -> dict[str, Any]:
    """Return a policy that was written as JSON."""
    parsed: dict[str, Any] = json.loads(policy)
    return parsed
