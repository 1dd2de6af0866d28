# SPDX-License-Identifier: GPL-3.0-or-later
import boto3
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.modules import dynamodb_table_merge as module
from botocore.exceptions import ClientError, ConnectionClosedError

pytestmark = pytest.mark.usefixtures("moto_cloud")

OLD, NEW, TABLE = "eu-west-1", "eu-central-1", "medzen-meeting-audit"
WRITES = ("put_item", "create_backup", "delete_table")


class Recording:
    """A client that takes aws_retry, remembers its writes, refuses the operations in `denied`, and loses the first
    answer of those in `lost`."""

    def __init__(self, client, denied, writes, lost):
        self.client, self.denied, self.writes, self.lost = client, denied, writes, lost
        self.meta, self.exceptions = client.meta, client.exceptions

    def __getattr__(self, name):
        def call(*args, aws_retry=False, **request):
            if name in self.denied:
                answer = {"Error": {"Code": "AccessDeniedException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
                raise ClientError(answer, name)
            if name in WRITES:
                self.writes.append(name)
            answer = getattr(self.client, name)(*args, **request)
            if name in self.lost:
                self.lost.remove(name)
                raise ConnectionClosedError(endpoint_url="http://dynamodb")
            return answer

        return call


class Module:
    region = NEW

    def __init__(self, check_mode=False, denied=(), lost=(), **params):
        self.check_mode, self.denied, self.writes, self.lost = check_mode, denied, [], list(lost)
        given = {"name": TABLE, "source_region": OLD, "remove_source": False, "wait": True}
        self.params = {**given, "wait_timeout": 5, "poll_seconds": 0.01, **params}

    def client(self, service, region=NEW, **_options):
        return Recording(boto3.client(service, region_name=region), self.denied, self.writes, self.lost)


def table(region, *items, keys=("pk", "sk"), **more):
    made = boto3.resource("dynamodb", region_name=region).create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": n, "KeyType": k} for n, k in zip(keys, ("HASH", "RANGE"), strict=False)],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
        BillingMode="PAY_PER_REQUEST",
        **more,
    )
    for item in items:
        made.put_item(Item=item)


def row(number, **more):
    return {"pk": f"MEETING#{number}", "sk": "CREATED#2026", **more}


def rows(region):
    found = boto3.resource("dynamodb", region_name=region).Table(TABLE).scan()["Items"]
    return sorted(found, key=lambda item: item["pk"])


def tables(region):
    return boto3.client("dynamodb", region_name=region).list_tables()["TableNames"]


def test_items_that_are_missing_here_are_copied_and_those_that_are_here_stay():
    table(OLD, row(1, ttl=7), row(2))
    table(NEW, row(2), row(3))
    result = module.ensure(Module())
    assert (result["changed"], result["source"], result["item_count"], result["copied_count"]) == (True, "own", 2, 1)
    assert rows(NEW) == [row(1, ttl=7), row(2), row(3)] and rows(OLD) == [row(1, ttl=7), row(2)]


def test_a_copy_whose_answer_is_lost_is_asked_for_again_and_counted():
    table(OLD, row(1), row(2))
    table(NEW)
    merging = Module(lost=["put_item"])
    assert module.ensure(merging)["copied_count"] == 2
    assert rows(NEW) == [row(1), row(2)] and merging.writes == ["put_item"] * 3


def test_a_second_run_writes_nothing():
    table(OLD, row(1))
    table(NEW, row(1))
    again = Module()
    assert not module.ensure(again)["changed"] and again.writes == []


def test_check_mode_counts_and_writes_nothing():
    table(OLD, row(1))
    table(NEW)
    checked = Module(check_mode=True, remove_source=True)
    result = module.ensure(checked)
    assert (result["changed"], result["copied_count"], result["removed"]) == (True, 1, True)
    assert checked.writes == [] and rows(NEW) == [] and tables(OLD) == [TABLE]


def test_in_check_mode_the_table_here_may_be_planned():
    table(OLD, row(1), row(2))
    assert module.ensure(Module(check_mode=True))["copied_count"] == 2


def test_an_item_of_another_content_refuses_before_anything_is_written():
    table(OLD, row(1, action="CREATED"), row(2))
    table(NEW, row(1, action="ENDED"))
    tried = Module()
    with pytest.raises(Refused, match="another content.*MEETING#1 CREATED#2026"):
        module.ensure(tried)
    assert tried.writes == []


def test_a_key_that_was_taken_meanwhile_keeps_its_item(monkeypatch):
    table(OLD, row(1, action="CREATED"))
    table(NEW, row(1, action="ENDED"))
    monkeypatch.setattr(module.Table, "read_digests", lambda self, keys: {"x": "1"} if self.region == OLD else {})
    assert module.ensure(Module())["copied_count"] == 0
    assert rows(NEW) == [row(1, action="ENDED")]


def test_what_the_first_version_of_global_tables_wrote_is_left_behind():
    table(OLD, row(1, **{"aws:rep:updateregion": OLD}))
    table(NEW)
    module.ensure(Module())
    assert rows(NEW) == [row(1)]


def test_a_table_that_makes_room_is_backed_up_and_deleted_when_all_is_here():
    table(OLD, row(1))
    table(NEW)
    result = module.ensure(Module(remove_source=True))
    assert result["removed"] and rows(NEW) == [row(1)] and tables(OLD) == []
    backups = boto3.client("dynamodb", region_name=OLD).list_backups()["BackupSummaries"]
    assert [one["BackupArn"] for one in backups] == [result["backup_arn"]]


def test_a_backup_that_an_earlier_run_made_is_used():
    table(OLD, row(1))
    table(NEW)
    with pytest.raises(AwsError):
        module.ensure(Module(remove_source=True, denied=["delete_table"]))
    module.ensure(Module(remove_source=True))
    assert len(boto3.client("dynamodb", region_name=OLD).list_backups()["BackupSummaries"]) == 1


def test_a_table_that_is_still_written_to_is_not_deleted(monkeypatch):
    table(OLD)
    table(NEW)

    def write_late(source, described, left, poll_seconds):
        boto3.resource("dynamodb", region_name=OLD).Table(TABLE).put_item(Item=row(9))
        return "arn"

    monkeypatch.setattr(module, "ensure_backup", write_late)
    with pytest.raises(Refused, match="still written to.*MEETING#9.*not deleted"):
        module.ensure(Module(remove_source=True))
    assert tables(OLD) == [TABLE]


def test_a_protected_table_makes_no_room():
    table(OLD, row(1), DeletionProtectionEnabled=True)
    table(NEW)
    tried = Module(remove_source=True)
    with pytest.raises(Refused, match="deletion protection on"):
        module.ensure(tried)
    assert tried.writes == []


def test_where_there_is_no_table_there_is_nothing_to_bring():
    table(NEW)
    assert module.ensure(Module(remove_source=True))["source"] == "none"


def test_a_replica_is_the_same_table(monkeypatch):
    table(OLD, row(1))
    table(NEW)
    monkeypatch.setattr(module, "is_replica", lambda described, region: region == OLD)
    tried = Module(remove_source=True)
    result = module.ensure(tried)
    assert (result["source"], result["changed"], tried.writes) == ("replica", False, [])


def test_a_table_here_is_needed():
    table(OLD, row(1))
    with pytest.raises(Refused, match="not there in eu-central-1"):
        module.ensure(Module())


def test_tables_with_other_keys_are_not_merged():
    table(OLD, row(1))
    table(NEW, keys=("pk",))
    with pytest.raises(Refused, match="other keys"):
        module.ensure(Module())


def test_a_table_that_may_not_be_read_is_no_absence():
    table(OLD, row(1))
    table(NEW)
    with pytest.raises(AwsError, match="AccessDenied"):
        module.ensure(Module(denied=["describe_table"]))


def test_a_region_is_not_merged_with_itself():
    with pytest.raises(Refused, match="not merged with itself"):
        module.ensure(Module(source_region=NEW))
