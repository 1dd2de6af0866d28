#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: ec2_flow_log
version_added: 1.0.0
short_description: Manage the flow log of a VPC, subnet or network interface
description:
  - Keeps one flow log for a resource and a destination.
  - AWS has no operation that changes a flow log. Where the traffic, the role, the interval or the format differ, a new
    flow log is created first and the old one deleted then, so that no traffic goes unrecorded. Only where AWS takes
    the new one for a duplicate of the old one (C(FlowLogAlreadyExists)) the old one is deleted first.
  - Operations used are C(ec2:DescribeFlowLogs), C(ec2:CreateFlowLogs), C(ec2:DeleteFlowLogs), C(ec2:CreateTags) and
    C(ec2:DeleteTags), with the IAM permissions of the same names; delivery to a log group also needs C(iam:PassRole)
    for O(role_arn), and to a bucket C(logs:CreateLogDelivery) and C(logs:DeleteLogDelivery).
author:
  - MedZen platform team (@medzen)
options:
  vpc_id:
    description:
      - Id of the VPC, subnet (V(subnet-...)) or network interface (V(eni-...)) whose traffic is recorded.
    type: str
    required: true
    aliases: [resource_id]
  state:
    description:
      - Whether the flow log is to be there.
    type: str
    choices: [present, absent]
    default: present
  log_group:
    description:
      - CloudWatch log group that takes the records.
      - Exactly one of O(log_group) and O(bucket_arn) is required.
    type: str
  bucket_arn:
    description:
      - ARN of the S3 bucket, or of a folder in it, that takes the records.
    type: str
  role_arn:
    description:
      - Role that delivers to O(log_group). Required with it when O(state=present).
    type: str
  traffic_type:
    description:
      - Which traffic is recorded.
    type: str
    choices: [ACCEPT, REJECT, ALL]
    default: ALL
  aggregation_interval_s:
    description:
      - Longest time over which packets of one flow are put together, in seconds.
    type: int
    choices: [60, 600]
    default: 600
  log_format:
    description:
      - Fields of a record, such as V(${version} ${vpc-id} ${srcaddr}). Not given leaves the format alone, or takes
        AWS's default for a new flow log.
    type: str
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
- name: Record the traffic of the VPC
  medzen.multiregion.ec2_flow_log:
    region: eu-central-1
    vpc_id: "{{ vpc.id }}"
    log_group: /vpc/medzen-ehrbase-vpc-eu-central-1
    role_arn: arn:aws:iam::123456789012:role/medzen-vpc-flow-logs
    tags:
      Workload: medzen-ehrbase

- name: Stop recording
  medzen.multiregion.ec2_flow_log:
    region: af-south-1
    vpc_id: "{{ vpc.id }}"
    log_group: /vpc/medzen-ehrbase-vpc-af-south-1
    state: absent
"""

RETURN = r"""
flow_log:
  description: The flow log as EC2 describes it, in snake_case, its tags as a dict; in check mode as it would be.
  type: dict
  returned: when O(state=present)
  sample:
    deliver_logs_status: SUCCESS
    flow_log_id: fl-0a1b2c3d4e5f60718
    log_destination_type: cloud-watch-logs
    log_group_name: /vpc/medzen-ehrbase-vpc-eu-central-1
    resource_id: vpc-0a1b2c3d4e5f60718
    traffic_type: ALL
replaced:
  description: Ids of the flow logs that this one takes the place of.
  type: list
  elements: str
  returned: when O(state=present)
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, paginate, snake, token
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

RESOURCE_TYPES = {"vpc": "VPC", "subnet": "Subnet", "eni": "NetworkInterface"}
FIXED = ("TrafficType", "DeliverLogsPermissionArn", "MaxAggregationInterval", "LogFormat")
DUPLICATE = "FlowLogAlreadyExists"
DEFAULTS = {"MaxAggregationInterval": 600}


@describe("describe the flow logs of {resource_id}")
def describe_flow_logs(connection, resource_id):
    filters = [{"Name": "resource-id", "Values": [resource_id]}]
    return paginate(connection, "describe_flow_logs", "FlowLogs", Filters=filters)


@describe("create a flow log of {resource_id}")
def create_flow_log(connection, resource_id, request):
    return connection.create_flow_logs(ResourceIds=[resource_id], **request, aws_retry=True)


