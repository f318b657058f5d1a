"""The identity by which Prefect Cloud's push work pool starts tasks.

Prefect Cloud comes from outside AWS and brings no identity of its own: it keeps an access key in an
`AwsCredentials` block. So the key stands in the stack's state as a Pulumi secret, and what it opens
is little: start, see and stop tasks of one family in one cluster, under two roles.
"""

from __future__ import annotations

import policies
import pulumi
import pulumi_aws as aws
from access_key import access_key
from policies import allow


class PushIdentity(pulumi.ComponentResource):
    """A user with a tiny policy, whose access key is for a block of Prefect's."""

    access_key_id: pulumi.Output[str]
    secret_access_key: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        region: pulumi.Input[str],
        account_id: pulumi.Input[str],
        cluster: aws.ecs.Cluster,
        log_group: aws.cloudwatch.LogGroup,
        role_arns: list[pulumi.Output[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("gridletter:aws:PushIdentity", name, None, opts)
        here = pulumi.ResourceOptions(parent=self)
        user = aws.iam.User(f"{name}-push", name=f"{name}-push", opts=here)
        task_definitions = pulumi.Output.concat(
            "arn:aws:ecs:", region, ":", account_id, f":task-definition/{name}:*"
        )
        tasks = pulumi.Output.concat("arn:aws:ecs:", region, ":", account_id, f":task/{name}/*")
        aws.iam.UserPolicy(
            f"{name}-push-policy",
            user=user.name,
            policy=policies.document(
                allow("DefineTask", ["ecs:RegisterTaskDefinition"], [task_definitions]),
                # AWS knows no resource for it.
                allow("ReadTaskDefinition", ["ecs:DescribeTaskDefinition"], ["*"]),
                allow(
                    "RunTask",
                    ["ecs:RunTask"],
                    [task_definitions],
                    {"ArnEquals": {"ecs:cluster": cluster.arn}},
                ),
                allow(
                    "SeeAndStopTask",
                    ["ecs:DescribeTasks", "ecs:StopTask"],
                    [tasks],
                    {"ArnEquals": {"ecs:cluster": cluster.arn}},
                ),
                allow(
                    "TagTask",
                    ["ecs:TagResource"],
                    [tasks],
                    {"StringEquals": {"ecs:CreateAction": "RunTask"}},
                ),
                allow(
                    "HandOverRoles",
                    ["iam:PassRole"],
                    role_arns,
                    {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
                ),
                allow(
                    "ReadLog",
                    ["logs:GetLogEvents"],
                    [pulumi.Output.concat(log_group.arn, ":log-stream:*")],
                ),
            ),
            opts=here,
        )
        key = access_key(f"{name}-push-key", user, self)
        self.access_key_id = key.id
        self.secret_access_key = pulumi.Output.secret(key.secret)
        self.register_outputs({"user": user.name})
