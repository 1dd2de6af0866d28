# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in's RDS with real PostgreSQL behind it: moved data is really there, and nothing outlives its world."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest

from rehearsal import settings as world_settings

ROOT = Path(__file__).resolve().parents[2]
WORLD, TLS_WORLD = 202, 203
SCALE = 6000
SOURCE, TARGET = "af-south-1", "eu-central-1"
CIDRS = {SOURCE: "10.2.0.0/16", TARGET: "10.1.0.0/16"}
USER, PASSWORD, DATABASE = "ehrbase_admin", "first-Password-1", "ehrbase"
ROWS = 5000
DEADLINE_S = 60.0
# Every row counts, whatever its order.
DIGEST = "SELECT count(*), sum(('x' || left(md5(t::text), 15))::bit(60)::bigint) FROM marks t"
INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))


class Cloud:
    """A running world and what the tests ask of it."""

    def __init__(self, number: int, base: Path, **environment: str):
        self.environment = os.environ | {"MEDZEN_REHEARSAL_DIR": str(base)} | environment
        self.settings = world_settings.load(number, self.environment)
        self.networks: dict[str, dict[str, str]] = {}

    def command(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "rehearsal", *arguments, "--world", str(self.settings.world)]
        subprocess.run(command, cwd=ROOT, env=self.environment, check=True, timeout=DEADLINE_S, capture_output=True)

    def client(self, service: str, region: str) -> Any:
        keys = {"aws_access_key_id": "rehearsal", "aws_secret_access_key": "rehearsal"}
        return boto3.client(service, region_name=region, endpoint_url=self.settings.api_url, **keys)

    def control(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.settings.api_url}/_rehearsal/{path}", data=data, timeout=10) as answer:
            return json.load(answer)

    def make_network(self, region: str) -> None:
        ec2, prefix = self.client("ec2", region), CIDRS[region].rsplit(".", 2)[0]
        vpc_id = ec2.create_vpc(CidrBlock=CIDRS[region])["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc_id, CidrBlock=f"{prefix}.{11 + n}.0/24", AvailabilityZone=f"{region}{zone}")
            for n, zone in enumerate("ab")
        ]
        name, ids = f"subnets-{region}", [made["Subnet"]["SubnetId"] for made in subnets]
        rds = self.client("rds", region)
        rds.create_db_subnet_group(DBSubnetGroupName=name, DBSubnetGroupDescription=name, SubnetIds=ids)
        key = self.client("kms", region).create_key()["KeyMetadata"]["Arn"]
        self.networks[region] = {"DBSubnetGroupName": name, "KmsKeyId": key}

    def create(self, name: str) -> None:
        self.client("rds", SOURCE).create_db_instance(
            DBInstanceIdentifier=name,
            DBInstanceClass="db.t3.medium",
            Engine="postgres",
            EngineVersion="16.11",
            AllocatedStorage=100,
            MasterUsername=USER,
            MasterUserPassword=PASSWORD,
            DBName=DATABASE,
            StorageEncrypted=True,
            MultiAZ=True,
            BackupRetentionPeriod=7,
            **self.networks[SOURCE],
        )
        self.wait(SOURCE, name)

    def wait(self, region: str, name: str, status: str = "available") -> dict[str, Any]:
        rds = self.client("rds", region)

        def look() -> dict[str, Any]:
            return rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]

        return until(look, lambda shown: shown["DBInstanceStatus"] == status, f"{name} {status}")

    def wait_snapshot(self, region: str, name: str) -> dict[str, Any]:
        rds = self.client("rds", region)

        def look() -> dict[str, Any]:
            return rds.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"][0]

        return until(look, lambda shown: shown["Status"] == "available", f"snapshot {name} available")

    def tell(self, region: str, name: str) -> dict[str, Any]:
        rows = self.control("rds")["instances"]
        return next(row for row in rows if (row["id"], row["region"]) == (name, region))

    def connect(self, region: str, name: str, password: str = PASSWORD, **options: Any) -> psycopg.Connection:
        where = self.tell(region, name)
        login = {"host": where["address"], "port": where["port"], "dbname": DATABASE, "user": USER}
        return psycopg.connect(**login | {"password": password, "autocommit": True} | options)

    def query(self, region: str, name: str, statement: str, **options: Any) -> Any:
        with self.connect(region, name, **options) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchone() if cursor.description else None

    def is_streaming(self, region: str, name: str) -> bool:
        where = self.tell(region, name)
        login = json.loads(Path(where["superuser_file"]).read_text())
        with psycopg.connect(
            host=where["address"], dbname="postgres", user=login["user"], password=login["password"]
        ) as connection:
            return connection.execute("SELECT status FROM pg_stat_wal_receiver").fetchone() == ("streaming",)


