# SPDX-License-Identifier: GPL-3.0-or-later
from types import SimpleNamespace

import botocore.session
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.modules import dynamodb_table as module
from botocore.exceptions import ClientError

HERE, THERE, FAR = "eu-central-1", "eu-west-1", "eu-north-1"
MODEL = botocore.session.Session().get_service_model("dynamodb")
PK, SK = {"name": "pk", "type": "S"}, {"name": "sk", "type": "S"}
KEY = f"arn:aws:kms:{HERE}:123456789012:key/1"
PARAMS = {
    "name": "audit",
    "state": "present",
    "hash_key": PK,
    "range_key": SK,
    "ttl_attribute": "ttl",
    "point_in_time_recovery": True,
    "deletion_protection": True,
    "kms_key_id": None,
    "replica_regions": None,
    "replica_kms_keys": {},
    "purge_replicas": False,
    "tags": {"W": "x"},
    "purge_tags": True,
    "wait": True,
    "wait_timeout": 5,
    "poll_seconds": 0,
}


class InUse(ClientError):
    pass


def error(code, kind=ClientError):
    return kind({"Error": {"Code": code, "Message": "no"}}, "Operation")


class Tables:
    """One table of one region in memory, as DynamoDB answers. Each change leaves it busy for one look."""

    exceptions = SimpleNamespace(ResourceInUseException=InUse)
    meta = SimpleNamespace(region_name=HERE, service_model=MODEL)

    def __init__(self, young_backups=0, lost=()):
        self.table, self.ttl, self.pitr, self.tags, self.replicas = None, {}, False, {}, {}
        self.young_backups, self.lost, self.busy, self.calls = young_backups, list(lost), 0, []

    def describe_table(self, TableName, aws_retry):
        if self.table is None:
            raise error("ResourceNotFoundException")
        replicas = [{"RegionName": name, "ReplicaStatus": status} for name, status in self.replicas.items()]
        if self.busy:
            self.busy -= 1
            return {"Table": {**self.table, "Replicas": replicas, "TableStatus": "UPDATING"}}
        self.replicas = {name: "ACTIVE" if one == "CREATING" else one for name, one in self.replicas.items()}
        self.replicas = {name: status for name, status in self.replicas.items() if status != "DELETING"}
        if self.table["TableStatus"] == "DELETING":
            gone, self.table = self.table, None
            return {"Table": gone}
        return {"Table": {**self.table, "Replicas": replicas}}

    def describe_continuous_backups(self, TableName, aws_retry):
        status = {"PointInTimeRecoveryStatus": "ENABLED" if self.pitr else "DISABLED"}
        return {"ContinuousBackupsDescription": {"PointInTimeRecoveryDescription": status}}

    def describe_time_to_live(self, TableName, aws_retry):
        return {"TimeToLiveDescription": self.ttl}

    def get_paginator(self, operation):
        rows = [{"Key": key, "Value": value} for key, value in self.tags.items()]
        result = SimpleNamespace(build_full_result=lambda: {"Tags": rows})
        return SimpleNamespace(paginate=lambda **_: result)

    def create_table(self, aws_retry, **request):
        self.calls.append("create")
        if self.table is not None:
            raise error("ResourceInUseException", InUse)
        self.tags = {one["Key"]: one["Value"] for one in request.pop("Tags", [])}
        self.table = {"TableArn": "arn:table", "TableStatus": "ACTIVE", "BillingModeSummary": {}}
        self.update_table(request.pop("TableName"), aws_retry, **request)
        self.calls.pop()

    def update_table(self, TableName, aws_retry, **request):
        self.calls.append(next((name for name in request if name != "AttributeDefinitions"), ""))
        if self.busy:
            raise error("ResourceInUseException")
        for update in request.pop("ReplicaUpdates", []):
            (kind, one), *more = update.items()
            assert not more, "DynamoDB takes one replica a call"
            self.calls[-1] = f"{kind} {one['RegionName']}"
            self.replicas[one["RegionName"]] = "CREATING" if kind == "Create" else "DELETING"
        if "BillingMode" in request:
            request["BillingModeSummary"] = {"BillingMode": request.pop("BillingMode")}
        if "SSESpecification" in request:
            key = request.pop("SSESpecification")["KMSMasterKeyId"]
            request["SSEDescription"] = {"Status": "ENABLED", "KMSMasterKeyArn": key}
        self.table |= {"TableName": TableName, **request}
        self.busy = 1
        if self.lost:
            raise error(self.lost.pop())

    def update_continuous_backups(self, TableName, PointInTimeRecoverySpecification, aws_retry):
        self.calls.append("backups")
        if self.young_backups:
            self.young_backups -= 1
            raise error("ContinuousBackupsUnavailableException")
        self.pitr = PointInTimeRecoverySpecification["PointInTimeRecoveryEnabled"]

    def update_time_to_live(self, TableName, TimeToLiveSpecification, aws_retry):
        self.calls.append("expiry")
        status = "ENABLED" if TimeToLiveSpecification["Enabled"] else "DISABLING"
        self.ttl = {"TimeToLiveStatus": status, "AttributeName": TimeToLiveSpecification["AttributeName"]}

    def tag_resource(self, ResourceArn, Tags, aws_retry):
        self.calls.append("tag")
        self.tags |= {one["Key"]: one["Value"] for one in Tags}

    def untag_resource(self, ResourceArn, TagKeys, aws_retry):
        self.calls.append("untag")
        self.tags = {key: value for key, value in self.tags.items() if key not in TagKeys}

    def delete_table(self, TableName, aws_retry):
        self.calls.append("delete")
        self.table["TableStatus"] = "DELETING"


