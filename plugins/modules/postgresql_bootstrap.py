#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: postgresql_bootstrap
version_added: 1.0.0
short_description: Give a PostgreSQL database the roles, schemas, extensions and settings of its workload
description:
  - Reads what is there, and runs exactly the statements that are missing, in one transaction. A database that is as
    wanted gets none.
  - Works as the owner of the database with C(CREATEROLE), which on RDS is the master user; no superuser is needed.
  - Nothing is ever taken away. Roles, schemas, extensions and privileges that are not named stay.
  - A role's password is checked by logging in with it, and sent as a SCRAM verifier, so that it appears in no log.
author:
  - MedZen platform team (@medzen)
options:
  roles:
    description:
      - Roles that are to be there.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The role.
        type: str
        required: true
      password:
        description:
          - Its password. Prefer C(password_secret). Without either the password is left alone.
        type: str
      password_secret:
        description:
          - Name or ARN of the Secrets Manager secret whose whole value is the password. The module reads it itself
            (C(secretsmanager:GetSecretValue)).
        type: str
      region:
        description:
          - Region of the secret. Without it the module's own.
        type: str
      login:
        description:
          - Whether the role may log in.
        type: bool
        default: true
      in_roles:
        description:
          - Roles that it is to be a member of.
        type: list
        elements: str
        default: []
  schemas:
    description:
      - Schemas that are to be there.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The schema.
        type: str
        required: true
      owner:
        description:
          - Its owner. Without it the role that logs in.
        type: str
  extensions:
    description:
      - Extensions that are to be there.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The extension.
        type: str
        required: true
      schema:
        description:
          - The schema for its objects.
        type: str
        required: true
  grants:
    description:
      - Privileges of a role in a schema, on what is there and, as default privileges of the role that logs in, on what
        will be made.
    type: list
    elements: dict
    default: []
    suboptions:
      role:
        description:
          - The role.
        type: str
        required: true
      schema:
        description:
          - The schema. The role gets C(USAGE) on it.
        type: str
        required: true
      tables:
        description:
          - Privileges on tables.
        type: list
        elements: str
        choices: [SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER]
        default: [SELECT, INSERT, UPDATE, DELETE]
      sequences:
        description:
          - Privileges on sequences.
        type: list
        elements: str
        choices: [USAGE, SELECT, UPDATE]
        default: [USAGE, SELECT]
  settings:
    description:
      - Settings of the database, for sessions that are opened from now on.
    type: dict
    default: {}
extends_documentation_fragment:
  - medzen.multiregion.postgresql
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
    details: A database that cannot be reached in check mode is taken for one that is not there yet.
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Prepare the database for EHRbase
  medzen.multiregion.postgresql_bootstrap:
    login:
      host: medzen-ehrbase-db-eu-central-1.abc.eu-central-1.rds.amazonaws.com
      user: ehrbase_admin
      password_secret: eu-central-1/medzen-ehrbase/db_admin_password
    roles:
      - name: ehrbase_restricted
        password_secret: eu-central-1/medzen-ehrbase/db_user_password
    schemas:
      - name: ehr
      - name: ext
    extensions:
      - name: uuid-ossp
        schema: ext
    grants:
      - role: ehrbase_restricted
        schema: ehr
      - role: ehrbase_restricted
        schema: ext
    settings:
      search_path: ext
      intervalstyle: iso_8601
    region: eu-central-1
"""

RETURN = r"""
statements:
  description: The statements that were run, or would be in check mode. Passwords are left out.
  type: list
  elements: str
  returned: always
  sample: ['CREATE SCHEMA "ehr"']
