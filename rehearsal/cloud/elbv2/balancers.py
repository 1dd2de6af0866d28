# SPDX-License-Identifier: GPL-3.0-or-later
"""Life of a load balancer: it takes time to come, has an address, a name and interfaces, and leaves those late.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
"""

from __future__ import annotations

from typing import Any

from moto.ec2.models import ec2_backends
from moto.elbv2.models import FakeLoadBalancer, elbv2_backends
from moto.s3.models import s3_backends

from rehearsal.cloud.elbv2.hosted_zones import HOSTED_ZONE_IDS
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID

NAME_TTL_SECONDS = 60.0
# Attributes of a new application load balancer; moto knows some of them.
ATTRIBUTES = {
    "access_logs.s3.enabled": "false",
    "access_logs.s3.bucket": "",
    "access_logs.s3.prefix": "",
    "client_keep_alive.seconds": "3600",
    "connection_logs.s3.enabled": "false",
    "connection_logs.s3.bucket": "",
    "connection_logs.s3.prefix": "",
    "deletion_protection.enabled": "false",
    "idle_timeout.timeout_seconds": "60",
    "ipv6.deny_all_igw_traffic": "false",
    "load_balancing.cross_zone.enabled": "true",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http.xff_header_processing.mode": "append",
    "routing.http2.enabled": "true",
    "waf.fail_open.enabled": "false",
    "zonal_shift.config.enabled": "false",
}


class Balancers:
    """Load balancers of all regions."""

    def __init__(self, world: World) -> None:
        self._world = world

    def install(self) -> None:
        layer, moto_init = self, FakeLoadBalancer.__init__

        def init(balancer: FakeLoadBalancer, *args: Any, **kwargs: Any) -> None:
            moto_init(balancer, *args, **kwargs)
            layer.begin(balancer)

        FakeLoadBalancer.__init__ = init
        FakeLoadBalancer.load_balancer_state = property(lambda balancer: {"Code": state_of(balancer)})
        # moto makes a balancer active when somebody looks; ours is, when its time has come.
        FakeLoadBalancer.activate = lambda balancer: None
        operations = self._world.operations
        operations.before("elbv2", "CreateLoadBalancer", check_create)
        operations.before("elbv2", "DeleteLoadBalancer", self.end)
        operations.before("elbv2", "ModifyLoadBalancerAttributes", check_log_bucket)
        for operation in ("SetSubnets", "SetSecurityGroups"):
            operations.after("elbv2", operation, self.renew_interfaces)

    def begin(self, balancer: FakeLoadBalancer) -> None:
        """Give a new balancer what belongs to it."""
        region, number = region_of(balancer.arn), int(balancer.arn.rpartition("/")[2][:8], 16)
        balancer.canonical_hosted_zone_id = HOSTED_ZONE_IDS[region]
        balancer.dns_name = f"{balancer.name}-{number}.{region}.elb.amazonaws.com"
        balancer.attrs = dict(ATTRIBUTES)
        balancer.medzen_address = self._world.addresses.allocate("alb")
        balancer.medzen_timed = self._world.clock.start("alb_create", balancer.name, region)
        balancer.medzen_enis = self._create_interfaces(balancer)
        # Nobody can see a name before its balancer answers to it.
        self._world.later(balancer.medzen_timed, lambda: self._publish(balancer))

    def _publish(self, balancer: FakeLoadBalancer) -> None:
        if balancer.arn not in elbv2_backends[ACCOUNT_ID][region_of(balancer.arn)].load_balancers:
            return
        ttl = max(1, round(self._world.clock.scaled(NAME_TTL_SECONDS)))
        host = {"address": balancer.medzen_address, "ttl": ttl, "healthy": False}
        self._world.hosts.setdefault(f"{balancer.dns_name.lower()}.", host)

    def _create_interfaces(self, balancer: FakeLoadBalancer) -> list[str]:
        description = f"ELB {balancer.arn.partition('loadbalancer/')[2]}"
        return [
            self._world.enis.create(
                "amazon-elb",
                description,
                subnet.id,
                balancer.security_groups,
                region_of(balancer.arn),
                public=balancer.scheme == "internet-facing",
            )
            for subnet in balancer.subnets
        ]

    def renew_interfaces(self, call: Call) -> None:
        """Other subnets or groups mean other interfaces."""
        balancer = elbv2_backends[ACCOUNT_ID][call.region].load_balancers[call.get("LoadBalancerArn")]
        for eni_id in balancer.medzen_enis:
            self._world.enis.release(eni_id, call.region)
        balancer.medzen_enis = self._create_interfaces(balancer)

    def end(self, call: Call) -> None:
        """Refuse while protected; else take the name away at once and the interfaces after minutes."""
        balancer = elbv2_backends[ACCOUNT_ID][call.region].load_balancers.get(call.get("LoadBalancerArn"))
        if balancer is None:
            return
        if balancer.attrs.get("deletion_protection.enabled") == "true":
            text = f"Load balancer '{balancer.arn}' cannot be deleted because deletion protection is enabled"
            raise ApiError("OperationNotPermitted", text)
        self._world.hosts.pop(f"{balancer.dns_name.lower()}.", None)
        seconds = self._world.durations["alb_delete_eni"]
        for eni_id in balancer.medzen_enis:
            self._world.enis.release(eni_id, call.region, seconds, "alb_delete_eni")
        for group in elbv2_backends[ACCOUNT_ID][call.region].target_groups.values():
            group.load_balancer_arns = [arn for arn in group.load_balancer_arns if arn != balancer.arn]


