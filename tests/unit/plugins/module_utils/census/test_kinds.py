# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of the services as items."""

from types import SimpleNamespace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.census import (
    kinds_compute,
    kinds_database,
    kinds_entry,
    kinds_network,
    kinds_operations,
    kinds_security,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import (
    DELETE,
    DELETING,
    KINDS,
    LIVE,
    SCHEDULED,
    WAIT,
    Blocked,
    Place,
    Settings,
)

INSTANCE = {
    "DBInstanceIdentifier": "db",
    "DBInstanceStatus": "available",
    "DeletionProtection": True,
    "KmsKeyId": "arn:aws:kms:r:1:key/k-1",
    "DBSubnetGroup": {"DBSubnetGroupName": "g"},
    "DBParameterGroups": [{"DBParameterGroupName": "p"}],
    "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-1"}],
}


BACKUPS = ("manual", "awsbackup")


class Client:
    """Notes the calls that it is asked for, and gives each the same answer."""

    def __init__(self, answer=None):
        self.calls, self.answer = [], answer or {}

    def __getattr__(self, operation):
        return lambda **parameters: self.calls.append((operation, parameters)) or self.answer


def place(settings=None, answer=None):
    client = Client(answer)
    return Place(lambda service, region: client, "af-south-1", settings=settings or Settings()), client


def test_an_instance_uses_its_groups_and_its_key():
    item = kinds_database.instance_item(INSTANCE)
    assert item.uses == ("rds_subnet_group/g", "rds_parameter_group/p", "security_group/sg-1", "kms_key/k-1")


def test_deletion_protection_is_taken_off_first_and_alone():
    where, client = place()
    assert (
        kinds_database.delete_instance(where, kinds_database.instance_item(INSTANCE)) == "deletion protection taken off"
    )
    assert [operation for operation, _parameters in client.calls] == ["modify_db_instance"]


def test_an_unprotected_instance_is_deleted_without_another_snapshot():
    where, client = place()
    kinds_database.delete_instance(where, kinds_database.instance_item({**INSTANCE, "DeletionProtection": False}))
    assert client.calls[0][0] == "delete_db_instance"
    assert client.calls[0][1]["SkipFinalSnapshot"] is True


@pytest.mark.parametrize("change", [{"DBInstanceStatus": "modifying"}, {"ReadReplicaDBInstanceIdentifiers": ["r"]}])
def test_an_instance_that_is_busy_or_replicated_is_left_alone(change):
    where, client = place()
    with pytest.raises(Blocked):
        kinds_database.delete_instance(where, kinds_database.instance_item({**INSTANCE, **change}))
    assert client.calls == []


def test_a_snapshot_goes_only_with_a_verified_one_elsewhere():
    item = kinds_database.snapshot_item({"DBSnapshotIdentifier": "s", "DBInstanceIdentifier": "db"})
    where, client = place()
    with pytest.raises(Blocked, match="no verified final snapshot of db"):
        kinds_database.delete_snapshot(where, item)
    where, client = place(Settings(final_snapshots={"db": {"verified": True}}))
    kinds_database.delete_snapshot(where, item)
    assert [operation for operation, _parameters in client.calls] == ["delete_db_snapshot"]


def test_a_snapshot_of_aws_backup_is_kept_too_and_keeps_its_key(monkeypatch):
    rows = {kind: {"DBSnapshotIdentifier": f"{kind}:1", "KmsKeyId": "arn:aws:kms:r:1:key/k-1"} for kind in BACKUPS}
    monkeypatch.setattr(
        kinds_database, "paginate", lambda _client, _operation, _key, SnapshotType="manual": [rows[SnapshotType]]
    )
    found = kinds_database.list_snapshots(place()[0])
    assert [item.id for item in found] == ["manual:1", "awsbackup:1"]
    assert {item.uses for item in found} == {("kms_key/k-1",)} and KINDS["rds_snapshot"].protected


@pytest.mark.parametrize("status, action", [("active", WAIT), ("retained", DELETE)])
def test_an_automated_backup_goes_with_its_database_unless_it_outlived_it(status, action):
    assert kinds_database.automated_backup_item({"Status": status, "DBInstanceIdentifier": "db"}).action == action


SERVICE = {"serviceArn": "arn:s", "serviceName": "s", "clusterArn": "arn:c", "status": "ACTIVE", "desiredCount": 2}


