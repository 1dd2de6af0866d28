# SPDX-License-Identifier: GPL-3.0-or-later
"""The fence on real PostgreSQL: a primary with a streaming replica, and clients that write meanwhile."""

from __future__ import annotations

import contextlib
import threading
import time
from types import SimpleNamespace

import psycopg
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import (
    fence,
    fence_proof,
    parity,
    switchover,
    switchover_plan,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import connect
from ansible_collections.medzen.multiregion.plugins.module_utils.switchover_sides import SourceDatabase, TargetDatabase
from ansible_collections.medzen.multiregion.plugins.modules import postgresql_fence

from tests.scenarios.postgresql.servers import APPLICATION, OWNER, Server, Writer, wait_for

TABLES = 3
REQUEST = {"reason": "test", "roles": (APPLICATION,), "lock_timeout_s": 0.3}


def test_a_writer_with_an_open_session_is_refused_and_reads_go_on(database, owner):
    with Writer(database) as writer, database.open(APPLICATION) as reader:
        result = fence.raise_fence(owner, fence.FenceRequest(**REQUEST))
        fenced_at = time.monotonic()
        wait_for(lambda: len(writer.refused) > 5, "refusals")
        assert reader.execute("SELECT count(*) FROM ehr.ehr").fetchone() == (20,)
    assert result["changed"] and result["state"].complete and not result["terminated"]
    assert {code for _time, code in writer.refused} == {"25006"}
    assert not [entry for entry in writer.acknowledged if entry[0] > fenced_at]
    rows = owner.execute("SELECT count(*) FROM ehr.audit_details").fetchone()[0]
    assert rows == len(writer.acknowledged)


def test_a_session_that_sets_read_only_off_is_refused_all_the_same(database, owner):
    fence.raise_fence(owner, fence.FenceRequest(**REQUEST))
    with database.open(APPLICATION, options="-c default_transaction_read_only=off") as application:
        proof = fence_proof.check_proof(fence_proof.probe_writes(application))
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="medzen fence"):
            application.execute("INSERT INTO ehr.ehr DEFAULT VALUES")
    assert proof == {"sqlstate": "25006", "role": APPLICATION, "tables": TABLES}


def test_every_kind_of_write_by_the_owner_is_refused(owner):
    fence.raise_fence(owner, fence.FenceRequest(**REQUEST))
    for statement in ("UPDATE ehr.ehr SET creation_date = now()", "DELETE FROM ehr.ehr", "TRUNCATE ehr.ehr CASCADE"):
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="medzen fence"):
            owner.execute(statement)


def test_the_log_stands_still_behind_the_fence(owner):
    fence.raise_fence(owner, fence.FenceRequest(**REQUEST))
    state = fence.read_state(owner)
    assert fence_proof.wait_still(owner)["lsn_still"]
    assert fence_proof.count_writes_since(owner, state)["newer_rows"] == 0


def test_a_write_that_slipped_through_a_hole_is_counted(owner):
    fence.raise_fence(owner, fence.FenceRequest(**REQUEST))
    state = fence.read_state(owner)
    owner.execute("ALTER TABLE ehr.ehr DISABLE TRIGGER medzen_fence_refuse")
    owner.execute("INSERT INTO ehr.ehr DEFAULT VALUES")
    found = fence_proof.count_writes_since(owner, state)
    assert found["transactions"] == 2
    assert found["changed"] == {"ehr.ehr": 1}
    assert fence.read_state(owner).gaps == ("ehr.ehr",)


def test_fencing_again_changes_nothing_and_keeps_the_position(owner):
    first = fence.raise_fence(owner, fence.FenceRequest(**REQUEST))
    position = fence.read_position(owner)
    second = fence.raise_fence(owner, fence.FenceRequest(**REQUEST))
    assert not second["changed"]
    assert second["state"] == first["state"]
    assert fence.read_position(owner) == position