planned:
  description: Whether the database is not there yet, so that the statements are those of a plan.
  type: bool
  returned: always
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import (
    DatabaseError,
    build_login,
    connect,
    describe_errors,
    fetch_dicts,
    fetch_value,
    literal,
    login_options,
    quote,
    read_secret,
    require_libraries,
    resolvers_option,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

TABLE_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
SEQUENCE_PRIVILEGES = ("USAGE", "SELECT", "UPDATE")
WRONG_PASSWORD = "password authentication failed"
VERIFIER = "SCRAM-SHA-256$"

ARGUMENTS = {
    "login": login_options() | {"required": True},
    "resolvers": resolvers_option(),
    "roles": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "mutually_exclusive": [("password", "password_secret")],
        "options": {
            "name": {"type": "str", "required": True},
            "password": {"type": "str", "no_log": True},
            "password_secret": {"type": "str", "no_log": False},
            "region": {"type": "str"},
            "login": {"type": "bool", "default": True},
            "in_roles": {"type": "list", "elements": "str", "default": []},
        },
    },
    "schemas": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"name": {"type": "str", "required": True}, "owner": {"type": "str"}},
    },
    "extensions": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"name": {"type": "str", "required": True}, "schema": {"type": "str", "required": True}},
    },
    "grants": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "role": {"type": "str", "required": True},
            "schema": {"type": "str", "required": True},
            "tables": {
                "type": "list",
                "elements": "str",
                "choices": list(TABLE_PRIVILEGES),
                "default": ["SELECT", "INSERT", "UPDATE", "DELETE"],
            },
            "sequences": {
                "type": "list",
                "elements": "str",
                "choices": list(SEQUENCE_PRIVILEGES),
                "default": ["USAGE", "SELECT"],
            },
        },
    },
    "settings": {"type": "dict", "default": {}},
}

ROLES = """
SELECT r.rolname AS name, r.rolcanlogin AS login,
       coalesce(array_agg(g.rolname::text) FILTER (WHERE g.oid IS NOT NULL), '{}') AS in_roles
  FROM pg_roles r LEFT JOIN pg_auth_members m ON m.member = r.oid LEFT JOIN pg_roles g ON g.oid = m.roleid
 GROUP BY r.rolname, r.rolcanlogin
"""
SCHEMAS = "SELECT nspname AS name, pg_get_userbyid(nspowner) AS owner FROM pg_namespace"
EXTENSIONS = (
    "SELECT e.extname AS name, n.nspname AS schema FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
)
SETTINGS = """
SELECT lower(split_part(item, '=', 1)) AS name, substr(item, strpos(item, '=') + 1) AS value
  FROM pg_db_role_setting s, unnest(s.setconfig) AS item
 WHERE s.setrole = 0 AND s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
# Privileges that a role has on all objects of a kind in a schema; no object at all means that none is missing.
HELD = """
SELECT p.privilege FROM unnest(%s::text[]) AS p(privilege)
 WHERE NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE n.nspname = %s AND c.relkind = ANY (%s) AND NOT {has}(%s, c.oid, p.privilege))
"""
DEFAULTS = """
SELECT a.privilege_type AS privilege
  FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace, aclexplode(d.defaclacl) AS a
 WHERE d.defaclrole = (SELECT oid FROM pg_roles WHERE rolname = current_user)
   AND n.nspname = %s AND d.defaclobjtype = %s AND a.grantee = (SELECT oid FROM pg_roles WHERE rolname = %s)
