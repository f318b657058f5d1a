"""The tasks' network: two public subnets, a way out, no way in, nothing billed by the hour."""

from __future__ import annotations

from ipaddress import IPv4Network

import pulumi
import pulumi_aws as aws


class Network(pulumi.ComponentResource):
    """A VPC with a public subnet in each of two zones, and a security group without ingress.

    Tasks get a public address and reach ENTSO-E, Prefect and the mail server by the internet
    gateway: a NAT gateway would cost more a month than all else here.
    """

    subnet_ids: list[pulumi.Output[str]]
    security_group_id: pulumi.Output[str]
    vpc_id: pulumi.Output[str]

    def __init__(self, name: str, cidr: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gridletter:aws:Network", name, None, opts)
        here = pulumi.ResourceOptions(parent=self)
        vpc = aws.ec2.Vpc(
            f"{name}-vpc",
            cidr_block=cidr,
            enable_dns_support=True,
            # Fargate's tasks find ECR and CloudWatch by their names.
            enable_dns_hostnames=True,
            opts=here,
        )
        # Whoever forgets to name a group gets one that lets nothing through.
        aws.ec2.DefaultSecurityGroup(f"{name}-default", vpc_id=vpc.id, opts=here)
        gateway = aws.ec2.InternetGateway(f"{name}-gateway", vpc_id=vpc.id, opts=here)
        routes = aws.ec2.RouteTable(f"{name}-routes", vpc_id=vpc.id, opts=here)
        aws.ec2.Route(
            f"{name}-way-out",
            route_table_id=routes.id,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=gateway.id,
            opts=here,
        )
        zones = aws.get_availability_zones_output(
            state="available",
            filters=[{"name": "opt-in-status", "values": ["opt-in-not-required"]}],
            opts=pulumi.InvokeOptions(parent=self),
        )
        self.subnet_ids = []
        parts = IPv4Network(cidr).subnets(prefixlen_diff=4)
        for number, part in zip((0, 1), parts, strict=False):
            subnet = aws.ec2.Subnet(
                f"{name}-public-{number}",
                vpc_id=vpc.id,
                cidr_block=str(part),
                availability_zone=zones.names[number],
                map_public_ip_on_launch=False,  # a task asks for its address itself
                opts=here,
            )
            aws.ec2.RouteTableAssociation(
                f"{name}-public-{number}-routes",
                subnet_id=subnet.id,
                route_table_id=routes.id,
                opts=here,
            )
            self.subnet_ids.append(subnet.id)
        group = aws.ec2.SecurityGroup(
            f"{name}-tasks",
            vpc_id=vpc.id,
            description="Gridletter's tasks: out to the internet, no way in",
            egress=[
                {
                    "protocol": "tcp",
                    "from_port": port,
                    "to_port": port,
                    "cidr_blocks": ["0.0.0.0/0"],
                    "description": why,
                }
                for port, why in ((443, "HTTPS"), (465, "SMTP over TLS"), (587, "SMTP, STARTTLS"))
            ],
            opts=here,
        )
        self.vpc_id = vpc.id
        self.security_group_id = group.id
        self.register_outputs({"vpc_id": vpc.id, "security_group_id": group.id})