@describe("delete flow log {flow_log_id}", missing=("InvalidFlowLogId.NotFound",), default={})
def delete_flow_log(connection, flow_log_id):
    return connection.delete_flow_logs(FlowLogIds=[flow_log_id], aws_retry=True)


@describe("tag flow log {flow_log_id}")
def create_tags(connection, flow_log_id, tags):
    connection.create_tags(Resources=[flow_log_id], Tags=tagging.to_boto(tags), aws_retry=True)


@describe("remove tags from flow log {flow_log_id}")
def delete_tags(connection, flow_log_id, keys):
    connection.delete_tags(Resources=[flow_log_id], Tags=[{"Key": key} for key in keys], aws_retry=True)


def check_succeeded(answer, what):
    """These calls answer 200 for what they could not do."""
    for item in answer.get("Unsuccessful", []):
        error = item.get("Error", {})
        text = f"Failed to {what}: {error.get('Code')}: {error.get('Message')}"
        raise MultiregionError(text, {"error_code": error.get("Code")})


def build_resource_type(resource_id):
    kind = RESOURCE_TYPES.get(resource_id.split("-")[0])
    if kind is None:
        raise Refused(
            "A flow log is kept for a VPC, a subnet or a network interface",
            found=resource_id,
            expected="an id that begins with vpc-, subnet- or eni-",
        )
    return kind


def build_settings(params):
    """What a flow log is made with and cannot change afterwards, without what is not given."""
    settings = {
        "TrafficType": params["traffic_type"],
        "DeliverLogsPermissionArn": params["role_arn"] if params["log_group"] else None,
        "MaxAggregationInterval": params["aggregation_interval_s"],
        "LogFormat": params["log_format"],
    }
    return {key: value for key, value in settings.items() if value is not None}


def build_destination(params):
    if params["log_group"]:
        return {"LogDestinationType": "cloud-watch-logs", "LogGroupName": params["log_group"]}
    return {"LogDestinationType": "s3", "LogDestination": params["bucket_arn"]}


def build_request(params):
    resource_id = params["vpc_id"]
    kind = build_resource_type(resource_id)
    request = {
        "ResourceType": kind,
        "ClientToken": token("flow log", resource_id, *sorted(build_destination(params).values())),
        **build_destination(params),
        **build_settings(params),
    }
    if params["tags"]:
        request["TagSpecifications"] = [{"ResourceType": "vpc-flow-log", "Tags": tagging.to_boto(params["tags"])}]
    return request


def has_destination(flow_log, destination):
    """The log group by name: EC2 also gives its ARN as LogDestination."""
    found = {"LogDestinationType": "cloud-watch-logs", **flow_log}
    return all(str(found.get(key)).rstrip("/") == value.rstrip("/") for key, value in destination.items())


def find_drift(flow_log, settings):
    found = {**DEFAULTS, **flow_log}
    return {key: value for key, value in settings.items() if found.get(key) != value}


def find_flow_logs(connection, params):
    """All flow logs of the resource and destination, with their tags as a dict."""
    destination = build_destination(params)
    found = [item for item in describe_flow_logs(connection, params["vpc_id"]) if has_destination(item, destination)]
    return [{**item, "Tags": tagging.from_boto(item.get("Tags"))} for item in found]


def split_existing(existing, settings):
    """The one that is as wanted, and those that it takes the place of."""
    matching = [item for item in existing if not find_drift(item, settings)]
    current = matching[0] if matching else None
    return current, [item for item in existing if item is not current]


def shown(flow_log):
    return {**snake({key: value for key, value in flow_log.items() if key != "Tags"}), "tags": flow_log["Tags"]}


def diff_side(flow_log):
    if flow_log is None:
        return {}
    keys = ("LogDestinationType", "LogGroupName", "LogDestination", *FIXED)
    return {**snake({key: flow_log[key] for key in keys if key in flow_log}), "tags": flow_log["Tags"]}


def plan(existing, params):
    """What has to change, as values. A replacement keeps the old one's format and, if no tags are given, its tags."""
    settings = build_settings(params)
    current, old = split_existing(existing, settings)
    model = current or (old[0] if old else None)
    present = model["Tags"] if model else {}
    to_set, to_remove = tagging.diff_tags(present, params["tags"], params["purge_tags"])
    tags = {**{key: value for key, value in present.items() if key not in to_remove}, **to_set}
    base = model or {"ResourceId": params["vpc_id"], **build_destination(params)}
    after = {**base, **settings, "Tags": tags}
    if current is None:
        after.pop("FlowLogId", None)
    return {"current": current, "old": old, "to_set": to_set, "to_remove": to_remove, "after": after, "model": model}


