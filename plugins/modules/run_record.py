#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: run_record
version_added: 1.0.0
short_description: Keep the lock, the facts and the history of the runs on a workload
description:
  - Lets one run at a time work on a workload, remembers what later runs must know (when the cutover was, which
    records stood before), and lists the runs there were.
  - The record is a DynamoDB table. It is made by the first acquisition, with on-demand capacity, point-in-time
    recovery and deletion protection.
  - The lock is a lease. A process on the controller, started by the acquisition, renews it every third of O(lease_s)
    while the playbook runs, and ends with it.
  - A lock is taken from another run when its lease is over, when its controller is proved dead on this machine and
    none of its tasks works any more, or when O(take_over) names it. It is not taken from a run that is proved alive.
  - Operations used are C(dynamodb:DescribeTable), C(dynamodb:GetItem), C(dynamodb:Query), C(dynamodb:CreateTable),
    C(dynamodb:DescribeContinuousBackups), C(dynamodb:UpdateContinuousBackups), C(dynamodb:PutItem),
    C(dynamodb:UpdateItem) and C(dynamodb:DeleteItem), with the IAM permissions of the same names.
author:
  - MedZen platform team (@medzen)
options:
  state:
    description:
      - V(acquired) takes the lock, V(released) gives it back, V(updated) writes the step and facts, V(info) only reads.
    type: str
    choices: [acquired, released, updated, info]
    default: info
  table:
    description:
      - Name of the table in the module's region.
    type: str
    default: medzen-multiregion-runs
  workload:
    description:
      - The workload that the lock is for.
    type: str
    required: true
  run_id:
    description:
      - Identifier of this run. A second acquisition with the same one changes nothing.
      - Required unless O(state=info). The environment variable E(MEDZEN_MULTIREGION_RUN) is used if it is not given.
    type: str
  playbook:
    description:
      - The playbook that runs, for whoever meets the lock.
    type: str
  step:
    description:
      - What the run is at.
    type: str
  outcome:
    description:
      - How the run ended, written by O(state=released).
    type: str
    default: ended
  lease_s:
    description:
      - Length of the lease in seconds.
    type: int
    default: 120
  take_over:
    description:
      - Identifier of the run to take the lock from, although it seems to live. It has to be typed as the refusal
        gives it.
    type: str
  heartbeat:
    description:
      - Whether the acquisition starts the process that renews the lease.
    type: bool
    default: true
  facts:
    description:
      - Facts to remember, by name. They replace facts of the same names and leave all others; null removes one.
      - With O(state=acquired) and O(state=updated).
    type: dict
  history:
    description:
      - How many of the last runs to return.
    type: int
    default: 10
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - medzen.multiregion.wait
notes:
  - Leases compare the clocks of the machines that run playbooks. Keep them in step.
  - With O(wait=true) an acquisition waits for the last task of a run that was killed; it never waits for one that
    lives.
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
    details: Nothing is written and no heartbeat is started; a lock that is held is refused all the same.
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Take the lock
  medzen.multiregion.run_record:
    region: eu-central-1
    workload: medzen-ehrbase
    state: acquired
    run_id: 20261121t081200-cutover_dns
    playbook: cutover_dns
    take_over: "{{ run_record_take_over | default(omit) }}"

- name: Remember when the cutover was
  medzen.multiregion.run_record:
    region: eu-central-1
    workload: medzen-ehrbase
    state: updated
    run_id: 20261121t081200-cutover_dns
    step: switched
    facts:
      cutover_at: "2026-11-21T08:40:12Z"

- name: Give the lock back
  medzen.multiregion.run_record:
    region: eu-central-1
    workload: medzen-ehrbase
    state: released
    run_id: 20261121t081200-cutover_dns
"""

RETURN = r"""
exists:
  description: Whether the table is there.
  type: bool
  returned: always
lock:
  description: The lock after the task; empty when nobody holds it.
  type: dict
  returned: always
  sample:
    run_id: 20261121t081200-cutover_dns
    playbook: cutover_dns
    step: switched
    host: ops-1
    user: amina
    since: "2026-11-21T08:12:00+00:00"
    expires: "2026-11-21T08:42:00+00:00"
    took_over: ""
