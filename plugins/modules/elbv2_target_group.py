#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: elbv2_target_group
version_added: 1.0.0
short_description: Manage a target group of an application load balancer, with a truthful check mode
description:
  - Creates, changes and deletes a target group, its health check, attributes and tags.
  - Port, protocol, VPC and kind of target cannot be changed at AWS. Where they differ the task refuses and says so; it
    never replaces a target group that may be serving.
  - Operations used are C(elasticloadbalancing:DescribeTargetGroups),
    C(elasticloadbalancing:DescribeTargetGroupAttributes), C(elasticloadbalancing:DescribeTags),
    C(elasticloadbalancing:CreateTargetGroup), C(elasticloadbalancing:ModifyTargetGroup),
    C(elasticloadbalancing:ModifyTargetGroupAttributes), C(elasticloadbalancing:AddTags),
    C(elasticloadbalancing:RemoveTags) and C(elasticloadbalancing:DeleteTargetGroup), with the IAM permissions of the
    same names.
author:
  - MedZen platform team (@medzen)
options:
  name:
    description:
      - Name of the target group, at most 32 characters.
    type: str
    required: true
  state:
    description:
      - Whether the target group is to be there.
    type: str
    choices: [present, absent]
    default: present
  vpc_id:
    description:
      - VPC of the targets. Required when O(state=present). Cannot be changed.
    type: str
  port:
    description:
      - Port of the targets. Required when O(state=present). Cannot be changed.
    type: int
  protocol:
    description:
      - Protocol that the balancer speaks to its targets. Cannot be changed.
    type: str
    choices: [HTTP, HTTPS]
    default: HTTP
  protocol_version:
    description:
      - Version of the protocol. Cannot be changed.
    type: str
    choices: [HTTP1, HTTP2, GRPC]
    default: HTTP1
  target_type:
    description:
      - How targets are registered. Tasks of the network mode C(awsvpc) are registered by C(ip). Cannot be changed.
    type: str
    choices: [ip, instance]
    default: ip
  health:
    description:
      - Health check of the targets. What is not given is left alone, or gets AWS's default when the group is created.
    type: dict
    suboptions:
      protocol:
        description:
          - Protocol of the health check.
        type: str
        choices: [HTTP, HTTPS]
      port:
        description:
          - Port of the health check, or V(traffic-port) for the port of the target.
        type: str
      path:
        description:
          - Path that is asked.
        type: str
      interval_s:
        description:
          - Seconds between two checks, from 5 to 300.
        type: int
      timeout_s:
        description:
          - Seconds after which a check has failed, from 2 to 120, less than the interval.
        type: int
      healthy:
        description:
          - Checks in a row after which a target is healthy, from 2 to 10.
        type: int
      unhealthy:
        description:
          - Checks in a row after which a target is unhealthy, from 2 to 10.
        type: int
      matcher:
        description:
          - Status codes that count as healthy, such as V(200) or V(200-299,401).
        type: str
  deregistration_delay_s:
    description:
      - Seconds for which a leaving target finishes its requests, from 0 to 3600. AWS's default is 300.
    type: int
  stickiness_s:
    description:
      - Seconds for which a client stays with its target by a cookie of the balancer; V(0) switches stickiness off.
    type: int
  slow_start_s:
    description:
      - Seconds over which a new target gets its full share, from 30 to 900; V(0) switches it off.
    type: int
  attributes:
    description:
      - Further attributes of the target group, named as AWS names them.
    type: dict
    default: {}
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
- name: Create the target group of the service
  medzen.multiregion.elbv2_target_group:
    region: eu-central-1
    name: medzen-ehrbase-tg-eu-central-1
    vpc_id: "{{ vpc.id }}"
    port: 8080
    health:
      path: /ehrbase/management/health
      interval_s: 30
      matcher: "200"
    deregistration_delay_s: 30
    stickiness_s: 86400
    tags:
      Workload: medzen-ehrbase
"""

RETURN = r"""
target_group:
  description: The target group as AWS describes it, in snake_case; in check mode as it would be.
  type: dict
  returned: when O(state=present)
  contains:
    target_group_arn:
      description: ARN of the target group. Missing in check mode for one that is not there yet.
      type: str
    target_group_name:
      description: Name of the target group.
      type: str
    load_balancer_arns:
      description: Load balancers that forward to it.
      type: list
      elements: str
    attributes:
      description: Its attributes, named as AWS names them.
      type: dict
      sample:
        deregistration_delay.timeout_seconds: "30"
        stickiness.enabled: "true"
    tags:
      description: Its tags.
      type: dict
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, snake
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

NAME_LENGTH_MAX = 32
DUPLICATE = "DuplicateTargetGroupName"
FIXED = ("Protocol", "ProtocolVersion", "Port", "VpcId", "TargetType")
HEALTH = {
    "protocol": "HealthCheckProtocol",
    "port": "HealthCheckPort",
    "path": "HealthCheckPath",
    "interval_s": "HealthCheckIntervalSeconds",
    "timeout_s": "HealthCheckTimeoutSeconds",
    "healthy": "HealthyThresholdCount",
    "unhealthy": "UnhealthyThresholdCount",
}


