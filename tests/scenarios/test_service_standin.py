# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in's service for real: balancer with TLS, tasks as processes, an RDS instance by its name behind them."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import dns.resolver
import psycopg
import pytest

from rehearsal import settings as world_settings

ROOT = Path(__file__).resolve().parents[2]
WORLD = 204
SCALE = 6000
REGION, DOMAIN, RECORD = "eu-central-1", "medzenhealth.app", "ehr.medzenhealth.app"
ADMIN, ADMIN_PASSWORD = "ehrbase_admin", "first-Password-1"
USER, USER_PASSWORD, BASIC = "ehrbase_restricted", "second-Password-2", "third-Password-3"
DEADLINE_S = 60.0
HTTPS_PORT, HTTP_PORT = 8443, 8080
API, HEALTH = "/ehrbase/rest/openehr/v1", "/ehrbase/management/health"
FENCE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN RAISE EXCEPTION 'medzen fence: closed' USING ERRCODE = '25006'; END$$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE ON ehr.comp_version FOR EACH STATEMENT EXECUTE FUNCTION refuse();
"""


def until(look: Callable[[], Any], done: Callable[[Any], bool], what: str) -> Any:
    """Look until it is so, at most DEADLINE_S; the last thing seen is in the error."""
    end = time.monotonic() + DEADLINE_S
    while not done(seen := look()):
        assert time.monotonic() < end, f"{what} not in {DEADLINE_S} s; last seen: {seen}"
        time.sleep(0.03)
    return seen


class Cloud:
    """A running world."""

    def __init__(self, number: int, base: Path):
        self.environment = os.environ | {"MEDZEN_REHEARSAL_DIR": str(base)}
        self.settings = world_settings.load(number, self.environment)

    def command(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "rehearsal", *arguments, "--world", str(self.settings.world)]
        subprocess.run(command, cwd=ROOT, env=self.environment, check=True, timeout=DEADLINE_S, capture_output=True)

    def client(self, service: str) -> Any:
        keys = {"aws_access_key_id": "rehearsal", "aws_secret_access_key": "rehearsal"}
        return boto3.client(service, region_name=REGION, endpoint_url=self.settings.api_url, **keys)

    def control(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.settings.api_url}/_rehearsal/{path}", data=data, timeout=10) as answer:
            return json.load(answer)

    def resolve(self, name: str) -> str:
        """The address of a name; a new one takes a moment until the name servers have it."""
        resolver = dns.resolver.Resolver(configure=False)
        address, port = self.settings.resolver.split(":")
        resolver.nameservers, resolver.port = [address], int(port)

        def look() -> str:
            try:
                return resolver.resolve(name, "A")[0].address
            except dns.resolver.NXDOMAIN:
                return ""

        return until(look, bool, name)


class Estate:
    """One region with a service behind a balancer, made over the API."""

    def __init__(self, cloud: Cloud):
        self.cloud = cloud
        self.ecs, self.elb, self.rds = (cloud.client(name) for name in ("ecs", "elbv2", "rds"))
        self.start_database()
        self.make_network()
        self.make_balancer()
        self.prepare_database()
        self.make_service()

    def start_database(self) -> None:
        self.rds.create_db_instance(
            DBInstanceIdentifier="primary",
            DBInstanceClass="db.t3.medium",
            Engine="postgres",
            EngineVersion="16.11",
            AllocatedStorage=100,
            MultiAZ=True,
            DBName="ehrbase",
            MasterUsername=ADMIN,
            MasterUserPassword=ADMIN_PASSWORD,
            BackupRetentionPeriod=7,
        )

    def make_network(self) -> None:
        ec2 = self.cloud.client("ec2")
        self.vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
        made = [
            ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.1.{n}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"]
            for n, zone in enumerate("ab", start=1)
        ]
        self.subnets = [subnet["SubnetId"] for subnet in made]
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.vpc)
        self.group = ec2.create_security_group(GroupName="all", Description="all", VpcId=self.vpc)["GroupId"]

    def make_certificate(self) -> str:
        acm, route53 = self.cloud.client("acm"), self.cloud.client("route53")
        arn = acm.request_certificate(DomainName=RECORD, ValidationMethod="DNS")["CertificateArn"]

        def look() -> dict[str, Any]:
            return acm.describe_certificate(CertificateArn=arn)["Certificate"]

        def option() -> dict[str, Any]:
            return look()["DomainValidationOptions"][0]

        record = until(option, lambda row: "ResourceRecord" in row, "the validation record")["ResourceRecord"]
        row = {"Name": record["Name"], "Type": "CNAME", "TTL": 300, "ResourceRecords": [{"Value": record["Value"]}]}
        zone = route53.create_hosted_zone(Name=DOMAIN, CallerReference=uuid.uuid4().hex)["HostedZone"]["Id"]
        changes = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": row}]}
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=changes)
        until(look, lambda seen: seen["Status"] == "ISSUED", "the certificate")
        return arn

    def make_balancer(self) -> None:
        made = self.elb.create_load_balancer(Name="alb", Subnets=self.subnets, SecurityGroups=[self.group])
        self.balancer = made["LoadBalancers"][0]
        self.targets = self.elb.create_target_group(
            Name="tg", Protocol="HTTP", Port=8080, VpcId=self.vpc, TargetType="ip", HealthCheckPath=HEALTH
        )["TargetGroups"][0]["TargetGroupArn"]
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "30"}
        self.elb.modify_target_group_attributes(TargetGroupArn=self.targets, Attributes=[delay])
        listener = {"LoadBalancerArn": self.balancer["LoadBalancerArn"]}
        self.elb.create_listener(
            **listener,
            Protocol="HTTPS",
            Port=HTTPS_PORT,
            Certificates=[{"CertificateArn": self.make_certificate()}],
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.targets}],
        )
        redirect = {"Protocol": "HTTPS", "Port": str(HTTPS_PORT), "StatusCode": "HTTP_301"}
        actions = [{"Type": "redirect", "RedirectConfig": redirect}]
        self.elb.create_listener(**listener, Protocol="HTTP", Port=HTTP_PORT, DefaultActions=actions)

    def wait_database(self, name: str = "primary") -> dict[str, Any]:
        def look() -> dict[str, Any]:
            return self.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]

        return until(look, lambda seen: seen["DBInstanceStatus"] == "available", name)

    def connect(self) -> psycopg.Connection:
        address = self.cloud.resolve(self.endpoint)
        login = {"user": ADMIN, "password": ADMIN_PASSWORD, "dbname": "ehrbase"}
        return psycopg.connect(host=address, autocommit=True, **login)

    def prepare_database(self) -> None:
        self.endpoint = self.wait_database()["Endpoint"]["Address"]
        with self.connect() as connection:
            connection.execute(f"CREATE ROLE {USER} LOGIN PASSWORD '{USER_PASSWORD}'")

    def define(self, endpoint: str, strategy: str) -> str:
        environment = {
            "DB_URL": f"jdbc:postgresql://{endpoint}:5432/ehrbase",
            "DB_USER": USER,
            "DB_USER_ADMIN": ADMIN,
            "SERVER_NODENAME": RECORD,
            "SECURITY_AUTHTYPE": "BASIC",
            "SECURITY_AUTHUSER": "ehrbase-user",
            "MANAGEMENT_ENDPOINT_HEALTH_ACCESS": "read_only",
            "MANAGEMENT_ENDPOINTS_WEB_ACCESS": "PUBLIC",
            "SPRING_FLYWAY_EHRSTRATEGY": strategy,
            "SPRING_FLYWAY_EXTSTRATEGY": strategy,
        }
        container = {
            "name": "ehrbase",
            "image": "ehrbase/ehrbase:2.31.0",
            "portMappings": [{"containerPort": 8080}],
            "environment": [{"name": name, "value": value} for name, value in environment.items()],
            "secrets": [{"name": name, "valueFrom": arn} for name, arn in self.secrets.items()],
        }
        made = self.ecs.register_task_definition(
            family="ehrbase",
            requiresCompatibilities=["FARGATE"],
            cpu="2048",
            memory="4096",
            containerDefinitions=[container],
        )
        return made["taskDefinition"]["taskDefinitionArn"]

    def make_service(self) -> None:
        manager = self.cloud.client("secretsmanager")
        values = {"DB_PASS": USER_PASSWORD, "DB_PASS_ADMIN": ADMIN_PASSWORD, "SECURITY_AUTHPASSWORD": BASIC}
        self.secrets = {
            name: manager.create_secret(Name=name, SecretString=value)["ARN"] for name, value in values.items()
        }
        self.ecs.create_cluster(clusterName="cluster")
        self.placed = {"awsvpcConfiguration": {"subnets": self.subnets, "securityGroups": [self.group]}}
        self.migrating = self.define(self.endpoint, "MIGRATE")
        self.ecs.create_service(
            cluster="cluster",
            serviceName="service",
            taskDefinition=self.migrating,
            desiredCount=2,
            launchType="FARGATE",
            networkConfiguration=self.placed,
            loadBalancers=[{"targetGroupArn": self.targets, "containerName": "ehrbase", "containerPort": 8080}],
            deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
        )
        self.wait_stable()

    def look(self, name: str = "service") -> dict[str, Any]:
        return self.ecs.describe_services(cluster="cluster", services=[name])["services"][0]

    def wait_stable(self) -> dict[str, Any]:
        def stable(seen: dict[str, Any]) -> bool:
            rollouts = [row["rolloutState"] for row in seen["deployments"]]
            return rollouts == ["COMPLETED"] and seen["runningCount"] == seen["desiredCount"]

        return until(self.look, stable, "the rollout")

    def healthy(self) -> int:
        rows = self.elb.describe_target_health(TargetGroupArn=self.targets)["TargetHealthDescriptions"]
        return sum(row["TargetHealth"]["State"] == "healthy" for row in rows)

    def task_ids(self) -> list[str]:
        arns = self.ecs.list_tasks(cluster="cluster", serviceName="service")["taskArns"]
        return [arn.rpartition("/")[2] for arn in arns]

    def pid_of(self, task_id: str) -> int:
        path = self.cloud.settings.pids / f"task-{REGION}-{task_id[:12]}.json"
        return int(json.loads(path.read_text())["pid"])

    # --- as a client

    def ask(self, method: str, path: str, body: Any = None, *, authorized: bool = True, **headers: str) -> Any:
        """One request through the balancer, by its name and with the record's as Host."""
        connection = http.client.HTTPConnection(RECORD, HTTPS_PORT, timeout=15)
        connection.sock = self.open_tls()
        credentials = base64.b64encode(f"ehrbase-user:{BASIC}".encode()).decode()
        headers |= {"Authorization": f"Basic {credentials}"} if authorized else {}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return SimpleNamespace(status=answer.status, headers=answer.headers, body=answer.read())
        finally:
            connection.close()

    def open_tls(self) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(self.cloud.settings.folder / "ca.pem"))
        plain = socket.create_connection((self.cloud.resolve(self.balancer["DNSName"]), HTTPS_PORT), timeout=15)
        return context.wrap_socket(plain, server_hostname=RECORD)

    def make_ehr(self) -> str:
        ehr = str(uuid.uuid4())
        assert self.ask("PUT", f"{API}/ehr/{ehr}").status == 201
        return ehr


