# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.failover_probe import History
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import TimeLeft
from ansible_collections.medzen.multiregion.plugins.modules import rds_failover_probe as module
from botocore.exceptions import ClientError

COPY = {
    "DBInstanceIdentifier": "copy",
    "DBInstanceStatus": "available",
    "MultiAZ": True,
    "AvailabilityZone": "a",
    "SecondaryAvailabilityZone": "b",
    "TagList": [{"Key": "Purpose", "Value": "drill"}],
    "Endpoint": {"Address": "copy.example"},
}
TAGS = {"Purpose": "drill"}
PARAMS = {
    "db_instance_identifier": "copy",
    "only_tagged": TAGS,
    "wait_timeout": 5,
    "poll_seconds": 0,
    "commits_min": 2,
    "login": {},
    "resolvers": [],
}


class Client:
    """RDS with one instance; what it answers when it is asked again and again, and what was written."""

    def __init__(self, *instances, error=None):
        self.instances, self.error, self.writes = list(instances), error, []

    def describe_db_instances(self, **_request):
        found = self.instances.pop(0) if len(self.instances) > 1 else self.instances[0]
        return {"DBInstances": [found] if found else []}

    def reboot_db_instance(self, **request):
        self.writes.append(request)
        if self.error:
            raise ClientError({"Error": {"Code": self.error, "Message": ""}}, "RebootDBInstance")
        return {}


class Module:
    def __init__(self, client, check_mode=False):
        self.params, self.check_mode, self.client = dict(PARAMS), check_mode, client


@pytest.fixture(autouse=True)
def rds_of_the_test(monkeypatch):
    monkeypatch.setattr(module, "client", lambda asked, _service: asked.client)
    monkeypatch.setattr(module, "require_libraries", lambda _module: None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"TagList": []}, "no tag Purpose"),
        ({"TagList": [{"Key": "Purpose", "Value": "final"}]}, "Purpose=final"),
        ({"MultiAZ": False}, "one availability zone"),
        ({"DBInstanceStatus": "backing-up"}, "status backing-up"),
        ({"ReadReplicaSourceDBInstanceIdentifier": "db"}, "a replica"),
    ],
)
def test_what_is_no_restored_copy_in_two_zones_is_refused_before_anything_is_done(change, reason):
    client = Client(COPY | change)
    with pytest.raises(Refused, match=reason):
        module.ensure(Module(client))
    assert client.writes == []


def test_without_a_tag_to_tell_copies_by_nothing_fails_over():
    assert module.find_faults(COPY, {}) == [("no tag in only_tagged", "at least one, which only copies have")]
    assert module.find_faults(COPY, TAGS) == []


def test_check_mode_only_looks_and_plans_what_is_not_there_yet():
    client = Client(COPY)
    found = module.ensure(Module(client, check_mode=True))
    assert (found["changed"], found["planned"], found["zones"]) == (True, False, {"before": "a", "after": "b"})
    planned = module.ensure(Module(Client(None), check_mode=True))
    assert (planned["changed"], planned["planned"], client.writes) == (True, True, [])


def test_an_instance_that_is_not_there_is_refused():
    with pytest.raises(Refused, match="There is no database copy"):
        module.ensure(Module(Client(None)))


def test_a_lost_answer_is_no_second_failover_and_no_fault():
    client = Client(COPY | {"DBInstanceStatus": "rebooting"}, error="InvalidDBInstanceState")
    module.ask_for_failover(client, "copy")
    assert client.writes == [{"DBInstanceIdentifier": "copy", "ForceFailover": True, "aws_retry": True}]


def test_another_refusal_of_the_reboot_is_told():
    with pytest.raises(Exception, match="Failed to reboot database copy with failover"):
        module.ask_for_failover(Client(COPY, error="InvalidDBInstanceState"), "copy")


def test_it_waits_through_the_moment_in_which_rds_still_says_available():
    moved = COPY | {"AvailabilityZone": "b", "SecondaryAvailabilityZone": "a"}
    client = Client(COPY, COPY | {"DBInstanceStatus": "rebooting"}, moved)
    history = History([], failures=1)
    assert module.wait_back(client, PARAMS, TimeLeft(5), COPY, history) == moved


def test_an_instance_that_stays_in_its_zone_fails_after_the_limit():
    with pytest.raises(Exception, match="Timeout after 0 s waiting for failover of database copy"):
        module.wait_back(Client(COPY), PARAMS, TimeLeft(0), COPY, History([], failures=1))
