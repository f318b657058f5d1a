"""Where flow runs run: an ECS cluster on Fargate, its log group, and the roles of a task."""

from __future__ import annotations

import policies
import pulumi
import pulumi_aws as aws
from policies import allow


class Worker(pulumi.ComponentResource):
    """The cluster, and two roles: ECS starts a task by one, the flow inside works by the other.

    A waiting cluster costs nothing; a task is billed by the second while a flow runs.
    """

    cluster: aws.ecs.Cluster
    log_group: aws.cloudwatch.LogGroup
    execution_role: aws.iam.Role
    task_role: aws.iam.Role

    def __init__(
        self,
        name: str,
        *,
        account_id: pulumi.Input[str],
        repository_arn: pulumi.Input[str],
        secret_arns: list[pulumi.Output[str]],
        archive_arn: pulumi.Input[str],
        claims_arn: pulumi.Input[str],
        table_arns: list[pulumi.Output[str]],
        log_retention_days: int,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("gridletter:aws:Worker", name, None, opts)
        here = pulumi.ResourceOptions(parent=self)
        self.cluster = aws.ecs.Cluster(
            f"{name}-cluster",
            name=name,
            settings=[{"name": "containerInsights", "value": "disabled"}],  # billed by metric
            opts=here,
        )
        aws.ecs.ClusterCapacityProviders(
            f"{name}-capacity",
            cluster_name=self.cluster.name,
            capacity_providers=["FARGATE", "FARGATE_SPOT"],
            opts=here,
        )
        self.log_group = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            name=f"/gridletter/{name}",
            retention_in_days=log_retention_days,
            opts=here,
        )
        trust = policies.trust_service("ecs-tasks.amazonaws.com", account_id)
        self.execution_role = aws.iam.Role(
            f"{name}-execution",
            name=f"{name}-execution",
            description="ECS: fetch the image, hand over the secrets, write the log",
            assume_role_policy=trust,
            opts=here,
        )
        aws.iam.RolePolicy(
            f"{name}-execution-policy",
            role=self.execution_role.name,
            policy=policies.document(
                # AWS knows no resource for it: the token opens only what the role may read.
                allow("EnterRegistry", ["ecr:GetAuthorizationToken"], ["*"]),
                allow(
                    "FetchImage",
                    ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                    [repository_arn],
                ),
                allow(
                    "WriteLog",
                    ["logs:CreateLogStream", "logs:PutLogEvents"],
                    [pulumi.Output.concat(self.log_group.arn, ":*")],
                ),
                allow("HandOverSecrets", ["secretsmanager:GetSecretValue"], secret_arns),
            ),
            opts=here,
        )
        self.task_role = aws.iam.Role(
            f"{name}-task",
            name=f"{name}-task",
            description="The flow: archive, ledger and large messages",
            assume_role_policy=trust,
            opts=here,
        )
        aws.iam.RolePolicy(
            f"{name}-task-policy",
            role=self.task_role.name,
            policy=policies.document(
                *_objects("Archive", archive_arn, ["GetObject", "PutObject", "DeleteObject"]),
                *_objects("Claims", claims_arn, ["GetObject"]),
                allow(
                    "Ledger",
                    [
                        "dynamodb:BatchGetItem",
                        "dynamodb:ConditionCheckItem",
                        "dynamodb:GetItem",
                        "dynamodb:PutItem",
                        "dynamodb:Query",
                        "dynamodb:UpdateItem",
                    ],
                    table_arns,
                ),
                allow(
                    "LedgerByIndex",
                    ["dynamodb:Query"],
                    [pulumi.Output.concat(table, "/index/*") for table in table_arns],
                ),
            ),
            opts=here,
        )
        self.register_outputs({"cluster_arn": self.cluster.arn})


def _objects(
    name: str, bucket_arn: pulumi.Input[str], actions: list[str]
) -> tuple[policies.Statement, ...]:
    """Return what a store needs: the listing, by which it also learns that nothing stands there."""
    return (
        allow(f"{name}List", ["s3:ListBucket"], [bucket_arn]),
        allow(
            f"{name}Objects",
            [f"s3:{action}" for action in actions],
            [pulumi.Output.concat(bucket_arn, "/*")],
        ),
    )
