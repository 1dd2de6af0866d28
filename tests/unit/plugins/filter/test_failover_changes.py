# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.medzen.multiregion.plugins.filter.failover_changes import failover_changes

BALANCER = {"dns_name": "lb.example", "zone_id": "Z", "health_check_id": "check"}
TREE = {"record": "ehr.x", "failover_record": "f.x", "dr_record": "dr.x", "primary": BALANCER, "secondary": BALANCER}


def test_locations_turn_a_pair_into_a_tree():
    changes = failover_changes(TREE, [{"name": "all", "default": True}])
    assert [change["record"]["name"] for change in changes] == ["f.x", "f.x", "ehr.x", "dr.x"]
    assert [change["record"]["name"] for change in failover_changes(TREE)][:2] == ["ehr.x", "ehr.x"]


def test_locations_without_a_default_are_refused():
    with pytest.raises(AnsibleFilterError, match="no location is the default"):
        failover_changes(TREE, [{"name": "africa", "continent": "AF"}])