@pytest.fixture(scope="module")
def estate() -> Iterator[Estate]:
    base = Path(tempfile.mkdtemp(prefix="service-standin-", dir="/var/tmp"))
    # PostgreSQL may run as another user, which must reach its data.
    base.chmod(0o755)
    cloud = Cloud(WORLD, base)
    try:
        cloud.command("up", "--scale", str(SCALE), "--until-pid", str(os.getpid()))
        yield Estate(cloud)
    finally:
        cloud.command("down", "--wipe")
        shutil.rmtree(base, ignore_errors=True)


class Clients:
    """Clients that write and read until they are told to stop; whatever is no success is kept."""

    def __init__(self, estate: Estate, number: int = 3):
        self.estate, self.ehr = estate, estate.make_ehr()
        self.answers: list[int] = []
        self.failed: list[str] = []
        self.acknowledged: list[str] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(number)]

    def _run(self) -> None:
        while not self._over.is_set():
            marker = uuid.uuid4().hex
            try:
                made = self.estate.ask("POST", f"{API}/ehr/{self.ehr}/composition", {"marker": marker})
            except (OSError, http.client.HTTPException) as problem:
                self.failed.append(repr(problem))
                continue
            self.answers.append(made.status)
            if made.status == 201:
                self.acknowledged.append(made.headers["ETag"].strip('"'))

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(DEADLINE_S)


