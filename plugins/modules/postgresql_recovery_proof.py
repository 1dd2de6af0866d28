#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: postgresql_recovery_proof
version_added: 1.0.0
short_description: Prove that a restored copy of a database in use is whole, and measure RTO and RPO
description:
  - Logs in to a copy that was restored from a snapshot and compares it with its source, which goes on taking writes.
  - Each row that stood in the source at O(horizon) and stands there still must stand in the copy, the same. Rows know
    the transaction that wrote them, and a snapshot is a physical copy, so both sides are asked for the rows from below
    the horizon. Rows that the source has replaced since are not missed.
  - Tables, columns and indexes must be the same.
  - RV(rpo_s) is how far the copy is behind the newest write of the source at the decision. RV(rto_s) is the time from
    the decision to the copy's first answer; the comparison after it says whether that answer was right.
  - It only reads, each side in read-only transactions of isolation level repeatable read. On the source, V(checksums)
    reads every row once, which takes about 10 s for a gigabyte.
  - Works for a copy that was taken of O(source) or of a physical replica that had replayed the horizon. A logical
    replica has transactions of its own and cannot be compared so.
author:
  - MedZen platform team (@medzen)
options:
  source:
    description:
      - The database that the copy was taken of, or the primary of the replica that it was taken of.
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
  copy:
    description:
      - The restored copy.
    type: dict
    required: true
    suboptions: *login
  horizon:
    description:
      - RV(medzen.multiregion.postgresql_recovery_point_info#module:source) has it, read before the snapshot was taken.
    type: int
    required: true
  decided_at:
    description:
      - When it was decided to recover, as ISO 8601 text with a time zone.
    type: str
    required: true
  newest_at_decision:
    description:
      - The newest write of the source at that moment, as ISO 8601 text; empty where it had none.
    type: str
    required: true
  complete_until:
    description:
      - When O(horizon) was read, as ISO 8601 text with a time zone. A whole copy has everything up to then.
      - Without it, one write after a quiet hour makes a copy seem an hour behind.
    type: str
  level:
    description:
      - V(counts) compares the number of rows of each table, V(checksums) each row.
    type: str
    choices: [counts, checksums]
    default: checksums
  schemas:
    description:
      - Schemas that are compared.
    type: list
    elements: str
    default: [ehr, ext]
  wait_timeout:
    description:
      - How long the copy may take until it answers, in seconds.
    type: int
    default: 300
extends_documentation_fragment:
  - medzen.multiregion.postgresql.resolvers
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - medzen.multiregion.wait
requirements:
  - psycopg >= 3.1
  - dnspython, when O(resolvers) is used
notes:
  - Needs C(secretsmanager:GetSecretValue) of the passwords.
  - With O(wait=true) a copy that does not answer yet is asked again.
  - Of rows it returns numbers only, no content and no key.
attributes:
  check_mode:
    description: Can run in check mode and returns the same.
    support: full
  diff_mode:
    description: Changes nothing and has no diff.
    support: none
  idempotent:
    description: Only reads.
    support: full
"""

EXAMPLES = r"""
- name: Prove that the copy is whole
  medzen.multiregion.postgresql_recovery_proof:
    source:
      host: "{{ production.endpoint }}"
      user: ehrbase_admin
      password_secret: eu-central-1/medzen-ehrbase/db_admin_password
    copy:
      host: "{{ copy.endpoint.address }}"
      user: ehrbase_admin
      password_secret: eu-central-1/medzen-ehrbase/db_admin_password
    horizon: "{{ before.source.horizon }}"
    complete_until: "{{ before.source.at }}"
    decided_at: "{{ decision.source.at }}"
    newest_at_decision: "{{ decision.source.newest }}"
    region: eu-central-1
  register: proof
"""

RETURN = r"""
verdict:
  description: V(whole), V(damaged), or V(unknown) when nothing could be proven.
  type: str
  returned: always
  sample: whole
problems:
  description: Why the verdict is V(unknown).
  type: list
  elements: str
  returned: always
differences:
  description: Tables, columns and indexes that differ.
  type: list
  elements: dict
  returned: always
rows:
  description: Rows from below the horizon, for each side. The copy has more where the source has replaced some since.
  type: dict
  returned: when the rows were read
  sample: {source: 152000, copy: 152007}
missing_rows:
  description: How many of the source's rows the copy lacks or has otherwise; null when it is not known.
  type: int
  returned: always
missing:
  description: The same by table, without those where none is missing.
  type: dict
  returned: when the rows were read
  sample: {ehr.comp_data: 3}
tables:
  description: How many tables were compared.
  type: int
  returned: when the rows were read
newest:
  description: The newest write of the copy.
  type: str
  returned: when the copy was read
answered_at:
  description: When the copy had given its first answer.
  type: str
  returned: when the copy was read
rto_s:
  description: From the decision to that answer, in seconds; null when the copy could not be read.
  type: float
  returned: always
rpo_s:
  description:
    - From the copy's newest write, or from O(complete_until) where that is later, to the newest write of the source at
      the decision, in seconds. Null when it is not known.
  type: float
  returned: always
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import rds, recovery
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import (
    build_login,
    connect,
    login_options,
    require_libraries,
    resolvers_option,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import wait_arguments, wait_until


def try_connect(login):
    """An open connection, or why there is none."""
    try:
        return connect(login)
    except MultiregionError as error:
        return error


def connect_to_copy(login, params):
    """The copy as soon as it answers: its name and its server may come a little after RDS calls it available."""
    return wait_until(
        lambda: try_connect(login),
        lambda found: not isinstance(found, Exception),
        f"the copy at {login.host} to answer",
        params["wait_timeout"] if params["wait"] else 0,
        params["poll_seconds"],
        text=lambda found: str(found) if isinstance(found, Exception) else "it answers",
    )


def compare(logins, params):
    asked = recovery.Comparison(params["horizon"], params["level"], tuple(params["schemas"]))
    try:
        with connect_to_copy(logins["copy"], params) as copy, connect(logins["source"]) as source:
            return recovery.compare(source, copy, asked)
    except MultiregionError as error:
        return recovery.judge([], None, [error.message])


def measure(judgement, params):
    """RTO and RPO, null where the copy did not answer."""
    if "answered_at" not in judgement:
        return {"rto_s": None, "rpo_s": None}
    return {
        "rto_s": round(recovery.seconds_between(params["decided_at"], judgement["answered_at"]), 3),
        "rpo_s": recovery.behind_s(params["newest_at_decision"] or None, judgement["newest"], params["complete_until"]),
    }


def prove(module):
    require_libraries(module)
    params = module.params
    recovery.check_horizon(params["horizon"])
    for name in ("decided_at", "newest_at_decision", "complete_until"):
        if params[name]:
            params[name] = rds.parse_time(params[name]).isoformat()
    logins = {side: build_login(module, params[side]) for side in ("source", "copy")}
    judgement = compare(logins, params)
    return {"changed": False, **judgement, **measure(judgement, params)}


def main():
    spec = {
        "source": login_options() | {"required": True},
        "copy": login_options() | {"required": True},
        "horizon": {"type": "int", "required": True},
        "decided_at": {"type": "str", "required": True},
        "newest_at_decision": {"type": "str", "required": True},
        "complete_until": {"type": "str"},
        "level": {"type": "str", "choices": list(recovery.LEVELS), "default": "checksums"},
        "schemas": {"type": "list", "elements": "str", "default": ["ehr", "ext"]},
        "resolvers": resolvers_option(),
        **wait_arguments(300),
    }
    run(AnsibleAWSModule(argument_spec=spec, supports_check_mode=True), prove)


if __name__ == "__main__":
    main()
