# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import fence
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.modules import postgresql_replica_info as replica


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rate_table": "audit_details", "rate_window_s": 600}, "schema.table"),
        ({"rate_table": "a.b.c", "rate_window_s": 600}, "schema.table"),
        ({"rate_table": "", "rate_window_s": 0}, "1 or more"),
    ],
)
def test_what_cannot_be_counted_is_refused(options, words):
    with pytest.raises(Refused, match=words):
        replica.check_options(options)


def test_names_of_the_estimate_are_quoted():
    statement = replica.rate_sql('ehr.audit"details', "time")
    assert 'FROM "ehr"."audit""details" WHERE "time" >' in statement


@pytest.mark.parametrize(
    ("rows", "streaming"),
    [
        ([], False),
        # What PostgreSQL shows to a login without pg_read_all_stats while the primary sends.
        ([{"receiver_pid": 42, "receiver": None, "heard_s": None}], None),
        ([{"receiver_pid": 42, "receiver": "streaming", "heard_s": 1.0}], True),
        ([{"receiver_pid": 42, "receiver": "waiting", "heard_s": 1.0}], False),
    ],
)
def test_what_the_login_may_not_see_is_unknown_and_no_receiver_is_none(monkeypatch, rows, streaming):
    found = {replica.POSITION: [{"in_recovery": True}], replica.RECEIVER: rows}
    monkeypatch.setattr(replica, "fetch_dicts", lambda _connection, statement: found[statement])
    monkeypatch.setattr(fence, "read_state", lambda _connection: fence.FenceState())
    assert replica.read_position(None, {"rate_table": ""}).streaming is streaming