def test_a_service_is_scaled_down_before_it_is_deleted():
    where, client = place()
    assert kinds_compute.delete_service(where, kinds_compute.service_item(SERVICE)) == "scaled to 0"
    kinds_compute.delete_service(where, kinds_compute.service_item({**SERVICE, "desiredCount": 0}))
    assert [operation for operation, _parameters in client.calls] == ["update_service", "delete_service"]


def test_a_draining_service_is_being_deleted():
    assert kinds_compute.service_item({**SERVICE, "status": "DRAINING"}).state == DELETING


def test_a_balancer_uses_its_certificates_and_target_groups():
    raw = {"LoadBalancerArn": "arn:lb", "LoadBalancerName": "lb", "VpcId": "v", "SecurityGroups": ["sg-1"]}
    listeners = [{"Certificates": [{"CertificateArn": "arn:c"}], "DefaultActions": [{"TargetGroupArn": "arn:t"}]}]
    item = kinds_entry.balancer_item(raw, {}, listeners)
    assert item.uses == ("security_group/sg-1", "acm_certificate/arn:c", "target_group/arn:t")
    assert item.belongs_to == ("vpc/v",)


def test_a_domain_name_of_an_api_uses_its_certificate_and_goes_before_it():
    raw = {"DomainName": "ai.x", "DomainNameConfigurations": [{"CertificateArn": "arn:c"}], "Tags": {"Workload": "w"}}
    item = kinds_entry.api_domain_item(raw)
    assert (item.id, item.uses, item.tags) == ("ai.x", ("acm_certificate/arn:c",), {"Workload": "w"})
    assert "api_domain" in KINDS["acm_certificate"].after and "api_domain" in KINDS["http_api"].after
    where, client = place()
    assert kinds_entry.delete_api_domain(where, item) == "deleted"
    assert client.calls == [("delete_domain_name", {"DomainName": "ai.x", "aws_retry": True})]


@pytest.mark.parametrize(
    "raw, action",
    [
        ({"Status": "available"}, DELETE),
        ({"Status": "available", "RequesterManaged": True}, WAIT),
        ({"Status": "in-use"}, WAIT),
    ],
)
def test_only_a_free_interface_of_ours_is_deleted(raw, action):
    assert kinds_network.network_interface_item({"NetworkInterfaceId": "eni-1", **raw}).action == action


def test_an_interface_names_its_owner():
    raw = {"NetworkInterfaceId": "e", "Status": "in-use", "RequesterId": "amazon-elb", "Description": "ELB app/x"}
    assert kinds_network.network_interface_item(raw).note == "in-use, owner amazon-elb, ELB app/x"


def test_what_aws_made_by_itself_is_no_item():
    assert kinds_network.security_group_item({"GroupId": "sg-1", "GroupName": "default"}) is None
    assert kinds_network.route_table_item({"RouteTableId": "r", "Associations": [{"Main": True}]}) is None


def test_a_deleted_nat_gateway_is_gone_and_a_deleting_one_is_not():
    assert kinds_network.nat_gateway_item({"NatGatewayId": "n", "State": "deleted"}) is None
    assert kinds_network.nat_gateway_item({"NatGatewayId": "n", "State": "deleting"}).state == DELETING


def test_an_address_belongs_to_the_gateway_that_holds_it():
    gateways = [{"NatGatewayId": "n", "State": "available", "NatGatewayAddresses": [{"AllocationId": "a"}]}]
    holders = kinds_network.nat_gateways_by_address(gateways)
    assert kinds_network.address_item({"AllocationId": "a"}, holders).belongs_to == ("nat_gateway/n",)


def unsuccessful(code):
    return {"Unsuccessful": [{"ResourceId": "x-1", "Error": {"Code": code, "Message": "It is not allowed."}}]}


ANSWERED_200 = pytest.mark.parametrize(
    ("delete", "said"),
    [(kinds_network.delete_flow_log, "deleted"), (kinds_network.delete_endpoint, "deletion asked for")],
)


@ANSWERED_200
def test_what_was_not_deleted_is_blocked_in_the_words_of_the_answer(delete, said):
    where, _client = place(answer=unsuccessful("InvalidParameter"))
    with pytest.raises(Blocked, match=r"^EC2 refuses: InvalidParameter It is not allowed\.$"):
        delete(where, SimpleNamespace(id="x-1"))