@pytest.fixture
def run(monkeypatch):
    elsewhere = {}
    monkeypatch.setattr(module, "client", lambda task, service, region=None: elsewhere.setdefault(region, Tables()))

    def call(tables, check_mode=False, **change):
        tables.calls.clear()
        task = SimpleNamespace(params={**PARAMS, **change}, check_mode=check_mode)
        function = module.ensure_present if task.params["state"] == "present" else module.ensure_absent
        return function(task, tables)

    call.elsewhere = elsewhere
    return call


def test_check_mode_plans_a_table_and_makes_none(run):
    tables = Tables()
    result = run(tables, check_mode=True, replica_regions=[HERE, THERE])
    assert result["changed"] and tables.calls == [] and tables.table is None
    assert result["table"]["arn"] is None and result["table"]["replicas"] == {THERE: "PLANNED"}


def test_a_table_is_made_once_with_everything(run):
    tables = Tables()
    planned, made = run(tables, check_mode=True), run(tables)
    assert made["diff"] == planned["diff"] and made["table"]["arn"] == "arn:table"
    assert tables.calls == ["create", "expiry", "backups"] and tables.tags == {"W": "x"}
    assert tables.table["DeletionProtectionEnabled"] and tables.pitr
    assert run(tables)["changed"] is False and tables.calls == []


@pytest.mark.parametrize(
    ("change", "calls"),
    [
        ({"point_in_time_recovery": False}, ["backups"]),
        ({"deletion_protection": False}, ["DeletionProtectionEnabled"]),
        ({"ttl_attribute": ""}, ["expiry"]),
        ({"kms_key_id": KEY}, ["SSESpecification"]),
        ({"tags": {"V": "y"}}, ["tag", "untag"]),
        ({"replica_regions": [THERE]}, ["StreamSpecification", f"Create {THERE}"]),
        ({"replica_regions": [THERE, FAR]}, ["StreamSpecification", f"Create {FAR}", f"Create {THERE}"]),
    ],
)
def test_only_what_differs_is_changed_and_then_nothing(run, change, calls):
    tables = Tables()
    run(tables)
    assert run(tables, check_mode=True, **change)["changed"] and tables.calls == []
    assert run(tables, **change)["changed"] and tables.calls == calls
    assert not run(tables, **change)["changed"] and tables.calls == []


def test_a_replica_that_is_not_named_stays_unless_it_is_purged(run):
    tables = Tables()
    run(tables, replica_regions=[THERE, FAR])
    assert not run(tables, replica_regions=[FAR])["changed"] and not run(tables)["changed"]
    assert run(tables, replica_regions=[FAR], purge_replicas=True)["changed"]
    assert tables.calls == [f"Delete {THERE}"] and set(tables.replicas) == {FAR}


def test_a_table_that_somebody_else_made_is_changed_and_not_made_again(run):
    tables = Tables()
    run(tables, ttl_attribute=None, point_in_time_recovery=False, deletion_protection=False, tags={"aws:stack": "s"})
    tables.table["BillingModeSummary"] = {"BillingMode": "PROVISIONED"}
    assert run(tables)["changed"] and "create" not in tables.calls
    assert tables.calls == ["BillingMode", "DeletionProtectionEnabled", "expiry", "backups", "tag"]
    assert tables.tags == {"aws:stack": "s", "W": "x"}


