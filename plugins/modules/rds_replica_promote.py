#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: rds_replica_promote
version_added: 1.0.0
short_description: Promote an RDS replica, once it is proved that nothing is lost
description:
  - Makes a read replica a database of its own. This ends its replication for good.
  - The promotion is refused unless the caller gives evidence that the source takes no more writes and that the
    replica has replayed all of them. What is not known counts as not caught up.
  - It is also refused for an instance that is not at rest (a backup under way, above all), for one that replicates from
    another source, and for one that never was a replica of that source.
  - The source is written to the tag C(medzen:promoted-from) before the promotion is asked for. So a second run, also
    after an interrupted one, recognises the promoted instance, joins the promotion and changes nothing.
  - Operations used are C(rds:DescribeDBInstances), C(rds:AddTagsToResource) and C(rds:PromoteReadReplica), with the IAM
    permissions of the same names.
author:
  - MedZen platform team (@medzen)
options:
  db_instance_identifier:
    description:
      - The replica, in the module's region.
    type: str
    required: true
  expected_source_arn:
    description:
      - ARN of the instance that it must replicate from, or must have replicated from.
    type: str
    required: true
  evidence:
    description:
      - What was measured after the source was fenced. Not needed for an instance that has been promoted already.
    type: dict
    suboptions:
      source_fenced:
        description: Whether it was proved that the source refuses writes.
        type: bool
        default: false
      source_lsn:
        description: Log position of the source after the fence, for example V(16/B374D848).
        type: str
      replayed_lsn:
        description: Log position that the replica has replayed.
        type: str
      source_lost:
        description:
          - Whether the source cannot be asked any more, so that it can be neither fenced nor compared. Then
            O(evidence.replayed_lsn), O(evidence.possible_loss) and O(evidence.accepted_loss) decide.
        type: bool
        default: false
      possible_loss:
        description:
          - With O(evidence.source_lost), what has to be typed to accept what may be missing, as C(loss.acceptance) of
            M(medzen.multiregion.postgresql_replica_info) gives it. Empty only when nothing can be missing.
        type: str
      accepted_loss:
        description: With O(evidence.source_lost), what was typed.
        type: str
  max_lag_bytes:
    description:
      - Log that the replica may lack, in bytes. Anything but 0 means that as much may be lost.
    type: int
    default: 0
  accept_loss_bytes:
    description:
      - To promote although more than O(max_lag_bytes) is missing, the exact number of missing bytes, as the refusal
        gives it.
    type: int
  backup_retention_days:
    description:
      - Days for which the promoted database keeps its backups. RDS's own default is one day.
    type: int
    default: 7
  backup_window:
    description:
      - Daily backup window in UTC, for example V(03:00-04:00). Keep it away from the hour of the promotion.
    type: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - medzen.multiregion.wait
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
    details: An instance that is not there is reported by RV(role), because an earlier step may make it.
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Promote the new primary
  medzen.multiregion.rds_replica_promote:
    region: eu-central-1
    db_instance_identifier: medzen-ehrbase-db-eu-central-1
    expected_source_arn: arn:aws:rds:af-south-1:123456789012:db:medzen-ehrbase-db-af-south-1
    evidence:
      source_fenced: "{{ fence.fenced }}"
      source_lsn: "{{ fence.lsn }}"
      replayed_lsn: "{{ replica.replayed_lsn }}"
    backup_window: "03:00-04:00"
"""

RETURN = r"""
role:
  description: V(primary) or V(replica), as it is at the end; V(absent) in check mode when there is no instance.
  type: str
  returned: always
joined:
  description: Whether the promotion was under way when the task began.
  type: bool
  returned: always
lag_bytes:
  description: Log that the replica lacked, in bytes. Null when its source is lost.
  type: int
  returned: when the instance was a replica
promote_s:
  description: How long RDS took for the promotion, in seconds.
  type: float
  returned: when this task promoted it and waited
gate:
  description: The verdict on the promotion with its evidence.
  type: dict
  returned: always
  sample:
    name: promote
    verdict: pass
    evidence: {"source_fenced": true, "source_lsn": "0/5000148", "replayed_lsn": "0/5000148", "lag_bytes": 0}
