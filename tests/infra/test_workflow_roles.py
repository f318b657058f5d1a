"""What the workflows' roles may do: whatever the program's resources take, on this stack's alone.

No run of Pulumi's own provider stands behind it, only the calls that the provider's documentation
and the Service Authorization Reference name for each type of resource.
"""

from __future__ import annotations

import aws_engine
import pytest

import iam_judge
from aws_calls import Call

NAME = "gridletter-dev"
REGION = (("aws:RequestedRegion", aws_engine.REGION),)
# By service: actions, and the resource that they are asked for.
CHANGES = {
    "ec2": [
        (("CreateVpc", "ModifyVpcAttribute", "DeleteVpc"), "vpc/vpc-1"),
        (("CreateSubnet", "DeleteSubnet"), "subnet/subnet-1"),
        (("CreateInternetGateway", "AttachInternetGateway"), "internet-gateway/igw-1"),
        (("CreateRouteTable", "CreateRoute", "AssociateRouteTable"), "route-table/rtb-1"),
        (("CreateSecurityGroup", "DeleteSecurityGroup"), "security-group/sg-1"),
        (("AuthorizeSecurityGroupEgress", "RevokeSecurityGroupIngress"), "security-group/sg-1"),
        (("CreateTags", "DeleteTags"), "vpc/vpc-1"),
    ],
    "cloudfront": [
        (("UpdateDistribution", "DeleteDistribution"), "distribution/E1"),
        (("PublishFunction", "DeleteFunction"), "function/f"),
        (("UpdateOriginAccessControl", "DeleteOriginAccessControl"), "origin-access-control/E2"),
    ],
    "dynamodb": [
        (("CreateTable", "UpdateTable", "UpdateContinuousBackups"), f"table/{NAME}-issues"),
        (("TagResource", "DeleteTable"), f"table/{NAME}-issues"),
    ],
    "ecr": [
        (("CreateRepository", "PutLifecyclePolicy", "PutImage"), f"repository/{NAME}/flows"),
        (("InitiateLayerUpload", "BatchDeleteImage"), f"repository/{NAME}/flows"),
    ],
    "ecs": [
        (("CreateCluster", "PutClusterCapacityProviders", "DeleteCluster"), f"cluster/{NAME}"),
    ],
    "logs": [
        (("CreateLogGroup", "PutRetentionPolicy"), f"log-group:/gridletter/{NAME}"),
    ],
    "secretsmanager": [
        (("CreateSecret", "PutSecretValue", "GetSecretValue"), f"secret:{NAME}/smtp-url-AbCdEf"),
    ],
    "ses": [
        (("CreateEmailIdentity", "DeleteEmailIdentity"), "identity/news.example"),
        (("CreateConfigurationSet",), f"configuration-set/{NAME}-mail"),
    ],
}
GLOBAL_CHANGES = {
    "iam": [
        (("CreateRole", "PutRolePolicy", "DeleteRole"), f"role/{NAME}-task"),
        (("UpdateAssumeRolePolicy",), f"role/{NAME}-task"),
        (("CreateUser", "PutUserPolicy", "CreateAccessKey"), f"user/{NAME}-push"),
        (
            ("CreateOpenIDConnectProvider",),
            "oidc-provider/token.actions.githubusercontent.com",
        ),
    ],
    "budgets": [(("ModifyBudget",), f"budget/{NAME}-month")],
}
WITHOUT_ID = (
    "cloudfront:CreateDistribution",
    "cloudfront:CreateFunction",
    "cloudfront:CreateOriginAccessControl",
)
READS = (
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeVpcs",
    "ecr:GetAuthorizationToken",
    "secretsmanager:GetRandomPassword",
    "sts:GetCallerIdentity",
)


