#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: postgresql_fence
version_added: 1.0.0
short_description: Refuse writes to a PostgreSQL database while reads go on, and prove it
description:
  - Fences a database, lifts its fence, or tells how the fence stands.
  - Layer 1 is a statement trigger on every table outside the system schemas, enabled C(ALWAYS), which raises SQLSTATE
    V(25006). The triggers are made one table at a time and do nothing yet; then one transaction makes all of them
    refuse. Transactions that wrote before that are waited for. After it no write is under way and none can begin.
  - Layers 2 and 3 set C(default_transaction_read_only) for the database and for O(roles). They stop new sessions only,
    and a session may set it off; they come on top.
  - The fence is proved. A test write to every table must be refused by the trigger in a session that has set read only
    off, and the log position must stand still between two readings.
  - The fence is stored in the schema C(medzen_fence), with the log position behind which nothing was written. Replicas
    and snapshots carry it; on them it is lifted after the promotion.
  - Needs the owner of the tables, no superuser. Ending a session that holds its tables too long needs
    C(pg_signal_backend), and seeing which sessions were opened behind the fence C(pg_read_all_stats). The master user
    of RDS has both.
  - Works with PostgreSQL 15 and newer.
author:
  - MedZen platform team (@medzen)
options:
  state:
    description:
      - V(fenced) refuses writes. A fence that stands is kept with its position; a table made since is added.
      - V(unfenced) lets writes pass again, and ends the sessions that were opened behind the fence as soon as they are
        idle, because these stay read only.
      - V(info) only reads. It works on a replica as well.
    type: str
    choices: [fenced, unfenced, info]
    default: info
  roles:
    description:
      - Roles whose new sessions become read only, usually the application's.
    type: list
    elements: str
    default: []
  application_login:
    description:
      - The application's role, for the proof. Host, port, database and TLS are those of O(login).
      - Without it the proof is made as O(login.user), and RV(proof) says so.
    type: dict
    suboptions:
      user:
        description:
          - The role.
        type: str
        required: true
      password:
        description:
          - Its password. Prefer O(application_login.password_secret).
        type: str
      password_secret:
        description:
          - Name or ARN of the Secrets Manager secret whose whole value is the password.
        type: str
      region:
        description:
          - Region of the secret. Without it the module's own region.
        type: str
  reason:
    description:
      - Why, for whoever finds the fence later.
    type: str
    default: ""
  lock_timeout:
    description:
      - How long to wait for writes in flight, in seconds, before the sessions that make them are ended.
    type: float
    default: 2.0
  terminate:
    description:
      - Whether sessions that hold their tables for longer than O(lock_timeout) are ended. They are named in
        RV(terminated).
    type: bool
    default: true
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
- name: Fence production
  medzen.multiregion.postgresql_fence:
    state: fenced
    login:
      host: medzen-ehrbase-db-af-south-1.abc.af-south-1.rds.amazonaws.com
      user: ehrbase_admin
      password_secret: af-south-1/medzen-ehrbase/db_admin_password
      sslmode: verify-full
      ca_path: /etc/ssl/rds.pem
    application_login:
      user: ehrbase_restricted
      password_secret: af-south-1/medzen-ehrbase/db_user_password
    roles: [ehrbase_restricted]
    reason: move to eu-central-1
    region: af-south-1

- name: Let production write again
  medzen.multiregion.postgresql_fence:
    state: unfenced
    login: "{{ production_login }}"
    region: af-south-1
"""

RETURN = r"""
planned:
  description: Whether the database cannot be reached yet, so that RV(fenced) is a plan.
  type: bool
  returned: in check mode, when it cannot be reached
fenced:
  description: Whether writes are refused. In check mode as it would be.
  type: bool
  returned: always
fence_id:
  description: Which fence it is. A copy of the database made behind the fence has the same.
  type: str
  returned: when fenced
  sample: 0c5a8f0e-8a4f-4d6b-9d5f-2f3e6a1b7c9d
since:
  description: When the fence went up, by the database's clock.
  type: str
  returned: when fenced
  sample: "2026-11-21T08:00:00.123456Z"
lsn:
  description: The log position that was recorded with the fence. Every acknowledged write is at or below it.
  type: str
  returned: when fenced
  sample: 16/B374D848
current_lsn:
  description: The end of the log now.
  type: str
  returned: on a primary
lsn_still:
  description: Whether the end of the log and the next transaction id stood still over two readings.
  type: bool
  returned: when O(state=fenced)