def until(look: Callable[[], Any], done: Callable[[Any], bool], what: str) -> Any:
    """Look until it is so, at most DEADLINE_S; the last thing seen is in the error."""
    end = time.monotonic() + DEADLINE_S
    while not done(seen := look()):
        assert time.monotonic() < end, f"{what} not in {DEADLINE_S} s; last seen: {seen}"
        time.sleep(0.03)
    return seen


@contextlib.contextmanager
def run_world(number: int, **environment: str) -> Iterator[Cloud]:
    base = Path(tempfile.mkdtemp(prefix="rds-standin-", dir="/var/tmp"))
    # PostgreSQL may run as another user, which must reach its data.
    base.chmod(0o755)
    cloud = Cloud(number, base, **environment)
    try:
        cloud.command("up", "--scale", str(SCALE), "--until-pid", str(os.getpid()))
        for region in CIDRS:
            cloud.make_network(region)
        yield cloud
    finally:
        cloud.command("down", "--wipe")
        shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(scope="module")
def cloud():
    with run_world(WORLD) as made:
        yield made


@pytest.fixture(scope="module")
def source(cloud):
    """An instance with rows in it: its name."""
    cloud.create("primary")
    with cloud.connect(SOURCE, "primary") as connection:
        connection.execute('CREATE EXTENSION "uuid-ossp"')
        connection.execute("CREATE TABLE marks (id uuid PRIMARY KEY DEFAULT uuid_generate_v4(), n int)")
        connection.execute(f"INSERT INTO marks (n) SELECT generate_series(1, {ROWS})")
    return "primary"


def test_the_master_user_has_the_rights_of_rds_and_no_more(cloud, source):
    roles = "SELECT rolsuper, rolcreaterole, rolcreatedb, pg_has_role('rds_superuser', 'member') FROM pg_roles"
    found = cloud.query(SOURCE, source, f"{roles} WHERE rolname = current_user")
    assert found == (False, True, True, True)


def test_a_wrong_password_is_refused(cloud, source):
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        cloud.connect(SOURCE, source, "wrong-Password-1")


def test_what_is_acknowledged_is_durable(cloud, source):
    assert cloud.query(SOURCE, source, "SHOW fsync") == ("on",)
    assert cloud.query(SOURCE, source, "SHOW synchronous_commit") == ("on",)


def test_an_encrypted_copy_restored_in_another_region_has_every_row(cloud, source):
    home, away = cloud.client("rds", SOURCE), cloud.client("rds", TARGET)
    home.create_db_snapshot(DBInstanceIdentifier=source, DBSnapshotIdentifier="first")
    arn = cloud.wait_snapshot(SOURCE, "first")["DBSnapshotArn"]
    before = cloud.query(SOURCE, source, DIGEST)
    cloud.query(SOURCE, source, "INSERT INTO marks (n) VALUES (-1)")
    away.copy_db_snapshot(
        SourceDBSnapshotIdentifier=arn,
        TargetDBSnapshotIdentifier="first-copy",
        KmsKeyId=cloud.networks[TARGET]["KmsKeyId"],
        SourceRegion=SOURCE,
    )
    assert cloud.wait_snapshot(TARGET, "first-copy")["Encrypted"]
    group = cloud.networks[TARGET]["DBSubnetGroupName"]
    away.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="restored", DBSnapshotIdentifier="first-copy", DBSubnetGroupName=group
    )
    cloud.wait(TARGET, "restored")
    assert cloud.query(TARGET, "restored", DIGEST) == before
    cloud.query(TARGET, "restored", "INSERT INTO marks (n) VALUES (-2)")
    away.delete_db_instance(DBInstanceIdentifier="restored", SkipFinalSnapshot=True)


