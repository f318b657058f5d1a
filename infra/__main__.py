"""Gridletter on AWS: what `gridletter deploy --type ecs:push` needs, and no more.

network        subnets without a way in           registry   images
archive        bucket and CloudFront              ledger     DynamoDB
claims         large messages                     vault      secrets
mail           SES, where a domain is set         worker     cluster, roles, log
push_identity  Prefect Cloud's way in             github     the workflows' way in
budget         an alarm for the bill
"""

from __future__ import annotations

import sys
from pathlib import Path

import config
import pulumi
import pulumi_aws as aws
from archive import Archive
from budget import Budget
from claims import Claims
from github import GitHub
from ledger import Ledger
from mail import Mail
from network import Network
from push_identity import PushIdentity
from registry import Registry
from vault import Vault, random_key
from worker import Worker

# The tables are defined where they are used.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from flows.delivery.ledger_dynamodb_tables import definitions, subscribers_definition

settings = config.load()
stack = pulumi.get_stack()
name = f"gridletter-{stack}"
region = pulumi.Config("aws").require("region")
provider = aws.Provider(
    "aws",
    region=region,
    default_tags={"tags": {"project": "gridletter", "stack": name, "managed-by": "pulumi"}},
)
on_aws = pulumi.ResourceOptions(provider=provider)
account_id = aws.get_caller_identity_output(opts=pulumi.InvokeOptions(provider=provider)).account_id

network = Network(name, settings.vpc_cidr, opts=on_aws)
registry = Registry(name, settings.kept_images, opts=on_aws)
archive = Archive(
    name,
    unsubscribe_webhook=settings.unsubscribe_webhook,
    let_data_go=settings.let_data_go,
    opts=on_aws,
)
claims = Claims(name, opts=on_aws)
ledger = Ledger(
    name,
    [*definitions(name), subscribers_definition(name)],
    let_data_go=settings.let_data_go,
    opts=on_aws,
)
vault = Vault(
    name,
    {
        "GRIDLETTER_SMTP_URL": pulumi.Config().get_secret("smtp_url"),
        "GRIDLETTER_UNSUBSCRIBE_KEYS": random_key(provider),
        "GRIDLETTER_ENTSOE_API_KEY": pulumi.Config().get_secret("entsoe_api_key"),
    },
    let_data_go=settings.let_data_go,
    opts=on_aws,
)
worker = Worker(
    name,
    account_id=account_id,
    repository_arn=registry.repository.arn,
    secret_arns=list(vault.arns.values()),
    archive_arn=archive.bucket.arn,
    claims_arn=claims.bucket.arn,
    table_arns=ledger.table_arns,
    log_retention_days=settings.log_retention_days,
    opts=on_aws,
)
push = PushIdentity(
    name,
    region=region,
    account_id=account_id,
    cluster=worker.cluster,
    log_group=worker.log_group,
    role_arns=[worker.execution_role.arn, worker.task_role.arn],
    opts=on_aws,
)
if settings.mail_domain is not None:
    mail = Mail(name, settings.mail_domain, region=region, opts=on_aws)
    pulumi.export("mail_dns_records", mail.dns_records)
if settings.github_repository is not None:
    github = GitHub(
        name,
        repository=settings.github_repository,
        stack=stack,
        provider_arn=settings.github_provider_arn,
        region=region,
        account_id=account_id,
        opts=on_aws,
    )
    pulumi.export("github_preview_role_arn", github.preview_role.arn)
    pulumi.export("github_deploy_role_arn", github.deploy_role.arn)
if settings.unsubscribe_webhook is not None:
    pulumi.export("unsubscribe_url", pulumi.Output.concat(archive.url, "unsubscribe/"))
if settings.operators is not None:
    Budget(name, settings.monthly_budget_usd, settings.operators, opts=on_aws)

for output, value in {
    "region": region,
    "cluster_arn": worker.cluster.arn,
    "vpc_id": network.vpc_id,
    "subnet_ids": network.subnet_ids,
    "security_group_id": network.security_group_id,
    "execution_role_arn": worker.execution_role.arn,
    "task_role_arn": worker.task_role.arn,
    "log_group": worker.log_group.name,
    "repository_url": registry.repository.repository_url,
    "archive": pulumi.Output.concat("s3://", archive.bucket.bucket),
    "archive_url": archive.url,
    "claims": pulumi.Output.concat("s3://", claims.bucket.bucket),
    "ledger": ledger.address,
    "secret_arns": vault.arns,
    "push_access_key_id": push.access_key_id,
    "push_secret_access_key": push.secret_access_key,
}.items():
    pulumi.export(output, value)
