# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.modules import route53_ttl as module
from ansible_collections.medzen.multiregion.plugins.modules.route53_ttl import forgotten_at, lowering_changes


def cname(ttl, name="ehr.x."):
    return {"Name": name, "Type": "CNAME", "TTL": ttl, "ResourceRecords": [{"Value": "old.elb.amazonaws.com"}]}


def test_a_longer_ttl_is_lowered_and_nothing_else_changes():
    (change,) = lowering_changes([cname(300)], 60)
    assert change["record"] == {"name": "ehr.x", "type": "CNAME", "ttl": 60, "values": ["old.elb.amazonaws.com"]}


def test_a_short_ttl_is_left_alone():
    assert lowering_changes([cname(60)], 60) == []


def test_an_alias_is_left_alone():
    alias = {"Name": "ehr.x.", "Type": "A", "AliasTarget": {"HostedZoneId": "Z", "DNSName": "lb.elb.amazonaws.com."}}
    assert lowering_changes([alias], 1) == []


def test_the_old_ttl_is_waited_out_not_the_new_one():
    assert forgotten_at(lowered_at=1000.0, old_ttl_s=300, margin_s=5) == 1305.0


@pytest.fixture
def zone(monkeypatch):
    """A zone with three names, and what is sent to it."""
    records = {"ehr.x": [cname(300)], "meetings.x": [cname(600, "meetings.x.")], "ai.x": [cname(5, "ai.x.")]}
    records["ehr.x"].append({"Name": "ehr.x.", "Type": "TXT", "TTL": 900, "ResourceRecords": [{"Value": '"a"'}]})
    sent = []
    monkeypatch.setattr(module, "client", lambda _module, _service: None)
    monkeypatch.setattr(module, "find_zone", lambda _client, _name: {"Id": "Z1"})
    monkeypatch.setattr(module, "list_record_sets", lambda _client, _zone, names: list(records.get(names[0], [])))
    monkeypatch.setattr(module, "wait_insync", lambda *_given: None)
    monkeypatch.setattr(module, "apply_batch", lambda _client, _zone, batch: sent.append(batch.changes) or {"Id": "C1"})
    return sent


def lower(check_mode=False, **given):
    options = {"zone": "x", "record": "ehr.x", "further_records": [], "ttl_s": 60, "wait": False}
    return module.ensure_low(
        type(
            "Module",
            (),
            {"params": {**options, "wait_timeout": 1, "poll_seconds": 1, **given}, "check_mode": check_mode},
        )
    )


def test_several_names_are_lowered_in_one_batch_and_told_with_the_first_one_first(zone):
    result = lower(further_records=["meetings.x", "ai.x", "not-there.x"])
    assert len(zone) == 1
    assert {(one["Action"], one["ResourceRecordSet"]["Name"]) for one in zone[0]} == {
        (action, name) for action in ("DELETE", "CREATE") for name in ("ehr.x.", "meetings.x.")
    }
    assert [one["name"] for one in result["record_sets"]] == ["ehr.x", "meetings.x", "ai.x"]
    assert result["old_ttl_s"] == 600


def test_check_mode_tells_what_would_be_lowered_and_sends_nothing(zone):
    assert lower(check_mode=True, further_records=["meetings.x"])["changed"] and zone == []


def test_a_name_without_an_address_is_refused_when_it_is_the_one_that_moves(zone):
    with pytest.raises(Refused, match="not-there.x has no address"):
        lower(record="not-there.x", further_records=["ehr.x"])
