#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: postgresql_parity
version_added: 1.0.0
short_description: Compare two PostgreSQL databases
description:
  - Reads two databases at the same time, each in one read-only transaction of isolation level repeatable read, and says
    whether they hold the same.
  - Compared are tables, columns, indexes, sequences and the newest write; by O(level) also the number of rows and a
    checksum over every row.
  - A sequence of the target may be ahead, as it is on a promoted replica. It may not be behind.
  - A side that cannot be read makes the verdict V(unknown), which is not V(equal).
  - It only reads. Both sides should be fenced, or one be a replica that has caught up with its fenced source.
author:
  - MedZen platform team (@medzen)
options:
  source:
    description:
      - The database that is taken for right.
    type: dict
    required: true
    suboptions: &login
      host:
        description:
          - Name or address of the server.
        type: str
        required: true
      port:
        description:
          - Port of the server.
        type: int
        default: 5432
      database:
        description:
          - Name of the database.
        type: str
        default: ehrbase
      user:
        description:
          - Role to log in as; it must be allowed to read all tables.
        type: str
        required: true
      password:
        description:
          - Password of the role. Prefer C(password_secret).
        type: str
      password_secret:
        description:
          - Name or ARN of the Secrets Manager secret whose whole value is the password.
        type: str
      region:
        description:
          - Region of the secret. Without it the module's own region.
        type: str
      sslmode:
        description:
          - How TLS is used, as libpq defines it.
        type: str
        choices: [disable, allow, prefer, require, verify-ca, verify-full]
        default: prefer
      ca_path:
        description:
          - File with the certificates of the authorities that may have signed the server's.
        type: path
  target:
    description:
      - The database that is compared with it.
    type: dict
    required: true
    suboptions: *login
  level:
    description:
      - V(newest) compares structure, sequences and the newest write.
      - V(counts) compares the number of rows of each table as well, which takes about 0.3 s for a gigabyte.
      - V(checksums) compares every row as well, which takes about 10 s for a gigabyte.
    type: str
    choices: [newest, counts, checksums]
    default: counts
  schemas:
    description:
      - Schemas that are compared.
    type: list
    elements: str
    default: [ehr, ext]
  tables:
    description:
      - Only these tables, as C(schema.table). Empty means all.
    type: list
    elements: str
    default: []
  sequence_gap:
    description:
      - How many numbers a sequence of the target may be behind.
      - A promoted replica is ahead of its former source by up to 32 numbers that were never used. Give V(33) when
        O(source) is the promoted one.
    type: int
    default: 0
  except_ehr:
    description:
      - Identifier of an EHR whose rows are left out on both sides, such as that of a smoke test which is no patient's.
        Empty means that every row counts.
    type: str
    default: ""
  require_equal:
    description:
      - Whether any verdict but V(equal) is a failure. Never in check mode, where the target may not be there yet.
    type: bool
    default: true
  resolvers:
    description:
      - DNS servers as C(address) or C(address:port) that resolve the host names. Empty means the system's.
    type: list
    elements: str
    default: []
requirements:
  - psycopg >= 3.1
  - dnspython, when O(resolvers) is used
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: none
    details: It changes nothing.
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Compare the restored database with production, row by row
  medzen.multiregion.postgresql_parity:
    source:
      host: medzen-ehrbase-db-af-south-1.abc.af-south-1.rds.amazonaws.com
      user: ehrbase_admin
      password_secret: af-south-1/medzen-ehrbase/db_admin_password
      region: af-south-1
    target:
      host: medzen-ehrbase-db-eu-central-1.abc.eu-central-1.rds.amazonaws.com
      user: ehrbase_admin
      password_secret: eu-central-1/medzen-ehrbase/db_admin_password
      region: eu-central-1
    level: checksums
  register: parity
"""

RETURN = r"""
verdict:
  description: V(equal), V(different), or V(unknown) when a side could not be read.
  type: str
  returned: always
  sample: equal
differences:
  description: What differs, table by table.
  type: list
  elements: dict
  returned: always
  sample: [{table: ehr.comp_data, what: rows, source: 50000, target: 49990}]
summary:
  description: The verdict with the first differences, in a line.
  type: str
  returned: always
missing_rows:
  description: How many rows fewer the target has, table by table. A row changed in place is not among them.
  type: int
  returned: when both sides were read and O(level) is not V(newest)
loss:
  description:
    - What is gone once only the target is left, in the words that accept it. Empty when nothing is.
    - Rows that were changed in place are told by their tables, and are seen by O(level=checksums) only.
  type: str
  returned: when RV(verdict) is not V(unknown)
  sample: 10 rows and what differs in ehr.template_store
problems:
  description: Why the verdict is V(unknown).
  type: list
  elements: str
  returned: always
tables:
  description: How many tables the source has.
  type: int
  returned: when both sides were read
rows:
  description: Rows of all tables, for each side.
  type: dict
  returned: when O(level) is not V(newest)
  sample: {source: 152000, target: 152000}
newest:
  description: Time of the newest write, for each side.
  type: dict
  returned: when both sides were read
  sample: {source: "2026-11-21T08:00:00.123456Z", target: "2026-11-21T08:00:00.123456Z"}
in_recovery:
  description: Whether a side is a replica, for each side.
  type: dict
  returned: when both sides were read
  sample: {source: false, target: true}
read_s:
  description: How long reading took in seconds, for each side.
  type: dict
  returned: when both sides were read
evidence:
  description: The same in few words, for a gate or a record.
  type: dict
  returned: always
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import parity
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import (
    build_login,
    connect,
    login_options,
    require_libraries,
    resolvers_option,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

ARGUMENTS = {
    "source": login_options() | {"required": True},
    "target": login_options() | {"required": True},
    "level": {"type": "str", "choices": list(parity.LEVELS), "default": "counts"},
    "schemas": {"type": "list", "elements": "str", "default": ["ehr", "ext"]},
    "tables": {"type": "list", "elements": "str", "default": []},
    "sequence_gap": {"type": "int", "default": 0},
    "except_ehr": {"type": "str", "default": ""},
    "require_equal": {"type": "bool", "default": True},
    "resolvers": resolvers_option(),
}


def build_reader(module, side, request):
    """A function that reads one side. Passwords are read first: the AWS clients stay in the main thread."""
    try:
        login = build_login(module, module.params[side])
    except MultiregionError as error:
        # Python ends the name of the exception with its clause.
        problem = error
        return lambda: _raise(problem)

    def read():
        with connect(login) as connection:
            return parity.read_side(connection, request)

    return read


def _raise(error):
    raise error


def refuse_unequal(judgement):
    raise Refused(
        "The two databases are not equal.",
        f"{judgement['verdict']}: {(judgement['differences'] or judgement['problems'])[:3]}",
        "equal",
        "look at differences and problems of this result",
        judgement,
    )


def ensure(module):
    require_libraries(module)
    params = module.params
    request = parity.ParityRequest(
        params["level"],
        tuple(params["schemas"]),
        tuple(params["tables"]),
        params["sequence_gap"],
        params["except_ehr"],
    )
    sides = parity.read_both(build_reader(module, "source", request), build_reader(module, "target", request))
    judgement = parity.judge(*sides, request)
    judgement |= {"changed": False, "evidence": parity.evidence(judgement)}
    if params["require_equal"] and judgement["verdict"] != parity.EQUAL and not module.check_mode:
        refuse_unequal(judgement)
    return judgement


def main():
    run(AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