def test_a_composition_goes_through_tls_balancer_and_database_and_back(estate):
    ehr = estate.make_ehr()
    made = estate.ask("POST", f"{API}/ehr/{ehr}/composition", {"marker": "first", "content": ["é"]})
    uid = made.headers["ETag"].strip('"')
    assert (made.status, uid.split("::")[1:]) == (201, [RECORD, "1"])
    changed = estate.ask(
        "PUT",
        f"{API}/ehr/{ehr}/composition/{uid.split('::')[0]}",
        {"marker": "second"},
        **{"If-Match": made.headers["ETag"]},
    )
    assert changed.status == 200
    read = estate.ask("GET", f"{API}/ehr/{ehr}/composition/{uid}")
    assert json.loads(read.body)["content"] == ["é"]
    query = {"q": "SELECT c FROM EHR e CONTAINS COMPOSITION c WHERE c/marker matches {'first', 'second'}"}
    rows = json.loads(estate.ask("POST", f"{API}/query/aql", query).body)["rows"]
    assert sorted(marker for _, marker in rows) == ["first", "second"]


def test_port_80_redirects_and_strangers_stay_out(estate):
    connection = http.client.HTTPConnection(estate.cloud.resolve(estate.balancer["DNSName"]), HTTP_PORT, timeout=15)
    connection.request("GET", "/ehrbase?x=1", headers={"Host": RECORD})
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Location"]) == (301, f"https://{RECORD}:{HTTPS_PORT}/ehrbase?x=1")
    connection.close()
    assert estate.ask("GET", "/ehrbase/rest/status", authorized=False).status == 401
    assert estate.ask("GET", HEALTH, authorized=False).status == 200