def test_other_keys_are_refused_with_both(run):
    tables = Tables()
    run(tables)
    with pytest.raises(Refused, match=r"Found: sk \(S\).*Expected: sk \(N\)"):
        run(tables, range_key={"name": "sk", "type": "N"})
    assert tables.calls == []


def test_another_attribute_of_expiry_is_refused(run):
    tables = Tables()
    run(tables)
    with pytest.raises(Refused, match="ttl_attribute"):
        run(tables, ttl_attribute="expires")


def test_a_stream_that_replication_cannot_use_is_refused(run):
    tables = Tables()
    run(tables)
    tables.table["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    with pytest.raises(Refused, match="stream.*KEYS_ONLY"):
        run(tables, replica_regions=[THERE])


def test_a_table_of_this_name_over_there_is_refused_before_anything_is_made(run):
    tables, other = Tables(), Tables()
    run(other)
    run.elsewhere[THERE] = other
    with pytest.raises(Refused, match=f"cannot be made in {THERE}"):
        run(tables, replica_regions=[THERE])
    assert tables.calls == []


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"name": "x" * 1025}, "name: "),
        ({"hash_key": {"name": "k" * 256, "type": "S"}}, "hash_key and range_key"),
        ({"tags": {"k" * 129: "v"}}, "tags"),
        ({"replica_regions": ["eu-nowhere-1"]}, "eu-nowhere-1"),
        ({"kms_key_id": KEY, "replica_regions": [THERE]}, "replica_kms_keys"),
        ({"kms_key_id": "arn:aws:kms:eu-west-1:123456789012:key/1"}, "kms_key_id"),
    ],
)
def test_bad_input_is_refused_by_the_name_of_its_option(run, change, names):
    tables = Tables()
    with pytest.raises(Refused, match=names):
        run(tables, **change)
    assert tables.calls == []


def test_a_creation_whose_answer_was_lost_is_found_again(run):
    tables = Tables()
    run(tables)
    module.create_table(tables, "audit", {"TableName": "audit"})


@pytest.mark.parametrize("code", ["ResourceInUseException", "ValidationException"])
def test_a_replica_that_a_lost_call_began_is_joined(run, code):
    tables = Tables()
    run(tables, replica_regions=[])
    tables.table["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    tables.lost = [code]
    assert run(tables, replica_regions=[THERE])["table"]["replicas"] == {THERE: "ACTIVE"}
    assert tables.calls == [f"Create {THERE}"]


def test_a_refusal_that_changed_nothing_fails(run):
    tables = Tables()
    run(tables)
    tables.update_table = lambda **_: (_ for _ in ()).throw(error("ValidationException"))
    with pytest.raises(AwsError, match="update table audit"):
        run(tables, deletion_protection=False)


def test_a_replica_that_failed_ends_the_wait_with_its_reason(run):
    tables = Tables()
    run(tables)
    tables.replicas[THERE] = "INACCESSIBLE_ENCRYPTION_CREDENTIALS"
    with pytest.raises(MultiregionError, match=f"{THERE} is INACCESSIBLE"):
        run(tables)


def test_backups_that_are_not_ready_are_tried_again(run):
    tables = Tables(young_backups=2)
    assert run(tables)["table"]["point_in_time_recovery"] and tables.calls.count("backups") == 3


def test_a_denied_look_is_no_absence(run):
    tables = Tables()
    tables.describe_table = lambda **_: (_ for _ in ()).throw(error("AccessDeniedException"))
    with pytest.raises(AwsError, match="describe table audit.*AccessDenied"):
        run(tables)


def test_a_protected_table_is_not_deleted_and_its_replicas_are_named(run):
    tables = Tables()
    run(tables, replica_regions=[THERE])
    with pytest.raises(Refused, match=f"deletion protection on, replicas in {THERE}"):
        run(tables, state="absent")
    assert tables.calls == []


def test_a_table_goes_once(run):
    tables = Tables()
    run(tables, deletion_protection=False)
    assert run(tables, state="absent", check_mode=True)["changed"] and tables.table
    assert run(tables, state="absent")["changed"] and tables.table is None
    assert not run(tables, state="absent")["changed"] and tables.calls == []
