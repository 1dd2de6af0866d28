# SPDX-License-Identifier: GPL-3.0-or-later
"""Functions and HTTP APIs for real: a client's request over DNS and HTTPS ends as a row in a table."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import dns.resolver
import pytest

from rehearsal import packages
from rehearsal import settings as world_settings
from rehearsal.processes import Processes

ROOT = Path(__file__).resolve().parents[2]
WORLD = 206
REGION, OTHER = "eu-central-1", "eu-west-1"
SCALE = 6000
DEADLINE_S = 90.0
TABLE, BUCKET = "medzen-meeting-audit", "medzen-meeting-recordings-123456789012"
# Writes a row before it answers, as the estate's functions do.
VISIT = """
import json, os, uuid
import boto3
dynamodb = boto3.client("dynamodb")

def handle(event, context):
    if event["routeKey"] == "GET /health":
        return {"statusCode": 200, "body": "up in " + os.environ["AWS_REGION"]}
    visit = json.loads(event["body"])["appointmentId"]
    item = {"pk": {"S": "MEETING#" + visit}, "sk": {"S": "CREATED"}, "id": {"S": str(uuid.uuid4())}}
    dynamodb.put_item(TableName=os.environ["AUDIT_TABLE"], Item=item)
    return {"statusCode": 201, "body": visit}