refused_write:
  description: The proof.
  type: dict
  returned: when O(state=fenced)
  contains:
    sqlstate: {description: PostgreSQL's code of the refusal., type: str}
    role: {description: The role that tried., type: str}
    tables: {description: How many tables refused., type: int}
  sample: {sqlstate: "25006", role: ehrbase_restricted, tables: 17}
proof:
  description: Who made the proof, V(application) or V(owner).
  type: str
  returned: when O(state=fenced)
layers:
  description: The layers that stand.
  type: list
  elements: str
  returned: always
  sample: [triggers, database, role ehrbase_restricted]
skipped_layers:
  description: Layers that O(login.user) has no right to set. Layer 1 stands without them.
  type: list
  elements: str
  returned: when O(state=fenced)
gaps:
  description: Tables that do not refuse writes, because they were made behind the fence.
  type: list
  elements: str
  returned: always
terminated:
  description: Sessions that held their tables for longer than O(lock_timeout) and were ended.
  type: list
  elements: dict
  returned: when O(state=fenced)
renewed_sessions:
  description: Sessions that were opened behind the fence and were ended, so that their pool opens writable ones.
  type: list
  elements: dict
  returned: when O(state=unfenced)
read_only_sessions:
  description: Sessions that may stay read only until they are closed, because they were busy or could not be ended.
  type: list
  elements: dict
  returned: when O(state=unfenced)
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import fence
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import (
    application_login_options,
    build_login,
    connect,
    login_options,
    require_libraries,
    resolvers_option,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.switchover_sides import SourceDatabase

ARGUMENTS = {
    "login": login_options() | {"required": True},
    "application_login": application_login_options(),
    "resolvers": resolvers_option(),
    "state": {"type": "str", "choices": ["fenced", "unfenced", "info"], "default": "info"},
    "roles": {"type": "list", "elements": "str", "default": []},
    "reason": {"type": "str", "default": ""},
    "lock_timeout": {"type": "float", "default": 2.0},
    "terminate": {"type": "bool", "default": True},
}


def build_request(params):
    return fence.FenceRequest(
        reason=params["reason"],
        roles=tuple(params["roles"]),
        lock_timeout_s=params["lock_timeout"],
        terminate=params["terminate"],
    )


def build_diff(before, after):
    """What a reader wants to see of a change: the fence, its layers and its holes."""
    names = ("fenced", "layers", "gaps")
    return {"before": {name: before[name] for name in names}, "after": {name: after[name] for name in names}}


def predict_fenced(state, request):
    """The state that fencing would lead to; a layer that turns out not to be permitted is not foreseen."""
    layers = ["triggers", "database", *(f"role {role}" for role in request.roles)]
    return state | {"fenced": True, "layers": list(dict.fromkeys([*state["layers"], *layers])), "gaps": []}


def read(connection):
    state = fence.read_state(connection)
    position = {} if state.in_recovery else {"current_lsn": fence.read_position(connection)[0]}
    return state, state.as_result() | position


def ensure_fenced(module, source, state, before):
    if module.check_mode:
        fence.check_fenceable(source.connection, source.request.roles, state)
        after = predict_fenced(before, source.request)
        return after | {"changed": after != before, "diff": build_diff(before, after)}
    found = source.fence()
    after = found | source.prove()
    after["current_lsn"] = after.pop("lsn")
    return after | {"lsn": found["lsn"], "diff": build_diff(before, found)}


def ensure_unfenced(module, connection, state, before):
    after = before | {"fenced": False, "layers": [], "gaps": []}
    if module.check_mode:
        return after | {"changed": state.fenced or state.leftover, "diff": build_diff(before, after)}
    found = fence.lift_fence(connection)
    sessions = {name: found[name] for name in ("renewed_sessions", "read_only_sessions")}
    return after | sessions | {"changed": found["changed"], "diff": build_diff(before, after)}


def plan_without_database(params):
    """Check mode before the database is there. A copy will bring the fence of its source along."""
    after = fence.FenceState(fenced=params["state"] == "fenced").as_result()
    return after | {"changed": params["state"] != "info", "planned": True}


def ensure(module):
    require_libraries(module)
    params = module.params
    try:
        login = build_login(module, params["login"])
        connection = connect(login)
    except MultiregionError:
        if module.check_mode:
            return plan_without_database(params)
        raise
    with connection:
        return ensure_in(module, login, connection)


def ensure_in(module, login, connection):
    params = module.params
    state, before = read(connection)
    if params["state"] == "info":
        return before | {"changed": False}
    if params["state"] == "unfenced":
        return ensure_unfenced(module, connection, state, before)
    options = None if module.check_mode else params["application_login"]
    application = build_login(module, options, like=login) if options else None
    source = SourceDatabase(login, build_request(params), application)
    try:
        return ensure_fenced(module, source, state, before)
    finally:
        source.close()


def main():
    run(AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
