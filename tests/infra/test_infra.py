"""The Pulumi program, made resource by resource on moto's server."""

from __future__ import annotations

import json

import aws_engine
import program
import pulumi
import pytest

import iam_judge

# Actions that AWS ties to no resource, and why each is there.
WITHOUT_RESOURCE = {
    "EnterRegistry": "GetAuthorizationToken",
    "ReadTaskDefinition": "ecs:DescribeTaskDefinition",
    "ReadWhatStands": "the workflows' refresh of every resource; reads only",
    "NewDistribution": "CloudFront's creations, of no id yet",
    "Network": "EC2 names its resources by ids of its own; bound to the region",
}
OF_WORKFLOWS = {"ReadWhatStands", "Network"}
HOLD_DATA = {"dynamodb/table:Table", "secretsmanager/secret:Secret"}


def statements(stack):
    """Yield every statement of every policy with the resource that brings it."""
    for made in stack.made:
        for document in aws_engine.policies_of(made):
            for statement in document["Statement"]:
                yield made, statement


def test_every_resource_is_made_on_the_server(stack):
    """Names, CIDRs, policies and references hold: a server took each of them."""
    ec2 = stack.engine.client("ec2")
    assert len(stack.of_kind("ec2/subnet:Subnet")) == 2
    subnets = ec2.describe_subnets(SubnetIds=stack.outputs["subnet_ids"])["Subnets"]
    assert {subnet["VpcId"] for subnet in subnets} == {stack.outputs["vpc_id"]}
    assert len({subnet["AvailabilityZone"] for subnet in subnets}) == 2
    tables = stack.engine.client("dynamodb").list_tables()["TableNames"]
    assert {f"gridletter-dev-{name}" for name in ("issues", "deliveries", "subscribers")} <= {
        *tables
    }


def test_tables_are_as_the_ledger_makes_them(stack):
    """A table of the stack has the keys and indexes of CreateTable in flows.delivery."""
    from flows.delivery.ledger_dynamodb_tables import definitions

    dynamodb = stack.engine.client("dynamodb")
    for wanted in definitions("gridletter-dev"):
        made = dynamodb.describe_table(TableName=wanted["TableName"])["Table"]
        assert made["KeySchema"] == wanted["KeySchema"]
        for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
            assert [
                (index["IndexName"], index["KeySchema"], index["Projection"])
                for index in made.get(kind, ())
            ] == [
                (index["IndexName"], index["KeySchema"], index["Projection"])
                for index in wanted.get(kind, ())
            ]


def test_nothing_comes_in(stack):
    """No group has ingress, and the VPC's default group lets nothing through either way."""
    [group] = stack.of_kind("ec2/securityGroup:SecurityGroup")
    assert not group.inputs.get("ingress")
    assert {rule["fromPort"] for rule in group.inputs["egress"]} == {443, 465, 587}
    [default] = stack.of_kind("ec2/defaultSecurityGroup:DefaultSecurityGroup")
    assert not default.inputs.get("ingress")
    assert not default.inputs.get("egress")
    assert not [made for made in stack.made if "NatGateway" in made.kind]


def test_the_network_is_larger_than_its_subnets(stack):
    """Subnets are parts of the VPC, so more of them can follow."""
    [vpc] = stack.of_kind("ec2/vpc:Vpc")
    cidrs = {subnet.inputs["cidrBlock"] for subnet in stack.of_kind("ec2/subnet:Subnet")}
    assert vpc.inputs["cidrBlock"] not in cidrs
    assert len(cidrs) == 2


def test_no_bucket_is_public(stack):
    """Each bucket blocks public access, is encrypted and refuses what comes without TLS."""
    buckets = {made.id for made in stack.of_kind("s3/bucket:Bucket")}
    assert len(buckets) == 2
    s3 = stack.engine.client("s3")
    for bucket in buckets:
        block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        assert all(block.values())
        assert s3.get_bucket_encryption(Bucket=bucket)
        policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
        for statement in policy["Statement"]:
            if statement["Effect"] == "Allow":
                assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
                assert statement["Condition"]["StringEquals"]["AWS:SourceArn"].startswith("arn:")
        assert any(
            statement["Effect"] == "Deny"
            and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            for statement in policy["Statement"]
        )


def test_stars_are_where_aws_has_nothing_else(stack):
    """A statement about all resources is one of those named above, each with its reason."""
    found = {
        statement["Sid"]
        for _, statement in statements(stack)
        if statement["Effect"] == "Allow" and "*" in _listed(statement.get("Resource", []))
    }
    assert found == WITHOUT_RESOURCE.keys()


def test_what_runs_every_day_has_a_star_only_where_aws_knows_no_resource(stack):
    """AWS' own reference says so of each action that flow or push pool may do on all resources."""
    iam_judge.needed()
    starry = [
        action
        for _, statement in statements(stack)
        if statement.get("Resource") == ["*"] and statement["Sid"] not in OF_WORKFLOWS
        for action in statement["Action"]
    ]
    assert starry
    assert iam_judge.without_resource(starry) == starry


