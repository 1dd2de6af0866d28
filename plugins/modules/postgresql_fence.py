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
  - A fence that this task raised and could not prove is lifted again, and the message says so. One that stood before is
    left, and the message says that the database is fenced.
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
      - The application's role, for the proof. Host, port, database and TLS are those of O(login). Its session is opened
        before the fence is raised; where that fails, nothing is fenced.
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
  keep_unproved:
    description:
      - Whether a fence that cannot be proved stays, and is raised before O(application_login) is tried. For a database
        that must not take writes in any case, because production is elsewhere.
    type: bool
    default: false
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
  description:
    - Whether writes are refused. In check mode as it would be.
    - Of a task that could not raise or prove the fence, as it left the database; null when that is not known.
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
    PsycopgError,
    application_login_options,
    build_login,
    connect,
    fetch_value,
    login_options,
    require_libraries,
    resolvers_option,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.switchover_sides import Side, SourceDatabase

SETTLE_ATTEMPTS = 3
ARGUMENTS = {
    "login": login_options() | {"required": True},
    "application_login": application_login_options(),
    "resolvers": resolvers_option(),
    "state": {"type": "str", "choices": ["fenced", "unfenced", "info"], "default": "info"},
    "roles": {"type": "list", "elements": "str", "default": []},
    "reason": {"type": "str", "default": ""},
    "lock_timeout": {"type": "float", "default": 2.0},
    "terminate": {"type": "bool", "default": True},
    "keep_unproved": {"type": "bool", "default": False},
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
    try:
        found, proof = fence_and_prove(module, source)
    except (MultiregionError, PsycopgError) as error:
        raise settle(source, error, keep=module.params["keep_unproved"]) from error
    after = found | proof
    after["current_lsn"] = after.pop("lsn")
    return after | {"lsn": found["lsn"], "diff": build_diff(before, found)}


def fence_and_prove(module, source):
    if module.params["keep_unproved"]:
        found = source.fence()
        open_application(module, source)
    else:
        open_application(module, source)
        found = source.fence()
    return found, source.prove()


def open_application(module, source):
    """Log in as the application: that its password is wrong should not come out behind the fence."""
    options = module.params["application_login"]
    if options:
        source.application = Side(build_login(module, options, like=source.login))
        fetch_value(source.application.connection, "SELECT 1")


def settle(source, error, *, keep):
    """Leave no production behind a fence that only a failed task knows of; the error, with how the database is left."""
    reason = error.message if isinstance(error, MultiregionError) else " ".join(str(error).split())
    fenced, advice = None, ""
    try:
        state = insist(source, fence.read_state)
        fenced = state.fenced
        if state.fenced and not state.in_recovery:
            fenced, advice = lift_own(source, state, keep=keep)
    except (MultiregionError, PsycopgError) as problem:
        advice = (
            f"THE DATABASE MAY BE FENCED: how it stands could not be read ({problem}). Next: run postgresql_fence with "
            "state=info on it, and with state=unfenced if it is."
        )
    return MultiregionError(f"{reason} {advice}".strip(), {**getattr(error, "result", {}), "fenced": fenced})


def lift_own(source, state, *, keep):
    """Lift the fence if this task raised it; whether it stands, and what to say of it."""
    if keep or state.fence_id != source.request.fence_id:
        return True, (
            f"THE DATABASE IS FENCED since {state.since} and takes no writes. Next: remove the cause and run again, or "
            "let it write again by postgresql_fence with state=unfenced."
        )
    try:
        insist(source, fence.lift_fence)
    except (MultiregionError, PsycopgError) as problem:
        return True, (
            f"THE DATABASE IS STILL FENCED, because lifting the fence failed as well ({problem}). "
            "Next: run postgresql_fence with state=unfenced on it."
        )
    return False, "It went back: the fence was lifted, the database accepts writes again."


def insist(source, action):
    """Act on the open connection, then on new ones: the open one may be what failed."""
    for attempt in range(1, SETTLE_ATTEMPTS + 1):
        try:
            return action(source.connection)
        except (MultiregionError, PsycopgError):
            source.close()
            if attempt == SETTLE_ATTEMPTS:
                raise
    return None


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
    source = SourceDatabase(login, build_request(params))
    try:
        return ensure_fenced(module, source, state, before)
    finally:
        source.close()


def main():
    run(AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
