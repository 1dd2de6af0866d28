# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.modules import rds_wait

PARAMS = {"resource": "instance", "identifier": "db", "states": ["available"], "wait_timeout": 5, "poll_seconds": 0}


class Client:
    def __init__(self, *statuses):
        self.statuses = list(statuses)

    def describe_db_instances(self, **_request):
        status = self.statuses.pop(0)
        return {"DBInstances": [{"DBInstanceStatus": status}] if status else []}


@pytest.mark.parametrize(
    ("resource", "described", "state"),
    [
        ("instance", None, "absent"),
        ("instance", {"DBInstanceStatus": "creating"}, "creating"),
        ("snapshot", {"Status": "copying"}, "copying"),
    ],
)
def test_the_state_is_told_in_the_words_of_rds(resource, described, state):
    assert rds_wait.found_state(resource, described) == state


def test_a_broken_instance_ends_the_wait_unless_it_is_to_go():
    broken = {"DBInstanceStatus": "failed"}
    assert rds_wait.build_failed("instance", ["available"])(broken) == "its status is failed"
    assert rds_wait.build_failed("instance", ["absent"])(broken) is None


def test_it_waits_for_absence_through_every_state():
    params = {**PARAMS, "states": ["absent"]}
    assert rds_wait.wait_for(Client("available", "deleting", None), params) is None


def test_the_result_holds_the_resource_under_its_kind():
    result = rds_wait.build_result(PARAMS, {"DBInstanceStatus": "creating", "DBInstanceClass": "db.t3.medium"})
    assert result == {
        "changed": False,
        "status": "creating",
        "reached": False,
        "diff": {},
        "instance": {"db_instance_status": "creating", "db_instance_class": "db.t3.medium"},
    }
