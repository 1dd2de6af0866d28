# SPDX-License-Identifier: GPL-3.0-or-later
from types import SimpleNamespace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import fence, fence_proof, route53
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused, WaitTimeout
from ansible_collections.medzen.multiregion.plugins.module_utils.fence import FenceRequest, FenceState
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import Login
from ansible_collections.medzen.multiregion.plugins.module_utils.switchover import Interrupted, NotApplied
from ansible_collections.medzen.multiregion.plugins.module_utils.switchover_sides import (
    SourceDatabase,
    TargetDatabase,
    judge_promoting,
    refuse_if_refused,
)
from ansible_collections.medzen.multiregion.plugins.modules import database_switchover as module

NAME = "ehr.medzenhealth.app"
OLD = {"name": NAME, "type": "CNAME", "ttl": 60, "values": ["old.example"]}
NEW = OLD | {"values": ["new.example"]}
PRESENT = {"Name": f"{NAME}.", "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": "old.example"}]}
OPTIONS = {
    "zone": "medzenhealth.app",
    "private_zone": False,
    "changes": [{"action": "present", "record": NEW}],
    "expect": [OLD],
    "expect_absent": [],
    "replace_names": False,
    "allow_empty": False,
    "max_changes": 10,
}


@pytest.fixture
def zone(monkeypatch):
    records = [PRESENT]
    monkeypatch.setattr(route53, "find_zone", lambda *_a, **_k: {"Id": "Z1", "Name": "medzenhealth.app."})
    monkeypatch.setattr(route53, "list_record_sets", lambda *_a: records)
    monkeypatch.setattr(
        route53, "apply_batch", lambda _c, _z, batch: records.__setitem__(0, batch.after[0]) or {"Id": "C1"}
    )
    return records


def test_records_as_expected_are_before_and_after_the_batch_they_are_after(zone):
    dns = module.ChangeBatch(None, OPTIONS)
    assert dns.observe() == "before"
    changed = dns.change()
    assert changed["change_id"] == "C1" and changed["record_sets_before"][0]["values"] == ["old.example"]
    assert dns.observe() == "after"


def test_other_records_than_expected_are_refused(zone):
    zone[0] = PRESENT | {"ResourceRecords": [{"Value": "third.example"}]}
    with pytest.raises(Refused):
        module.ChangeBatch(None, OPTIONS).observe()


def test_without_a_change_batch_dns_has_no_say():
    assert module.ChangeBatch(None, None).observe() == "none"


@pytest.mark.parametrize("record", [NEW | {"tll": 60}, NEW | {"ttl": "soon"}, {"name": NAME}])
def test_a_misspelt_record_is_refused_before_anything_else(record):
    with pytest.raises(Refused, match="change_batch.changes"):
        module.ChangeBatch(None, OPTIONS | {"changes": [{"record": record}]})


@pytest.mark.parametrize(
    ("replica", "status", "in_recovery", "promoting"),
    [
        (True, "available", True, False),
        (True, "backing-up", True, False),
        (True, "modifying", True, True),
        (False, "available", True, True),
        (True, "available", False, True),
        (False, "rebooting", False, True),
        (False, "available", False, False),
        (False, "backing-up", False, False),
    ],
)
def test_a_promotion_under_way_is_told_by_rds_and_the_database_together(replica, status, in_recovery, promoting):
    instance = {"DBInstanceStatus": status} | ({"ReadReplicaSourceDBInstanceIdentifier": "s"} if replica else {})
    assert judge_promoting(instance, in_recovery) is promoting


class FakeRds:
    """Answers one description after the other; the last one stays."""

    def __init__(self, *instances, error=None):
        self.instances, self.error = list(instances), error

    def describe_db_instances(self, **_request):
        instance = self.instances.pop(0) if len(self.instances) > 1 else self.instances[0]
        return {"DBInstances": [instance]}

    def promote_read_replica(self, **_request):
        raise self.error


REPLICA = {"DBInstanceStatus": "available", "ReadReplicaSourceDBInstanceIdentifier": "s"}
PRIMARY = {"DBInstanceStatus": "available"}


def build_target(*instances, recovery=(False,), error=None):
    time = [0.0]
    target = TargetDatabase(
        Login("192.0.2.1", "owner"),
        FakeRds(*instances, error=error),
        "target",
        promote_timeout_s=20,
        clock=lambda: time[0],
        sleep=lambda seconds: time.__setitem__(0, time[0] + seconds),
    )
    answers = list(recovery)
    target._recovery = lambda: answers.pop(0) if len(answers) > 1 else answers[0]
    return target


def test_a_promotion_is_over_when_rds_and_the_database_say_so():
    modifying = REPLICA | {"DBInstanceStatus": "modifying"}
    build_target(modifying, modifying, PRIMARY, recovery=(True, None, False)).wait_writable()


def test_the_first_backup_does_not_keep_anybody_waiting():
    build_target({"DBInstanceStatus": "backing-up"}).wait_writable()


def test_a_database_that_is_up_before_its_reboot_is_waited_for():
    target = build_target({"DBInstanceStatus": "modifying"}, recovery=(False,))
    with pytest.raises(MultiregionError, match="Timeout after 20 s.*out of recovery"):
        target.wait_writable()