def changes():
    """Return the calls of a deployment that change something."""
    here = f"{aws_engine.REGION}:{aws_engine.ACCOUNT}"
    found = [Call("deploy", action, "*", REGION) for action in WITHOUT_ID]
    for services, where in ((CHANGES, here), (GLOBAL_CHANGES, f":{aws_engine.ACCOUNT}")):
        for service, asked in services.items():
            # CloudFront's resources belong to no region.
            place = f":{aws_engine.ACCOUNT}" if service == "cloudfront" else where
            for actions, resource in asked:
                arn = f"arn:aws:{service}:{place}:{resource}"
                found += [Call("deploy", f"{service}:{each}", arn, REGION) for each in actions]
    buckets = ("CreateBucket", "PutBucketPolicy", "PutEncryptionConfiguration", "DeleteBucket")
    found += [
        Call("deploy", f"s3:{each}", f"arn:aws:s3:::{NAME}-archive-1", REGION) for each in buckets
    ]
    objects = f"arn:aws:s3:::{NAME}-archive-1/object"
    return [*found, Call("deploy", "s3:DeleteObjectVersion", objects, REGION)]


def refused(stack, role, calls):
    """Return those of the calls that the role may not make."""
    iam_judge.needed()
    principal = f"arn:aws:iam::{aws_engine.ACCOUNT}:role/{NAME}-{role}"
    policies = {"whole": stack.policies()[f"{NAME}-{role}"]}
    answers = iam_judge.judge(principal, policies, calls)["whole"]
    return [call for call, passes in zip(calls, answers, strict=True) if not passes]


def test_a_deployment_may_make_what_the_program_has(stack):
    """Each type of resource can be created, changed and deleted under the deploying role."""
    assert refused(stack, "deploy", changes()) == []


@pytest.mark.parametrize("role", ["preview", "deploy"])
def test_both_roles_read_what_the_program_asks_for(stack, role):
    """Account, zones and a random key are asked for at each run, by a preview, too."""
    reads = [Call(role, action, "*", REGION) for action in READS]
    assert refused(stack, role, reads) == []


def test_a_preview_changes_nothing(stack):
    """What pull requests run can't change anything that a deployment can."""
    asked = changes()
    assert refused(stack, "preview", asked) == asked


def test_a_deployment_leaves_other_stacks_alone(stack):
    """Buckets, tables, roles and secrets of another stack, and roles of anybody's, are not its."""
    here = f"{aws_engine.REGION}:{aws_engine.ACCOUNT}"
    others = [
        Call("deploy", "s3:DeleteBucket", "arn:aws:s3:::gridletter-production-archive-1"),
        Call("deploy", "dynamodb:DeleteTable", f"arn:aws:dynamodb:{here}:table/gridletter-prod-x"),
        Call("deploy", "iam:CreateRole", f"arn:aws:iam::{aws_engine.ACCOUNT}:role/admin"),
        Call("deploy", "iam:PassRole", f"arn:aws:iam::{aws_engine.ACCOUNT}:role/{NAME}-task"),
        Call("deploy", "secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{here}:secret:x"),
    ]
    assert refused(stack, "deploy", others) == others


def test_a_preview_reads_no_object_but_the_state(stack):
    """Bucket settings and Pulumi's state are read; an object of the archive or of others is not."""
    state = f"arn:aws:s3:::{NAME}-state-{aws_engine.ACCOUNT}"
    needed = [
        Call("preview", "s3:ListBucket", state),
        Call("preview", "s3:GetObject", f"{state}/.pulumi/stacks/gridletter/dev.json"),
        Call("preview", "s3:GetBucketPolicy", f"arn:aws:s3:::{NAME}-archive-1"),
    ]
    assert refused(stack, "preview", needed) == []
    objects = [
        Call("preview", "s3:GetObject", f"arn:aws:s3:::{NAME}-archive-1/index.html"),
        Call("preview", "s3:GetObject", "arn:aws:s3:::somebody-else/secret"),
        Call("preview", "s3:ListBucket", "arn:aws:s3:::somebody-else"),
    ]
    assert refused(stack, "preview", objects) == objects
