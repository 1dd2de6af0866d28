# SPDX-License-Identifier: GPL-3.0-or-later
"""Balancers, certificates and services in the session's world; tasks have no process, and the test takes the steps."""

import itertools
from types import SimpleNamespace

import botocore.exceptions
import pytest

from rehearsal.cloud import acm, autoscaling, ecs, elbv2
from rehearsal.cloud.ecs.launcher import LaunchError

REGION = "eu-west-2"
NUMBERS = itertools.count(1)


class Launcher:
    """Notes what runs; `failing` addresses of databases make a task's process end at once."""

    def __init__(self):
        self.running, self.unpreparable, self.crashing = {}, "", set()

    def prepare(self, task):
        if self.unpreparable:
            raise LaunchError(self.unpreparable)
        return {}

    def start(self, task, environment):
        if task.definition.arn not in self.crashing:
            self.running[task.process] = task

    def is_running(self, task):
        return task.process in self.running

    def end(self, task, number=15):
        self.running.pop(task.process, None)

    def clear(self, task):
        pass

    def last_words(self, task):
        return "ERROR no database"


@pytest.fixture(scope="session")
def layers(world):
    elbv2.install(world)
    acm.install(world)
    autoscaling.install(world)
    launcher = Launcher()
    return SimpleNamespace(launcher=launcher, scheduler=ecs.install_with(world, launcher))


@pytest.fixture
def launcher(layers):
    layers.launcher.unpreparable, layers.launcher.crashing = "", set()
    return layers.launcher


@pytest.fixture
def take_steps(layers, pass_time):
    """Let AWS seconds pass in parts, with a look of the scheduler after each."""

    def take(seconds=300, parts=30):
        for _ in range(parts):
            pass_time(seconds / parts)
            layers.scheduler.step()

    return take


@pytest.fixture
def name():
    return f"serving-{next(NUMBERS)}"


@pytest.fixture
def refused():
    """with refused("Code"): call."""
    return lambda code: pytest.raises(botocore.exceptions.ClientError, match=rf"\({code}\)")


@pytest.fixture
def elb(layers, client):
    return client("elbv2", REGION)


@pytest.fixture
def network(layers, client, world):
    """A VPC with two subnets, a gateway to the internet and a group; kept while moto keeps it."""
    ec2 = client("ec2", REGION)
    known = [one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"]]
    if getattr(world, "serving_network", None) is None or world.serving_network.vpc not in known:
        world.serving_network = make_network(ec2)
    return world.serving_network


def make_network(ec2):
    vpc_id = ec2.create_vpc(CidrBlock="10.66.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc_id, CidrBlock=f"10.66.{n}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"]
        for n, zone in enumerate("ab")
    ]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc_id)
    group = ec2.create_security_group(GroupName="serving", Description="tests", VpcId=vpc_id)["GroupId"]
    return SimpleNamespace(vpc=vpc_id, subnets=[one["SubnetId"] for one in subnets], group=group)


@pytest.fixture
def balancer(elb, network, name):
    """A load balancer that is being provisioned."""
    made = elb.create_load_balancer(Name=name, Subnets=network.subnets, SecurityGroups=[network.group])
    return made["LoadBalancers"][0]


@pytest.fixture
def group(elb, network, name):
    """ARN of a target group."""
    made = elb.create_target_group(
        Name=name, Protocol="HTTP", Port=8080, VpcId=network.vpc, TargetType="ip", HealthCheckPath="/health"
    )
    return made["TargetGroups"][0]["TargetGroupArn"]


@pytest.fixture
def listener(elb, balancer, group, pass_time):
    """An active balancer with a listener that forwards to the group; returns the balancer."""
    pass_time(200)
    forward = [{"Type": "forward", "TargetGroupArn": group}]
    elb.create_listener(LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=8080, DefaultActions=forward)
    return balancer


@pytest.fixture
def report(world):
    """Say how targets are, as the edge does: report(group, {"127.0.0.1:8080": "healthy"})."""

    def send(group, states, counts=None):
        rows = {key: {"state": state, "reason": "", "description": state} for key, state in states.items()}
        body = {"targets": {group: rows}, "counts": counts or {}}
        world.control_routes["edge/health"]("POST", body, {})

    return send


@pytest.fixture
def zone(client):
    """Make a hosted zone and put records into it: zone.put(records)."""
    route53 = client("route53", "us-east-1")
    domain = f"zone-{next(NUMBERS)}.example"
    made = route53.create_hosted_zone(Name=domain, CallerReference=domain)["HostedZone"]["Id"]

    def change(records, action="UPSERT"):
        rows = [
            {"Name": one["Name"], "Type": "CNAME", "TTL": 300, "ResourceRecords": [{"Value": one["Value"]}]}
            for one in records
        ]
        changes = [{"Action": action, "ResourceRecordSet": row} for row in rows]
        route53.change_resource_record_sets(HostedZoneId=made, ChangeBatch={"Changes": changes})

    return SimpleNamespace(domain=domain, change=change)
