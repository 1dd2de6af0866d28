# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import route53
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused, WaitTimeout
from ansible_collections.medzen.multiregion.plugins.module_utils.record_sets import build_record_set
from botocore.exceptions import ClientError

OLD = {"name": "ehr.example.org", "type": "CNAME", "ttl": 300, "values": ["old.org"]}
NEW = {"name": "ehr.example.org", "type": "A", "ttl": 60, "values": ["192.0.2.1"]}


def record_sets(*records):
    return [build_record_set(record) for record in records]


class Zone:
    """A hosted zone in memory that checks a batch as Route 53 does, and can lose an answer."""

    def __init__(self, records, lose=0, page_size=100):
        self.records, self.lose, self.page_size = list(records), lose, page_size
        self.batches = []

    def list_resource_record_sets(self, HostedZoneId, StartRecordName, StartRecordType="", aws_retry=False, **_more):
        rest = [item for item in self.records if (item["Name"], item["Type"]) >= (StartRecordName, StartRecordType)]
        page = {"ResourceRecordSets": rest[: self.page_size], "IsTruncated": len(rest) > self.page_size}
        if page["IsTruncated"]:
            page.update(NextRecordName=rest[self.page_size]["Name"], NextRecordType=rest[self.page_size]["Type"])
        return page

    def change_resource_record_sets(self, HostedZoneId, ChangeBatch, aws_retry):
        left = list(self.records)
        for change in ChangeBatch["Changes"]:
            record_set = change["ResourceRecordSet"]
            there = [item for item in left if (item["Name"], item["Type"]) == (record_set["Name"], record_set["Type"])]
            if change["Action"] == "DELETE" and record_set not in left or change["Action"] == "CREATE" and there:
                raise ClientError({"Error": {"Code": "InvalidChangeBatch", "Message": "no"}}, "Change")
            left = [item for item in left if item not in there]
            if change["Action"] != "DELETE":
                left.append(record_set)
        self.records = left
        self.batches.append([change["Action"] for change in ChangeBatch["Changes"]])
        if self.lose:
            self.lose -= 1
            # What botocore does with a lost answer: it sends the request again.
            return self.change_resource_record_sets(HostedZoneId, ChangeBatch, aws_retry)
        return {"ChangeInfo": {"Id": f"/change/C{len(self.batches)}", "Status": "PENDING"}}

    def list_hosted_zones_by_name(self, DNSName, aws_retry):
        named = [("Z1", "example.org.", False), ("Z2", "example.org.", True), ("Z3", "example.organic.", False)]
        zones = [{"Id": f"/hostedzone/{key}", "Name": name, "Config": {"PrivateZone": p}} for key, name, p in named]
        return {"HostedZones": zones}


def plan(client):
    return route53.plan_batch(client.records, [{"action": "present", "record": NEW}], [OLD], replace_names=True)


def test_a_batch_is_sent_once():
    client = Zone(record_sets(OLD))
    assert route53.apply_batch(client, "Z1", plan(client))["Id"] == "/change/C1"
    assert client.batches == [["DELETE", "CREATE"]] and client.records == record_sets(NEW)


def test_an_empty_batch_is_not_sent():
    client = Zone(record_sets(NEW))
    assert route53.apply_batch(client, "Z1", plan(client)) is None
    assert client.batches == []


def test_a_batch_whose_answer_was_lost_is_recognised_as_applied():
    client = Zone(record_sets(OLD), lose=1)
    change = route53.apply_batch(client, "Z1", plan(client))
    assert change["Id"] == "/change/C2" and client.batches == [["DELETE", "CREATE"], ["UPSERT"]]


def test_a_record_that_changed_meanwhile_is_not_overwritten():
    client = Zone(record_sets(OLD))
    batch = plan(client)
    client.records = record_sets({**OLD, "values": ["third.org"]})
    with pytest.raises(AwsError, match="Failed to send a change batch to hosted zone Z1"):
        route53.apply_batch(client, "Z1", batch)
    assert client.records == record_sets({**OLD, "values": ["third.org"]})


def test_only_the_names_asked_for_are_listed_over_all_their_pages():
    records = record_sets(
        {**NEW, "name": "a.org"},
        {**NEW, "name": "b.org"},
        {**NEW, "name": "b.org", "type": "TXT"},
        {**NEW, "name": "c.org"},
    )
    found = route53.list_record_sets(Zone(records, page_size=1), "Z1", ["B.org"])
    assert [(item["Name"], item["Type"]) for item in found] == [("b.org.", "A"), ("b.org.", "TXT")]


def test_a_zone_is_found_by_its_exact_name_and_kind():
    assert route53.find_zone(Zone([]), "Example.org")["Id"] == "Z1"
    assert route53.find_zone(Zone([]), "example.org", private=True)["Id"] == "Z2"


def test_a_zone_that_is_not_there_is_refused():
    with pytest.raises(Refused, match="There is no public hosted zone other.org"):
        route53.find_zone(Zone([]), "other.org")


class Changes:
    def __init__(self, *statuses):
        self.statuses = list(statuses)

    def get_change(self, Id, aws_retry):
        return {"ChangeInfo": {"Id": Id, "Status": self.statuses.pop(0)}}


def test_waiting_ends_when_the_change_is_in_sync():
    pauses = []
    change = route53.wait_insync(Changes("PENDING", "INSYNC"), "/change/C1", 60, 2, sleep=pauses.append)
    assert change == {"Id": "C1", "Status": "INSYNC"} and pauses == [2]


def test_waiting_ends_at_its_limit():
    ticks = iter(range(100))
    with pytest.raises(WaitTimeout, match="last state: PENDING"):
        route53.wait_insync(
            Changes(*["PENDING"] * 9), "C1", 2, 1, clock=lambda: next(ticks), sleep=lambda seconds: None
        )
