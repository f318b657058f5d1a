"""GitHub's workflows come in by OIDC: one role reads (preview), one changes (deploy); no keys."""

from __future__ import annotations

import policies
import pulumi
import pulumi_aws as aws
from policies import allow

_ISSUER = "https://token.actions.githubusercontent.com"
# Services of this program whose calls take no name that a policy could be scoped to beforehand.
_READ = (
    "acm:DescribeCertificate", "budgets:ViewBudget", "cloudfront:Describe*", "cloudfront:Get*",
    "cloudfront:List*", "dynamodb:Describe*", "dynamodb:List*", "ec2:Describe*",
    "ecr:DescribeRepositories", "ecr:GetAuthorizationToken", "ecr:GetLifecyclePolicy",
    "ecr:ListTagsForResource", "ecs:Describe*", "ecs:List*", "iam:Get*", "iam:List*",
    "logs:Describe*", "logs:ListTagsForResource",
    "secretsmanager:DescribeSecret", "secretsmanager:GetRandomPassword",
    "secretsmanager:GetResourcePolicy", "ses:Get*", "ses:List*", "sts:GetCallerIdentity",
)  # fmt: skip
_READ_BUCKET = (
    "s3:GetBucket*", "s3:GetAccelerateConfiguration", "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration", "s3:ListBucket",
    "s3:ListBucketVersions",
)  # fmt: skip


class GitHub(pulumi.ComponentResource):
    """Roles for pull requests and for the environment named after the stack."""

    preview_role: aws.iam.Role
    deploy_role: aws.iam.Role

    def __init__(
        self,
        name: str,
        *,
        repository: str,
        stack: str,
        provider_arn: str | None,
        region: pulumi.Input[str],
        account_id: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("gridletter:aws:GitHub", name, None, opts)
        here = pulumi.ResourceOptions(parent=self)
        issuer: pulumi.Input[str]
        if provider_arn is None:
            issuer = aws.iam.OpenIdConnectProvider(
                f"{name}-github", url=_ISSUER, client_id_lists=["sts.amazonaws.com"], opts=here
            ).arn
        else:
            issuer = provider_arn
        self.preview_role = aws.iam.Role(
            f"{name}-preview",
            name=f"{name}-preview",
            assume_role_policy=policies.trust_github(
                issuer,
                [f"repo:{repository}:pull_request", f"repo:{repository}:ref:refs/heads/main"],
            ),
            opts=here,
        )
        self.deploy_role = aws.iam.Role(
            f"{name}-deploy",
            name=f"{name}-deploy",
            assume_role_policy=policies.trust_github(
                issuer, [f"repo:{repository}:environment:{stack}"]
            ),
            opts=here,
        )
        read = allow("ReadWhatStands", _READ, ["*"])
        # Buckets' settings, and of objects only Pulumi's state: never the archive's or anybody's.
        buckets = f"arn:aws:s3:::{name}-*"
        state = pulumi.Output.concat(f"arn:aws:s3:::{name}-state-", account_id, "/*")
        aws.iam.RolePolicy(
            f"{name}-preview-policy",
            role=self.preview_role.name,
            policy=policies.document(
                read,
                allow("ReadBuckets", _READ_BUCKET, [buckets]),
                allow("ReadState", ["s3:GetObject"], [state]),
            ),
            opts=here,
        )
        aws.iam.RolePolicy(
            f"{name}-deploy-policy",
            role=self.deploy_role.name,
            policy=policies.document(read, *_changes(name, region, account_id)),
            opts=here,
        )
        self.register_outputs(
            {"preview_role": self.preview_role.arn, "deploy_role": self.deploy_role.arn}
        )


def _changes(
    name: str, region: pulumi.Input[str], account_id: pulumi.Input[str]
) -> tuple[policies.Statement, ...]:
    """Return what a deployment may change: this stack's resources, which carry its name."""

    def arn(service: str, rest: str, *, regional: bool = True) -> pulumi.Output[str]:
        where = region if regional else ""
        return pulumi.Output.concat("arn:aws:", service, ":", where, ":", account_id, ":", rest)

    in_region = {"StringEquals": {"aws:RequestedRegion": region}}
    return (
        # EC2 names resources by ids that are not known beforehand.
        allow(
            "Network",
            ["ec2:*Vpc*", "ec2:*Subnet*", "ec2:*Route*", "ec2:*InternetGateway*",
             "ec2:*SecurityGroup*", "ec2:CreateTags", "ec2:DeleteTags"],
            ["*"],
            in_region,
        ),
        # AWS knows no resource for these: what they make has no id yet.
        allow(
            "NewDistribution",
            ["cloudfront:CreateDistribution", "cloudfront:CreateFunction",
             "cloudfront:CreateOriginAccessControl"],
            ["*"],
        ),
        # CloudFront's ids are not known beforehand either, and belong to no region.
        allow(
            "Distribution",
            ["cloudfront:Update*", "cloudfront:Delete*", "cloudfront:TagResource",
             "cloudfront:UntagResource", "cloudfront:PublishFunction"],
            [arn("cloudfront", "*", regional=False)],
        ),
        allow("Buckets", ["s3:*"], [f"arn:aws:s3:::{name}-*"]),
        allow("Tables", ["dynamodb:*"], [arn("dynamodb", f"table/{name}-*")]),
        allow("Images", ["ecr:*"], [arn("ecr", f"repository/{name}/*")]),
        allow("Cluster", ["ecs:*"], [arn("ecs", f"cluster/{name}")]),
        allow("Logs", ["logs:*"], [arn("logs", f"log-group:/gridletter/{name}*")]),
        allow("Secrets", ["secretsmanager:*"], [arn("secretsmanager", f"secret:{name}/*")]),
        allow(
            "Mail",
            ["ses:*"],
            [arn("ses", "identity/*"), arn("ses", f"configuration-set/{name}-mail")],
        ),
        allow("Budget", ["budgets:*"], [arn("budgets", f"budget/{name}-month", regional=False)]),
        allow(
            "Identities",
            # Not PassRole: a deployment makes roles, and hands none to anybody.
            ["iam:CreateRole", "iam:DeleteRole", "iam:UpdateRole", "iam:UpdateAssumeRolePolicy",
             "iam:TagRole", "iam:UntagRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy",
             "iam:CreateUser", "iam:DeleteUser", "iam:TagUser", "iam:UntagUser",
             "iam:PutUserPolicy", "iam:DeleteUserPolicy", "iam:*AccessKey"],
            [arn("iam", f"{kind}/{name}-*", regional=False) for kind in ("role", "user")],
        ),
        allow(
            "Issuer",
            ["iam:*OpenIDConnectProvider*"],
            [arn("iam", "oidc-provider/token.actions.githubusercontent.com", regional=False)],
        ),
    )  # fmt: skip