def test_a_replica_follows_survives_a_cut_link_and_is_promoted(cloud, source):
    arn = cloud.tell(SOURCE, source)["arn"]
    away = cloud.client("rds", TARGET)
    away.create_db_instance_read_replica(
        DBInstanceIdentifier="replica", SourceDBInstanceIdentifier=arn, SourceRegion=SOURCE, **cloud.networks[TARGET]
    )
    cloud.wait(TARGET, "replica")
    link = {"source_region": SOURCE, "target_region": TARGET}
    cloud.control("link", link | {"delay_ms": 40, "cut": True})
    cloud.query(SOURCE, source, "INSERT INTO marks (n) VALUES (-3)")
    until(lambda: cloud.is_streaming(TARGET, "replica"), lambda streaming: not streaming, "the replica stops")
    assert cloud.query(TARGET, "replica", "SELECT count(*) FROM marks WHERE n = -3") == (0,)
    cloud.control("link", link | {"cut": False})
    wanted = cloud.query(SOURCE, source, DIGEST)
    until(lambda: cloud.query(TARGET, "replica", DIGEST), lambda found: found == wanted, "the replica catches up")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        cloud.query(TARGET, "replica", "INSERT INTO marks (n) VALUES (-4)")
    away.promote_read_replica(DBInstanceIdentifier="replica", BackupRetentionPeriod=7)
    shown = cloud.wait(TARGET, "replica")
    assert "ReadReplicaSourceDBInstanceIdentifier" not in shown
    cloud.query(TARGET, "replica", "INSERT INTO marks (n) VALUES (-5)")
    assert cloud.query(SOURCE, source, DIGEST) == wanted
    assert cloud.wait(SOURCE, source)["ReadReplicaDBInstanceIdentifiers"] == []
    away.delete_db_instance(DBInstanceIdentifier="replica", SkipFinalSnapshot=True)


def test_a_snapshot_of_a_replica_is_as_good_as_one_of_its_source(cloud, source):
    arn, away = cloud.tell(SOURCE, source)["arn"], cloud.client("rds", TARGET)
    away.create_db_instance_read_replica(
        DBInstanceIdentifier="reader", SourceDBInstanceIdentifier=arn, SourceRegion=SOURCE, **cloud.networks[TARGET]
    )
    cloud.wait(TARGET, "reader")
    wanted = cloud.query(SOURCE, source, DIGEST)
    until(lambda: cloud.query(TARGET, "reader", DIGEST), lambda found: found == wanted, "the replica catches up")
    away.create_db_snapshot(DBInstanceIdentifier="reader", DBSnapshotIdentifier="of-reader")
    cloud.wait_snapshot(TARGET, "of-reader")
    group = cloud.networks[TARGET]["DBSubnetGroupName"]
    away.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="from-reader", DBSnapshotIdentifier="of-reader", DBSubnetGroupName=group
    )
    cloud.wait(TARGET, "from-reader")
    assert cloud.query(TARGET, "from-reader", DIGEST) == wanted
    cloud.query(TARGET, "from-reader", "INSERT INTO marks (n) VALUES (-6)")
    for name in ("reader", "from-reader"):
        cloud.wait(TARGET, name)
        away.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    # A source counts a replica until its deletion ends, and refuses to be stopped as long.
    until(
        lambda: cloud.wait(SOURCE, source)["ReadReplicaDBInstanceIdentifiers"],
        lambda replicas: replicas == [],
        "the deleted replica gone from its source",
    )


