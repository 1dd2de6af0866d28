#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: postgresql_row_difference
version_added: 1.0.0
short_description: Find the rows that one database has and another has not
description:
  - Compares two databases that grew apart, table by table, by primary key and by a hash of each row.
  - A table without a primary key is compared as a whole, by its count and a checksum. One that has rows and is not the
    same in O(target) is named in RV(left_out); which of its rows are missing or differ cannot be told.
  - Both sides count their rows in 4096 buckets a table; only keys of buckets that differ are fetched. Each table is
    read once on each side.
  - The comparison holds still only while neither side is written to. Fence O(source); rows that O(target) gets
    meanwhile are not looked for.
  - Rows themselves are read and kept only with O(export_path). They are patients' records. The file is made for its
    owner alone, and nothing of them is in the result but their keys.
  - Operation used is C(secretsmanager:GetSecretValue), when a login names a secret.
author:
  - MedZen platform team (@medzen)
options:
  source:
    description:
      - The database whose rows are looked for. Options as of the login in M(medzen.multiregion.postgresql_fence).
    type: dict
    required: true
    suboptions: &login
      host:
        description: Name or address of the server.
        type: str
        required: true
      port:
        description: Port of the server.
        type: int
        default: 5432
      database:
        description: Name of the database.
        type: str
        default: ehrbase
      user:
        description: Role to log in as. It must be able to read every table.
        type: str
        required: true
      password:
        description: Password of the role. Prefer C(password_secret).
        type: str
      password_secret:
        description: Name or ARN of the Secrets Manager secret whose whole value is the password.
        type: str
      region:
        description: Region of the secret. Without it the module's own region.
        type: str
      sslmode:
        description: How TLS is used, as libpq defines it.
        type: str
        choices: [disable, allow, prefer, require, verify-ca, verify-full]
        default: prefer
      ca_path:
        description: File with the certificates of the authorities that may have signed the server's.
        type: path
  target:
    description:
      - The database in which they are looked for.
    type: dict
    required: true
    suboptions: *login
  schemas:
    description:
      - Schemas that are compared.
    type: list
    elements: str
    default: [ehr]
  export_path:
    description:
      - File on the controller for the rows that are missing or differ, as one JSON object a line with C(table) and
        C(row). It is written anew, with the mode 0600. Without it no row is read.
    type: path
extends_documentation_fragment:
  - medzen.multiregion.postgresql.resolvers
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Can run in check mode and does the same, but for the file.
    support: full
  diff_mode:
    description: Changes no database and has no diff.
    support: none
  idempotent:
    description: Changes no database; the file is the same while the databases are.
    support: full
"""

EXAMPLES = r"""
- name: See what only the old primary has
  medzen.multiregion.postgresql_row_difference:
    source:
      host: medzen-ehrbase-db-eu-central-1.abc.eu-central-1.rds.amazonaws.com
      user: ehrbase_admin
      password_secret: eu-central-1/medzen-ehrbase/db_admin_password
    target:
      host: medzen-ehrbase-replica-eu-west-1.abc.eu-west-1.rds.amazonaws.com
      user: ehrbase_admin
      password_secret: eu-central-1/medzen-ehrbase/db_admin_password
    export_path: /secure/left-behind.jsonl
    region: eu-west-1
"""

RETURN = r"""
missing_rows:
  description: Rows whose key the target lacks.
  type: int
  returned: always
differing_rows:
  description: Rows that are there with other values.
  type: int
  returned: always
left_out:
  description: Tables without a primary key that have rows and are not the same in the target. No number counts them.
  type: list
  elements: str
  returned: always
  sample: [ehr.import_log]
tables:
  description: The same by table, with the first 50 missing keys. Tables without a difference are left out.
  type: dict
  returned: always
  sample:
    ehr.comp_version: {missing: 1, differing: 0, missing_keys: ['["0c5a8f0e-8a4f-4d6b-9d5f-2f3e6a1b7c9d"]']}
exported_rows:
  description: Rows in the file.
  type: int
  returned: when O(export_path) is given
"""

import json
import os

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import row_difference
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import (
    build_login,
    connect,
    login_options,
    require_libraries,
    resolvers_option,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

# The same text for the same value on both sides, and one moment for all tables.
READER = (
    "-c default_transaction_read_only=on -c DateStyle=ISO -c TimeZone=UTC -c IntervalStyle=iso_8601 "
    "-c extra_float_digits=1 -c bytea_output=hex"
)

ARGUMENTS = {
    "source": login_options() | {"required": True},
    "target": login_options() | {"required": True},
    "resolvers": resolvers_option(),
    "schemas": {"type": "list", "elements": "str", "default": ["ehr"]},
    "export_path": {"type": "path"},
}


def export(path, source, tables, found):
    """Write the rows for their owner's eyes alone; how many."""
    count = 0
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), 0o600)
            for table in tables:
                name = row_difference.name_of(table)
                keys = [*found[name]["missing"], *found[name]["differing"]]
                for row in row_difference.read_whole(source, table, keys) if keys else ():
                    stream.write(json.dumps({"table": name, "row": json.loads(row)}, sort_keys=True) + "\n")
                    count += 1
    except OSError as error:
        raise MultiregionError(f"The rows cannot be kept in {path}: {error}.") from error
    return count


def compare(module, source, target):
    schemas = module.params["schemas"]
    tables = row_difference.read_tables(source, schemas)
    known = [row_difference.name_of(table) for table in row_difference.read_tables(target, schemas)]
    found = {
        row_difference.name_of(table): row_difference.find_difference(source, target, table, known) for table in tables
    }
    left_out = row_difference.find_left_out(source, target, schemas)
    result = {"changed": False, **row_difference.summarize(found), "left_out": left_out}
    path = module.params["export_path"]
    if path and not module.check_mode:
        result["exported_rows"] = export(path, source, tables, found)
    return result


def ensure(module):
    require_libraries(module)
    logins = [build_login(module, module.params[side]) for side in ("source", "target")]
    with connect(logins[0], options=READER) as source, connect(logins[1], options=READER) as target:
        for connection in (source, target):
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        return compare(module, source, target)


def main():
    run(AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
