# SPDX-License-Identifier: GPL-3.0-or-later
"""The write lease on real PostgreSQL: a database that nobody renews the lease of refuses writes by itself."""

from __future__ import annotations

import threading

import psycopg
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import fence, fence_proof, write_lease
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.modules import postgresql_write_lease

from tests.scenarios.postgresql.servers import APPLICATION, Server, Writer, wait_for

LONG_S = 600


def task(connection, state="present", *, check=False, **given):
    params = {"state": state, "lease_s": LONG_S, "counted_from": None, "in_force": False} | given
    return postgresql_write_lease.ensure_in(connection, params, check_mode=check)


def run_out(owner) -> None:
    """What the passing of time does to a lease that nobody renews."""
    owner.execute("UPDATE medzen_fence.lease SET valid_until = clock_timestamp() - interval '1 second'")


def write(server: Server) -> None:
    with server.open(APPLICATION) as application:
        application.execute("INSERT INTO ehr.ehr DEFAULT VALUES")


def is_refused(server: Server) -> bool:
    try:
        write(server)
    except psycopg.errors.ReadOnlySqlTransaction as error:
        return "the lease of this database has run out" in str(error)
    return False


def test_a_lease_holds_nothing_until_it_is_in_force(database, owner):
    first = task(owner)
    assert first["changed"] and first["valid"] and not first["in_force"]
    run_out(owner)
    write(database)


def test_a_valid_lease_lets_writes_pass_and_one_that_has_run_out_refuses_them(database, owner):
    with Writer(database) as writer, database.open(APPLICATION) as reader:
        assert task(owner, in_force=True)["in_force"]
        count = len(writer.acknowledged)
        wait_for(lambda: len(writer.acknowledged) > count + 20, "writes under the lease")
        run_out(owner)
        wait_for(lambda: len(writer.refused) > 5, "refusals")
        assert reader.execute("SELECT count(*) FROM ehr.ehr").fetchone() == (20,)
        assert task(owner, None)["valid"] is False
        assert task(owner)["valid"] is True
        count = len(writer.acknowledged)
        wait_for(lambda: len(writer.acknowledged) > count + 20, "writes after the next renewal")
    assert {code for _time, code in writer.refused} == {"25006"}
    assert owner.execute("SELECT count(*) FROM ehr.audit_details").fetchone()[0] == len(writer.acknowledged)


def test_every_table_and_every_kind_of_write_is_held(database, owner):
    task(owner, in_force=True)
    run_out(owner)
    for statement in ("UPDATE ehr.ehr SET creation_date = now()", "DELETE FROM ehr.ehr", "TRUNCATE ehr.ehr CASCADE"):
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="run out"):
            owner.execute(statement)
    with database.open(APPLICATION) as application:
        assert fence_proof.check_proof(fence_proof.probe_writes(application))["tables"] == 3


def test_the_application_cannot_renew_its_own_lease(database, owner):
    task(owner, in_force=True)
    with database.open(APPLICATION) as application, pytest.raises(psycopg.errors.InsufficientPrivilege):
        application.execute("UPDATE medzen_fence.lease SET valid_until = now() + interval '1 day'")


def test_renewing_again_is_no_change_and_check_mode_writes_nothing(owner):
    assert task(owner, in_force=True, check=True)["changed"]
    assert not fence.read_state(owner).leftover
    task(owner, in_force=True)
    again = task(owner, in_force=True)
    assert not again["changed"] and again["gaps"] == []
    run_out(owner)
    assert task(owner, check=True)["changed"] and not task(owner, None)["valid"]


def test_a_renewal_leaves_alone_what_is_held_already(owner):
    def held() -> list[tuple]:
        """Which transactions made the function and the triggers, as they stand."""
        made = "SELECT xmin::text FROM pg_proc WHERE proname = 'refuse' UNION ALL SELECT xmin::text FROM pg_trigger"
        return owner.execute(made).fetchall()

    task(owner, in_force=True)
    before = held()
    task(owner, in_force=True)
    task(owner)
    assert held() == before


def seconds_left(owner) -> float:
    return owner.execute("SELECT extract(epoch FROM valid_until - now())::float FROM medzen_fence.lease").fetchone()[0]


def test_a_renewal_counts_from_when_it_was_known_to_be_allowed(owner):
    task(owner)
    known_at = task(owner, None)["now"]
    owner.execute("UPDATE medzen_fence.lease SET valid_until = now()")
    owner.execute("SELECT pg_sleep(1.2)")
    task(owner, counted_from=known_at)
    assert seconds_left(owner) < LONG_S - 1
    owner.execute("UPDATE medzen_fence.lease SET valid_until = now()")
    task(owner, counted_from="2999-01-01T00:00:00Z")
    assert seconds_left(owner) <= LONG_S


def test_a_slow_renewal_does_not_shorten_what_a_quick_one_gave(owner):
    known_at = task(owner)["now"]
    task(owner)
    given = task(owner, None)["valid_until"]
    task(owner, counted_from=known_at)
    assert task(owner, None)["valid_until"] == given


def test_a_longer_lease_is_told_before_it_is_used_and_a_shorter_one_is_used_at_once(owner):
    task(owner, lease_s=60)
    told = task(owner, lease_s=300)
    assert told["lease_s"] == 300 and seconds_left(owner) <= 60
    task(owner, lease_s=300)
    assert 290 < seconds_left(owner) <= 300
    task(owner, lease_s=30)
    assert seconds_left(owner) <= 30