@describe("describe target group {name}", missing=("TargetGroupNotFound",))
def describe_target_group(connection, name):
    return connection.describe_target_groups(Names=[name], aws_retry=True)["TargetGroups"][0]


@describe("describe the attributes of target group {arn}")
def describe_attributes(connection, arn):
    answer = connection.describe_target_group_attributes(TargetGroupArn=arn, aws_retry=True)
    return {item["Key"]: item["Value"] for item in answer["Attributes"]}


@describe("describe the tags of target group {arn}")
def describe_tags(connection, arn):
    descriptions = connection.describe_tags(ResourceArns=[arn], aws_retry=True)["TagDescriptions"]
    return tagging.from_boto(descriptions[0]["Tags"]) if descriptions else {}


@describe("create target group {name}")
def create_target_group(connection, name, request):
    return connection.create_target_group(Name=name, **request, aws_retry=True)["TargetGroups"][0]


@describe("modify target group {arn}")
def modify_target_group(connection, arn, request):
    connection.modify_target_group(TargetGroupArn=arn, **request, aws_retry=True)


@describe("modify the attributes of target group {arn}")
def modify_attributes(connection, arn, attributes):
    pairs = [{"Key": key, "Value": value} for key, value in sorted(attributes.items())]
    connection.modify_target_group_attributes(TargetGroupArn=arn, Attributes=pairs, aws_retry=True)


@describe("tag target group {arn}")
def add_tags(connection, arn, tags):
    connection.add_tags(ResourceArns=[arn], Tags=tags, aws_retry=True)


@describe("remove tags from target group {arn}")
def remove_tags(connection, arn, keys):
    connection.remove_tags(ResourceArns=[arn], TagKeys=keys, aws_retry=True)


@describe("delete target group {arn}", missing=("TargetGroupNotFound",))
def delete_target_group(connection, arn):
    connection.delete_target_group(TargetGroupArn=arn, aws_retry=True)


def build_fixed(params):
    """What only creation can say."""
    return {
        "TargetType": params["target_type"],
        "Protocol": params["protocol"],
        "ProtocolVersion": params["protocol_version"],
        "Port": params["port"],
        "VpcId": params["vpc_id"],
    }


def build_health(params):
    """The health check as AWS takes it, without what is not given."""
    health = params["health"] or {}
    built = {key: health[option] for option, key in HEALTH.items() if health.get(option) is not None}
    if health.get("matcher"):
        kind = "GrpcCode" if params["protocol_version"] == "GRPC" else "HttpCode"
        built["Matcher"] = {kind: health["matcher"].replace(" ", "")}
    return built


def build_attributes(params):
    """Attributes as AWS keeps them: dotted names, text values."""
    attributes = {str(key): to_text(value) for key, value in params["attributes"].items()}
    if params["deregistration_delay_s"] is not None:
        attributes["deregistration_delay.timeout_seconds"] = str(params["deregistration_delay_s"])
    if params["slow_start_s"] is not None:
        attributes["slow_start.duration_seconds"] = str(params["slow_start_s"])
    if params["stickiness_s"] == 0:
        attributes["stickiness.enabled"] = "false"
    elif params["stickiness_s"] is not None:
        attributes["stickiness.enabled"] = "true"
        attributes["stickiness.type"] = "lb_cookie"
        attributes["stickiness.lb_cookie.duration_seconds"] = str(params["stickiness_s"])
    return attributes


def to_text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def find_drift(present, wanted):
    return {key: value for key, value in wanted.items() if present.get(key) != value}


def check_fixed(group, wanted):
    """Refuse what AWS cannot change. What AWS does not report (an old group's version) is no difference."""
    differing = [key for key in FIXED if key in wanted and key in group and group[key] != wanted[key]]
    if differing:
        raise Refused(
            f"Target group {group['TargetGroupName']} differs in what cannot be changed",
            found=", ".join(f"{key} {group[key]}" for key in differing),
            expected=", ".join(f"{key} {wanted[key]}" for key in differing),
            next_step="give the new target group another name, move the listeners to it, then delete this one",
        )


def check_name(name):
    if len(name) > NAME_LENGTH_MAX:
        raise Refused(
            "The name of a target group is too long",
            found=f"{name}, {len(name)} characters",
            expected=f"at most {NAME_LENGTH_MAX}",
        )


def find_group(connection, name):
    """The target group with its attributes and tags, or None."""
    group = describe_target_group(connection, name)
    if group is None:
        return None
    arn = group["TargetGroupArn"]
    return {**group, "Attributes": describe_attributes(connection, arn), "Tags": describe_tags(connection, arn)}


def shown(group):
    """The group as it is returned: attributes and tags keep their own names."""
    plain = {key: value for key, value in group.items() if key not in ("Attributes", "Tags")}
    return {**snake(plain), "attributes": group["Attributes"], "tags": group["Tags"]}