"""
KINDS = (
    ("tables", "TABLES", "has_table_privilege", ["r", "p", "v", "m"], "r"),
    ("sequences", "SEQUENCES", "has_sequence_privilege", ["S"], "S"),
)


def empty_state():
    """What a database that is not there yet has."""
    return {"roles": {}, "schemas": {}, "extensions": {}, "settings": {}, "grants": {}, "database": ""}


# ---- statements, pure ----


def build_role_statements(role, present, verifier):
    """`verifier` is given when the password is to be set."""
    name = quote(role["name"])
    secret = f" PASSWORD {literal(verifier)}" if verifier else ""
    can_login = "LOGIN" if role["login"] else "NOLOGIN"
    statements = []
    if present is None:
        statements.append(f"CREATE ROLE {name} {can_login}{secret}")
    elif present["login"] != role["login"] or verifier:
        statements.append(f"ALTER ROLE {name} {can_login}{secret}")
    member_of = present["in_roles"] if present else []
    return statements + [f"GRANT {quote(group)} TO {name}" for group in role["in_roles"] if group not in member_of]


def build_schema_statements(schema, present):
    name, owner = quote(schema["name"]), schema["owner"]
    if present is None:
        return [f"CREATE SCHEMA {name}" + (f" AUTHORIZATION {quote(owner)}" if owner else "")]
    return [f"ALTER SCHEMA {name} OWNER TO {quote(owner)}"] if owner and owner != present["owner"] else []


def build_extension_statements(extension, present):
    name, schema = quote(extension["name"]), quote(extension["schema"])
    if present is None:
        return [f"CREATE EXTENSION {name} SCHEMA {schema}"]
    return [f"ALTER EXTENSION {name} SET SCHEMA {schema}"] if present["schema"] != extension["schema"] else []


def build_grant_statements(grant, held):
    """`held` has, for schema, tables and sequences and for the defaults of both, the privileges that are there."""
    role, schema = quote(grant["role"]), quote(grant["schema"])
    statements = [] if held.get("usage") else [f"GRANT USAGE ON SCHEMA {schema} TO {role}"]
    for option, noun, *_rest in KINDS:
        wanted = grant[option]
        missing = [privilege for privilege in wanted if privilege not in held.get(option, wanted)]
        if missing:
            statements.append(f"GRANT {', '.join(missing)} ON ALL {noun} IN SCHEMA {schema} TO {role}")
        missing = [privilege for privilege in wanted if privilege not in held.get(f"default_{option}", ())]
        if missing:
            statements.append(
                f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT {', '.join(missing)} ON {noun} TO {role}"
            )
    return statements


def split_setting(name, value):
    """A list such as search_path by its items; anything else as one. Spaces and quotes do not count."""
    items = str(value).split(",") if name == "search_path" else [str(value)]
    return [item.strip().strip('"') for item in items]


def build_setting_statements(settings, present, database):
    target = quote(database)
    return [
        f"ALTER DATABASE {target} SET {quote(name)} = {', '.join(map(literal, split_setting(name, value)))}"
        for name, value in sorted(settings.items())
        if split_setting(name, value) != split_setting(name, present.get(name.lower(), "\0"))
    ]


def build_statements(params, state, verifiers):
    """All that is missing, in the order in which one thing needs the other."""
    statements = []
    for role in params["roles"]:
        present = state["roles"].get(role["name"])
        statements += build_role_statements(role, present, verifiers.get(role["name"]))
    for schema in params["schemas"]:
        statements += build_schema_statements(schema, state["schemas"].get(schema["name"]))
    for extension in params["extensions"]:
        statements += build_extension_statements(extension, state["extensions"].get(extension["name"]))
    for grant in params["grants"]:
        statements += build_grant_statements(grant, state["grants"].get((grant["role"], grant["schema"]), {}))
    return statements + build_setting_statements(params["settings"], state["settings"], state["database"])


def mask(statements, verifiers):
    for verifier in verifiers.values():
        statements = [statement.replace(literal(verifier), "'***'") for statement in statements]
    return statements


# ---- reading ----


def read_state(connection, params):
    with describe_errors("read roles, schemas, extensions and settings"):
        state = {
            "roles": {row["name"]: row for row in fetch_dicts(connection, ROLES)},
            "schemas": {row["name"]: row for row in fetch_dicts(connection, SCHEMAS)},
            "extensions": {row["name"]: row for row in fetch_dicts(connection, EXTENSIONS)},
            "settings": {row["name"]: row["value"] for row in fetch_dicts(connection, SETTINGS)},
            "database": connection.info.dbname,
            "grants": {},
        }
        for grant in params["grants"]:
            if grant["role"] in state["roles"] and grant["schema"] in state["schemas"]:
                state["grants"][grant["role"], grant["schema"]] = read_grant(connection, grant)
    return state


def read_grant(connection, grant):
    role, schema = grant["role"], grant["schema"]
    held = {"usage": fetch_value(connection, "SELECT has_schema_privilege(%s, %s, 'USAGE')", (role, schema))}
    for option, _noun, function, kinds, letter in KINDS:
        rows = fetch_dicts(connection, HELD.format(has=function), (grant[option], schema, kinds, role))
        held[option] = [row["privilege"] for row in rows]
        defaults = fetch_dicts(connection, DEFAULTS, (schema, letter, role))
        held[f"default_{option}"] = [row["privilege"] for row in defaults]
    return held


def read_passwords(module):
    """The password of each role that has one given."""
    passwords = {}
    for role in module.params["roles"]:
        password = role["password"]
        if role["password_secret"]:
            password = read_secret(client(module, "secretsmanager", role["region"]), role["password_secret"])
            module.no_log_values.add(password)
        if password:
            passwords[role["name"]] = password
    return passwords


def is_password(login, role, password):
    """Whether the role can log in with it. Only a refusal of the password itself means that it cannot."""
    try:
        connect(build_role_login(login, role, password), options="").close()
    except DatabaseError as error:
        if WRONG_PASSWORD in error.message:
            return False
        raise
    return True


def build_role_login(login, role, password):
    fields = {name: getattr(login, name) for name in ("host", "database", "port", "sslmode", "ca_path", "resolvers")}
    return type(login)(user=role, password=password, **fields)


def build_verifiers(connection, login, state, params, passwords):
    """A SCRAM verifier for each password that is to be set: that of a new role, or one that no longer fits."""
    roles = {role["name"]: role for role in params["roles"]}
    stale = [
        name
        for name, password in passwords.items()
        if name not in state["roles"]
        or (roles[name]["login"] and state["roles"][name]["login"] and not is_password(login, name, password))
    ]
    return {name: encrypt(connection, name, passwords[name]) for name in stale}


def encrypt(connection, role, password):
    return connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()


# ---- doing ----


def apply_statements(connection, statements):
    with describe_errors("prepare the database"), connection.transaction():
        for statement in statements:
            connection.execute(statement)


def build_result(statements, *, planned):
    return {
        "changed": bool(statements),
        "statements": statements,
        "planned": planned,
        "diff": {"before": "", "after": "".join(f"{statement};\n" for statement in statements)},
    }


def plan_without_database(params):
    """Check mode before the database is there: every statement would run."""
    verifiers = {role["name"]: VERIFIER for role in params["roles"] if role["password"] or role["password_secret"]}
    state = empty_state() | {"database": params["login"]["database"]}
    return build_result(mask(build_statements(params, state, verifiers), verifiers), planned=True)


def ensure_in(module, login, connection):
    params = module.params
    state = read_state(connection, params)
    verifiers = build_verifiers(connection, login, state, params, read_passwords(module))
    statements = build_statements(params, state, verifiers)
    if statements and fetch_value(connection, "SELECT pg_is_in_recovery()"):
        raise Refused(
            "A read replica cannot be prepared.",
            f"{len(statements)} statements missing on a database in recovery",
            "a primary",
            "prepare the source; its replicas follow",
            {"statements": mask(statements, verifiers)},
        )
    if not module.check_mode:
        apply_statements(connection, statements)
    return build_result(mask(statements, verifiers), planned=False)


def ensure(module):
    require_libraries(module)
    try:
        login = build_login(module, module.params["login"])
        connection = connect(login)
    except MultiregionError:
        if module.check_mode:
            return plan_without_database(module.params)
        raise
    with connection:
        return ensure_in(module, login, connection)


def main():
    run(AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