@ANSWERED_200
@pytest.mark.parametrize("code", ["InvalidFlowLogId.NotFound", "InvalidVpcEndpoint.NotFound"])
def test_what_was_gone_before_is_no_deletion(delete, said, code):
    assert delete(place(answer=unsuccessful(code))[0], SimpleNamespace(id="x-1")) is None


@ANSWERED_200
def test_what_was_deleted_is_said(delete, said):
    assert delete(place(answer={"Unsuccessful": []})[0], SimpleNamespace(id="x-1")) == said


def test_only_rules_that_name_groups_count():
    rules = {"IpPermissions": [{"UserIdGroupPairs": [{"GroupId": "sg-2"}]}, {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}
    assert len(kinds_network.group_rules(rules)["ingress"]) == 1


@pytest.mark.parametrize("state, expected", [("Enabled", LIVE), ("PendingDeletion", SCHEDULED)])
def test_a_key_pending_deletion_is_scheduled(state, expected):
    assert kinds_security.key_item({"KeyId": "k", "KeyState": state}, "", {}).state == expected


def test_a_deleted_secret_is_scheduled():
    assert kinds_security.secret_item({"ARN": "a", "Name": "n", "DeletedDate": "2026-12-21"}, "r").state == SCHEDULED


def test_a_replicated_secret_is_made_stand_alone_before_it_goes():
    raw = {"ARN": "arn:aws:secretsmanager:af-south-1:1:secret:s", "Name": "s"}
    raw["ReplicationStatus"] = [{"Region": "eu-west-1"}]
    where, client = place()
    kinds_security.delete_secret(where, kinds_security.secret_item(raw, "af-south-1"))
    assert client.calls[0][0] == "stop_replication_to_replica"
    assert client.calls[0][1]["SecretId"] == "arn:aws:secretsmanager:eu-west-1:1:secret:s"


def test_a_replica_of_a_secret_is_its_primarys_business():
    item = kinds_security.secret_item({"ARN": "a", "Name": "s", "PrimaryRegion": "eu-west-1"}, "af-south-1")
    where, client = place()
    with pytest.raises(Blocked, match="its primary in eu-west-1"):
        kinds_security.delete_secret(where, item)
    assert client.calls == []


@pytest.mark.parametrize("location, region", [(None, "us-east-1"), ("EU", "eu-west-1"), ("af-south-1", "af-south-1")])
def test_a_bucket_says_its_region_in_three_ways(location, region):
    client = SimpleNamespace(get_bucket_location=lambda **_parameters: {"LocationConstraint": location})
    assert kinds_operations.bucket_region(client, "b") == region


def test_a_bucket_needs_the_key_that_its_objects_are_read_with():
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": INSTANCE["KmsKeyId"]}}
    answer = {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}
    client = SimpleNamespace(get_bucket_encryption=lambda **_parameters: answer)
    key = kinds_operations.bucket_key(client, "b")
    assert kinds_operations.bucket_item("b", {}, key).uses == ("kms_key/k-1",)


class Sns:
    """SNS with one topic, encrypted with a key as its attributes name it."""

    arn = "arn:aws:sns:af-south-1:1:alarms"

    def __init__(self, kms_key):
        self.attributes = {"TopicArn": self.arn, **({"KmsMasterKeyId": kms_key} if kms_key else {})}

    def get_paginator(self, _operation):
        return self

    def paginate(self):
        return SimpleNamespace(build_full_result=lambda: {"Topics": [{"TopicArn": self.arn}]})

    def list_tags_for_resource(self, **_parameters):
        return {"Tags": []}

    def get_topic_attributes(self, TopicArn, **_parameters):  # noqa: N803
        return {"Attributes": self.attributes} if TopicArn == self.arn else {}


@pytest.mark.parametrize(
    ("kms_key", "uses"),
    [
        (None, ()),
        ("alias/aws/sns", ()),
        ("k-1", ("kms_key/k-1",)),
        (INSTANCE["KmsKeyId"], ("kms_key/k-1",)),
        ("alias/alarms", ("kms_alias/alias/alarms",)),
    ],
)
def test_a_topic_uses_the_key_of_its_messages(kms_key, uses):
    where = Place(lambda service, region: Sns(kms_key), "af-south-1")
    (item,) = kinds_operations.list_topics(where)
    assert (item.name, item.uses) == ("alarms", uses)