def test_a_lease_is_steady_once_it_has_outlived_its_first_length(owner):
    def age() -> bool:
        owner.execute(f"UPDATE medzen_fence.lease SET held_since = held_since - interval '{LONG_S} seconds'")
        return task(owner, None)["steady"]

    assert not task(owner)["steady"] and not task(owner)["steady"]
    assert age() and task(owner)["steady"]
    run_out(owner)
    assert not task(owner, None)["steady"]
    assert not task(owner)["steady"], "a gap begins it anew"
    assert age()


def test_a_table_made_since_is_held_by_the_next_renewal(database, owner):
    task(owner, in_force=True)
    owner.execute("CREATE TABLE ehr.plugin (id int)")
    assert task(owner, None)["gaps"] == ["ehr.plugin"]
    assert task(owner)["gaps"] == []


def test_a_busy_table_keeps_its_writer_and_is_held_later(database, owner, monkeypatch):
    monkeypatch.setitem(write_lease.put_in_force.__kwdefaults__, "limit_s", 0.2)
    with database.open(APPLICATION) as busy, busy.transaction():
        busy.execute("INSERT INTO ehr.ehr DEFAULT VALUES")
        assert task(owner, in_force=True)["gaps"] == ["ehr.ehr"]
    assert task(owner)["gaps"] == []


def test_a_fence_stands_whatever_the_lease_says_and_lifting_it_takes_the_lease_away(database, owner):
    task(owner, in_force=True)
    fence.raise_fence(owner, fence.FenceRequest(reason="move"))
    found = task(owner, in_force=True)
    assert not found["changed"] and found["fenced"]
    with database.open(APPLICATION) as application, pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="only"):
        application.execute("INSERT INTO ehr.ehr DEFAULT VALUES")
    fence.lift_fence(owner)
    assert fence.read_state(owner) == fence.FenceState(tables=3)
    write(database)


def test_a_fence_raised_over_a_lease_that_has_run_out_lets_no_write_in(database, owner, monkeypatch):
    """The watch fences a region that came back: until then the lease refuses, and no moment lies between the two."""
    task(owner, in_force=True)
    owner.execute("CREATE TABLE ehr.plugin (id int)")
    run_out(owner)
    seen = []
    arm = fence.arm_sql
    monkeypatch.setattr(fence, "arm_sql", lambda table: seen.append(is_refused(database)) or arm(table))
    fence.raise_fence(owner, fence.FenceRequest(reason="lost"))
    assert seen == [True]
    assert fence.read_state(owner).complete


def test_a_fence_that_fails_leaves_the_lease_to_decide(database, owner, monkeypatch):
    task(owner, in_force=True)

    def fail(*_args):
        raise MultiregionError("cut off")

    monkeypatch.setattr(fence, "_drain", fail)
    with pytest.raises(MultiregionError):
        fence.raise_fence(owner, fence.FenceRequest(reason="lost"))
    state = fence.read_state(owner)
    assert state.leased and not state.fenced
    write(database)
    run_out(owner)
    assert is_refused(database)


def test_a_lease_that_comes_into_force_waits_for_a_fence_that_closes_and_leaves_it(database, owner):
    task(owner)
    with database.open("ehrbase_admin") as other:
        with other.transaction():
            # As far as a fence has come within the transaction that closes it.
            fence._insert_row(other, fence.FenceRequest(reason="move"), "it")
            other.execute(fence.function_sql(refuse=True))
            thread = threading.Thread(target=write_lease.put_in_force, args=(owner,))
            thread.start()
            thread.join(0.3)
            assert thread.is_alive()
        thread.join(10)
    assert fence.read_state(owner).fenced
    assert "lease" not in owner.execute("SELECT prosrc FROM pg_proc WHERE proname = 'refuse'").fetchone()[0]


def test_taken_away_nothing_is_left(database, owner):
    task(owner, in_force=True)
    assert task(owner, "absent", check=True)["changed"] and task(owner, None)["in_force"]
    run_out(owner)
    assert task(owner, "absent")["changed"]
    assert not fence.read_state(owner).leftover
    write(database)
    assert not task(owner, "absent")["changed"]


def test_a_busy_table_does_not_keep_a_lease_that_is_taken_away(database, owner, monkeypatch):
    monkeypatch.setattr(fence, "DISARM_ATTEMPTS", 2)
    task(owner, in_force=True)
    run_out(owner)
    with database.open(APPLICATION) as reader, reader.transaction():
        reader.execute("SELECT count(*) FROM ehr.ehr")
        task(owner, "absent")
        write(database)
        reader.execute("SELECT 1")


def test_tables_of_another_owner_are_a_refusal_and_hold_nothing(database, owner):
    with database.open("postgres") as superuser:
        superuser.execute("CREATE TABLE ehr.foreign_table (id int)")
    with pytest.raises(Refused, match=r"ehr.foreign_table \(owner postgres\)"):
        task(owner, in_force=True)
    assert not task(owner, None)["in_force"]


def test_a_replica_tells_the_lease_and_its_promoted_copy_is_opened_like_a_fenced_one(database, owner, replica):
    task(owner, in_force=True)
    # Triggers are made without waiting for the disk; a commit that waits takes them along.
    write(database)
    position = owner.execute("SELECT pg_current_wal_flush_lsn()::text").fetchone()[0]
    with replica.open("ehrbase_admin") as copy:
        replayed = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
        wait_for(lambda: copy.execute(replayed, (position,)).fetchone()[0], "the replica")
        told = task(copy, None)
        assert (told["lease_s"], told["in_force"], told["in_recovery"]) == (LONG_S, True, True)
        with pytest.raises(Refused, match="read replica"):
            task(copy)
        with replica.open("postgres") as superuser:
            superuser.execute("SELECT pg_promote(true, 30)")
        run_out(copy)
        assert is_refused(replica)
        fence.lift_fence(copy, is_copy=True)
        write(replica)
    assert task(owner, None)["valid"], "and the source goes on under its own lease"
