#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: cloudwatch_alarms
version_added: 1.0.0
short_description: Manage a set of CloudWatch metric alarms in one call
description:
  - Creates, changes and deletes alarms on single metrics. A set is read with one listing and only what differs is
    written, so that a region's alarms cost one task.
  - Operations used are C(cloudwatch:DescribeAlarms), C(cloudwatch:ListTagsForResource), C(cloudwatch:PutMetricAlarm),
    C(cloudwatch:TagResource), C(cloudwatch:UntagResource) and C(cloudwatch:DeleteAlarms), with the IAM permissions of
    the same names.
author:
  - MedZen platform team (@medzen)
options:
  alarms:
    description:
      - The alarms. With O(state=absent) only their names are looked at.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the alarm.
        type: str
        required: true
      description:
        description: What it means, for whoever is woken by it.
        type: str
        default: ""
      namespace:
        description: Namespace of the metric, as V(AWS/RDS).
        type: str
      metric:
        description: Name of the metric.
        type: str
      dimensions:
        description: Dimensions of the metric by name.
        type: dict
        default: {}
      statistic:
        description: How the values of a period become one.
        type: str
        choices: [SampleCount, Average, Sum, Minimum, Maximum]
        default: Average
      comparison:
        description: How the value is compared with O(alarms[].threshold).
        type: str
        choices:
          - GreaterThanOrEqualToThreshold
          - GreaterThanThreshold
          - LessThanThreshold
          - LessThanOrEqualToThreshold
        default: GreaterThanThreshold
      threshold:
        description: The value that is compared with, in the metric's own unit.
        type: float
      period_s:
        description: Length of a period in seconds.
        type: int
        default: 300
      evaluation_periods:
        description: So many periods in a row raise the alarm.
        type: int
        default: 2
      missing_data:
        description: What a period without values counts as.
        type: str
        choices: [breaching, notBreaching, ignore, missing]
        default: missing
  actions:
    description:
      - ARNs that are told when an alarm is raised, and when it is over; usually an SNS topic.
    type: list
    elements: str
    default: []
  state:
    description:
      - Whether the alarms are to be there.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amazon.aws.tags
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Wake somebody when the database is busy
  medzen.multiregion.cloudwatch_alarms:
    region: eu-central-1
    actions: [arn:aws:sns:eu-central-1:123456789012:medzen-ehrbase-alarms-eu-central-1]
    alarms:
      - name: medzen-ehrbase-database-cpu-eu-central-1
        namespace: AWS/RDS
        metric: CPUUtilization
        dimensions: {DBInstanceIdentifier: medzen-ehrbase-db-eu-central-1}
        threshold: 70
    tags:
      Workload: medzen-ehrbase
"""

RETURN = r"""
alarms:
  description: Names of the alarms, each with what was done to it.
  type: dict
  returned: always
  sample:
    medzen-ehrbase-database-cpu-eu-central-1: created
    medzen-ehrbase-service-cpu-eu-central-1: unchanged
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, paginate
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

# CloudWatch takes and describes this many names a call.
NAMES_A_CALL = 100
COMPARED = (
    "AlarmDescription",
    "Namespace",
    "MetricName",
    "Dimensions",
    "Statistic",
    "ComparisonOperator",
    "Threshold",
    "Period",
    "EvaluationPeriods",
    "TreatMissingData",
    "ActionsEnabled",
    "AlarmActions",
    "OKActions",
)
NEEDED = ("namespace", "metric", "threshold")


@describe("describe the alarms {names}")
def describe_alarms(cloudwatch, names):
    return paginate(cloudwatch, "describe_alarms", "MetricAlarms", AlarmNames=names, AlarmTypes=["MetricAlarm"])


@describe("list the tags of alarm {arn}")
def list_tags(cloudwatch, arn):
    return tagging.from_boto(cloudwatch.list_tags_for_resource(ResourceARN=arn, aws_retry=True)["Tags"])


@describe("write alarm {name}")
def put_alarm(cloudwatch, name, request):
    cloudwatch.put_metric_alarm(AlarmName=name, **request, aws_retry=True)


@describe("tag alarm {arn}")
def tag(cloudwatch, arn, tags):
    cloudwatch.tag_resource(ResourceARN=arn, Tags=tagging.to_boto(tags), aws_retry=True)


@describe("remove tags from alarm {arn}")
def untag(cloudwatch, arn, keys):
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=keys, aws_retry=True)


@describe("delete the alarms {names}")
def delete_alarms(cloudwatch, names):
    cloudwatch.delete_alarms(AlarmNames=names, aws_retry=True)


def check_alarms(alarms, state):
    names = [alarm["name"] for alarm in alarms]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Refused("An alarm is described twice", found=", ".join(twice), expected="each name once")
    lacking = {alarm["name"]: [key for key in NEEDED if alarm[key] is None] for alarm in alarms if state == "present"}
    faults = [f"{name} lacks {', '.join(keys)}" for name, keys in lacking.items() if keys]
    if faults:
        raise Refused("An alarm is not described whole", found="; ".join(faults), expected=", ".join(NEEDED))


