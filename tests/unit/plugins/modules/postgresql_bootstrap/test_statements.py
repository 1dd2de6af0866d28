# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.modules import postgresql_bootstrap as bootstrap

ROLE = {"name": "app", "login": True, "in_roles": [], "password": None, "password_secret": None}
GRANT = {"role": "app", "schema": "ehr", "tables": ["SELECT", "INSERT"], "sequences": ["USAGE"]}
HELD = {
    "usage": True,
    "tables": ["SELECT", "INSERT"],
    "default_tables": ["SELECT", "INSERT"],
    "sequences": ["USAGE"],
    "default_sequences": ["USAGE"],
}
PARAMS = {
    "roles": [ROLE],
    "schemas": [{"name": "ehr", "owner": None}],
    "extensions": [{"name": "uuid-ossp", "schema": "ehr"}],
    "grants": [GRANT],
    "settings": {"search_path": "ext, public"},
}
STATE = {
    "roles": {"app": {"name": "app", "login": True, "in_roles": []}},
    "schemas": {"ehr": {"name": "ehr", "owner": "admin"}},
    "extensions": {"uuid-ossp": {"name": "uuid-ossp", "schema": "ehr"}},
    "grants": {("app", "ehr"): HELD},
    "settings": {"search_path": 'ext, "public"'},
    "database": "ehrbase",
}


def test_a_database_as_wanted_gets_no_statement():
    assert bootstrap.build_statements(PARAMS, STATE, {}) == []


def test_a_new_database_gets_everything_in_the_order_of_need():
    state = bootstrap.empty_state() | {"database": "ehrbase"}
    assert bootstrap.build_statements(PARAMS, state, {"app": "SCRAM-SHA-256$x"}) == [
        "CREATE ROLE \"app\" LOGIN PASSWORD 'SCRAM-SHA-256$x'",
        'CREATE SCHEMA "ehr"',
        'CREATE EXTENSION "uuid-ossp" SCHEMA "ehr"',
        'GRANT USAGE ON SCHEMA "ehr" TO "app"',
        'ALTER DEFAULT PRIVILEGES IN SCHEMA "ehr" GRANT SELECT, INSERT ON TABLES TO "app"',
        'ALTER DEFAULT PRIVILEGES IN SCHEMA "ehr" GRANT USAGE ON SEQUENCES TO "app"',
        "ALTER DATABASE \"ehrbase\" SET \"search_path\" = 'ext', 'public'",
    ]


def test_only_the_missing_privileges_are_granted():
    held = HELD | {"tables": ["SELECT"], "default_tables": ["INSERT"]}
    assert bootstrap.build_grant_statements(GRANT, held) == [
        'GRANT INSERT ON ALL TABLES IN SCHEMA "ehr" TO "app"',
        'ALTER DEFAULT PRIVILEGES IN SCHEMA "ehr" GRANT SELECT ON TABLES TO "app"',
    ]


@pytest.mark.parametrize(
    ("role", "verifier", "statements"),
    [
        (ROLE, None, []),
        (ROLE | {"login": False}, None, ['ALTER ROLE "app" NOLOGIN']),
        (ROLE, "v", ["ALTER ROLE \"app\" LOGIN PASSWORD 'v'"]),
        (ROLE | {"in_roles": ["readers"]}, None, ['GRANT "readers" TO "app"']),
    ],
)
def test_a_role_is_altered_only_where_it_differs(role, verifier, statements):
    assert bootstrap.build_role_statements(role, STATE["roles"]["app"], verifier) == statements


def test_a_schema_changes_owner_only_when_one_is_wanted():
    present = STATE["schemas"]["ehr"]
    assert bootstrap.build_schema_statements({"name": "ehr", "owner": None}, present) == []
    assert bootstrap.build_schema_statements({"name": "ehr", "owner": "x"}, present) == [
        'ALTER SCHEMA "ehr" OWNER TO "x"'
    ]


def test_an_extension_elsewhere_is_moved():
    found = bootstrap.build_extension_statements({"name": "e", "schema": "ext"}, {"schema": "public"})
    assert found == ['ALTER EXTENSION "e" SET SCHEMA "ext"']


def test_a_setting_is_known_by_its_name_in_any_case():
    statements = bootstrap.build_setting_statements({"IntervalStyle": "iso_8601"}, {"intervalstyle": "iso_8601"}, "d")
    assert statements == []


def test_no_verifier_is_shown():
    verifiers = {"app": "SCRAM-SHA-256$secret"}
    statements = bootstrap.build_statements(PARAMS, bootstrap.empty_state(), verifiers)
    assert "secret" not in str(bootstrap.mask(statements, verifiers))
