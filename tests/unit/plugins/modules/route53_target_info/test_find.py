# SPDX-License-Identifier: GPL-3.0-or-later
from types import SimpleNamespace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.change_batch import plan_batch
from ansible_collections.medzen.multiregion.plugins.modules import route53_target_info

OLD, NEW = "lb-1.af-south-1.elb.amazonaws.com", "lb-2.eu-central-1.elb.amazonaws.com"


def location(identifier, target, **geo):
    shape = {"DNSName": f"{target}.", "HostedZoneId": "Z1", "EvaluateTargetHealth": True}
    return {"Name": "ehr.x.", "Type": "A", "SetIdentifier": identifier, "GeoLocation": geo, "AliasTarget": shape}


RECORDS = [
    location("africa", OLD, ContinentCode="AF"),
    location("elsewhere", NEW, CountryCode="*"),
    {"Name": "ehr-af.x.", "Type": "CNAME", "TTL": 5, "ResourceRecords": [{"Value": OLD}]},
]


@pytest.fixture
def found(monkeypatch):
    monkeypatch.setattr(route53_target_info, "client", lambda *_: None)
    monkeypatch.setattr(route53_target_info.route53, "find_zone", lambda *_, **__: {"Id": "ZONE"})
    monkeypatch.setattr(route53_target_info.route53, "list_record_sets", lambda *_: RECORDS)
    params = {"zone": "x", "private_zone": False, "targets": [OLD]}
    return route53_target_info.find(SimpleNamespace(params=params))


def test_what_leads_to_the_target_is_found_with_the_names_that_it_leaves_empty(found):
    assert [record["name"] for record in found["record_sets"]] == ["ehr.x", "ehr-af.x"]
    assert (found["emptied"], found["changed"]) == (["ehr-af.x"], False)


def test_what_is_found_can_be_given_back_as_what_is_to_be_absent(found):
    changes = [{"action": "absent", "record": record} for record in found["record_sets"]]
    assert plan_batch(RECORDS, changes, allow_empty=True).after == [RECORDS[1]]
