# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import fence, fence_proof, fence_sql
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused

TABLE = {"oid": 1, "schema": "ehr", "name": "comp_data", "owner": "admin", "ours": True, "fenced": False}
FOREIGN = TABLE | {"name": "audit", "owner": "rdsadmin", "ours": False}
PROOF = {"role": "app", "refused": 17, "passed": [], "soft": [], "unclear": []}


def test_each_table_gets_a_statement_trigger_that_always_fires():
    sql = fence_sql.arm_sql(TABLE)
    assert 'BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON "ehr"."comp_data" FOR EACH STATEMENT' in sql
    assert 'ALTER TABLE "ehr"."comp_data" ENABLE ALWAYS TRIGGER medzen_fence_refuse' in sql


def test_the_function_refuses_with_the_code_of_read_only_transactions_until_it_is_lifted():
    assert "ERRCODE = '25006'" in fence_sql.function_sql(refuse=True)
    assert "RAISE" not in fence_sql.function_sql(refuse=False)


@pytest.mark.parametrize(
    ("role", "on", "sql"),
    [
        (None, True, 'ALTER DATABASE "d" SET default_transaction_read_only = on'),
        ("app", True, 'ALTER ROLE "app" IN DATABASE "d" SET default_transaction_read_only = on'),
        ("app", False, 'ALTER ROLE "app" IN DATABASE "d" RESET default_transaction_read_only'),
    ],
)
def test_a_layer_is_a_default_of_new_sessions(role, on, sql):
    assert fence_sql.read_only_sql("d", role, on=on) == sql


def test_a_lock_is_waited_for_by_milliseconds():
    assert fence_sql.limits_sql(0.25) == "SET LOCAL lock_timeout = 250"
    assert fence_sql.limits_sql(0) == "SET LOCAL lock_timeout = 1"


def test_transaction_ids_are_compared_within_their_32_bits():
    assert "(xmin::text::bigint - 5 + 4294967296)" in fence_sql.newer_rows_sql([TABLE], 2**32 + 5)


def test_tables_of_another_owner_are_named_in_the_refusal():
    with pytest.raises(Refused, match=r"ehr.audit \(owner rdsadmin\)"):
        fence.refuse_what_cannot_be_fenced([TABLE, FOREIGN], 0, [])


@pytest.mark.parametrize(
    ("tables", "prepared", "roles", "message"),
    [([], 0, [], "nothing to fence"), ([TABLE], 1, [], "Prepared"), ([TABLE], 0, ["x"], "Unknown roles")],
)
def test_what_would_leave_a_hole_is_refused(tables, prepared, roles, message):
    with pytest.raises(Refused, match=message):
        fence.refuse_what_cannot_be_fenced(tables, prepared, roles)


def test_a_proof_names_the_role_and_the_tables():
    assert fence_proof.check_proof(PROOF) == {"sqlstate": "25006", "role": "app", "tables": 17}


@pytest.mark.parametrize(
    "change", [{"refused": 0}, {"passed": ["ehr.x"]}, {"soft": ["ehr.x"]}, {"unclear": ["ehr.x 42501"]}]
)
def test_a_write_that_passed_or_was_not_tried_is_no_proof(change):
    with pytest.raises(Refused, match="does not hold"):
        fence_proof.check_proof(PROOF | change)


@pytest.mark.parametrize(
    ("state", "complete"),
    [
        (fence.FenceState(), False),
        (fence.FenceState(fenced=True), False),
        (fence.FenceState(fenced=True, lsn="0/1"), True),
        (fence.FenceState(fenced=True, lsn="0/1", gaps=("ehr.x",)), False),
    ],
)
def test_a_fence_is_complete_with_its_position_and_without_gaps(state, complete):
    assert state.complete is complete


class FakeConnection:
    """Answers the position query with one reading after the other."""

    def __init__(self, *readings):
        self.readings = list(readings)

    def execute(self, _query, _parameters=None):
        return self

    def fetchone(self):
        return self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]


def test_one_moving_reading_is_followed_by_another_until_two_agree():
    connection = FakeConnection(("0/1", 5), ("0/2", 5), ("0/2", 5))
    found = fence_proof.wait_still(connection, clock=lambda: 0, sleep=lambda _s: None)
    assert found == {"lsn": "0/2", "xmax": 5, "lsn_still": True}


def test_a_log_that_never_rests_is_not_still():
    connection = FakeConnection(("0/1", 5), ("0/2", 6), ("0/3", 7))
    ticks = iter([0, 99])
    assert not fence_proof.wait_still(connection, clock=lambda: next(ticks), sleep=lambda _s: None)["lsn_still"]
