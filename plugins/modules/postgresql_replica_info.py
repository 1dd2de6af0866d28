#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: postgresql_replica_info
version_added: 1.0.0
short_description: Tell how far a read replica is, and what it may lack if its primary is lost
description:
  - Asks the replica alone. Its primary is not connected to and need not exist any more.
  - The possible loss is what the primary acknowledged after the last transaction that the replica has replayed. How
    many records that are cannot be counted without the primary; O(rate_table) gives an estimate from the rate before.
  - That the replica has replayed a fence by M(medzen.multiregion.postgresql_fence) is told, and does not prove that
    nothing is lost. The fence may have been lifted while nothing arrived any more.
  - Whether the primary still sends is told by C(pg_stat_wal_receiver), which needs C(pg_read_all_stats), a part of
    C(pg_monitor). The master user of RDS has it. From a login without it PostgreSQL hides the answer; RV(streaming) is
    then V(null) and RV(hint) says what to grant.
  - Operation used is C(secretsmanager:GetSecretValue), when the login names a secret.
author:
  - MedZen platform team (@medzen)
options:
  rate_table:
    description:
      - A table, as C(schema.table), whose rows stand for the workload's records. Without it there is no estimate.
    type: str
    default: ""
  rate_column:
    description:
      - The column of O(rate_table) with the time of each row.
    type: str
    default: time_committed
  rate_window_s:
    description:
      - How many seconds before the last replayed transaction are counted.
    type: int
    default: 600
extends_documentation_fragment:
  - medzen.multiregion.postgresql
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Can run in check mode and does the same.
    support: full
  diff_mode:
    description: Changes nothing and has no diff.
    support: none
  idempotent:
    description: Changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: See what may be missing
  medzen.multiregion.postgresql_replica_info:
    login:
      host: medzen-ehrbase-replica-eu-west-1.abc.eu-west-1.rds.amazonaws.com
      user: ehrbase_admin
      password_secret: eu-central-1/medzen-ehrbase/db_admin_password
    rate_table: ehr.audit_details
    region: eu-west-1
  register: replica
"""

RETURN = r"""
in_recovery:
  description: Whether it still is a replica.
  type: bool
  returned: always
received_lsn:
  description: Log position up to which the log has arrived.
  type: str
  returned: always
  sample: 16/B374D848
replayed_lsn:
  description: Log position up to which the log is replayed.
  type: str
  returned: always
  sample: 16/B374D848
replayed_at:
  description: When the last replayed transaction was committed, by the primary's clock. Null when it does not say.
  type: str
  returned: always
  sample: "2026-11-28T14:03:22.123456Z"
age_s:
  description: Seconds since then, by the replica's clock. On an idle primary it grows without any loss.
  type: float
  returned: always
streaming:
  description: Whether the primary still sends. Null when the replica does not say, or not to this login.
  type: bool
  returned: always
hint:
  description: What to grant so that the login may see whether the primary still sends. Empty when it may.
  type: str
  returned: always
fence_lsn:
  description: The log position of the fence that has arrived from the primary. Null without one.
  type: str
  returned: always
unreplayed_bytes:
  description: Log that has arrived and is not replayed yet. A promotion replays it first.
  type: int
  returned: always
loss:
  description: What a promotion without the primary may lose.
  type: dict
  returned: always
  contains:
    window_s: {description: Length of the time of which records may be missing., type: float}
    expected_rows: {description: Rows to be expected in that time at the rate before. An estimate., type: int}
    acceptance: {description: What a person types to accept it. Empty when its extent is unknown., type: str}
    text: {description: The possible loss in one line., type: str}
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import fence, possible_loss
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import (
    build_login,
    connect,
    describe_errors,
    fetch_dicts,
    fetch_value,
    login_options,
    quote,
    require_libraries,
    resolvers_option,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

POSITION = """
SELECT pg_is_in_recovery() AS in_recovery,
       pg_last_wal_receive_lsn()::text AS received_lsn,
       pg_last_wal_replay_lsn()::text AS replayed_lsn,
       to_char(pg_last_xact_replay_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS replayed_at,
       extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float AS age_s
"""
# There is no row while the receiver is not connected. Without pg_read_all_stats a row has its pid and nothing else.
RECEIVER = """
SELECT pid AS receiver_pid, status AS receiver,
       extract(epoch FROM clock_timestamp() - last_msg_receipt_time)::float AS heard_s
  FROM pg_stat_wal_receiver
"""

ARGUMENTS = {
    "login": login_options() | {"required": True},
    "resolvers": resolvers_option(),
    "rate_table": {"type": "str", "default": ""},
    "rate_column": {"type": "str", "default": "time_committed"},
    "rate_window_s": {"type": "int", "default": 600},
}


def rate_sql(table, column):
    """Rows of a window that ends with the last replayed transaction."""
    schema, _dot, name = table.partition(".")
    return (
        f"SELECT count(*) FROM {quote(schema)}.{quote(name)} WHERE {quote(column)} > "
        "coalesce(pg_last_xact_replay_timestamp(), clock_timestamp()) - make_interval(secs => %s)"
    )


def check_options(params):
    if params["rate_table"] and params["rate_table"].count(".") != 1:
        raise Refused("No such table", found=f"rate_table {params['rate_table']}", expected="schema.table")
    if params["rate_window_s"] < 1:
        raise Refused("No such window", found=f"rate_window_s {params['rate_window_s']}", expected="1 or more")


def read_position(connection, params):
    with describe_errors("read the replica's position"):
        position = fetch_dicts(connection, POSITION)[0]
        receiver = next(iter(fetch_dicts(connection, RECEIVER)), {})
    state = fence.read_state(connection)
    rate = {}
    if params["rate_table"]:
        with describe_errors(f"count the recent rows of {params['rate_table']}"):
            statement = rate_sql(params["rate_table"], params["rate_column"])
            rows = fetch_value(connection, statement, (params["rate_window_s"],))
        rate = {"recent_rows": rows, "recent_window_s": float(params["rate_window_s"])}
    return possible_loss.Position(**position, **receiver, **rate, fence_lsn=state.lsn if state.complete else None)


def ensure(module):
    require_libraries(module)
    check_options(module.params)
    login = build_login(module, module.params["login"])
    with connect(login) as connection:
        position = read_position(connection, module.params)
    return {"changed": False, **possible_loss.as_result(position), "hint": possible_loss.hint(position, login.user)}


def main():
    run(AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
