# SPDX-License-Identifier: GPL-3.0-or-later
from types import SimpleNamespace

from ansible_collections.medzen.multiregion.plugins.module_utils import row_difference
from ansible_collections.medzen.multiregion.plugins.modules import postgresql_row_difference as module


def test_the_result_names_the_tables_that_no_number_counts(monkeypatch):
    monkeypatch.setattr(row_difference, "read_tables", lambda _connection, _schemas: [])
    monkeypatch.setattr(row_difference, "find_left_out", lambda *given: [f"{one}" for one in given])
    params = {"schemas": ["ehr"], "export_path": None}
    result = module.compare(SimpleNamespace(params=params, check_mode=False), "source", "target")
    assert result == {
        "changed": False,
        "tables": {},
        "missing_rows": 0,
        "differing_rows": 0,
        "left_out": ["source", "target", "['ehr']"],
    }