def diff_side(group):
    if not group:
        return {}
    identity = ("TargetGroupArn", "LoadBalancerArns")
    return shown({key: value for key, value in group.items() if key not in identity})


def create(connection, params):
    """The ARN of a new target group. One of its name that is there by now is the call's own, if it is like it."""
    name = params["name"]
    request = {**build_fixed(params), **build_health(params), "Tags": tagging.to_boto(params["tags"])}
    try:
        made = create_target_group(connection, name, {key: value for key, value in request.items() if value})
    except AwsError as error:
        made = describe_target_group(connection, name) if error.code == DUPLICATE else None
        if made is None:
            raise
        check_fixed(made, build_fixed(params))
    return made["TargetGroupArn"]


def write(connection, params, current, planned):
    """Create or change; each call only where something differs."""
    if current is None:
        arn = create(connection, params)
        attributes = find_drift(describe_attributes(connection, arn), planned["attributes"])
    else:
        arn, attributes = current["TargetGroupArn"], planned["attributes"]
        if planned["health"]:
            modify_target_group(connection, arn, planned["health"])
        if planned["to_set"]:
            add_tags(connection, arn, tagging.to_boto(planned["to_set"]))
        if planned["to_remove"]:
            remove_tags(connection, arn, planned["to_remove"])
    if attributes:
        modify_attributes(connection, arn, attributes)


def plan(current, params):
    """What has to change, as values."""
    present = current or {"Attributes": {}, "Tags": {}}
    to_set, to_remove = tagging.diff_tags(present["Tags"], params["tags"], params["purge_tags"])
    return {
        "health": find_drift(present, build_health(params)),
        "attributes": find_drift(present["Attributes"], build_attributes(params)),
        "to_set": to_set,
        "to_remove": to_remove,
    }


def build_after(current, params, planned):
    present = current or {"TargetGroupName": params["name"], **build_fixed(params), "Attributes": {}, "Tags": {}}
    kept = {key: value for key, value in present["Tags"].items() if key not in planned["to_remove"]}
    return {
        **present,
        **planned["health"],
        "Attributes": {**present["Attributes"], **planned["attributes"]},
        "Tags": {**kept, **planned["to_set"]},
    }


def ensure_present(module, connection):
    params = module.params
    check_name(params["name"])
    current = find_group(connection, params["name"])
    if current is not None:
        check_fixed(current, build_fixed(params))
    planned = plan(current, params)
    after = build_after(current, params, planned)
    result = {
        "changed": current is None or any(planned.values()),
        "target_group": shown(after),
        "diff": {"before": diff_side(current), "after": diff_side(after)},
    }
    if module.check_mode or not result["changed"]:
        return result
    write(connection, params, current, planned)
    return {**result, "target_group": shown(find_group(connection, params["name"]))}


def ensure_absent(module, connection):
    name = module.params["name"]
    current = find_group(connection, name)
    if current is not None and current.get("LoadBalancerArns"):
        raise Refused(
            f"Target group {name} is in use",
            found=", ".join(current["LoadBalancerArns"]),
            expected="no load balancer that forwards to it",
            next_step="delete those listeners or give them another target group",
        )
    result = {"changed": current is not None, "diff": {"before": diff_side(current), "after": {}}}
    if module.check_mode or current is None:
        return result
    delete_target_group(connection, current["TargetGroupArn"])
    if describe_target_group(connection, name) is not None:
        raise MultiregionError(f"Target group {name} is still listed after its deletion", result)
    return result


def ensure(module):
    connection = client(module, "elbv2")
    return (ensure_present if module.params["state"] == "present" else ensure_absent)(module, connection)


def main():
    health = {
        "protocol": {"choices": ["HTTP", "HTTPS"]},
        "port": {},
        "path": {},
        "interval_s": {"type": "int"},
        "timeout_s": {"type": "int"},
        "healthy": {"type": "int"},
        "unhealthy": {"type": "int"},
        "matcher": {},
    }
    argument_spec = {
        "name": {"required": True},
        "state": {"choices": ["present", "absent"], "default": "present"},
        "vpc_id": {},
        "port": {"type": "int"},
        "protocol": {"choices": ["HTTP", "HTTPS"], "default": "HTTP"},
        "protocol_version": {"choices": ["HTTP1", "HTTP2", "GRPC"], "default": "HTTP1"},
        "target_type": {"choices": ["ip", "instance"], "default": "ip"},
        "health": {"type": "dict", "options": health},
        "deregistration_delay_s": {"type": "int"},
        "stickiness_s": {"type": "int"},
        "slow_start_s": {"type": "int"},
        "attributes": {"type": "dict", "default": {}},
        **tagging.ARGUMENTS,
    }
    module = AnsibleAWSModule(
        argument_spec=argument_spec,
        required_if=[("state", "present", ["vpc_id", "port"])],
        supports_check_mode=True,
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