def test_fencing_again_closes_a_hole_under_the_same_fence(owner):
    first = fence.raise_fence(owner, fence.FenceRequest(**REQUEST))
    owner.execute("CREATE TABLE ehr.plugin (id int)")
    second = fence.raise_fence(owner, fence.FenceRequest(**REQUEST))
    assert second["changed"] and second["state"].complete
    assert second["state"].fence_id == first["state"].fence_id


def test_unfenced_writes_pass_and_nothing_is_left(database, owner):
    fence.raise_fence(owner, fence.FenceRequest(**REQUEST))
    assert fence.lift_fence(owner)["changed"]
    with database.open(APPLICATION) as application:
        application.execute("INSERT INTO ehr.ehr DEFAULT VALUES")
    left = owner.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'medzen_fence'").fetchone()[0]
    triggers = owner.execute("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal").fetchone()[0]
    settings = owner.execute("SELECT count(*) FROM pg_db_role_setting").fetchone()[0]
    assert (left, triggers, settings) == (0, 0, 0)
    assert not fence.lift_fence(owner)["changed"]


def test_a_session_opened_behind_the_fence_is_renewed_and_older_ones_are_kept(database, owner):
    with database.open(APPLICATION) as older:
        fence.raise_fence(owner, fence.FenceRequest(**REQUEST))
        with contextlib.closing(database.open(APPLICATION)) as younger:
            lifted = fence.lift_fence(owner)
            older.execute("INSERT INTO ehr.ehr DEFAULT VALUES")
            with pytest.raises(psycopg.OperationalError):
                younger.execute("SELECT 1")
    assert len(lifted["renewed_sessions"]) == 1 and not lifted["read_only_sessions"]


def test_a_reader_is_not_cut_by_the_unfence(database, owner, monkeypatch):
    monkeypatch.setattr(fence, "DISARM_ATTEMPTS", 2)
    fence.raise_fence(owner, fence.FenceRequest(**REQUEST))
    with database.open(APPLICATION) as reader, reader.transaction():
        reader.execute("SELECT count(*) FROM ehr.ehr")
        # The reader holds its table, so the idle triggers stay; writes pass all the same.
        fence.lift_fence(owner, sleep=lambda _seconds: None)
        owner.execute("INSERT INTO ehr.ehr DEFAULT VALUES")
        reader.execute("SELECT count(*) FROM ehr.ehr")
    assert fence.read_state(owner).leftover
    fence.lift_fence(owner)
    assert not fence.read_state(owner).leftover


def test_a_writer_that_does_not_end_is_terminated_after_the_limit_and_named(database, owner):
    with contextlib.closing(database.open(APPLICATION, application_name="slow-import")) as blocker:
        blocker.execute("BEGIN; INSERT INTO ehr.ehr DEFAULT VALUES")
        result = fence.raise_fence(owner, fence.FenceRequest(**REQUEST))
    assert [session["application_name"] for session in result["terminated"]] == ["slow-import"]
    assert result["terminated"][0]["tables"] == ["ehr.ehr"]
    assert owner.execute("SELECT count(*) FROM ehr.ehr").fetchone() == (20,)


def test_without_leave_to_terminate_the_fence_gives_up_and_names_the_blocker(database, owner):
    with database.open(APPLICATION) as blocker, blocker.transaction():
        blocker.execute("INSERT INTO ehr.ehr DEFAULT VALUES")
        request = fence.FenceRequest(reason="test", lock_timeout_s=0.05, terminate=False)
        with pytest.raises(Refused, match=f"pid {blocker.info.backend_pid} of {APPLICATION} holds ehr.ehr"):
            fence.raise_fence(owner, request)
    assert not fence.read_state(owner).fenced