def build_request(alarm, actions):
    dimensions = [{"Name": name, "Value": str(value)} for name, value in sorted(alarm["dimensions"].items())]
    return {
        "AlarmDescription": alarm["description"],
        "Namespace": alarm["namespace"],
        "MetricName": alarm["metric"],
        "Dimensions": dimensions,
        "Statistic": alarm["statistic"],
        "ComparisonOperator": alarm["comparison"],
        "Threshold": float(alarm["threshold"]),
        "Period": alarm["period_s"],
        "EvaluationPeriods": alarm["evaluation_periods"],
        "TreatMissingData": alarm["missing_data"],
        "ActionsEnabled": True,
        "AlarmActions": sorted(actions),
        "OKActions": sorted(actions),
    }


def normalize(present):
    """A described alarm as a request would say it. CloudWatch leaves out what has its default."""
    dimensions = sorted(present.get("Dimensions", []), key=lambda one: one["Name"])
    defaults = {"AlarmDescription": "", "TreatMissingData": "missing", "ActionsEnabled": True}
    lists = {name: sorted(present.get(name) or []) for name in ("AlarmActions", "OKActions")}
    found = {name: present.get(name, defaults.get(name)) for name in COMPARED}
    return {**found, "AlarmDescription": found["AlarmDescription"] or "", "Dimensions": dimensions, **lists}


def plan_alarm(present, request, tags, params):
    """What one alarm needs: a write, and tags. A new one gets its tags with the write."""
    if present is None:
        return {"does": "created", "put": True, "to_set": {}, "to_remove": []}
    to_set, to_remove = tagging.diff_tags(tags, params["tags"], params["purge_tags"])
    put = normalize(present) != request
    does = "changed" if put or to_set or to_remove else "unchanged"
    return {"does": does, "put": put, "to_set": to_set, "to_remove": to_remove}


def find_alarms(cloudwatch, names):
    parts = [names[start : start + NAMES_A_CALL] for start in range(0, len(names), NAMES_A_CALL)]
    return {one["AlarmName"]: one for part in parts for one in describe_alarms(cloudwatch, part)}


def write(cloudwatch, name, present, request, planned, tags):
    if planned["put"]:
        new = {"Tags": tagging.to_boto(tags)} if present is None and tags else {}
        put_alarm(cloudwatch, name, {**request, **new})
    if planned["to_set"]:
        tag(cloudwatch, present["AlarmArn"], planned["to_set"])
    if planned["to_remove"]:
        untag(cloudwatch, present["AlarmArn"], planned["to_remove"])


def ensure_present(module, cloudwatch):
    params = module.params
    requests = {alarm["name"]: build_request(alarm, params["actions"]) for alarm in params["alarms"]}
    found = find_alarms(cloudwatch, list(requests))
    with_tags = params["tags"] is not None
    tags = {name: list_tags(cloudwatch, one["AlarmArn"]) if with_tags else {} for name, one in found.items()}
    plans = {name: plan_alarm(found.get(name), one, tags.get(name, {}), params) for name, one in requests.items()}
    if not module.check_mode:
        for name, planned in plans.items():
            write(cloudwatch, name, found.get(name), requests[name], planned, params["tags"])
    return {
        "changed": any(planned["does"] != "unchanged" for planned in plans.values()),
        "alarms": {name: planned["does"] for name, planned in plans.items()},
        "diff": {
            "before": {name: {**normalize(one), "Tags": tags[name]} for name, one in found.items()},
            "after": {
                name: {**one, "Tags": tags_after(tags.get(name), plans[name], params)} for name, one in requests.items()
            },
        },
    }


def tags_after(present, planned, params):
    if present is None:
        return {key: str(value) for key, value in (params["tags"] or {}).items()}
    return {key: value for key, value in {**present, **planned["to_set"]}.items() if key not in planned["to_remove"]}


def ensure_absent(module, cloudwatch):
    names = [alarm["name"] for alarm in module.params["alarms"]]
    found = find_alarms(cloudwatch, names)
    if found and not module.check_mode:
        for start in range(0, len(found), NAMES_A_CALL):
            delete_alarms(cloudwatch, sorted(found)[start : start + NAMES_A_CALL])
    return {
        "changed": bool(found),
        "alarms": {name: "deleted" if name in found else "absent" for name in names},
        "diff": {"before": {name: normalize(one) for name, one in found.items()}, "after": {}},
    }


def ensure(module):
    check_alarms(module.params["alarms"], module.params["state"])
    cloudwatch = client(module, "cloudwatch")
    return (ensure_present if module.params["state"] == "present" else ensure_absent)(module, cloudwatch)


ALARM = {
    "name": {"required": True},
    "description": {"default": ""},
    "namespace": {},
    "metric": {},
    "dimensions": {"type": "dict", "default": {}},
    "statistic": {"choices": ["SampleCount", "Average", "Sum", "Minimum", "Maximum"], "default": "Average"},
    "comparison": {
        "choices": [
            "GreaterThanOrEqualToThreshold",
            "GreaterThanThreshold",
            "LessThanThreshold",
            "LessThanOrEqualToThreshold",
        ],
        "default": "GreaterThanThreshold",
    },
    "threshold": {"type": "float"},
    "period_s": {"type": "int", "default": 300},
    "evaluation_periods": {"type": "int", "default": 2},
    "missing_data": {"choices": ["breaching", "notBreaching", "ignore", "missing"], "default": "missing"},
}


def main():
    argument_spec = {
        "alarms": {"type": "list", "elements": "dict", "required": True, "options": ALARM},
        "actions": {"type": "list", "elements": "str", "default": []},
        "state": {"choices": ["present", "absent"], "default": "present"},
        **tagging.ARGUMENTS,
    }
    run(AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
