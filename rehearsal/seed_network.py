# SPDX-License-Identifier: GPL-3.0-or-later
"""The network of one region of the world before: VPC, subnets, gateways, routes, security groups, flow logs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rehearsal.seed_aws import Place, tag_list, wait_for

ANYWHERE = "0.0.0.0/0"


@dataclass
class Network:
    """What the rest of a region is put into."""

    vpc: str = ""
    public: list[str] = field(default_factory=list)
    private: list[str] = field(default_factory=list)
    # By job: alb, ecs, rds.
    groups: dict[str, str] = field(default_factory=dict)
    gateways: list[str] = field(default_factory=list)
    internet_gateway: str = ""


class NetworkBuilder:
    """Builds the network of a region in two halves: what the database needs, then the rest."""

    def __init__(self, place: Place) -> None:
        self._place, self._region, self._plan = place, place.region, place.plan
        self._ec2, self._logs = place.client("ec2"), place.client("logs")
        self._layout, self._prefix = place.estate["network"], place.estate["workload"]
        self.network = Network()

    def _tagged(self, kind: str, name: str) -> list[dict[str, Any]]:
        return [{"ResourceType": kind, "Tags": tag_list({**self._place.tags, "Name": name})}]

    def build_base(self) -> Network:
        """VPC, subnets and security groups."""
        name = self._place.name("vpc")
        vpc = self._ec2.create_vpc(CidrBlock=self._plan["cidr"], TagSpecifications=self._tagged("vpc", name))
        self.network.vpc = vpc["Vpc"]["VpcId"]
        for attribute in ("EnableDnsSupport", "EnableDnsHostnames"):
            self._ec2.modify_vpc_attribute(VpcId=self.network.vpc, **{attribute: {"Value": True}})
        self.network.public = self._build_subnets("public", self._layout["public_offsets"])
        self.network.private = self._build_subnets("private", self._layout["private_offsets"])
        for subnet in self.network.public:
            self._ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
        self._build_groups()
        return self.network

    def _build_subnets(self, tier: str, offsets: list[int]) -> list[str]:
        base = ".".join(self._plan["cidr"].split(".")[:2])
        subnets = []
        for offset, zone in zip(offsets, self._plan["availability_zones"], strict=True):
            made = self._ec2.create_subnet(
                VpcId=self.network.vpc,
                CidrBlock=f"{base}.{offset}.0/24",
                AvailabilityZone=zone,
                TagSpecifications=self._tagged("subnet", f"{self._prefix}-{tier}-{zone}"),
            )
            subnets.append(made["Subnet"]["SubnetId"])
        return subnets

    def _build_groups(self) -> None:
        for job, text in (("alb", "Balancer"), ("ecs", "Tasks"), ("rds", "Database")):
            name = self._place.name(job)
            made = self._ec2.create_security_group(
                GroupName=name,
                Description=f"{text} of {self._prefix}",
                VpcId=self.network.vpc,
                TagSpecifications=self._tagged("security-group", name),
            )
            self.network.groups[job] = made["GroupId"]
        web = [{"CidrIp": ANYWHERE}]
        self._allow("alb", self._layout["https_port"], IpRanges=web)
        self._allow("alb", self._layout["http_port"], IpRanges=web)
        self._allow("ecs", self._layout["service_port"], UserIdGroupPairs=[{"GroupId": self.network.groups["alb"]}])
        self._allow("rds", self._layout["database_port"], UserIdGroupPairs=[{"GroupId": self.network.groups["ecs"]}])

    def _allow(self, job: str, port: int, **source: Any) -> None:
        rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **source}
        self._ec2.authorize_security_group_ingress(GroupId=self.network.groups[job], IpPermissions=[rule])

    def build_rest(self) -> None:
        """Gateways, routes, S3 endpoint and flow logs."""
        name = self._place.name("igw")
        made = self._ec2.create_internet_gateway(TagSpecifications=self._tagged("internet-gateway", name))
        self.network.internet_gateway = made["InternetGateway"]["InternetGatewayId"]
        self._ec2.attach_internet_gateway(InternetGatewayId=self.network.internet_gateway, VpcId=self.network.vpc)
        zones = self._plan["availability_zones"]
        self.network.gateways = [self._build_nat(*pair) for pair in zip(self.network.public, zones, strict=True)]
        self._build_routes()
        self._build_flow_logs()

    def _build_nat(self, subnet: str, zone: str) -> str:
        name = f"{self._prefix}-nat-{zone}"
        address = self._ec2.allocate_address(Domain="vpc", TagSpecifications=self._tagged("elastic-ip", name))
        made = self._ec2.create_nat_gateway(
            SubnetId=subnet,
            AllocationId=address["AllocationId"],
            TagSpecifications=self._tagged("natgateway", name),
        )
        return made["NatGateway"]["NatGatewayId"]

    def _nat_state(self, gateway: str) -> str:
        return self._ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"][0]["State"]

    def _build_routes(self) -> None:
        public = self._build_table(f"public-{self._region}", GatewayId=self.network.internet_gateway)
        for subnet in self.network.public:
            self._ec2.associate_route_table(RouteTableId=public, SubnetId=subnet)
        tables = []
        for number, (subnet, gateway) in enumerate(zip(self.network.private, self.network.gateways, strict=True), 1):
            wait_for(f"NAT gateway {gateway}", lambda gateway=gateway: self._nat_state(gateway), "available")
            tables.append(self._build_table(f"private-{number}-{self._region}", NatGatewayId=gateway))
            self._ec2.associate_route_table(RouteTableId=tables[-1], SubnetId=subnet)
        self._ec2.create_vpc_endpoint(
            VpcId=self.network.vpc,
            ServiceName=f"com.amazonaws.{self._region}.s3",
            VpcEndpointType="Gateway",
            RouteTableIds=tables,
            TagSpecifications=self._tagged("vpc-endpoint", self._place.name("s3")),
        )

    def _build_table(self, name: str, **target: str) -> str:
        specification = self._tagged("route-table", f"{self._prefix}-{name}")
        made = self._ec2.create_route_table(VpcId=self.network.vpc, TagSpecifications=specification)
        table = made["RouteTable"]["RouteTableId"]
        self._ec2.create_route(RouteTableId=table, DestinationCidrBlock=ANYWHERE, **target)
        return table

    def _build_flow_logs(self) -> None:
        group = f"/vpc/{self._prefix}"
        self._logs.create_log_group(logGroupName=group, tags=self._place.tags)
        days = self._layout["flow_log_retention_days"]
        self._logs.put_retention_policy(logGroupName=group, retentionInDays=days)
        self._ec2.create_flow_logs(
            ResourceIds=[self.network.vpc],
            ResourceType="VPC",
            TrafficType="ALL",
            LogGroupName=group,
            DeliverLogsPermissionArn=self._place.role_arn(self._layout["flow_log_role"]),
            TagSpecifications=self._tagged("vpc-flow-log", self._place.name("flow-log")),
        )