def test_a_write_in_flight_is_waited_for_and_kept(database, owner):
    with database.open(APPLICATION) as writer:
        writer.execute("BEGIN; INSERT INTO ehr.ehr DEFAULT VALUES")
        timer = threading.Timer(0.1, lambda: writer.execute("COMMIT"))
        timer.start()
        result = fence.raise_fence(owner, fence.FenceRequest(lock_timeout_s=5))
        timer.join()
    assert not result["terminated"]
    assert owner.execute("SELECT count(*) FROM ehr.ehr").fetchone() == (21,)


class OrderedWriter(Writer):
    """A client whose transactions touch several tables, in an order of its own."""

    STATEMENTS = (
        "INSERT INTO ehr.ehr DEFAULT VALUES",
        "INSERT INTO ehr.comp_version DEFAULT VALUES",
        "INSERT INTO ehr.audit_details DEFAULT VALUES",
    )

    def __init__(self, server: Server, turn: int):
        super().__init__(server)
        self.statements = self.STATEMENTS[turn:] + self.STATEMENTS[:turn]

    def run(self) -> None:
        with self.server.open(APPLICATION) as connection:
            while not self.ended.is_set():
                try:
                    with connection.transaction():
                        for statement in self.statements:
                            connection.execute(statement)
                            time.sleep(0.002)
                    self.acknowledged.append((time.monotonic(), ""))
                except psycopg.Error as error:
                    self.refused.append((time.monotonic(), error.sqlstate))
                    time.sleep(0.005)


def test_writers_that_take_the_tables_in_any_order_neither_deadlock_nor_lose_anything(database, owner):
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(OrderedWriter(database, turn % 3)) for turn in range(9)]
        started = time.monotonic()
        result = fence.raise_fence(owner, fence.FenceRequest(roles=(APPLICATION,), lock_timeout_s=2))
        fence_s = time.monotonic() - started
        wait_for(lambda: all(writer.refused for writer in writers), "refusals")
        position = fence_proof.wait_still(owner)
    assert position["lsn_still"] and fence_s < 1 and not result["terminated"]
    assert {code for writer in writers for _time, code in writer.refused} == {"25006"}
    acknowledged = sum(len(writer.acknowledged) for writer in writers)
    assert owner.execute("SELECT count(*) FROM ehr.audit_details").fetchone() == (acknowledged,)


class Killed(BaseException):
    """The process is gone at this point."""


@pytest.mark.parametrize("step", ["_arm", "_close", "_drain", "_add_layers", "_record_position"])
def test_a_fence_that_was_interrupted_anywhere_is_completed_by_the_next_run(owner, monkeypatch, step):
    def kill(*_args):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(fence, step, kill)
        fence.raise_fence(owner, fence.FenceRequest(**REQUEST))
    result = fence.raise_fence(owner, fence.FenceRequest(**REQUEST))
    assert result["changed"] and result["state"].complete
    assert len(result["state"].layers) == 3


def test_triggers_of_an_interrupted_fence_do_not_refuse_and_are_removed(owner, monkeypatch):
    def kill(*_args):
        raise Killed

    monkeypatch.setattr(fence, "_close", kill)
    with pytest.raises(Killed):
        fence.raise_fence(owner, fence.FenceRequest(**REQUEST))
    owner.execute("INSERT INTO ehr.ehr DEFAULT VALUES")
    assert fence.read_state(owner).leftover
    assert fence.lift_fence(owner)["changed"]
    assert not fence.read_state(owner).leftover


def test_tables_of_another_owner_are_a_refusal_and_nothing_is_fenced(database, owner):
    with database.open("postgres") as superuser:
        superuser.execute("CREATE TABLE ehr.foreign_table (id int)")
    with pytest.raises(Refused, match=r"ehr.foreign_table \(owner postgres\)"):
        fence.raise_fence(owner, fence.FenceRequest(**REQUEST))
    assert not fence.read_state(owner).fenced


def test_a_role_that_does_not_exist_is_a_refusal(owner):
    with pytest.raises(Refused, match="nobody_such"):
        fence.raise_fence(owner, fence.FenceRequest(roles=("nobody_such",)))