"""


def until(look: Callable[[], Any], what: str, seconds: float = DEADLINE_S) -> Any:
    """The first true thing that is seen."""
    end = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < end, f"{what}: not in {seconds} s; last seen: {seen!r}"
        time.sleep(0.05)
    return seen


class Cloud:
    """A running world without a seed."""

    def __init__(self, number: int, base: Path):
        self.environment = os.environ | {"MEDZEN_REHEARSAL_DIR": str(base)}
        self.settings = world_settings.load(number, self.environment)
        self.processes = Processes(self.settings)

    def command(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "rehearsal", *arguments, "--world", str(self.settings.world)]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, timeout=DEADLINE_S, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def client(self, service: str, region: str = REGION) -> Any:
        keys = {"aws_access_key_id": "rehearsal", "aws_secret_access_key": "rehearsal"}
        return boto3.client(service, region_name=region, endpoint_url=self.settings.api_url, **keys)

    def resolve(self, name: str) -> str:
        """The address of a name; a new one takes a moment until the name servers have it."""
        resolver = dns.resolver.Resolver(configure=False)
        address, port = self.settings.resolver.split(":")
        resolver.nameservers, resolver.port = [address], int(port)

        def look() -> str:
            with contextlib.suppress(dns.exception.DNSException):
                return resolver.resolve(name, "A")[0].address
            return ""

        return until(look, name)

    def ask(self, name: str, method: str, path: str, body: Any = None) -> tuple[int, str]:
        """One request over HTTPS to whoever the name stands for; the certificate is verified for that name."""
        address = self.resolve(name)
        context = ssl.create_default_context(cafile=str(self.settings.folder / "ca.pem"))
        plain = until(lambda: _connect(address), f"{name} listens")
        connection = http.client.HTTPConnection(name)
        connection.sock = context.wrap_socket(plain, server_hostname=name)
        with contextlib.closing(connection):
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def workers(self) -> list[str]:
        found = [name for name in self.processes.names() if name.startswith("function-")]
        return [name for name in found if self.processes.find(name) is not None]


def _connect(address: str) -> socket.socket | None:
    with contextlib.suppress(OSError):
        return socket.create_connection((address, world_settings.HTTPS_PORT), timeout=30)
    return None


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    base = Path(tempfile.mkdtemp(prefix="functions-standin-"))
    base.chmod(0o755)
    made = Cloud(WORLD, base)
    try:
        made.command("up", "--until-pid", str(os.getpid()), "--scale", str(SCALE))
        yield made
    finally:
        made.command("down", "--wipe")
        shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(scope="module")
def role(cloud: Cloud) -> str:
    iam = cloud.client("iam")
    return iam.create_role(RoleName="medzen-lambda-execution-role", AssumeRolePolicyDocument="{}")["Role"]["Arn"]


@pytest.fixture(scope="module")
def table(cloud: Cloud) -> Any:
    keys = [("pk", "HASH"), ("sk", "RANGE")]
    dynamodb = cloud.client("dynamodb")
    dynamodb.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    return dynamodb


def pack(source: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("main.py", source)
    return data.getvalue()


def create_function(cloud: Cloud, role: str, name: str, code: bytes, handler: str, **environment: str) -> str:
    lambdas = cloud.client("lambda")
    made = lambdas.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role,
        Handler=handler,
        Code={"ZipFile": code},
        Timeout=20,
        Environment={"Variables": environment},
    )
    lambdas.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    return made["FunctionArn"]


@pytest.fixture(scope="module")
def api(cloud: Cloud, role: str, table: Any) -> str:
    """An API with a function behind it; returns its host name."""
    arn = create_function(cloud, role, "medzen-visit", pack(VISIT), "main.handle", AUDIT_TABLE=TABLE)
    apis = cloud.client("apigatewayv2")
    made = apis.create_api(Name="medzen-chime-api", ProtocolType="HTTP")
    integration = apis.create_integration(
        ApiId=made["ApiId"], IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
    )["IntegrationId"]
    for key in ("POST /meetings", "GET /health"):
        apis.create_route(ApiId=made["ApiId"], RouteKey=key, Target=f"integrations/{integration}")
    apis.create_stage(ApiId=made["ApiId"], StageName="$default", AutoDeploy=True)
    cloud.client("lambda").add_permission(
        FunctionName="medzen-visit",
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:{REGION}:{world_settings.ACCOUNT_ID}:{made['ApiId']}/*/*",
    )
    return made["ApiEndpoint"].removeprefix("https://")


def find_row(dynamodb: Any, visit: str) -> dict[str, Any]:
    key = {"pk": {"S": f"MEETING#{visit}"}, "sk": {"S": "CREATED"}}
    return dynamodb.get_item(TableName=TABLE, Key=key).get("Item", {})


def test_a_request_over_dns_and_https_ends_as_a_row(cloud, api, table):
    assert cloud.ask(api, "POST", "/meetings", {"appointmentId": "visit-1"}) == (201, "visit-1")
    assert find_row(table, "visit-1")["id"]["S"]


def test_health_answers_from_the_region_of_the_function(cloud, api):
    assert cloud.ask(api, "GET", "/health") == (200, f"up in {REGION}")


def test_what_the_api_does_not_know_is_not_found(cloud, api):
    assert cloud.ask(api, "GET", "/other") == (404, '{"message": "Not Found"}')


def test_a_broken_request_is_an_error_that_says_nothing(cloud, api):
    assert cloud.ask(api, "POST", "/meetings", {"nothing": 1}) == (500, '{"message": "Internal Server Error"}')


def test_the_functions_own_calls_are_not_counted_as_an_operators(cloud, api, table):
    cloud.ask(api, "POST", "/meetings", {"appointmentId": "visit-2"})
    url = f"{cloud.settings.api_url}/_rehearsal/ledger?service=dynamodb&operation=PutItem"

    def count(more: str = "") -> int:
        with urllib.request.urlopen(url + more, timeout=10) as answer:
            return len(json.load(answer)["calls"])

    assert (count(), count("&application=1") > 0) == (0, True)


def test_a_function_has_one_warm_worker(cloud, api):
    for _ in range(3):
        cloud.ask(api, "GET", "/health")
    assert len([name for name in cloud.workers() if "medzen-visit" in name]) == 1


@pytest.mark.parametrize("name", ["recording_handler", "ai_chat_handler"])
def test_the_estates_functions_load(cloud, role, name):
    targets = json.dumps([{"region": REGION, "model": "eu.model"}])
    create_function(
        cloud, role, f"load-{name}", packages.build_package(name), f"{name}.handle",
        AUDIT_TABLE=TABLE, MODEL_TARGETS=targets,
    )  # fmt: skip
    event = {"routeKey": "GET /health", "Records": []}
    answer = cloud.client("lambda").invoke(FunctionName=f"load-{name}", Payload=json.dumps(event))
    assert "FunctionError" not in answer, answer["Payload"].read()


def test_a_recording_in_the_bucket_leaves_a_row(cloud, role, table):
    arn = create_function(
        cloud, role, "medzen-recording-handler", packages.build_package("recording_handler"),
        "recording_handler.handle", AUDIT_TABLE=TABLE,
    )  # fmt: skip
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    cloud.client("lambda").add_permission(
        FunctionName=arn,
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn=f"arn:aws:s3:::{BUCKET}",
    )
    row = {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}
    row["Filter"] = {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".mp4"}]}}
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"LambdaFunctionConfigurations": [row]}
    )
    s3.put_object(Bucket=BUCKET, Key="m-7/visit.mp4", Body=b"film")
    key = {"pk": {"S": "MEETING#m-7"}, "sk": {"S": "RECORDING#m-7/visit.mp4"}}
    found = until(lambda: table.get_item(TableName=TABLE, Key=key).get("Item"), "the row of the recording")
    assert found["bytes"] == {"N": "4"}


def test_rows_reach_the_replica_in_the_other_region(cloud, api, table):
    cloud.ask(api, "POST", "/meetings", {"appointmentId": "before"})
    table.update_table(TableName=TABLE, ReplicaUpdates=[{"Create": {"RegionName": OTHER}}])

    def replicas() -> list[str]:
        return [row["ReplicaStatus"] for row in table.describe_table(TableName=TABLE)["Table"]["Replicas"]]

    until(lambda: replicas() == ["ACTIVE"], "the replica")
    there = cloud.client("dynamodb", OTHER)
    assert find_row(there, "before") == find_row(table, "before")
    cloud.ask(api, "POST", "/meetings", {"appointmentId": "after"})
    until(lambda: find_row(there, "after") == find_row(table, "after"), "the row written later")


def test_a_visit_is_opened_where_its_media_was_asked_for_and_leaves_its_row(cloud, role, table):
    arn = create_function(
        cloud, role, "medzen-meeting-manager", packages.build_package("meeting_manager"), "meeting_manager.handle",
        AUDIT_TABLE=TABLE, MEDIA_REGION=OTHER,
    )  # fmt: skip
    apis = cloud.client("apigatewayv2")
    made = apis.create_api(Name="meetings", ProtocolType="HTTP", Target=arn, RouteKey="POST /meetings")
    source = f"arn:aws:execute-api:{REGION}:{world_settings.ACCOUNT_ID}:{made['ApiId']}/*/*"
    cloud.client("lambda").add_permission(
        FunctionName=arn,
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=source,
    )
    host = made["ApiEndpoint"].removeprefix("https://")
    status, body = cloud.ask(host, "POST", "/meetings", {"appointmentId": "visit-9"})
    assert status == 201, body
    meeting = json.loads(body)["meeting"]
    assert meeting["MediaRegion"] == OTHER
    rows = table.query(
        TableName=TABLE,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"MEETING#{meeting['MeetingId']}"}},
    )["Items"]
    assert [row["appointmentId"]["S"] for row in rows] == ["visit-9"]
    assert json.loads(body)["attendee"]["JoinToken"] not in json.dumps(rows)


def test_workers_end_with_a_cloud_that_is_killed(cloud, api):
    """The last one: it ends the world."""
    cloud.ask(api, "GET", "/health")
    running = [cloud.processes.find(name) for name in cloud.workers()]
    assert running
    os.kill(cloud.processes.find("cloud").pid, signal.SIGKILL)
    until(lambda: not any(worker.alive() for worker in running), "the workers end", 15)