def test_no_role_may_do_everything(stack):
    """No statement allows every action, nor every action of IAM."""
    for _, statement in statements(stack):
        if statement["Effect"] == "Allow":
            assert not {"*", "iam:*"} & {*_listed(statement["Action"])}


def test_the_flow_and_the_push_name_each_action(stack):
    """What runs every day has no wildcard among its actions."""
    daily = {"gridletter-dev-task", "gridletter-dev-execution", "gridletter-dev-push"}
    for made, statement in statements(stack):
        if made.inputs.get("role", made.inputs.get("user")) in daily and "policy" in made.inputs:
            assert not [action for action in _listed(statement["Action"]) if "*" in action]


def test_roles_are_handed_to_tasks_only(stack):
    """The push identity passes two roles, and those to ECS tasks alone."""
    [passing] = [s for made, s in statements(stack) if s.get("Sid") == "HandOverRoles"]
    assert {arn.rsplit("/", 1)[1] for arn in passing["Resource"]} == {
        "gridletter-dev-execution",
        "gridletter-dev-task",
    }
    assert passing["Condition"] == {
        "StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    }


def test_roles_trust_whom_they_should(stack):
    """Tasks' roles trust ECS for this account; the workflows' one repository, never a fork's."""
    for role in stack.of_kind("iam/role:Role"):
        [trust] = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
        if "Service" in trust["Principal"]:
            assert trust["Principal"]["Service"] == "ecs-tasks.amazonaws.com"
            assert trust["Condition"]["StringEquals"]["aws:SourceAccount"] == aws_engine.ACCOUNT
        else:
            subjects = trust["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
            assert all(subject.startswith("repo:owner/gridletter:") for subject in subjects)
            assert not [subject for subject in subjects if "*" in subject]


def test_keys_are_secret(stack):
    """Nothing that opens a door stands in state, outputs or logs in plain text."""
    secrets = {
        made.inputs["secretString"]
        for made in stack.of_kind("secretsmanager/secretVersion:SecretVersion")
    }
    assert len(secrets) == 2
    assert program.SETTINGS["gridletter:smtp_url"] in secrets
    state = json.dumps([made.plain for made in stack.made])
    told = json.dumps(
        {name: value for name, value in stack.outputs.items() if name not in stack.secret_outputs}
    )
    assert not [secret for secret in secrets if secret in state + told + stack.printed]
    keys = stack.of_kind("iam/accessKey:AccessKey")
    assert len(keys) == 2
    assert all(key.options["secrets"] == {"secret", "sesSmtpPasswordV4"} for key in keys)
    assert "push_secret_access_key" in stack.secret_outputs
    assert stack.outputs["push_secret_access_key"] not in told + stack.printed


def test_data_outlives_its_stack(stack):
    """Tables, secrets and the archive's bucket are protected, and stay when the stack goes."""
    kept = [made for made in stack.made if made.kind.removeprefix("aws:") in HOLD_DATA]
    kept += [made for made in stack.of_kind("s3/bucket:Bucket") if "archive" in made.name]
    assert len(kept) > 5
    for made in kept:
        assert made.options["protect"], made.name
        assert made.options["retain"], made.name


def test_one_switch_lets_data_go():
    """With let_data_go nothing is protected or kept, and what holds data goes with all in it."""
    gone = program.run(
        {"aws:region": aws_engine.REGION, "gridletter:let_data_go": "true"}, stack="gone"
    )
    assert not [made for made in gone.made if made.options["protect"] or made.options["retain"]]
    assert all(made.inputs["forceDestroy"] for made in gone.of_kind("s3/bucket:Bucket"))
    tables = gone.of_kind("dynamodb/table:Table")
    assert [made.inputs["deletionProtectionEnabled"] for made in tables] == [False] * len(tables)
    secrets = gone.of_kind("secretsmanager/secret:Secret")
    assert {made.inputs["recoveryWindowInDays"] for made in secrets} == {0}


def test_every_resource_goes_by_the_tagged_provider(stack):
    """All resources come by the provider that tags them, so that a bill can be told apart."""
    assert all("pulumi:providers:aws::aws" in made.options["provider"] for made in stack.made)
    [provider] = stack.engine.providers
    tags = json.loads(provider["defaultTags"])["tags"]
    assert tags["project"] == "gridletter"
    assert tags["stack"] == "gridletter-dev"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("vpc_cidr", "10.0.0.0/28"),
        ("vpc_cidr", "8.8.0.0/16"),
        ("vpc_cidr", "nonsense"),
        ("log_retention_days", "31"),
        ("mail_domain", "no domain"),
        ("unsubscribe_webhook", "http://plain.example/hooks/x"),
        ("github_repository", "no-owner"),
        ("kept_images", "0"),
    ],
)
def test_a_wrong_setting_is_named(setting, value):
    """A value that can't be used ends the run before anything is made, by its name."""
    with pytest.raises(pulumi.RunError, match=setting):
        program.run(program.SETTINGS | {f"gridletter:{setting}": value})


def _listed(value):
    return [value] if isinstance(value, str) else value