def fence_as_a_task(database, owner, **given):
    """What a task with the application's login does; `keep_unproved` for a database that must not write."""
    options = {
        "state": "fenced", "reason": "test", "roles": [APPLICATION], "lock_timeout": 0.3, "terminate": True,
        "keep_unproved": False, "application_login": {"user": APPLICATION, "password": None}, **given,
    }  # fmt: skip
    return postgresql_fence.ensure_in(SimpleNamespace(params=options, check_mode=False), database.login(), owner)


def refuse_log_ins(database):
    with database.open("postgres") as superuser:
        superuser.execute(f"ALTER ROLE {APPLICATION} CONNECTION LIMIT 0")


def break_proof(monkeypatch):
    def refuse(_proof):
        raise Refused("The fence does not hold.")

    monkeypatch.setattr(fence_proof, "check_proof", refuse)


def test_a_task_fences_and_proves_it_as_the_application(database, owner):
    result = fence_as_a_task(database, owner)
    assert result["refused_write"] == {"sqlstate": "25006", "role": APPLICATION, "tables": TABLES}
    assert result["proof"] == "application" and fence.read_state(owner).complete


def test_an_application_that_cannot_log_in_is_found_before_the_fence(database, owner):
    refuse_log_ins(database)
    with pytest.raises(MultiregionError, match="too many connections for role"):
        fence_as_a_task(database, owner)
    assert not fence.read_state(owner).leftover
    with pytest.raises(MultiregionError, match="THE DATABASE IS FENCED"):
        fence_as_a_task(database, owner, keep_unproved=True)
    assert fence.read_state(owner).complete


def test_a_fence_that_its_task_cannot_prove_is_lifted_and_an_older_one_is_left(database, owner, monkeypatch):
    with monkeypatch.context() as patch:
        break_proof(patch)
        with pytest.raises(MultiregionError, match="does not hold.*It went back"):
            fence_as_a_task(database, owner)
    assert not fence.read_state(owner).leftover
    owner.execute("INSERT INTO ehr.ehr DEFAULT VALUES")
    fence.raise_fence(owner, fence.FenceRequest(**REQUEST))
    break_proof(monkeypatch)
    with pytest.raises(MultiregionError, match="does not hold.*THE DATABASE IS FENCED since"):
        fence_as_a_task(database, owner)
    assert fence.read_state(owner).complete


def test_a_replica_receives_the_fence_and_cannot_be_fenced_or_unfenced(database, owner, replica):
    result = fence.raise_fence(owner, fence.FenceRequest(**REQUEST))
    with connect(replica.login()) as standby:
        wait_for(lambda: fence.read_state(standby).complete, "the fence on the replica")
        assert fence.read_state(standby).fence_id == result["state"].fence_id
        for attempt in (lambda: fence.raise_fence(standby, fence.FenceRequest()), lambda: fence.lift_fence(standby)):
            with pytest.raises(Refused, match="in recovery"):
                attempt()


def test_nothing_acknowledged_is_lost_from_fence_to_promoted_replica(database, owner, replica):
    """The pause: from the first statement of the fence to the first write on the promoted replica."""
    standby = connect(replica.login())
    with Writer(database) as writer:
        started = time.monotonic()
        fence.raise_fence(owner, fence.FenceRequest(**REQUEST))
        still = fence_proof.wait_still(owner)
        wait_for(
            lambda: standby.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", (still["lsn"],)).fetchone()[0],
            "the replica",
        )
        with replica.open("postgres") as superuser:
            superuser.execute("SELECT pg_promote()")
        lifted = fence.lift_fence(standby, is_copy=True)
        standby.execute("INSERT INTO ehr.ehr DEFAULT VALUES")
        pause_s = time.monotonic() - started
    print(f"\nfence to unfenced target: {pause_s:.3f} s")
    kept = {row[0] for row in standby.execute("SELECT note FROM ehr.audit_details").fetchall()}
    standby.close()
    assert lifted["changed"]
    assert {number for _time, number in writer.acknowledged} <= kept
    assert pause_s < 3


