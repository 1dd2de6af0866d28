# SPDX-License-Identifier: GPL-3.0-or-later
from ansible_collections.medzen.multiregion.plugins.modules.route53_ttl import forgotten_at, lowering_changes


def cname(ttl):
    return {"Name": "ehr.x.", "Type": "CNAME", "TTL": ttl, "ResourceRecords": [{"Value": "old.elb.amazonaws.com"}]}


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