def region_of(arn: str) -> str:
    return arn.split(":")[3]


def state_of(balancer: FakeLoadBalancer) -> str:
    return "active" if balancer.medzen_timed.done() else "provisioning"


def check_create(call: Call) -> None:
    """Refuse what AWS refuses: a second of the same name, one zone only, a way to the internet that is none."""
    if call.get("Type", "application") != "application":
        raise NotImplementedError(f"load balancers of type {call.get('Type')}")
    name = call.get("Name")
    if any(one.name == name for one in elbv2_backends[ACCOUNT_ID][call.region].load_balancers.values()):
        raise ApiError("DuplicateLoadBalancerName", f"A load balancer with the name '{name}' already exists")
    subnets = _find_subnets(call)
    if len({subnet.availability_zone for subnet in subnets}) < 2:
        text = "At least two subnets in two different Availability Zones must be specified"
        raise ApiError("ValidationError", text)
    if call.get("Scheme", "internet-facing") == "internet-facing":
        _check_internet_gateway(call.region, subnets[0].vpc_id)


def check_log_bucket(call: Call) -> None:
    """Access logs need a bucket that is there, in the balancer's region."""
    attributes = {row["Key"]: row.get("Value", "") for row in call.get("Attributes") or []}
    name = attributes.get("access_logs.s3.bucket")
    if not name or attributes.get("access_logs.s3.enabled") != "true":
        return
    bucket = s3_backends[ACCOUNT_ID]["aws"].buckets.get(name)
    if bucket is None:
        raise ApiError("InvalidConfigurationRequest", f"S3Bucket: {name} not found")
    if bucket.region_name != call.region:
        text = f"The bucket {name} is in {bucket.region_name}; it must be in the load balancer's region {call.region}"
        raise ApiError("InvalidConfigurationRequest", text)


def _find_subnets(call: Call) -> list[Any]:
    named = call.get("Subnets") or [row["SubnetId"] for row in call.get("SubnetMappings") or []]
    known = {
        subnet.id: subnet for zone in ec2_backends[ACCOUNT_ID][call.region].subnets.values() for subnet in zone.values()
    }
    missing = [subnet_id for subnet_id in named if subnet_id not in known]
    if missing:
        raise ApiError("SubnetNotFound", f"The subnet ID '{missing[0]}' does not exist")
    return [known[subnet_id] for subnet_id in named]


def _check_internet_gateway(region: str, vpc_id: str) -> None:
    gateways = ec2_backends[ACCOUNT_ID][region].internet_gateways.values()
    if not any(gateway.vpc is not None and gateway.vpc.id == vpc_id for gateway in gateways):
        raise ApiError("InvalidSubnet", f"VPC {vpc_id} has no internet gateway")