def test_without_a_fence_acknowledged_writes_are_lost(database, owner, replica):
    """The control: what the test above proves would be worth nothing if nothing could be lost."""
    with Writer(database) as writer, replica.open("postgres") as superuser:
        superuser.execute("SELECT pg_promote()")
        promoted = time.monotonic()
        wait_for(lambda: writer.acknowledged[-1][0] > promoted + 0.05, "writes after the promotion")
        wait_for(lambda: not superuser.execute("SELECT pg_is_in_recovery()").fetchone()[0], "the promotion")
    with replica.open(OWNER) as target:
        kept = {row[0] for row in target.execute("SELECT note FROM ehr.audit_details").fetchall()}
    assert {number for _time, number in writer.acknowledged} - kept


class FakeRds:
    """RDS as far as a promotion needs it; behind it, the real replica is promoted."""

    def __init__(self, replica: Server):
        self.replica, self.source, self.calls = replica, "arn:aws:rds:af-south-1:123456789012:db:source", []

    def describe_db_instances(self, **_request) -> dict:
        linked = {"ReadReplicaSourceDBInstanceIdentifier": self.source} if self.source else {}
        return {"DBInstances": [{"DBInstanceIdentifier": "target", "DBInstanceStatus": "available", **linked}]}

    def promote_read_replica(self, **request) -> dict:
        self.calls.append(request)
        with self.replica.open("postgres") as superuser:
            superuser.execute("SELECT pg_promote()")
        self.source = None
        return self.describe_db_instances() | {"DBInstance": {}}


class FakeDns:
    def __init__(self, fail: bool = False):
        self.state, self.fail, self.changes = switchover_plan.BEFORE, fail, 0

    def observe(self) -> str:
        return self.state

    def change(self) -> dict:
        if self.fail:
            raise MultiregionError("Failed to send a change batch")
        self.state, self.changes = switchover_plan.AFTER, self.changes + 1
        return {"change_id": "C1"}


@contextlib.contextmanager
def switching(database: Server, replica: Server, dns: FakeDns, rds: FakeRds, **limits):
    request = fence.FenceRequest(**REQUEST)
    source = SourceDatabase(database.login(), request, database.login(APPLICATION))
    target = TargetDatabase(
        replica.login(), rds, "target", source_identifier="source", application=replica.login(APPLICATION),
        retention_days=7, poll_seconds=0.1,
    )  # fmt: skip
    try:
        yield switchover.Switchover(source, target, dns, limits=switchover.Limits(**limits))
    finally:
        source.close()
        target.close()


def test_a_switchover_under_load_loses_nothing_and_a_second_run_writes_nothing(database, replica):
    dns, rds = FakeDns(), FakeRds(replica)
    with Writer(database) as writer, switching(database, replica, dns, rds) as switchover:
        result = switchover.run()
    spans = {entry["step"]: round(entry["end"] - entry["start"], 3) for entry in result["timeline"]}
    print(f"\npause {result['pause_s']} s, of it promote {result['promote_s']} s; {spans}")
    with replica.open(APPLICATION) as application:
        application.execute("INSERT INTO ehr.ehr DEFAULT VALUES")
        kept = {row[0] for row in application.execute("SELECT note FROM ehr.audit_details").fetchall()}
        positions = [application.execute("SELECT pg_current_wal_insert_lsn()").fetchone()]
        with switching(database, replica, dns, rds) as switchover:
            again = switchover.run()
        positions.append(application.execute("SELECT pg_current_wal_insert_lsn()").fetchone())
    assert {number for _time, number in writer.acknowledged} <= kept
    assert {code for _time, code in writer.refused} == {"25006"}
    assert result["fence"]["refused_write"] == {"sqlstate": "25006", "role": APPLICATION, "tables": TABLES}
    assert result["test_write"]["application_tables"] == TABLES
    assert result["pause_s"] - result["promote_s"] < 3
    assert again["already_switched"] and dns.changes == 1 and len(rds.calls) == 1
    assert positions[0] == positions[1]
    with database.open(OWNER) as source:
        assert fence.read_state(source).complete


