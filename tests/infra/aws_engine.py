"""Pulumi's engine for tests: each resource is really created, on moto's server, by boto3.

The program's inputs arrive as the provider would get them, in dependency order; a wrong name, CIDR,
policy or reference fails as it would on AWS. A type without a handler fails, too: nothing is made
up. What moto does not know (`MADE_UP`) is only recorded.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import Any

import boto3
from pulumi.runtime import Mocks
from pulumi.runtime.mocks import MockMonitor

_SIGNATURE = "4dabf18193072939515e22adb298388d"  # what marks a special value (pulumi.runtime.rpc)
_SECRET = "1b47061264138c4ac30d75fd1eb44270"
REGION = "eu-central-1"
ACCOUNT = "123456789012"
MADE_UP = {
    "aws:cloudfront/function:Function": {"arn": "arn:aws:cloudfront::123456789012:function/made-up"}
}


@dataclass
class Made:
    """One resource as the engine saw it: type, name, inputs, id on the server, and options.

    `plain` are the inputs as they stand in the state, where secrets are encrypted.
    """

    kind: str
    name: str
    inputs: dict[str, Any]
    plain: dict[str, Any]
    id: str
    options: dict[str, Any] = field(default_factory=dict)


class AwsEngine(Mocks):
    """Creates what a program registers; `made` lists it in order."""

    def __init__(self) -> None:
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self.made: list[Made] = []
        self.providers: list[dict[str, Any]] = []

    def client(self, service: str) -> Any:
        """Return the service's client, on the server that AWS_ENDPOINT_URL names."""
        if service not in self._clients:
            self._clients[service] = boto3.client(service, region_name=REGION)
        return self._clients[service]

    def call(self, args):
        match args.token.rsplit(":", 1)[1]:
            case "getCallerIdentity":
                return {"accountId": self.client("sts").get_caller_identity()["Account"]}
            case "getAvailabilityZones":
                zones = self.client("ec2").describe_availability_zones()["AvailabilityZones"]
                return {"names": [zone["ZoneName"] for zone in zones]}
            case "getRandomPassword":
                length = int(args.args["passwordLength"])
                answer = self.client("secretsmanager").get_random_password(
                    PasswordLength=length, ExcludePunctuation=args.args["excludePunctuation"]
                )
                return {"randomPassword": answer["RandomPassword"]}
            case unknown:
                raise NotImplementedError(unknown)

    def new_resource(self, args):
        inputs = _whole(args.inputs)
        if args.typ.startswith("pulumi:providers:"):
            self.providers.append(inputs)
        if not args.custom or args.typ.startswith("pulumi:providers:"):
            return f"{args.name}-id", inputs
        if args.typ in MADE_UP:
            made, outputs = args.name, MADE_UP[args.typ]
        else:
            module, _, kind = args.typ.removeprefix("aws:").partition("/")
            handler = getattr(self, f"_{module}_{kind.partition(':')[2]}", None)
            if handler is None:
                raise NotImplementedError(f"no handler for {args.typ}")
            with self._lock:
                made, outputs = handler(inputs)
        plain = _whole(args.inputs, reveal=False)
        self.made.append(Made(args.typ, args.name, inputs, plain, made))
        return made, {**inputs, **outputs}

    # EC2 -----------------------------------------------------------------------------------------
    def _ec2_Vpc(self, i):
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock=i["cidrBlock"])["Vpc"]["VpcId"]
        for name in ("EnableDnsSupport", "EnableDnsHostnames"):
            value = i[name[0].lower() + name[1:]]
            ec2.modify_vpc_attribute(VpcId=vpc, **{name: {"Value": value}})
        return vpc, {}

    def _ec2_DefaultSecurityGroup(self, i):
        ec2 = self.client("ec2")
        [group] = ec2.describe_security_groups(
            Filters=[
                {"Name": "vpc-id", "Values": [i["vpcId"]]},
                {"Name": "group-name", "Values": ["default"]},
            ]
        )["SecurityGroups"]
        for way, revoke in (
            ("IpPermissions", ec2.revoke_security_group_ingress),
            ("IpPermissionsEgress", ec2.revoke_security_group_egress),
        ):
            if group[way]:
                revoke(GroupId=group["GroupId"], IpPermissions=group[way])
        return group["GroupId"], {}

    def _ec2_InternetGateway(self, i):
        ec2 = self.client("ec2")
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=i["vpcId"])
        return gateway, {}

    def _ec2_RouteTable(self, i):
        table = self.client("ec2").create_route_table(VpcId=i["vpcId"])["RouteTable"]
        return table["RouteTableId"], {}

    def _ec2_Route(self, i):
        self.client("ec2").create_route(
            RouteTableId=i["routeTableId"],
            DestinationCidrBlock=i["destinationCidrBlock"],
            GatewayId=i["gatewayId"],
        )
        return f"r-{i['routeTableId']}", {}

    def _ec2_Subnet(self, i):
        subnet = self.client("ec2").create_subnet(
            VpcId=i["vpcId"], CidrBlock=i["cidrBlock"], AvailabilityZone=i["availabilityZone"]
        )["Subnet"]
        return subnet["SubnetId"], {}

    def _ec2_RouteTableAssociation(self, i):
        made = self.client("ec2").associate_route_table(
            RouteTableId=i["routeTableId"], SubnetId=i["subnetId"]
        )
        return made["AssociationId"], {}

    def _ec2_SecurityGroup(self, i):
        ec2 = self.client("ec2")
        group = ec2.create_security_group(
            GroupName=i["description"][:60], Description=i["description"], VpcId=i["vpcId"]
        )["GroupId"]
        standing = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
        # As the provider does: the rule that AWS gives a new group is not part of the program.
        ec2.revoke_security_group_egress(
            GroupId=group, IpPermissions=standing["IpPermissionsEgress"]
        )
        for way, authorize in (
            ("ingress", ec2.authorize_security_group_ingress),
            ("egress", ec2.authorize_security_group_egress),
        ):
            if i.get(way):
                authorize(GroupId=group, IpPermissions=[_rule(rule) for rule in i[way]])
        return group, {}

    # S3 ------------------------------------------------------------------------------------------
    def _s3_Bucket(self, i):
        bucket = f"{i['bucketPrefix']}0123456789"
        self.client("s3").create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        return bucket, {
            "bucket": bucket,
            "arn": f"arn:aws:s3:::{bucket}",
            "bucketRegionalDomainName": f"{bucket}.s3.{REGION}.amazonaws.com",
        }

    def _s3_BucketPublicAccessBlock(self, i):
        self.client("s3").put_public_access_block(
            Bucket=i["bucket"],
            PublicAccessBlockConfiguration={
                name[0].upper() + name[1:]: i[name]
                for name in (
                    "blockPublicAcls",
                    "blockPublicPolicy",
                    "ignorePublicAcls",
                    "restrictPublicBuckets",
                )
            },
        )
        return i["bucket"], {}

    def _s3_BucketOwnershipControls(self, i):
        self.client("s3").put_bucket_ownership_controls(
            Bucket=i["bucket"],
            OwnershipControls={"Rules": [{"ObjectOwnership": i["rule"]["objectOwnership"]}]},
        )
        return i["bucket"], {}

    def _s3_BucketServerSideEncryptionConfiguration(self, i):
        [rule] = i["rules"]
        default = rule["applyServerSideEncryptionByDefault"]
        self.client("s3").put_bucket_encryption(
            Bucket=i["bucket"],
            ServerSideEncryptionConfiguration={
                "Rules": [
                    {
                        "ApplyServerSideEncryptionByDefault": {
                            "SSEAlgorithm": default["sseAlgorithm"]
                        }
                    }
                ]
            },
        )
        return i["bucket"], {}

    def _s3_BucketVersioning(self, i):
        self.client("s3").put_bucket_versioning(
            Bucket=i["bucket"],
            VersioningConfiguration={"Status": i["versioningConfiguration"]["status"]},
        )
        return i["bucket"], {}

    def _s3_BucketLifecycleConfiguration(self, i):
        rules = []
        for rule in i["rules"]:
            made = {"ID": rule["id"], "Status": rule["status"], "Filter": {"Prefix": ""}}
            if "expiration" in rule:
                made["Expiration"] = {"Days": rule["expiration"]["days"]}
            if "noncurrentVersionExpiration" in rule:
                days = rule["noncurrentVersionExpiration"]["noncurrentDays"]
                made["NoncurrentVersionExpiration"] = {"NoncurrentDays": days}
            days = rule["abortIncompleteMultipartUpload"]["daysAfterInitiation"]
            made["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": days}
            rules.append(made)
        self.client("s3").put_bucket_lifecycle_configuration(
            Bucket=i["bucket"], LifecycleConfiguration={"Rules": rules}
        )
        return i["bucket"], {}

    def _s3_BucketPolicy(self, i):
        self.client("s3").put_bucket_policy(Bucket=i["bucket"], Policy=i["policy"])
        return i["bucket"], {}

    # CloudFront ----------------------------------------------------------------------------------
    def _cloudfront_OriginAccessControl(self, i):
        made = self.client("cloudfront").create_origin_access_control(
            OriginAccessControlConfig={
                "Name": i["name"],
                "Description": i["name"],
                "SigningProtocol": i["signingProtocol"],
                "SigningBehavior": i["signingBehavior"],
                "OriginAccessControlOriginType": i["originAccessControlOriginType"],
            }
        )
        return made["OriginAccessControl"]["Id"], {}

    def _cloudfront_Distribution(self, i):
        origins = []
        for origin in i["origins"]:
            made = {"Id": origin["originId"], "DomainName": origin["domainName"]}
            if "customOriginConfig" in origin:
                custom = origin["customOriginConfig"]
                made["CustomOriginConfig"] = {
                    "HTTPPort": custom["httpPort"],
                    "HTTPSPort": custom["httpsPort"],
                    "OriginProtocolPolicy": custom["originProtocolPolicy"],
                }
            else:
                made["OriginAccessControlId"] = origin["originAccessControlId"]
                made["S3OriginConfig"] = {"OriginAccessIdentity": ""}
            origins.append(made)
        behavior = i["defaultCacheBehavior"]
        known = {origin["Id"] for origin in origins}
        assert {behavior["targetOriginId"]} <= known
        assert {b["targetOriginId"] for b in i.get("orderedCacheBehaviors", ())} <= known
        made = self.client("cloudfront").create_distribution(
            DistributionConfig={
                "CallerReference": i["comment"],
                "Comment": i["comment"],
                "Enabled": i["enabled"],
                "Origins": {"Quantity": len(origins), "Items": origins},
                "DefaultCacheBehavior": {
                    "TargetOriginId": behavior["targetOriginId"],
                    "ViewerProtocolPolicy": behavior["viewerProtocolPolicy"],
                    "CachePolicyId": behavior["cachePolicyId"],
                },
            }
        )["Distribution"]
        return made["Id"], {"arn": made["ARN"], "domainName": made["DomainName"]}

    # The rest ------------------------------------------------------------------------------------
    def _ecr_Repository(self, i):
        made = self.client("ecr").create_repository(
            repositoryName=i["name"],
            imageTagMutability=i["imageTagMutability"],
            imageScanningConfiguration={
                "scanOnPush": i["imageScanningConfiguration"]["scanOnPush"]
            },
        )["repository"]
        return i["name"], {"arn": made["repositoryArn"], "repositoryUrl": made["repositoryUri"]}

    def _ecr_LifecyclePolicy(self, i):
        self.client("ecr").put_lifecycle_policy(
            repositoryName=i["repository"], lifecyclePolicyText=i["policy"]
        )
        return i["repository"], {}

    def _ecs_Cluster(self, i):
        made = self.client("ecs").create_cluster(clusterName=i["name"])["cluster"]
        return made["clusterArn"], {"arn": made["clusterArn"]}

    def _ecs_ClusterCapacityProviders(self, i):
        self.client("ecs").put_cluster_capacity_providers(
            cluster=i["clusterName"],
            capacityProviders=i["capacityProviders"],
            defaultCapacityProviderStrategy=[],
        )
        return i["clusterName"], {}

    def _cloudwatch_LogGroup(self, i):
        logs = self.client("logs")
        logs.create_log_group(logGroupName=i["name"])
        logs.put_retention_policy(logGroupName=i["name"], retentionInDays=i["retentionInDays"])
        return i["name"], {"arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{i['name']}"}

    def _iam_Role(self, i):
        made = self.client("iam").create_role(
            RoleName=i["name"], AssumeRolePolicyDocument=i["assumeRolePolicy"]
        )["Role"]
        return made["RoleName"], {"arn": made["Arn"]}

    def _iam_RolePolicy(self, i):
        self.client("iam").put_role_policy(
            RoleName=i["role"], PolicyName="policy", PolicyDocument=i["policy"]
        )
        return f"{i['role']}:policy", {}

    def _iam_User(self, i):
        made = self.client("iam").create_user(UserName=i["name"])["User"]
        return made["UserName"], {"arn": made["Arn"]}

    def _iam_UserPolicy(self, i):
        self.client("iam").put_user_policy(
            UserName=i["user"], PolicyName="policy", PolicyDocument=i["policy"]
        )
        return f"{i['user']}:policy", {}

    def _iam_AccessKey(self, i):
        made = self.client("iam").create_access_key(UserName=i["user"])["AccessKey"]
        secret = made["SecretAccessKey"]
        return made["AccessKeyId"], {"secret": secret, "sesSmtpPasswordV4": f"smtp{secret}"}

    def _iam_OpenIdConnectProvider(self, i):
        made = self.client("iam").create_open_id_connect_provider(
            Url=i["url"], ClientIDList=i["clientIdLists"], ThumbprintList=["0" * 40]
        )
        return made["OpenIDConnectProviderArn"], {"arn": made["OpenIDConnectProviderArn"]}

    def _dynamodb_Table(self, i):
        schema = _keys(i["hashKey"], i.get("rangeKey"))
        indexes: dict[str, Any] = {}
        for index in i.get("globalSecondaryIndexes", ()):
            keys = _keys(index["hashKey"], index.get("rangeKey"))
            indexes.setdefault("GlobalSecondaryIndexes", []).append(_index(index, keys))
        for index in i.get("localSecondaryIndexes", ()):
            keys = _keys(i["hashKey"], index["rangeKey"])
            indexes.setdefault("LocalSecondaryIndexes", []).append(_index(index, keys))
        dynamodb = self.client("dynamodb")
        made = dynamodb.create_table(
            TableName=i["name"],
            BillingMode=i["billingMode"],
            KeySchema=schema,
            AttributeDefinitions=[
                {"AttributeName": a["name"], "AttributeType": a["type"]} for a in i["attributes"]
            ],
            **indexes,
        )["TableDescription"]
        dynamodb.update_continuous_backups(
            TableName=i["name"],
            PointInTimeRecoverySpecification={
                "PointInTimeRecoveryEnabled": i["pointInTimeRecovery"]["enabled"]
            },
        )
        return i["name"], {"arn": made["TableArn"]}

    def _secretsmanager_Secret(self, i):
        made = self.client("secretsmanager").create_secret(
            Name=i["name"], Description=i["description"]
        )
        return made["ARN"], {"arn": made["ARN"]}

    def _secretsmanager_SecretVersion(self, i):
        made = self.client("secretsmanager").put_secret_value(
            SecretId=i["secretId"], SecretString=i["secretString"]
        )
        return f"{made['ARN']}|{made['VersionId']}", {}

    def _sesv2_ConfigurationSet(self, i):
        self.client("sesv2").create_configuration_set(
            ConfigurationSetName=i["configurationSetName"]
        )
        name = i["configurationSetName"]
        return name, {"arn": f"arn:aws:ses:{REGION}:{ACCOUNT}:configuration-set/{name}"}

    def _sesv2_EmailIdentity(self, i):
        self.client("sesv2").create_email_identity(EmailIdentity=i["emailIdentity"])
        arn = f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/{i['emailIdentity']}"
        signing = {**i["dkimSigningAttributes"], "tokens": ["one", "two", "three"]}
        return i["emailIdentity"], {"arn": arn, "dkimSigningAttributes": signing}

    def _budgets_Budget(self, i):
        self.client("budgets").create_budget(
            AccountId=ACCOUNT,
            Budget={
                "BudgetName": i["name"],
                "BudgetLimit": {"Amount": i["limitAmount"], "Unit": i["limitUnit"]},
                "TimeUnit": i["timeUnit"],
                "BudgetType": i["budgetType"],
            },
        )
        return f"{ACCOUNT}:{i['name']}", {}


