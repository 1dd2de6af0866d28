#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: region_census_info
version_added: 1.0.0
short_description: List what a workload has in a region, kind by kind, and what a teardown would delete
description:
  - Lists every kind of resource that the collection knows in one region, all at once, and says for each kind whether
    something of the workload was C(found), C(none), C(scheduled) for deletion, or C(unknown).
  - A listing that fails is C(unknown). It is never taken for C(none).
  - Returns the plan of M(medzen.multiregion.region_teardown), in order, with what is kept and why, and a checksum that
    the teardown wants to be given.
  - What belongs to an item of the workload (a subnet to its VPC, an address to its NAT gateway) is the workload's too.
  - Global things, such as IAM roles and Route 53 records, are no part of a region and are not listed.
options:
  workload:
    description:
      - Value of the tag C(Workload) that marks what belongs to the workload.
    type: str
    required: true
  name_prefixes:
    description:
      - What has a name, or a part of a path in its name, that begins with one of these belongs to the workload as well.
      - Without any, O(workload) is the prefix.
    type: list
    elements: str
    default: []
  kinds:
    description:
      - The kinds to list. Without any, all of them. A census of some kinds proves nothing about the others.
    type: list
    elements: str
    default: []
  keep:
    description:
      - What must stay. Each entry names a whole kind, or one item of it by O(keep[].id).
    type: list
    elements: dict
    default: []
    suboptions:
      kind:
        description:
          - The kind, as in RV(kinds[].kind).
        type: str
        required: true
      id:
        description:
          - The item's id, as in RV(kinds[].items[].id). Without it the whole kind stays.
        type: str
      reason:
        description:
          - Why it stays. It is repeated in the plan.
        type: str
        required: true
  include:
    description:
      - Protected kinds or items that go after all, as C(rds_snapshot) or C(rds_snapshot/name).
      - Protected are snapshots, buckets and tables, because they may be backups or under retention.
    type: list
    elements: str
    default: []
  plan_items:
    description:
      - RV(plan_items) of an earlier census. They belong to the workload, even if what showed it is deleted by now.
    type: list
    elements: str
    default: []
notes:
  - Needs C(ec2:Describe*), C(rds:Describe*), C(rds:ListTagsForResource), C(ecs:List*), C(ecs:Describe*),
    C(application-autoscaling:DescribeScalableTargets), C(elasticloadbalancing:Describe*), C(acm:ListCertificates),
    C(acm:ListTagsForCertificate), C(apigateway:GET), C(lambda:ListFunctions), C(lambda:ListTags),
    C(cloudformation:DescribeStacks), C(cloudformation:ListStackResources), C(dynamodb:ListTables),
    C(dynamodb:DescribeTable), C(dynamodb:ListTagsOfResource), C(s3:ListAllMyBuckets), C(s3:GetBucketLocation),
    C(s3:GetBucketTagging), C(s3:GetEncryptionConfiguration), C(logs:DescribeLogGroups),
    C(cloudwatch:DescribeAlarms), C(sns:ListTopics), C(sns:GetTopicAttributes),
    C(sns:ListTagsForResource), C(kms:ListAliases), C(kms:ListKeys), C(kms:DescribeKey), C(kms:ListResourceTags),
    C(secretsmanager:ListSecrets), C(secretsmanager:DescribeSecret), C(bedrock:ListGuardrails),
    C(bedrock:GetGuardrail), C(bedrock:ListInferenceProfiles), C(bedrock:GetModelInvocationLoggingConfiguration),
    C(bedrock:ListTagsForResource), C(chime:ListAppInstances) and C(chime:ListTagsForResource).
  - A tag C(Protected) keeps an item, and a tag C(KeepUntil) keeps it until that date.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
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
author:
  - MedZen platform team (@medzen)
"""

EXAMPLES = r"""
- name: What is left in Cape Town
  medzen.multiregion.region_census_info:
    region: af-south-1
    workload: medzen-ehrbase
    name_prefixes: [medzen]
  register: census

- name: Keep the recordings
  medzen.multiregion.region_census_info:
    region: af-south-1
    workload: medzen-ehrbase
    include: [rds_snapshot]
    keep:
      - kind: dynamodb_table
        id: medzen-meeting-audit
        reason: kept for 7 years
