# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import WaitTimeout
from ansible_collections.medzen.multiregion.plugins.module_utils.route53 import plan_batch
from ansible_collections.medzen.multiregion.plugins.modules import route53_record_sets as module

ZONE = {"Id": "Z1", "Name": "example.org."}
ALIAS = {"name": "a.example.org", "type": "A", "alias": {"dns_name": "x.elb.amazonaws.com", "zone_id": "Z9"}}
PARAMS = {"wait": True, "wait_timeout": 5, "poll_seconds": 1}


def planned():
    return plan_batch([], [{"action": "present", "record": ALIAS}])


def test_the_plan_shows_what_resolvers_will_keep():
    result = module.build_result(planned(), ZONE)
    assert result["effective_ttls"] == [{"name": "a.example.org", "type": "A", "set_identifier": "", "ttl_s": 60}]


def test_the_changes_are_told_in_the_form_of_the_options():
    result = module.build_result(planned(), ZONE)
    assert [(change["action"], change["record"]["name"]) for change in result["changes"]] == [
        ("create", "a.example.org")
    ]
    assert result["rollback"] == [{"action": "absent", "record": result["after"][0]}]


def test_a_zone_as_wanted_has_nothing_to_roll_back():
    batch = plan_batch(planned().after, [{"action": "present", "record": ALIAS}])
    result = module.build_result(batch, ZONE)
    assert result["changed"] is False and result["rollback"] == [] and result["changes"] == []


def test_a_failed_wait_keeps_the_way_back(monkeypatch):
    def too_late(*_arguments):
        raise WaitTimeout("too late", "PENDING")

    monkeypatch.setattr(module.route53, "apply_batch", lambda *_arguments: {"Id": "/change/C1", "Status": "PENDING"})
    monkeypatch.setattr(module.route53, "wait_insync", too_late)
    result = module.build_result(planned(), ZONE)
    with pytest.raises(WaitTimeout) as caught:
        module.send(None, ZONE, planned(), PARAMS, result)
    assert caught.value.result["changed"] and caught.value.result["change_id"] == "C1"
    assert caught.value.result["rollback"] == result["rollback"]
