# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
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
