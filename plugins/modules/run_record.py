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
  - The record is a DynamoDB table in each of several regions, so that it survives the loss of any one of them. It is
    made by the first acquisition, with on-demand capacity, point-in-time recovery and deletion protection.
  - The lock is taken in all regions, one after the other in the order of their names, or in none. It is a lease. A
    process on the controller, started by the acquisition, renews it in all of them every third of O(lease_s) while the
    playbook runs, and ends with it. A run whose lease is over in any region begins no more tasks of this collection.
  - A lock is taken from another run when its lease is over, when its controller is proved dead on this machine and
    none of its tasks works any more, or when O(take_over) names it. It is not taken from a run that is proved alive.
    Only the user who ran it, or one who sees every process, as root does, can prove that; for others the lease decides.
  - A region that does not answer within seconds refuses the task, unless O(lost_regions) names it. One that answers
    all the same counts like every other.
  - Facts have a version. The newest count, wherever they stand, and a region that was away is brought up to date by the
    next acquisition.
  - The verdicts of gates, with conditions, evidence and what was typed to override them, are taken over from the
    callback P(medzen.multiregion.run_report#callback) while the lock is held.
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
      - Name of the table, the same in each region.
    type: str
    default: medzen-multiregion-runs
  regions:
    description:
      - The regions that keep the record. Every run on the workload must name the same ones.
      - Empty means the module's region alone.
    type: list
    elements: str
    default: []
  lost_regions:
    description:
      - Those of O(regions) that are lost, typed by a person who has made sure of it. The run goes on where they do not
        answer. At least one region must be left.
    type: list
    elements: str
    default: []
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
  user:
    description:
      - Who runs it, for the record. Without it, the user of the operating system.
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
      - How many of the last runs to return, and to bring to a region that lacks them.
    type: int
    default: 10
  gates:
    description:
      - How many of the last verdicts of gates O(state=info) returns.
    type: int
    default: 0
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
    regions: [eu-central-1, eu-west-1]
    workload: medzen-ehrbase
    state: acquired
    run_id: 20261121t081200-cutover_dns
    playbook: cutover_dns
    take_over: "{{ run_record_take_over | default(omit) }}"

- name: Remember when the cutover was
  medzen.multiregion.run_record:
    regions: [eu-central-1, eu-west-1]
    workload: medzen-ehrbase
    state: updated
    run_id: 20261121t081200-cutover_dns
    step: switched
    facts:
      cutover_at: "2026-11-21T08:40:12Z"

- name: Give the lock back
  medzen.multiregion.run_record:
    regions: [eu-central-1, eu-west-1]
    workload: medzen-ehrbase
    state: released
    run_id: 20261121t081200-cutover_dns
"""

RETURN = r"""
exists:
  description: Whether the table is there, in every region that was asked.
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
    regions: [eu-central-1, eu-west-1]
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
gates:
  description: The last verdicts of gates, newest first, with run, time, host, conditions, evidence and override.
  type: list
  elements: dict
  returned: when O(state=info)
lost:
  description: Whether another run had taken the lock from this one.
  type: bool
  returned: when O(state=released)
"""

import contextlib
import getpass
import os
import socket
import time
from dataclasses import replace

from ansible.module_utils.basic import env_fallback
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import heartbeat, process, run_folder, run_table
from ansible_collections.medzen.multiregion.plugins.module_utils import run_lock as record
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import token
from ansible_collections.medzen.multiregion.plugins.module_utils.clients import in_parallel
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.run_regions import build_regions
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import wait_arguments, wait_until

# Two writers meet on facts at most once per step; more tries than these mean that something else is wrong.
TRIES_MAX = 5
GATES_MAX = 100


# --- reading ---------------------------------------------------------------------------------------------------------


def read_locks(regions):
    return regions.each(run_table.read_lock)


def first(locks):
    """The lock as the first region tells it; None when nobody holds it anywhere."""
    return next((locks[region] for region in sorted(locks) if locks[region] is not None), None)


def read_known(regions):
    """Whether every region has the table, the locks by region, and the newest facts."""
    known = regions.each(run_table.read_known)
    facts, _version = record.newest({region: (one.facts, one.version) for region, one in known.items()})
    return all(one.exists for one in known.values()), {region: one.lock for region, one in known.items()}, facts


def build_result(exists, lock, facts, changed=False, before=None, after=None):
    return {
        "changed": changed,
        "exists": exists,
        "lock": lock.public() if lock else {},
        "facts": facts,
        "diff": {"before": before or {}, "after": after or {}},
    }


# --- facts, runs and gates -------------------------------------------------------------------------------------------


def write_facts(regions, params):
    """Merge the given facts into the newest ones and bring every region there.

    The facts before and after it, and whether any region was behind.
    """
    for _attempt in range(TRIES_MAX):
        known = regions.each(run_table.read_facts)
        present, seen = record.newest(known)
        merged = record.merge_facts(present, params["facts"])
        version = seen if merged == present else record.next_version(seen, time.time())
        behind = [region for region in sorted(known) if known[region][1] < version]
        if not behind:
            return present, merged, False
        if bring_forward(regions, merged, version, known, behind):
            return present, merged, True
    raise MultiregionError(
        f"The facts of {params['workload']} change faster than they can be written. "
        "Next: see which other run writes them; its name is in the lock."
    )


def bring_forward(regions, facts, version, known, behind):
    """Whether the facts were written: in the first region over what was seen there, in the others over older ones.

    Two tasks of a run that write at the same time meet in the first region, and one of them begins again.
    """
    where, *rest = behind
    seen = known[where][1]
    if not all(regions.each(lambda table: run_table.try_put_facts(table, facts, version, seen), [where]).values()):
        return False
    regions.each(lambda table: run_table.try_put_facts(table, facts, version), rest)
    return True


def catch_up(regions, params):
    """Bring runs and gates to regions that were away when they were written; whether there were any."""
    found = False
    for kind, limit in ((record.RUN, max(params["history"], 1)), (record.GATE, GATES_MAX)):
        held = regions.each(lambda table, kind=kind, limit=limit: run_table.query(table, kind, limit))
        missing = record.find_missing(held)
        wanting = [region for region, items in missing.items() if items]
        regions.each(lambda table, missing=missing: copy_items(table, missing[table.region]), wanting)
        found = found or bool(wanting)
    return found


def copy_items(table, items):
    for item in items:
        run_table.copy_item(table, item)


def put_run(regions, lock, ended=None, outcome=""):
    regions.each(lambda table: run_table.put_item(table, record.run_to_item(table.workload, lock, ended, outcome)))


def put_gates(regions, run_id):
    """Carry the verdicts of this run's gates into the record; one that was written already is written as it was."""
    folder = run_folder.find()
    gates = run_folder.read_gates(folder)
    if not gates:
        return
    regions.each(lambda table: write_gates(table, run_id, gates))
    run_folder.gates_sent(folder, gates[-1][0])


def write_gates(table, run_id, gates):
    for number, gate in gates:
        run_table.put_item(table, record.gate_to_item(table.workload, run_id, number, gate))


# --- acquire ---------------------------------------------------------------------------------------------------------


def build_lock(params, regions, locks, now):
    previous = first({region: lock for region, lock in locks.items() if lock and lock.run_id == params["run_id"]})
    controller = process.find_controller()
    lock = record.Lock(
        run_id=params["run_id"],
        token=token("lock", params["workload"], params["run_id"]),
        expires=now + params["lease_s"],
        since=now,
        host=socket.gethostname(),
        user=params["user"] or getpass.getuser(),
        playbook=params["playbook"] or "",
        took_over=", ".join(lock.run_id for lock in record.others(locks, params["run_id"])),
        controller=controller.as_dict() if controller else None,
        regions=regions.names,
    )
    if previous:
        kept = {name: getattr(previous, name) for name in ("since", "took_over", "steps", "step")}
        lock = replace(lock, **kept)
    return record.with_step(lock, params["step"], now)


def judge(lock, params):
    """The verdict on a lock, with the tasks of its run that still work."""
    controller = lock.controller if lock else None
    owner = process.judge_controller(controller)
    # Tasks can be found only by the number that their controller announced.
    if owner == process.DEAD and not controller.get("announced"):
        owner = process.UNKNOWN
    survivors = process.find_survivors(controller) if owner == process.DEAD else []
    if survivors is None:
        owner, survivors = process.UNKNOWN, []
    return record.judge_lock(lock, params["run_id"], time.time(), owner, survivors), survivors


def wait_for_survivors(regions, params, locks):
    """Let the last task of a killed run come to its end; the locks as they are then."""
    finishing = [lock for lock in record.others(locks, params["run_id"]) if judge(lock, params)[0] == record.FINISHING]
    for lock in finishing:
        if not params["wait"]:
            record.check_finishing(lock, judge(lock, params)[1], params["workload"])
        wait_until(
            lambda lock=lock: judge(lock, params)[1],
            lambda left: not left,
            f"the last tasks of run {lock.run_id}",
            params["wait_timeout"],
            min(params["poll_seconds"], 1),
            text=lambda left: f"processes {left}",
        )
    return read_locks(regions) if finishing else locks


def check_free(locks, params):
    """Refuse locks that another run holds in any region, unless the holder's name was typed."""
    for lock in record.others(locks, params["run_id"]):
        if judge(lock, params)[0] == record.HELD:
            record.check_take_over(lock, params["take_over"], params["workload"])


def is_kept(locks, params):
    """Whether the lock is ours in every respect: in all regions, its lease not over, its heartbeat at work."""
    if not record.is_one(locks, params["run_id"]):
        return False
    return all(lock.expires > time.time() and (not params["heartbeat"] or is_beating(lock)) for lock in locks.values())


def is_beating(lock):
    controller = process.find_controller()
    same = (controller.as_dict() if controller else None) == lock.controller
    return same and (controller is None or process.read_stat(lock.heartbeat_pid) is not None)


def take_everywhere(regions, lock, locks, params):
    """Take the lock in one region after the other, in the same order for all runs; or in none."""
    try:
        for name in regions.names:
            won = regions.each(lambda table: run_table.try_lock(table, lock, locks.get(table.region)), [name])
            if not won.get(name, True):
                refuse_loser(regions, name, params)
    except MultiregionError:
        # What cannot be given back ends with its lease.
        in_parallel(lambda table: give_back(table, lock), regions.tables)
        raise


def give_back(table, lock):
    with contextlib.suppress(AwsError):
        run_table.try_release(table, lock)


def refuse_loser(regions, name, params):
    holder = regions.each(run_table.read_lock, [name]).get(name)
    if holder is not None:
        record.check_take_over(holder, None, params["workload"])
    raise MultiregionError(f"The lock of {params['workload']} changed hands at this moment. Next: run again.")


def take_lock(module, regions, locks):
    params, now = module.params, time.time()
    lock = build_lock(params, regions, locks, now)
    take_everywhere(regions, lock, locks, params)
    for previous in record.others(locks, params["run_id"]):
        put_run(regions, previous, now, f"interrupted, taken over by {params['run_id']}")
    put_run(regions, lock)
    start_heartbeat(module, lock, regions.names)
    return lock


def ensure_acquired(module, regions):
    params = module.params
    regions.include()
    if module.check_mode:
        return predict_acquired(regions, params)
    wait = params["wait_timeout"], params["poll_seconds"]
    created = any(regions.each(lambda table: run_table.ensure(table, *wait)).values())
    locks = wait_for_survivors(regions, params, read_locks(regions))
    check_free(locks, params)
    ours = record.is_one(locks, params["run_id"])
    lock = first(locks) if is_kept(locks, params) else take_lock(module, regions, locks)
    before = first(locks)
    known, facts, written = write_facts(regions, params)
    caught_up = catch_up(regions, params)
    warn_of_left_out(module, regions)
    return build_result(
        True,
        lock,
        facts,
        created or written or caught_up or not ours,
        {**({"lock": before.public()} if before else {}), "facts": known},
        {"lock": lock.public(), "facts": facts},
    )


def warn_of_left_out(module, regions):
    for region, why in sorted(regions.left_out.items()):
        module.warn(f"The run record goes on without {region}, which was typed as lost: {why}")


def predict_acquired(regions, params):
    exists, locks, facts = read_known(regions)
    check_free(locks, params)
    merged = record.merge_facts(facts, params["facts"])
    changed = not exists or not record.is_one(locks, params["run_id"]) or merged != facts
    lock = first(locks)
    before = {"lock": lock.public() if lock else {}, "facts": facts}
    return build_result(exists, lock, merged, changed, before, {"lock": {"run_id": params["run_id"]}, "facts": merged})


# --- heartbeat -------------------------------------------------------------------------------------------------------


def start_heartbeat(module, lock, names):
    """Renew the lease from a process of its own while the controller lives and the lock is ours."""
    params, folder = module.params, run_folder.find()
    if not params["heartbeat"] or lock.controller is None:
        return
    # Clients of its own, made before the fork and not used before it: connections cannot be shared.
    regions = build_regions(module)
    regions.include(names)
    beating = Beating(
        regions, lock, params["lease_s"], folder, run_folder.begin_lease(folder, lock.run_id, lock.expires)
    )

    def is_wanted():
        return process.judge_controller(lock.controller) == process.ALIVE

    heartbeat.detach(lambda: heartbeat.beat(beating.renew, is_wanted, params["lease_s"] / 3, tend=beating.carry_gates))


class Beating:
    """What the heartbeat does: renews the lease in all regions side by side, and says how long the run may go on."""

    def __init__(self, regions, lock, lease_s, folder, name):
        self.regions, self.lock, self.lease_s, self.folder, self.name = regions, lock, lease_s, folder, name
        self.tables = list(regions.tables)
        self.until = {table.region: lock.expires for table in self.tables if table.region not in regions.lost}

    def renew(self):
        expires = time.time() + self.lease_s
        answers = in_parallel(lambda table: run_table.try_renew(table, self.lock, expires, os.getpid()), self.tables)
        found = {table.region: answer for table, answer in zip(self.tables, answers, strict=True)}
        self.until |= {region: expires for region in self.until if found[region]}
        taken = [region for region, answer in found.items() if answer is False]
        # A full disk must not end the heartbeat: the file then says that the lease is over, sooner than it is.
        with contextlib.suppress(OSError):
            lost = f"the lock of another run, or none, in {', '.join(taken)}" if taken else ""
            run_folder.tell_lease(self.folder, self.name, min(self.until.values()), lost)
        if taken:
            return False
        return True if all(found[region] for region in self.until) else None

    def carry_gates(self):
        with contextlib.suppress(MultiregionError, OSError):
            put_gates(self.regions, self.lock.run_id)


# --- update, release, info -------------------------------------------------------------------------------------------


def check_ours(locks, params):
    """Refuse to go on unless every region that is asked holds this run's lock; the lock."""
    for region in sorted(locks):
        if locks[region] is None:
            raise Refused(
                f"Run {params['run_id']} does not hold the lock of {params['workload']}",
                found=f"no lock in {region}",
                expected="the lock of this run",
                next_step="acquire it first",
            )
        if locks[region].run_id != params["run_id"]:
            record.check_take_over(locks[region], None, params["workload"])
    return first(locks)


def ensure_updated(module, regions):
    params = module.params
    exists, locks, facts = read_known(regions)
    merged, lock = record.merge_facts(facts, params["facts"]), first(locks)
    before = {"facts": facts, "step": lock.step if lock else ""}
    after = {"facts": merged, "step": params["step"] or before["step"]}
    if module.check_mode:
        return build_result(exists, lock, merged, before != after, before, after)
    lock = check_ours(locks, params)
    regions.include(lock.regions)
    moved = record.with_step(lock, params["step"], time.time())
    if moved != lock:
        write_step(regions, params, moved)
    put_gates(regions, params["run_id"])
    _before, merged, written = write_facts(regions, params)
    return build_result(True, moved, merged, written or moved != lock, before, after)


def write_step(regions, params, lock):
    written = regions.each(lambda table: run_table.try_update(table, lock))
    if not all(written.values()):
        check_ours(read_locks(regions), params)
        raise MultiregionError(f"The lock of {params['workload']} changed hands at this moment. Next: run again.")


def ensure_released(module, regions):
    params = module.params
    exists, locks, facts = read_known(regions)
    lock = first({region: lock for region, lock in locks.items() if lock and lock.run_id == params["run_id"]})
    others = record.others(locks, params["run_id"])
    if lock is None:
        return {**build_result(exists, first(locks), facts), "lost": bool(others)}
    result = build_result(True, None, facts, True, {"lock": lock.public()}, {"lock": {}})
    if module.check_mode:
        return {**result, "lost": bool(others)}
    regions.include(lock.regions)
    try:
        put_gates(regions, params["run_id"])
        put_run(regions, lock, time.time(), params["outcome"])
    finally:
        # Where a region has fallen silent, the lock is given back in the others all the same.
        released = regions.each(lambda table: run_table.try_release(table, lock))
    run_folder.end_lease(run_folder.find())
    return {**result, "lost": not all(released.values())}


def read_info(module, regions):
    exists, locks, facts = read_known(regions)
    found = {
        name: record.merge_documents(
            regions.each(lambda table, kind=kind, limit=limit: run_table.query(table, kind, limit)), limit
        )
        for name, kind, limit in (
            ("runs", record.RUN, module.params["history"]),
            ("gates", record.GATE, module.params["gates"]),
        )
        if limit > 0
    }
    return {**build_result(exists, first(locks), facts), "runs": [], "gates": [], **found}


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
    return STATES[module.params["state"]](module, build_regions(module))


def main():
    argument_spec = {
        "state": {"choices": ["acquired", "released", "updated", "info"], "default": "info"},
        "table": {"default": "medzen-multiregion-runs"},
        "regions": {"type": "list", "elements": "str", "default": []},
        "lost_regions": {"type": "list", "elements": "str", "default": []},
        "workload": {"required": True},
        "run_id": {"fallback": (env_fallback, ["MEDZEN_MULTIREGION_RUN"])},
        "user": {},
        "playbook": {},
        "step": {},
        "outcome": {"default": "ended"},
        "lease_s": {"type": "int", "default": 120},
        "take_over": {},
        "heartbeat": {"type": "bool", "default": True},
        "facts": {"type": "dict"},
        "history": {"type": "int", "default": 10},
        "gates": {"type": "int", "default": 0},
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