def test_tasks_run_as_an_ordinary_user(estate):
    uids = {Path(f"/proc/{estate.pid_of(task_id)}").stat().st_uid for task_id in estate.task_ids()}
    assert 0 not in uids and len(uids) == 1


def test_no_request_fails_while_all_tasks_are_replaced(estate):
    before = estate.task_ids()
    # So fast that draining would be over before anybody noticed: the clock of a rehearsal instead.
    estate.cloud.control("clock", {"scale": 100})
    with Clients(estate) as clients:
        estate.ecs.update_service(cluster="cluster", service="service", forceNewDeployment=True)
        estate.wait_stable()
    estate.cloud.control("clock", {"scale": SCALE})
    assert not set(before) & set(estate.task_ids())
    assert (clients.failed, set(clients.answers)) == ([], {201})
    assert len(clients.acknowledged) > 10


def test_a_killed_task_comes_back_and_what_was_acknowledged_is_there(estate):
    victim = estate.task_ids()[0]
    with Clients(estate) as clients:
        os.kill(estate.pid_of(victim), 9)
        until(estate.task_ids, lambda ids: victim not in ids and len(ids) == 2, "another task")
        until(estate.healthy, lambda number: number == 2, "two healthy targets")
    assert set(clients.answers) <= {201, 502}
    paths = [f"{API}/ehr/{clients.ehr}/composition/{uid}" for uid in clients.acknowledged[-20:]]
    assert {estate.ask("GET", path).status for path in paths} == {200}


def test_a_fenced_write_is_refused_as_not_applied_while_reads_go_on(estate):
    ehr = estate.make_ehr()
    uid = estate.ask("POST", f"{API}/ehr/{ehr}/composition", {"n": 1}).headers["ETag"].strip('"')
    with estate.connect() as connection:
        connection.execute(FENCE)
        refused = estate.ask("POST", f"{API}/ehr/{ehr}/composition", {"n": 2})
        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        assert json.loads(refused.body)["applied"] is False
        assert estate.ask("GET", f"{API}/ehr/{ehr}/composition/{uid}").status == 200
        connection.execute("DROP FUNCTION refuse CASCADE")
    assert estate.ask("POST", f"{API}/ehr/{ehr}/composition", {"n": 3}).status == 201