def test_a_replica_at_rest_is_not_being_promoted():
    with pytest.raises(NotApplied, match="not being promoted"):
        build_target(REPLICA, recovery=(True,)).wait_writable()


def test_a_promotion_that_broke_is_told():
    with pytest.raises(MultiregionError, match="storage-full"):
        build_target({"DBInstanceStatus": "storage-full"}, recovery=(None,)).wait_writable()


PROMOTE = "ansible_collections.medzen.multiregion.plugins.module_utils.rds.promote"


def test_a_refused_promotion_is_known_to_have_had_no_effect(monkeypatch):
    target = build_target(REPLICA, recovery=(True,))
    monkeypatch.setattr(PROMOTE, fail)
    target.promote()
    with pytest.raises(NotApplied, match="Failed to promote target is an available replica"):
        target.wait_writable()


def test_a_lost_answer_to_a_promotion_is_no_failure_however_late_rds_tells_of_it(monkeypatch):
    target = build_target(*[REPLICA] * 10, REPLICA | {"DBInstanceStatus": "modifying"}, PRIMARY, recovery=(True,))
    monkeypatch.setattr(PROMOTE, fail)
    target.promote()
    target._recovery = lambda: len(target.rds.instances) > 1
    target.wait_writable()


def test_an_accepted_promotion_is_never_held_to_be_none(monkeypatch):
    target = build_target(REPLICA, recovery=(True,))
    monkeypatch.setattr(PROMOTE, lambda *_args: None)
    target.promote()
    with pytest.raises(WaitTimeout, match="Run again, it joins"):
        target.wait_writable()


def test_a_promotion_of_what_is_no_more_is_an_error(monkeypatch):
    target = build_target(REPLICA)
    target._describe = lambda: None
    monkeypatch.setattr(PROMOTE, fail)
    with pytest.raises(MultiregionError, match="Failed to promote"):
        target.promote()


def fail(*_args):
    raise MultiregionError("Failed to promote")


@pytest.mark.parametrize("change", [{"refused": 1}, {"soft": ["ehr.x"]}, {"unclear": ["ehr.x 42501"]}, {"passed": []}])
def test_a_target_that_refuses_a_write_is_not_switched_to(change):
    proof = {"role": "app", "refused": 0, "passed": ["ehr.x"], "soft": [], "unclear": []}
    refuse_if_refused(proof)
    with pytest.raises(Refused, match="cannot write on the target"):
        refuse_if_refused(proof | change)


def test_the_host_is_the_instances_endpoint_unless_given(monkeypatch):
    monkeypatch.setattr(module, "build_login", lambda _module, options: options["host"])
    side = {"db_instance_identifier": "db", "region": "r", "login": {"host": None, "region": None}}
    assert module.build_side_login(None, side, {"Endpoint": {"Address": "db.example"}}) == "db.example"
    with pytest.raises(Refused, match="no endpoint"):
        module.build_side_login(None, side, {"DBInstanceStatus": "creating"})


def test_a_request_to_end_is_followed_only_while_there_is_a_way_back(monkeypatch):
    handlers = {}
    monkeypatch.setattr(module.signal, "signal", lambda number, handler: handlers.__setitem__(number, handler))
    switchover = SimpleNamespace(reversible=False)
    module.handle_signals(switchover)
    end = handlers[module.signal.SIGTERM]
    assert end(module.signal.SIGTERM, None) is None
    switchover.reversible = True
    with pytest.raises(Interrupted, match="SIGTERM"):
        end(module.signal.SIGTERM, None)


@pytest.mark.parametrize(
    ("source", "named", "known"),
    [
        ("arn:aws:rds:af-south-1:1:db:prod", "prod", True),
        ("prod", "prod", True),
        ("arn:aws:rds:af-south-1:1:db:another-prod", "prod", False),
        ("arn:aws:rds:af-south-1:1:db:prod", None, False),
        (None, "prod", False),
    ],
)
def test_only_a_replica_of_the_source_that_is_named_is_evidence(source, named, known):
    instance = PRIMARY | ({"ReadReplicaSourceDBInstanceIdentifier": source} if source else {})
    target = TargetDatabase(Login("192.0.2.1", "owner"), FakeRds(instance), "target", source_identifier=named)
    assert target.replicates_from() == (source if known else None)


@pytest.mark.parametrize("state", [FenceState(), FenceState(fenced=True, lsn="0/1", gaps=("ehr.x",))])
def test_a_fence_that_is_gone_or_has_a_hole_is_told_by_who_counts_the_writes_behind_it(state, monkeypatch):
    source = SourceDatabase(Login("192.0.2.1", "owner"), FenceRequest())
    source._connection = SimpleNamespace(closed=False)
    monkeypatch.setattr(fence, "read_state", lambda _connection: state)
    monkeypatch.setattr(fence_proof, "count_writes_since", lambda _connection, _state: {"newer_rows": 0})
    if state.fenced:
        assert source.count_writes() == {"newer_rows": 0, "gaps": ["ehr.x"]}
        return
    with pytest.raises(Refused, match="fence is gone"):
        source.count_writes()
