# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from rehearsal.cloud import faults as fault_rules


def code_of(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return caught.value.response["Error"]["Code"]


@pytest.fixture
def calls_since(world):
    start = world.ledger.mark("test")
    return lambda: world.ledger.read({"since": str(start)})["calls"]


@pytest.fixture
def fault(world):
    """Switch a fault on that the end of the test switches off."""
    yield lambda **wanted: world.faults.add(wanted)
    world.faults.remove()


def test_the_account_is_the_worlds_own(client):
    assert client("sts").get_caller_identity()["Account"] == "123456789012"


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("ec2", "describe_vpcs", {}),
        ("rds", "describe_db_instances", {}),
        ("ecs", "list_clusters", {}),
        ("route53", "list_hosted_zones", {}),
        ("lambda", "list_functions", {}),
        ("s3", "list_buckets", {}),
        ("elbv2", "describe_load_balancers", {}),
        ("elb", "describe_load_balancers", {}),
        ("cloudwatch", "describe_alarms", {}),
    ],
)
def test_a_call_of_each_protocol_is_written_down_by_botocores_names(
    client, calls_since, service, operation, parameters
):
    made = client(service)
    getattr(made, operation)(**parameters)
    entry = calls_since()[-1]
    assert (entry["service"], entry["operation"]) == (service, made.meta.method_to_api_mapping[operation])
    assert (entry["write"], entry["status"], entry["error"], entry["region"]) == (False, 200, None, "eu-central-1")


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("rds", "describe_reserved_db_instances_offerings", {}),
        ("ecs", "update_container_agent", {"containerInstance": "a"}),
        ("route53", "list_traffic_policies", {}),
        ("pricing", "describe_services", {}),
        ("ec2", "describe_capacity_blocks", {}),
    ],
)
def test_what_the_stand_in_lacks_is_refused_by_name(client, calls_since, service, operation, parameters):
    made = client(service)
    with pytest.raises(ClientError) as caught:
        getattr(made, operation)(**parameters)
    name = made.meta.method_to_api_mapping[operation]
    assert caught.value.response["Error"]["Code"] == "NotImplemented"
    assert f"{service} {name}" in caught.value.response["Error"]["Message"]
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert calls_since()[-1]["error"] == "NotImplemented"


@pytest.mark.parametrize(("operation", "more"), [("head_bucket", {}), ("head_object", {"Key": "a"})])
def test_a_head_that_finds_nothing_is_answered_as_s3_does(client, operation, more):
    with pytest.raises(ClientError) as caught:
        getattr(client("s3"), operation)(Bucket="dispatch-nowhere", **more)
    assert caught.value.response["Error"]["Code"] == "404"


def test_a_secret_in_a_call_is_not_in_the_ledger(client, calls_since):
    client("secretsmanager").create_secret(Name="dispatch/secret", SecretString="geheim")
    assert "geheim" not in str(calls_since())


def test_a_refusal_of_moto_is_in_the_ledger_with_its_code(client, calls_since):
    assert code_of(client("rds").describe_db_instances, DBInstanceIdentifier="none") == "DBInstanceNotFound"
    assert calls_since()[-1]["error"] == "DBInstanceNotFound"


@pytest.mark.parametrize(
    ("service", "operation"), [("ec2", "describe_vpcs"), ("ecs", "list_clusters"), ("route53", "list_hosted_zones")]
)
def test_a_fault_answers_in_the_services_own_protocol(client, fault, service, operation):
    fault(match={"service": service}, action="error", code="AccessDenied", status=403)
    assert code_of(getattr(client(service), operation)) == "AccessDenied"


def test_a_faulted_call_has_no_effect(client, fault):
    fault(match={"operation": "CreateCluster"}, action="throttle")
    assert code_of(client("ecs").create_cluster, clusterName="never") == "ThrottlingException"
    assert not [arn for arn in client("ecs").list_clusters()["clusterArns"] if arn.endswith("/never")]


def test_a_lost_response_comes_after_the_effect(client, fault):
    fault(match={"operation": "CreateCluster"}, action="lost_response", count=1)
    with pytest.raises(ConnectionClosedError):
        client("ecs").create_cluster(clusterName="lost")
    assert [arn for arn in client("ecs").list_clusters()["clusterArns"] if arn.endswith("/lost")]


def test_the_ledger_tells_which_faults_met_a_call(client, fault, calls_since):
    fault(match={"operation": "TagResource"}, action="lost_response", each=True, count=1)
    ecs = client("ecs", retries=1)
    arn = ecs.create_cluster(clusterName="met")["cluster"]["clusterArn"]
    for value in "bc":
        ecs.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": value}])
    assert [one["faults"] for one in calls_since()] == [[], ["lost_response"], [], ["lost_response"], []]


def test_a_kill_comes_after_the_effect(client, fault, monkeypatch):
    killed = []
    monkeypatch.setattr(fault_rules, "kill", lambda pid, tree: killed.append((pid, tree)))
    fault(match={"operation": "CreateCluster"}, action="kill", pid=4242, tree=True)
    client("ecs").create_cluster(clusterName="killed")
    assert killed == [(4242, True)]


def test_a_delay_waits_before_the_call(client, fault, monkeypatch):
    slept = []
    monkeypatch.setattr("rehearsal.cloud.dispatch.time.sleep", slept.append)
    fault(match={"operation": "ListClusters"}, action="delay", seconds=3)
    client("ecs").list_clusters()
    assert slept == [3.0]


def test_a_failure_of_the_stand_in_names_itself_and_is_not_retried(client, world, monkeypatch):
    def broken(call):
        raise KeyError("oops")

    monkeypatch.setattr(world.operations, "checks", lambda call: [broken])
    with pytest.raises(ClientError) as caught:
        client("ecs").list_clusters()
    assert caught.value.response["Error"]["Code"] == "StandInFailure"
    assert "KeyError" in caught.value.response["Error"]["Message"]


def test_a_repeated_token_repeats_the_answer(client):
    acm = client("acm")
    asked = {"DomainName": "dispatch.example.org", "ValidationMethod": "DNS", "IdempotencyToken": "abc"}
    assert acm.request_certificate(**asked)["CertificateArn"] == acm.request_certificate(**asked)["CertificateArn"]


def test_a_token_with_other_parameters_is_refused(client):
    acm = client("acm")
    acm.request_certificate(DomainName="one.example.org", IdempotencyToken="same")
    assert (
        code_of(acm.request_certificate, DomainName="two.example.org", IdempotencyToken="same")
        == "IdempotentParameterMismatch"
    )