facts:
  description: The facts after the task, or as they would be in check mode.
  type: dict
  returned: always
  sample: {"cutover_at": "2026-11-21T08:40:12Z"}
runs:
  description: The last runs, newest first.
  type: list
  elements: dict
  returned: when O(state=info)
lost:
  description: Whether another run had taken the lock from this one.
  type: bool
  returned: when O(state=released)
"""

import getpass
import os
import socket
import time
from dataclasses import replace

from ansible.module_utils.basic import env_fallback
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import heartbeat, process
from ansible_collections.medzen.multiregion.plugins.module_utils import run_lock as record
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, token
from ansible_collections.medzen.multiregion.plugins.module_utils.dynamodb_tables import MISSING, describe_table
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import wait_arguments, wait_until

CONDITION_FAILED = "ConditionalCheckFailedException"
# Two writers meet on facts at most once per step; more tries than these mean that something else is wrong.
TRIES_MAX = 5


# --- calls -----------------------------------------------------------------------------------------------------------


@describe("create table {name}")
def create_table(connection, name):
    return connection.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": attribute, "AttributeType": "S"} for attribute in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
        DeletionProtectionEnabled=True,
        aws_retry=True,
    )


@describe("describe backups of table {name}")
def is_recovery_on(connection, name):
    answer = connection.describe_continuous_backups(TableName=name, aws_retry=True)["ContinuousBackupsDescription"]
    return answer.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") == "ENABLED"


@describe("switch on point-in-time recovery of table {name}")
def switch_recovery_on(connection, name):
    connection.update_continuous_backups(
        TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}, aws_retry=True
    )


@describe("read the run record in table {table}", missing=MISSING)
def get_item(connection, table, key):
    return connection.get_item(TableName=table, Key=key, ConsistentRead=True, aws_retry=True).get("Item")


@describe("list the runs in table {table}", missing=MISSING, default=())
def query_runs(connection, table, workload, limit):
    return connection.query(
        TableName=table,
        KeyConditionExpression="pk = :workload AND begins_with(sk, :run)",
        ExpressionAttributeValues={":workload": {"S": workload}, ":run": {"S": record.RUN}},
        ScanIndexForward=False,
        Limit=limit,
        aws_retry=True,
    )["Items"]


@describe("write the run record in table {table}")
def put_item(connection, table, item, condition=None, values=None):
    guard = {"ConditionExpression": condition} if condition else {}
    if values:
        guard["ExpressionAttributeValues"] = values
    if condition and "#token" in condition:
        guard["ExpressionAttributeNames"] = {"#token": "token"}
    connection.put_item(TableName=table, Item=item, **guard, aws_retry=True)


@describe("release the lock in table {table}")
def delete_lock(connection, table, workload, lock):
    connection.delete_item(
        TableName=table,
        Key=record.key(workload, record.LOCK),
        ConditionExpression="#token = :token",
        ExpressionAttributeNames={"#token": "token"},
        ExpressionAttributeValues={":token": {"S": lock.token}},
        aws_retry=True,
    )


@describe("renew the lease in table {table}")
def renew_lock(connection, table, workload, lock, expires, pid):
    connection.update_item(
        TableName=table,
        Key=record.key(workload, record.LOCK),
        UpdateExpression="SET expires = :expires, heartbeat_pid = :pid",
        ConditionExpression="#token = :token",
        ExpressionAttributeNames={"#token": "token"},
        ExpressionAttributeValues={
            ":token": {"S": lock.token},
            ":expires": {"N": f"{expires:.3f}"},
            ":pid": {"N": str(pid)},
        },
        aws_retry=True,
    )


@describe("write the step into table {table}")
def update_document(connection, table, workload, lock):
    """Write what the lock says, not when it expires: the heartbeat may have renewed it since it was read."""
    connection.update_item(
        TableName=table,
        Key=record.key(workload, record.LOCK),
        UpdateExpression="SET document = :document",
        ConditionExpression="#token = :token",
        ExpressionAttributeNames={"#token": "token"},
        ExpressionAttributeValues={
            ":document": record.lock_to_item(workload, lock)["document"],
            ":token": {"S": lock.token},
        },
        aws_retry=True,
    )


# --- reading ---------------------------------------------------------------------------------------------------------


def read_lock(connection, params):
    return record.lock_from_item(get_item(connection, params["table"], record.key(params["workload"], record.LOCK)))


def read_facts(connection, params):
    """The facts with the version that the next write has to follow; version 0 means none."""
    item = get_item(connection, params["table"], record.key(params["workload"], record.FACTS))
    return record.read_document(item), int(item["version"]["N"]) if item else 0


def read_runs(connection, params):
    items = query_runs(connection, params["table"], params["workload"], params["history"])
    return [record.read_document(item) for item in items]


def build_result(exists, lock, facts, changed=False, before=None, after=None):
    return {
        "changed": changed,
        "exists": exists,
        "lock": lock.public() if lock else {},
        "facts": facts,
        "diff": {"before": before or {}, "after": after or {}},
    }


# --- writing ---------------------------------------------------------------------------------------------------------


def ensure_table(connection, params):
    """The table, complete; whether something had to be done for it."""
    name = params["table"]
    created = describe_table(connection, name) is None
    if created:
        create_table(connection, name)
    wait_until(
        lambda: describe_table(connection, name),
        lambda table: table is not None and table["TableStatus"] in ("ACTIVE", "UPDATING"),
        f"table {name}",
        params["wait_timeout"],
        min(params["poll_seconds"], 2),
        text=lambda table: table["TableStatus"] if table else "not there",
    )
    protecting = not is_recovery_on(connection, name)
    if protecting:
        wait_until(
            lambda: try_recovery(connection, name),
            bool,
            f"point-in-time recovery of table {name}",
            params["wait_timeout"],
            min(params["poll_seconds"], 2),
            text=lambda done: "on" if done else "being prepared",
        )
    return created or protecting


def try_recovery(connection, name):
    """A new table is not ready for it at once."""
    try:
        switch_recovery_on(connection, name)
    except AwsError as error:
        if error.code == "ContinuousBackupsUnavailableException":
            return False
        raise
    return True


def write_facts(connection, params):
    """Merge the given facts; the facts after it and whether they changed."""
    for _attempt in range(TRIES_MAX):
        present, version = read_facts(connection, params)
        merged = record.merge_facts(present, params["facts"])
        if merged == present:
            return merged, False
        item = {
            **record.key(params["workload"], record.FACTS),
            "version": {"N": str(version + 1)},
            "document": record.document(merged),
        }
        if try_put(connection, params["table"], item, "version = :seen" if version else None, version):
            return merged, True
    raise MultiregionError(
        f"The facts of {params['workload']} change faster than they can be written. "
        "Next: see which other run writes them; its name is in the lock."
    )


def try_put(connection, table, item, condition, version):
    """Write unless somebody was faster; whether it was written."""
    values = {":seen": {"N": str(version)}} if condition else None
    try:
        put_item(connection, table, item, condition or "attribute_not_exists(pk)", values)
    except AwsError as error:
        if error.code == CONDITION_FAILED:
            return False
        raise
    return True


def build_lock(params, previous, now):
    controller = process.find_controller()
    lock = record.Lock(
        run_id=params["run_id"],
        token=token("lock", params["workload"], params["run_id"]),
        expires=now + params["lease_s"],
        since=now,
        host=socket.gethostname(),
        user=getpass.getuser(),
        playbook=params["playbook"] or "",
        took_over=previous.run_id if previous and previous.run_id != params["run_id"] else "",
        controller=controller.as_dict() if controller else None,
    )
    if previous and previous.run_id == params["run_id"]:
        kept = {name: getattr(previous, name) for name in ("since", "took_over", "steps", "step")}
        lock = replace(lock, **kept)
    return record.with_step(lock, params["step"], now)


def try_lock(connection, params, lock, previous):
    """Write the lock over exactly what was read before; whether it is ours now."""
    item = record.lock_to_item(params["workload"], lock)
    if previous is None:
        condition, values = "attribute_not_exists(pk)", None
    else:
        condition, values = "#token = :token", {":token": {"S": previous.token}}
    try:
        put_item(connection, params["table"], item, condition, values)
    except AwsError as error:
        if error.code != CONDITION_FAILED:
            raise
        # After a lost answer the retry meets our own lock.
        present = read_lock(connection, params)
        return present is not None and present.token == lock.token
    return True


# --- acquire ---------------------------------------------------------------------------------------------------------


def judge(lock, params):
    """The verdict on a lock, with the tasks of its run that still work."""
    controller = lock.controller if lock else None
    owner = process.judge_controller(controller)
    # Tasks can be found only by the number that their controller announced.
    if owner == process.DEAD and not controller.get("announced"):
        owner = process.UNKNOWN
    survivors = process.find_survivors(controller) if owner == process.DEAD else []
    return record.judge_lock(lock, params["run_id"], time.time(), owner, survivors), survivors


def wait_for_survivors(connection, params, lock):
    """Let the last task of a killed run come to its end; the lock as it is then."""
    verdict, survivors = judge(lock, params)
    if verdict != record.FINISHING:
        return lock, verdict
    if not params["wait"]:
        record.check_finishing(lock, survivors, params["workload"])
    wait_until(
        lambda: judge(lock, params)[1],
        lambda left: not left,
        f"the last tasks of run {lock.run_id}",
        params["wait_timeout"],
        min(params["poll_seconds"], 1),
        text=lambda left: f"processes {left}",
    )
    lock = read_lock(connection, params)
    return lock, judge(lock, params)[0]


def is_beating(lock):
    """Whether the lock is ours in every respect: same controller, heartbeat at work."""
    controller = process.find_controller()
    same = (controller.as_dict() if controller else None) == lock.controller
    return same and (controller is None or process.read_stat(lock.heartbeat_pid) is not None)


def start_heartbeat(module, lock):
    """Renew the lease from a process of its own while the controller lives and the lock is ours."""
    params = module.params
    if not params["heartbeat"] or lock.controller is None:
        return
    # A client of its own, made before the fork and not used before it: connections cannot be shared.
    connection = client(module, "dynamodb")

    def renew():
        try:
            expires = time.time() + params["lease_s"]
            renew_lock(connection, params["table"], params["workload"], lock, expires, os.getpid())
        except AwsError as error:
            return False if error.code in (CONDITION_FAILED, *MISSING) else None
        return True

    def is_wanted():
        return process.judge_controller(lock.controller) == process.ALIVE

    heartbeat.detach(lambda: heartbeat.beat(renew, is_wanted, params["lease_s"] / 3))


def close_previous(connection, params, previous, now):
    """Note in the history that a run was interrupted."""
    if previous and previous.run_id != params["run_id"]:
        item = record.run_to_item(params["workload"], previous, now, f"interrupted, taken over by {params['run_id']}")
        put_item(connection, params["table"], item)


def take_lock(module, connection, previous):
    params, now = module.params, time.time()
    lock = build_lock(params, previous, now)
    if not try_lock(connection, params, lock, previous):
        holder = read_lock(connection, params)
        if holder is not None:
            record.check_take_over(holder, None, params["workload"])
        raise MultiregionError(f"The lock of {params['workload']} changed hands at this moment. Next: run again.")
    close_previous(connection, params, previous, now)
    put_item(connection, params["table"], record.run_to_item(params["workload"], lock))
    start_heartbeat(module, lock)
    return lock


def ensure_acquired(module, connection, exists):
    params = module.params
    if module.check_mode:
        return predict_acquired(connection, params, exists)
    created = ensure_table(connection, params)
    lock, verdict = wait_for_survivors(connection, params, read_lock(connection, params))
    if verdict == record.HELD:
        record.check_take_over(lock, params["take_over"], params["workload"])
    before = {"lock": lock.public()} if lock else {}
    kept = verdict == record.OURS and lock.expires > time.time() and (not params["heartbeat"] or is_beating(lock))
    if not kept:
        lock = take_lock(module, connection, lock)
    known = read_facts(connection, params)[0]
    facts, written = write_facts(connection, params)
    changed = created or written or not (kept or verdict == record.OURS)
    return build_result(True, lock, facts, changed, {**before, "facts": known}, {"lock": lock.public(), "facts": facts})


def predict_acquired(connection, params, exists):
    lock = read_lock(connection, params) if exists else None
    verdict, _survivors = judge(lock, params)
    if verdict == record.HELD:
        record.check_take_over(lock, params["take_over"], params["workload"])
    facts = read_facts(connection, params)[0] if exists else {}
    merged = record.merge_facts(facts, params["facts"])
    changed = not exists or verdict != record.OURS or merged != facts
    before = {"lock": lock.public() if lock else {}, "facts": facts}
    return build_result(exists, lock, merged, changed, before, {"lock": {"run_id": params["run_id"]}, "facts": merged})


# --- update, release, info -------------------------------------------------------------------------------------------


def check_ours(lock, params):
    if lock is None:
        raise Refused(
            f"Run {params['run_id']} does not hold the lock of {params['workload']}",
            found="no lock",
            expected="the lock of this run",
            next_step="acquire it first",
        )
    if lock.run_id != params["run_id"]:
        record.check_take_over(lock, None, params["workload"])


def ensure_updated(module, connection, exists):
    params = module.params
    lock = read_lock(connection, params) if exists else None
    present = read_facts(connection, params)[0] if exists else {}
    merged = record.merge_facts(present, params["facts"])
    before = {"facts": present, "step": lock.step if lock else ""}
    after = {"facts": merged, "step": params["step"] or before["step"]}
    if module.check_mode:
        return build_result(exists, lock, merged, before != after, before, after)
    check_ours(lock, params)
    moved = record.with_step(lock, params["step"], time.time())
    if moved != lock:
        write_step(connection, params, moved)
    merged, written = write_facts(connection, params)
    return build_result(True, moved, merged, written or moved != lock, before, after)


def write_step(connection, params, lock):
    try:
        update_document(connection, params["table"], params["workload"], lock)
    except AwsError as error:
        if error.code != CONDITION_FAILED:
            raise
        check_ours(read_lock(connection, params), params)
        raise


def ensure_released(module, connection, exists):
    params = module.params
    lock = read_lock(connection, params) if exists else None
    facts = read_facts(connection, params)[0] if exists else {}
    if lock is None or lock.run_id != params["run_id"]:
        return {**build_result(exists, lock, facts), "lost": lock is not None}
    result = build_result(True, None, facts, True, {"lock": lock.public()}, {"lock": {}})
    if module.check_mode:
        return {**result, "lost": False}
    put_item(connection, params["table"], record.run_to_item(params["workload"], lock, time.time(), params["outcome"]))
    return {**result, "lost": not try_release(connection, params, lock)}


def try_release(connection, params, lock):
    try:
        delete_lock(connection, params["table"], params["workload"], lock)
    except AwsError as error:
        if error.code != CONDITION_FAILED:
            raise
        # After a lost answer the lock is gone, which is what was asked for.
        return read_lock(connection, params) is None
    return True


def read_info(module, connection, exists):
    params = module.params
    if not exists:
        return {**build_result(False, None, {}), "runs": []}
    facts = read_facts(connection, params)[0]
    return {**build_result(True, read_lock(connection, params), facts), "runs": read_runs(connection, params)}


STATES = {"acquired": ensure_acquired, "released": ensure_released, "updated": ensure_updated, "info": read_info}


def check_run_id(state, run_id):
    """Two runs without a name would take each other's lock for their own."""
    if state != "info" and not (run_id or "").strip():
        raise Refused(
            "A run needs a name to hold a lock",
            found="an empty run_id",
            expected="a name of its own for each run",
            next_step="enable the callback medzen.multiregion.run_report, which names the run, or give run_id",
        )


def ensure(module):
    check_run_id(module.params["state"], module.params["run_id"])
    connection = client(module, "dynamodb")
    exists = describe_table(connection, module.params["table"]) is not None
    return STATES[module.params["state"]](module, connection, exists)


def main():
    argument_spec = {
        "state": {"choices": ["acquired", "released", "updated", "info"], "default": "info"},
        "table": {"default": "medzen-multiregion-runs"},
        "workload": {"required": True},
        "run_id": {"fallback": (env_fallback, ["MEDZEN_MULTIREGION_RUN"])},
        "playbook": {},
        "step": {},
        "outcome": {"default": "ended"},
        "lease_s": {"type": "int", "default": 120},
        "take_over": {},
        "heartbeat": {"type": "bool", "default": True},
        "facts": {"type": "dict"},
        "history": {"type": "int", "default": 10},
        **wait_arguments(),
    }
    module = AnsibleAWSModule(
        argument_spec=argument_spec,
        required_if=[("state", state, ["run_id"]) for state in ("acquired", "released", "updated")],
        supports_check_mode=True,
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