def write(connection, params, planned):
    """Bring about what is planned, with as little traffic unrecorded as AWS allows."""
    current = planned["current"]
    if current is None:
        replace(connection, params, planned)
        return
    if planned["to_set"]:
        create_tags(connection, current["FlowLogId"], planned["to_set"])
    if planned["to_remove"]:
        delete_tags(connection, current["FlowLogId"], planned["to_remove"])
    delete_all(connection, planned["old"])


def replace(connection, params, planned):
    """Create first, then delete. Where AWS takes the new one for a duplicate of the old one, the old one goes first."""
    after = planned["after"]
    kept = {"log_format": params["log_format"] or after.get("LogFormat"), "tags": after["Tags"]}
    request = build_request({**params, **kept})
    try:
        create(connection, params["vpc_id"], request)
    except MultiregionError as error:
        if not planned["old"] or error.result.get("error_code") != DUPLICATE:
            raise
        delete_all(connection, planned["old"])
        create(connection, params["vpc_id"], request)
        return
    delete_all(connection, planned["old"])


def create(connection, resource_id, request):
    check_succeeded(create_flow_log(connection, resource_id, request), f"create a flow log of {resource_id}")


def delete_all(connection, flow_logs):
    for item in flow_logs:
        delete(connection, item)


def delete(connection, flow_log):
    check_succeeded(delete_flow_log(connection, flow_log["FlowLogId"]), f"delete flow log {flow_log['FlowLogId']}")


def ensure_present(module, connection):
    params = module.params
    planned = plan(find_flow_logs(connection, params), params)
    current = planned["current"]
    result = {
        "changed": current is None or any(planned[part] for part in ("old", "to_set", "to_remove")),
        "flow_log": shown(planned["after"]),
        "replaced": [item["FlowLogId"] for item in planned["old"]],
        "diff": {"before": diff_side(planned["model"]), "after": diff_side(planned["after"])},
    }
    if not module.check_mode and result["changed"]:
        write(connection, params, planned)
        found, _old = split_existing(find_flow_logs(connection, params), build_settings(params))
        result["flow_log"] = shown(found or planned["after"])
    warn_of_delivery(module, result["flow_log"])
    return result


def warn_of_delivery(module, flow_log):
    """A flow log that cannot deliver looks ACTIVE all the same."""
    if flow_log.get("deliver_logs_status") == "FAILED":
        reason = flow_log.get("deliver_logs_error_message", "no reason given")
        module.warn(f"Flow log {flow_log.get('flow_log_id')} does not deliver: {reason}")


def ensure_absent(module, connection):
    params = module.params
    existing = find_flow_logs(connection, params)
    result = {
        "changed": bool(existing),
        "diff": {"before": {item["FlowLogId"]: diff_side(item) for item in existing}, "after": {}},
    }
    if module.check_mode or not existing:
        return result
    delete_all(connection, existing)
    if left := find_flow_logs(connection, params):
        ids = ", ".join(item["FlowLogId"] for item in left)
        raise MultiregionError(f"Flow logs are still listed after their deletion: {ids}", result)
    return result


def ensure(module):
    build_resource_type(module.params["vpc_id"])
    check_role(module.params)
    connection = client(module, "ec2")
    return (ensure_present if module.params["state"] == "present" else ensure_absent)(module, connection)


def check_role(params):
    if params["state"] == "present" and params["log_group"] and not params["role_arn"]:
        raise Refused("A log group needs a role that delivers to it", found="no role_arn", expected="role_arn")


def main():
    argument_spec = {
        "vpc_id": {"required": True, "aliases": ["resource_id"]},
        "state": {"choices": ["present", "absent"], "default": "present"},
        "log_group": {},
        "bucket_arn": {},
        "role_arn": {},
        "traffic_type": {"choices": ["ACCEPT", "REJECT", "ALL"], "default": "ALL"},
        "aggregation_interval_s": {"type": "int", "choices": [60, 600], "default": 600},
        "log_format": {},
        **tagging.ARGUMENTS,
    }
    module = AnsibleAWSModule(
        argument_spec=argument_spec,
        required_one_of=[("log_group", "bucket_arn")],
        mutually_exclusive=[("log_group", "bucket_arn")],
        supports_check_mode=True,
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
