# SPDX-License-Identifier: GPL-3.0-or-later
"""The RDS layer over a data plane that only notes what it is told to do."""

import itertools
from pathlib import Path

import botocore.exceptions
import pytest

from rehearsal.cloud import rds as layer
from rehearsal.cloud.rds.model import Job

NAMES = itertools.count(1)
PASSWORD = "a-long-Password-1"
HOME, AWAY = "eu-west-1", "eu-central-1"


class Cluster:
    """A cluster without a server."""

    address = "127.250.10.1"
    passwords_path = log = Path("/nowhere")
    tls = None

    def __init__(self, folder, port, done):
        self.folder, self.port, self.parameters, self._done = folder, port, {}, done

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *arguments, **_: self._done.append((name, *arguments))


class Plane:
    """Notes the work on every instance and snapshot; `failing` names work that fails."""

    def __init__(self, rds):
        self.rds, self.done, self.failing = rds, [], set()

    def new_cluster(self, region, identifier, port):
        return Cluster(Path(f"/nowhere/{identifier}.{region}.{self.rds.next_serial()}"), port, self.done)

    def snapshot_folder(self, region, identifier):
        return Path(f"/nowhere/{region}/{identifier}")

    def lag_s(self, instance):
        return 1.5 if instance.source is not None else None

    def __getattr__(self, work):
        def note(resource, *_, **__):
            self.done.append((work, resource.identifier))
            if work in self.failing:
                raise RuntimeError(f"{work} fails")

        return note


@pytest.fixture(scope="session")
def rds(world):
    made = {}

    def make_plane(state):
        made["plane"] = Plane(state)
        return made["plane"]

    state = layer.install(world, make_plane, background=False)
    state.plane = made["plane"]
    return state


@pytest.fixture
def plane(rds, monkeypatch):
    rds.plane.done.clear()
    rds.plane.failing = set()
    # Work is done before the call returns: nothing in these tests depends on threads.
    monkeypatch.setattr(Job, "_start", lambda self: self._run())
    return rds.plane


@pytest.fixture(scope="session")
def networks(world, rds):
    """Subnet group, security group and key by region."""
    return {}


@pytest.fixture
def network(client, networks):
    def build(region):
        if region not in networks:
            networks[region] = make_network(client, region)
        return networks[region]

    return build


def make_network(client, region):
    ec2, kms = client("ec2", region), client("kms", region)
    vpc_id = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc_id, CidrBlock=f"10.77.{index}.0/24", AvailabilityZone=f"{region}{zone}")["Subnet"]
        for index, zone in enumerate("ab")
    ]
    name = f"rds-tests-{region}"
    group = {"DBSubnetGroupName": name, "SubnetIds": [subnet["SubnetId"] for subnet in subnets]}
    client("rds", region).create_db_subnet_group(**group, DBSubnetGroupDescription="tests")
    security_group = ec2.create_security_group(GroupName=name, Description="tests", VpcId=vpc_id)["GroupId"]
    key = kms.create_key()["KeyMetadata"]["Arn"]
    return {"subnet_group": name, "security_group": security_group, "key": key, "subnets": group["SubnetIds"]}


@pytest.fixture
def name():
    """A name that no other test has."""
    return f"db-{next(NAMES)}"


@pytest.fixture
def create(client, network, name, plane, pass_time):
    """Create an instance: create(region, available=True, **options); returns its name."""

    def make(region=HOME, *, available=True, **options):
        placed = network(region)
        request = {
            "DBInstanceIdentifier": name,
            "DBInstanceClass": "db.t3.medium",
            "Engine": "postgres",
            "EngineVersion": "16.11",
            "AllocatedStorage": 100,
            "MasterUsername": "ehrbase_admin",
            "MasterUserPassword": PASSWORD,
            "DBSubnetGroupName": placed["subnet_group"],
            "VpcSecurityGroupIds": [placed["security_group"]],
            "BackupRetentionPeriod": 7,
        } | options
        client("rds", region).create_db_instance(**request)
        if available:
            pass_time(700)
        return request["DBInstanceIdentifier"]

    return make


@pytest.fixture
def look(client):
    """An instance as the API shows it."""

    def find(name, region=HOME):
        return client("rds", region).describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]

    return find


@pytest.fixture
def look_snapshot(client):
    def find(name, region=HOME):
        return client("rds", region).describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"][0]

    return find


@pytest.fixture
def refused():
    """Error code and message of a refused call: with refused("Code"): call."""

    def expect(code):
        return pytest.raises(botocore.exceptions.ClientError, match=rf"\({code}\)")

    return expect