instance:
  description: The instance as RDS describes it, in snake_case.
  type: dict
  returned: when it exists
"""

import time

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import lsn, rds
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, snake
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import wait_arguments

PROMOTED_FROM_TAG = "medzen:promoted-from"
GATE = "promote"


def is_same_source(found, expected_arn):
    """Within a region RDS names the source by its identifier, across regions by its ARN."""
    return found in (expected_arn, expected_arn.split(":")[-1])


def was_promoted_from(instance, expected_arn):
    """Whether an earlier run asked for this very promotion."""
    return tagging.from_boto(instance.get("TagList")).get(PROMOTED_FROM_TAG) == expected_arn


def judge_evidence(params):
    """The gate: verdict, evidence and, for a refusal, what is missing."""
    given = params["evidence"] or {}
    lag = lsn.lag_bytes(given.get("source_lsn"), given.get("replayed_lsn"))
    if given.get("source_lost"):
        return judge_lost(given)
    evidence = {
        "source_fenced": bool(given.get("source_fenced")),
        "source_lsn": given.get("source_lsn"),
        "replayed_lsn": given.get("replayed_lsn"),
        "lag_bytes": lag,
    }
    reasons = find_reasons(evidence, params)
    accepted = lag is not None and lag > 0 and params["accept_loss_bytes"] == lag
    verdict = "refuse" if reasons else ("override" if accepted else "pass")
    return {"name": GATE, "verdict": verdict, "evidence": evidence, "reasons": reasons}


def judge_lost(given):
    """The gate for a source that nobody can ask: what may be missing is typed, or nothing can be."""
    possible, accepted = given.get("possible_loss"), given.get("accepted_loss") or ""
    reasons = []
    if given.get("replayed_lsn") is None or possible is None:
        reasons.append("what the replica may lack is unknown")
    elif possible != "" and accepted != possible:
        reasons.append(f"it is not accepted to {possible}")
    evidence = {
        "source_lost": True,
        "replayed_lsn": given.get("replayed_lsn"),
        "possible_loss": possible,
        "accepted_loss": accepted,
        # Nobody is left to ask how far the source was.
        "lag_bytes": None,
    }
    verdict = "refuse" if reasons else ("override" if possible else "pass")
    return {"name": GATE, "verdict": verdict, "evidence": evidence, "reasons": reasons}


def find_reasons(evidence, params):
    """Why the promotion might lose writes; empty when it cannot."""
    reasons = []
    if not evidence["source_fenced"]:
        reasons.append("the source is not proved to refuse writes")
    lag = evidence["lag_bytes"]
    if lag is None:
        reasons.append("a log position is missing, so the lag is unknown")
    elif lag > params["max_lag_bytes"] and lag != params["accept_loss_bytes"]:
        reasons.append(f"the replica lacks {lag} bytes of log, allowed are {params['max_lag_bytes']}")
    return reasons


def check_gate(gate, name):
    if gate["verdict"] == "refuse":
        raise Refused(
            f"Replica {name} is not promoted",
            found="; ".join(gate["reasons"]),
            expected=gate_expectation(gate),
            next_step=gate_next_step(gate),
            result={"gate": gate},
        )


def gate_expectation(gate):
    if gate["evidence"].get("source_lost"):
        return "a replica that lacks nothing, or the typed acceptance of what it may lack"
    return "a fenced source and a replica that has replayed all of its log"


def gate_next_step(gate):
    if gate["evidence"].get("source_lost"):
        return "read the loss with postgresql_replica_info and give what was typed as evidence.accepted_loss"
    return "fence the source and wait until the replica has caught up"


def check_replica(instance, params):
    """Refuse an instance that is not the replica meant, or not at rest."""
    name, expected = params["db_instance_identifier"], params["expected_source_arn"]
    if not is_same_source(rds.source_arn(instance), expected):
        raise Refused(
            f"Database {name} is not a replica of the expected source",
            found=rds.source_arn(instance) or "no replica at all, and no record that it ever was",
            expected=expected,
            next_step="check expected_source_arn",
        )
    if not rds.is_available(instance):
        raise Refused(
            f"Replica {name} cannot be promoted now",
            found=f"status {rds.status(instance)}",
            expected="available",
            next_step="wait until it is at rest; keep the backup window away from the promotion",
        )


def check_options(params):
    if params["backup_retention_days"] < 1:
        raise Refused(
            "A promoted database without backups is not made",
            found=f"backup_retention_days {params['backup_retention_days']}",
            expected="1 or more",
        )


def build_result(instance, gate, changed, joined=False):
    role = "absent" if instance is None else ("replica" if rds.is_replica(instance) else "primary")
    result = {"changed": changed, "role": role, "joined": joined, "gate": gate}
    if instance is not None:
        result["instance"] = snake(instance)
    return result


def build_diff(name, changed):
    return {"before": {name: {"role": "replica"}}, "after": {name: {"role": "primary"}}} if changed else {}


def wait_promoted(connection, params):
    return rds.wait_instance(
        connection,
        params["db_instance_identifier"],
        rds.is_promoted,
        what=f"promotion of {params['db_instance_identifier']}",
        timeout_s=params["wait_timeout"],
        poll_seconds=params["poll_seconds"],
    )


def join_promotion(module, connection, instance):
    """An instance whose promotion an earlier run asked for: wait for the end of it."""
    gate = {"name": GATE, "verdict": "pass", "evidence": {"promoted_from": module.params["expected_source_arn"]}}
    under_way = not rds.is_promoted(instance)
    if under_way and module.params["wait"] and not module.check_mode:
        instance = wait_promoted(connection, module.params)
    return {**build_result(instance, gate, changed=False, joined=under_way), "diff": {}}


def start_promotion(connection, instance, params):
    name = params["db_instance_identifier"]
    rds.add_tags(connection, instance["DBInstanceArn"], {PROMOTED_FROM_TAG: params["expected_source_arn"]})
    return rds.promote(connection, name, params["backup_retention_days"], params["backup_window"])


def find_missing(module):
    """No such instance: planned in check mode, refused otherwise."""
    name = module.params["db_instance_identifier"]
    if not module.check_mode:
        raise Refused(
            f"There is no database {name} in {module.region}", next_step="check the identifier and the region"
        )
    gate = {"name": GATE, "verdict": "planned", "evidence": {}}
    return {**build_result(None, gate, changed=True), "diff": build_diff(name, True)}


def is_promotion_asked(instance, params):
    """Whether the promotion was asked for: recorded, and the replica is no longer idle with its link."""
    if not was_promoted_from(instance, params["expected_source_arn"]):
        return False
    # The record is written first: a run that died in between left an idle replica, still to be promoted.
    return not (rds.is_replica(instance) and rds.is_available(instance))


def ensure_promoted(module):
    params = module.params
    check_options(params)
    connection = client(module, "rds")
    instance = rds.describe_instance(connection, params["db_instance_identifier"])
    if instance is None:
        return find_missing(module)
    if is_promotion_asked(instance, params):
        return join_promotion(module, connection, instance)
    check_replica(instance, params)
    gate, took = judge_evidence(params), {}
    if not module.check_mode:
        check_gate(gate, params["db_instance_identifier"])
        began = time.monotonic()
        start_promotion(connection, instance, params)
        if params["wait"]:
            instance = wait_promoted(connection, params)
            took = {"promote_s": round(time.monotonic() - began, 3)}
    result = build_result(instance, gate, changed=True)
    diff = build_diff(params["db_instance_identifier"], True)
    return {**result, **took, "lag_bytes": gate["evidence"]["lag_bytes"], "diff": diff}


def main():
    evidence = {
        "source_fenced": {"type": "bool", "default": False},
        "source_lsn": {},
        "replayed_lsn": {},
        "source_lost": {"type": "bool", "default": False},
        "possible_loss": {},
        "accepted_loss": {},
    }
    argument_spec = {
        "db_instance_identifier": {"required": True},
        "expected_source_arn": {"required": True},
        "evidence": {"type": "dict", "options": evidence},
        "max_lag_bytes": {"type": "int", "default": 0},
        "accept_loss_bytes": {"type": "int"},
        "backup_retention_days": {"type": "int", "default": 7},
        "backup_window": {},
        **wait_arguments(),
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    run(module, ensure_promoted)


if __name__ == "__main__":
    main()