def test_a_failover_keeps_what_was_acknowledged(cloud, source):
    before = cloud.query(SOURCE, source, DIGEST)
    cloud.client("rds", SOURCE).reboot_db_instance(DBInstanceIdentifier=source, ForceFailover=True)
    assert cloud.wait(SOURCE, source)["AvailabilityZone"] == f"{SOURCE}b"
    assert cloud.query(SOURCE, source, DIGEST) == before


def test_a_stopped_instance_answers_nobody(cloud, source):
    rds = cloud.client("rds", SOURCE)
    rds.stop_db_instance(DBInstanceIdentifier=source)
    cloud.wait(SOURCE, source, "stopped")
    with pytest.raises(psycopg.OperationalError, match="refused"):
        cloud.connect(SOURCE, source)
    rds.start_db_instance(DBInstanceIdentifier=source)
    cloud.wait(SOURCE, source)
    assert cloud.query(SOURCE, source, "SELECT 1") == (1,)


def test_a_new_password_replaces_the_old_one(cloud, source):
    rds, new = cloud.client("rds", SOURCE), "second-Password-2"
    rds.modify_db_instance(DBInstanceIdentifier=source, MasterUserPassword=new, ApplyImmediately=True)
    cloud.wait(SOURCE, source)
    assert cloud.query(SOURCE, source, "SELECT 1", password=new) == (1,)
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        cloud.connect(SOURCE, source)
    assert new not in Path(cloud.tell(SOURCE, source)["log"]).read_text()


def test_a_final_snapshot_holds_the_last_rows_of_a_deleted_instance(cloud):
    cloud.create("short-lived")
    cloud.query(SOURCE, "short-lived", "CREATE TABLE marks AS SELECT 7 AS n")
    address, rds = cloud.tell(SOURCE, "short-lived")["address"], cloud.client("rds", SOURCE)
    rds.delete_db_instance(DBInstanceIdentifier="short-lived", FinalDBSnapshotIdentifier="last")
    cloud.wait_snapshot(SOURCE, "last")
    until(
        lambda: [row["id"] for row in cloud.control("rds")["instances"]],
        lambda ids: "short-lived" not in ids,
        "the deleted instance gone",
    )
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(host=address, user=USER, password=PASSWORD, dbname=DATABASE)
    group = cloud.networks[SOURCE]["DBSubnetGroupName"]
    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="proof", DBSnapshotIdentifier="last", DBSubnetGroupName=group
    )
    cloud.wait(SOURCE, "proof")
    assert cloud.query(SOURCE, "proof", "SELECT n FROM marks") == (7,)


@pytest.mark.skipif(not INSTALLED, reason="no installed PostgreSQL; the one of the environment is built without TLS")
def test_an_installed_server_answers_only_under_tls_and_by_its_endpoints_name():
    with run_world(TLS_WORLD, MEDZEN_REHEARSAL_POSTGRES_BINDIR=str(INSTALLED[-1].parent)) as cloud:
        cloud.create("secured")
        where, authority = cloud.tell(SOURCE, "secured"), str(cloud.settings.folder / "ca.pem")
        verified = {"host": where["endpoint"], "hostaddr": where["address"], "sslmode": "verify-full"}
        assert cloud.query(SOURCE, "secured", "SELECT 1", **verified, sslrootcert=authority) == (1,)
        with pytest.raises(psycopg.OperationalError, match="no pg_hba.conf entry"):
            cloud.connect(SOURCE, "secured", sslmode="disable")


def test_no_server_outlives_a_cloud_that_is_killed():
    with run_world(TLS_WORLD) as cloud:
        cloud.create("orphan")
        pids = [int(json.loads(path.read_text())["pid"]) for path in cloud.settings.pids.glob("pg*.json")]
        assert len(pids) == 1
        os.kill(json.loads((cloud.settings.pids / "cloud.json").read_text())["pid"], 9)
        until(lambda: [pid for pid in pids if Path(f"/proc/{pid}").exists()], lambda left: not left, "PostgreSQL ends")