def test_a_failover_of_the_database_needs_no_restart_of_the_tasks(estate):
    tasks, ehr = estate.task_ids(), estate.make_ehr()
    # Else the tasks would be replaced, because their health is that of the database.
    grace = {"cluster": "cluster", "service": "service"}
    estate.ecs.update_service(**grace, healthCheckGracePeriodSeconds=2_000_000)
    estate.rds.reboot_db_instance(DBInstanceIdentifier="primary", ForceFailover=True)
    estate.wait_database()
    until(lambda: estate.ask("POST", f"{API}/ehr/{ehr}/composition", {"n": 1}).status, lambda s: s == 201, "a write")
    assert estate.task_ids() == tasks
    until(estate.healthy, lambda number: number == 2, "two healthy targets")
    estate.ecs.update_service(**grace, healthCheckGracePeriodSeconds=0)


def test_on_a_replica_validation_fails_and_a_disabled_flyway_serves_reads(estate):
    estate.rds.create_db_instance_read_replica(
        DBInstanceIdentifier="reader", SourceDBInstanceIdentifier="primary", DBInstanceClass="db.t3.medium"
    )
    endpoint = estate.wait_database("reader")["Endpoint"]["Address"]
    request = {"cluster": "cluster", "launchType": "FARGATE", "networkConfiguration": estate.placed, "desiredCount": 1}
    estate.ecs.create_service(**request, serviceName="validating", taskDefinition=estate.define(endpoint, "VALIDATE"))
    seen = until(
        lambda: " ".join(event["message"] for event in estate.look("validating")["events"]),
        lambda text: "failed" in text,
        "the failure",
    )
    assert "cannot execute UPDATE in a read-only transaction" in seen
    estate.ecs.create_service(**request, serviceName="warm", taskDefinition=estate.define(endpoint, "DISABLED"))
    until(lambda: estate.look("warm"), lambda found: found["runningCount"] == 1, "the warm task")
    for name in ("validating", "warm"):
        estate.ecs.delete_service(cluster="cluster", service=name, force=True)


def test_a_rollout_that_cannot_start_goes_back_and_nobody_notices(estate):
    tasks = estate.task_ids()
    with Clients(estate, 1) as clients:
        broken = estate.define("no-such-database.example", "MIGRATE")
        estate.ecs.update_service(cluster="cluster", service="service", taskDefinition=broken)
        until(estate.look, lambda seen: seen["taskDefinition"] == estate.migrating, "the way back")
        estate.wait_stable()
    assert (clients.failed, set(clients.answers)) == ([], {201})
    assert estate.task_ids() == tasks


def test_the_balancers_requests_are_counted(estate):
    metric = {"Namespace": "AWS/ApplicationELB", "MetricName": "RequestCount", "Statistics": ["Sum"], "Period": 60}
    name = estate.balancer["LoadBalancerArn"].partition("loadbalancer/")[2]

    def count() -> float:
        now = estate.cloud.control("clock")["now"]
        found = estate.cloud.client("cloudwatch").get_metric_statistics(
            **metric,
            Dimensions=[{"Name": "LoadBalancer", "Value": name}],
            StartTime=now - 3600,
            EndTime=now + 60,
        )
        return sum(point["Sum"] for point in found["Datapoints"])

    before = until(count, lambda number: number > 0, "the first requests")
    for _ in range(5):
        estate.make_ehr()
    until(count, lambda number: number >= before + 5, "five more")


def test_neither_tasks_nor_balancers_outlive_their_cloud(estate):
    pids = [estate.pid_of(task_id) for task_id in estate.task_ids()]
    cloud, edge = (json.loads((estate.cloud.settings.pids / f"{name}.json").read_text()) for name in ("cloud", "edge"))
    pids.append(edge["pid"])
    os.kill(cloud["pid"], 9)

    def alive() -> list[int]:
        return [pid for pid in pids if Path(f"/proc/{pid}").exists() and not is_zombie(pid)]

    assert until(alive, lambda left: not left, "the end of tasks and balancers") == []


def is_zombie(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True