def test_a_switchover_whose_dns_change_failed_is_finished_by_the_next_run(database, replica):
    dns, rds = FakeDns(fail=True), FakeRds(replica)
    with switching(database, replica, dns, rds) as switchover, pytest.raises(MultiregionError, match="run again"):
        switchover.run()
    dns.fail = False
    with switching(database, replica, dns, rds) as switchover:
        result = switchover.run()
    assert result["steps"] == ["proof", "parity", "verify", "test_write", "change_batch"]
    assert len(rds.calls) == 1 and dns.changes == 1


def test_a_paused_replica_is_refused_before_the_fence(database, owner, replica):
    with replica.open("postgres") as superuser:
        superuser.execute("SELECT pg_wal_replay_pause()")
    refusal = pytest.raises(MultiregionError, match="replay is paused")
    with switching(database, replica, FakeDns(), FakeRds(replica)) as switchover, refusal:
        switchover.run()
    assert not fence.read_state(owner).fenced


def test_a_replica_that_stops_after_the_gates_makes_the_switchover_go_back(database, owner, replica):
    with switching(database, replica, FakeDns(), FakeRds(replica), catch_up_timeout_s=0.3) as switchover:
        fence_source = switchover.source.fence

        def fence_and_stop_replay():
            with replica.open("postgres") as superuser:
                superuser.execute("SELECT pg_wal_replay_pause()")
            return fence_source()

        switchover.source.fence = fence_and_stop_replay
        with pytest.raises(MultiregionError, match="did not catch up.*It went back"):
            switchover.run()
    assert not fence.read_state(owner).fenced
    owner.execute("INSERT INTO ehr.ehr DEFAULT VALUES")


def read(connection, level="checksums"):
    return parity.read_side(connection, parity.ParityRequest(level=level))


def test_a_caught_up_replica_is_equal_in_every_row(owner, replica):
    fence.raise_fence(owner, fence.FenceRequest(**REQUEST))
    still = fence_proof.wait_still(owner)
    with connect(replica.login()) as standby:
        wait_for(
            lambda: standby.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", (still["lsn"],)).fetchone()[0],
            "the replica",
        )
        source, target = read(owner), read(standby)
    assert parity.compare(source, target) == []
    assert source.counts == {"ehr.audit_details": 0, "ehr.comp_version": 20, "ehr.ehr": 20}
    assert source.newest and target.in_recovery


def test_a_changed_row_a_missing_column_and_an_index_are_each_found(owner):
    before = read(owner)
    owner.execute(
        "UPDATE ehr.comp_version SET sys_version = 2 WHERE vo_id IN (SELECT vo_id FROM ehr.comp_version LIMIT 1)"
    )
    owner.execute("ALTER TABLE ehr.audit_details ADD extra text")
    owner.execute("CREATE INDEX ON ehr.ehr (creation_date)")
    found = parity.compare(before, read(owner))
    assert [(entry["table"], entry["what"]) for entry in found] == [
        ("ehr.audit_details", "columns"),
        ("ehr.comp_version", "checksum"),
        ("ehr.ehr", "indexes"),
    ]


def test_the_checksum_does_not_depend_on_the_order_of_rows_nor_on_session_settings(database, owner):
    before = read(owner)
    owner.execute("UPDATE ehr.comp_version SET sys_version = sys_version")
    with database.open(OWNER, options="-c datestyle=German -c timezone=Asia/Tokyo") as other:
        assert parity.compare(before, read(other)) == []