class Monitor(MockMonitor):
    """Keeps what mocks never see: whether a resource is protected, retained, or ignores changes."""

    def __init__(self, mocks: AwsEngine) -> None:
        super().__init__(mocks)
        self.options: dict[tuple[str, str], dict[str, Any]] = {}

    def RegisterResource(self, request):
        self.options[request.type, request.name] = {
            "protect": request.protect,
            "retain": request.retainOnDelete,
            "provider": request.provider,
            "secrets": {*request.additionalSecretOutputs},
        }
        return super().RegisterResource(request)


def _whole(value: Any, *, reveal: bool = True) -> Any:
    """Return `value` plain: numbers arrive as floats under Pulumi's mocks, secrets wrapped."""
    if isinstance(value, dict):
        if value.get(_SIGNATURE) == _SECRET:
            return _whole(value["value"]) if reveal else "[secret]"
        return {key: _whole(item, reveal=reveal) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item, reveal=reveal) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    return {
        "IpProtocol": rule["protocol"],
        "FromPort": rule["fromPort"],
        "ToPort": rule["toPort"],
        "IpRanges": [{"CidrIp": cidr} for cidr in rule["cidrBlocks"]],
    }


def _keys(partition: str, sort: str | None) -> list[dict[str, str]]:
    keys = [{"AttributeName": partition, "KeyType": "HASH"}]
    return keys if sort is None else [*keys, {"AttributeName": sort, "KeyType": "RANGE"}]


def _index(index: dict[str, Any], keys: list[dict[str, str]]) -> dict[str, Any]:
    projection: dict[str, Any] = {"ProjectionType": index["projectionType"]}
    if "nonKeyAttributes" in index:
        projection["NonKeyAttributes"] = index["nonKeyAttributes"]
    return {"IndexName": index["name"], "KeySchema": keys, "Projection": projection}


def policies_of(made: Made) -> list[dict[str, Any]]:
    """Return the policy documents that a resource brings."""
    found = [made.inputs.get("policy"), made.inputs.get("assumeRolePolicy")]
    documents = [json.loads(text) for text in found if text]
    return [document for document in documents if "Statement" in document]
