# SPDX-License-Identifier: GPL-3.0-or-later
from ansible_collections.medzen.multiregion.plugins.filter.record_changes import record_changes


def test_each_record_set_becomes_a_change():
    record = {"name": "ehr.x", "type": "CNAME", "ttl": 60, "values": ["a"]}
    assert record_changes([record]) == [{"action": "present", "record": record}]
    assert record_changes([record], "absent")[0]["action"] == "absent"