"""

RETURN = r"""
region_name:
  description: The region that was listed.
  returned: always
  type: str
  sample: af-south-1
verdict:
  description: C(empty) when every kind was listed and nothing is left to delete, C(found), or C(unknown).
  returned: always
  type: str
  sample: found
summary:
  description: The verdict in a sentence.
  returned: always
  type: str
kinds:
  description: What was found of each kind.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: Name of the kind.
      type: str
      sample: rds_instance
    title:
      description: The kind as a person says it.
      type: str
      sample: RDS instances
    status:
      description: C(found), C(none), C(scheduled) or C(unknown).
      type: str
      sample: found
    reason:
      description: Why the kind is unknown.
      type: str
    items:
      description: What was found, with its owner and what the plan does with it.
      type: list
      elements: dict
      contains:
        kind: {description: Name of the kind., type: str}
        id: {description: "The item's id.", type: str}
        name: {description: Its name., type: str}
        arn: {description: Its ARN., type: str}
        tags: {description: Its tags., type: dict}
        state: {description: Its state., type: str}
        note: {description: What else is known., type: str, returned: when there is anything}
        owner: {description: What shows that it is of the workload; empty when nothing does., type: str}
        plan: {description: "C(foreign), C(keep), C(none), or what is done with it.", type: str}
        reason: {description: Why it is kept or foreign., type: str}
unknown_kinds:
  description: Kinds that could not be listed.
  returned: always
  type: list
  elements: str
plan:
  description:
    - What a teardown would C(delete) in which round, C(keep) and why, and what is not the workload's (C(foreign)).
  returned: always
  type: dict
plan_items:
  description: Everything that the plan deletes, as C(kind/id).
  returned: always
  type: list
  elements: str
  sample: ["rds_instance/medzen-ehrbase-db-af-south-1"]
plan_checksum:
  description: Checksum of RV(plan_items); M(medzen.multiregion.region_teardown) wants it.
  returned: always
  type: str
  sample: 3f1e8a0c6b7d2e94
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils.census.options import (
    PLAN_OPTIONS,
    build_rules,
    check_kinds,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.census.plan import (
    brief,
    build_plan,
    describe_plan,
    statuses,
    verdict,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import KINDS, Place
from ansible_collections.medzen.multiregion.plugins.module_utils.census.scan import scan
from ansible_collections.medzen.multiregion.plugins.module_utils.clients import Clients
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run


def take_census(module):
    clients = Clients(module)
    names = check_kinds(module.params["kinds"])
    findings = scan(Place(clients, clients.region), names or None)
    plan = build_plan(findings, build_rules(module.params))
    status = statuses(findings, plan)
    return {
        "changed": False,
        "region_name": clients.region,
        "verdict": verdict(plan),
        "summary": build_summary(clients.region, plan),
        "kinds": [build_kind(findings[name], status[name], plan) for name in sorted(findings)],
        "unknown_kinds": list(plan.unknown),
        "plan": describe_plan(plan, findings),
        "plan_items": list(plan.deletions),
        "plan_checksum": plan.checksum,
    }


def build_summary(region, plan):
    text = f"{region}: {len(plan.deletions)} to delete, {len(plan.kept)} kept"
    return (
        f"{text}; could not be listed: {', '.join(plan.unknown)}" if plan.unknown else f"{text}; every kind was listed"
    )


def build_kind(finding, status, plan):
    items = [
        {**brief(item), "arn": item.arn, "tags": item.tags, **build_owner(item, plan)} for item in finding.items or ()
    ]
    return {
        "kind": finding.kind,
        "title": KINDS[finding.kind].title,
        "status": status,
        "reason": finding.reason,
        "items": items,
    }


def build_owner(item, plan):
    if item.key not in plan.owners:
        return {"owner": "", "plan": "foreign", "reason": "not of this workload"}
    reason = plan.kept.get(item.key, "")
    intent = "keep" if reason else ("none" if item.state == "scheduled" else item.action)
    return {"owner": plan.owners[item.key], "plan": intent, "reason": reason}


def main():
    spec = {**PLAN_OPTIONS, "kinds": {"type": "list", "elements": "str", "default": []}}
    run(AnsibleAWSModule(argument_spec=spec, supports_check_mode=True), take_census)


if __name__ == "__main__":
    main()
