#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: app_autoscaling
version_added: 1.0.0
short_description: Manage a scalable target and its target tracking policies as one object
description:
  - Registers a scalable target with its limits and suspended activities, and keeps its target tracking policies.
  - Check mode writes nothing, unlike M(community.aws.application_autoscaling_policy).
  - Suspending both scaling directions freezes a service for the time of a move; the limits stay as they are.
  - Operations used are C(application-autoscaling:DescribeScalableTargets),
    C(application-autoscaling:DescribeScalingPolicies), C(application-autoscaling:RegisterScalableTarget),
    C(application-autoscaling:PutScalingPolicy), C(application-autoscaling:DeleteScalingPolicy) and
    C(application-autoscaling:DeregisterScalableTarget), with the IAM permissions of the same names; policies of an ECS
    service also need C(cloudwatch:PutMetricAlarm), C(ecs:DescribeServices) and C(ecs:UpdateService).
author:
  - MedZen platform team (@medzen)
options:
  service_namespace:
    description:
      - Service of the target.
    type: str
    default: ecs
  resource_id:
    description:
      - The target, such as V(service/<cluster>/<service>) for an ECS service.
    type: str
    required: true
  scalable_dimension:
    description:
      - What is scaled.
    type: str
    default: ecs:service:DesiredCount
  state:
    description:
      - Whether the target is to be registered. V(absent) takes its policies with it.
    type: str
    choices: [present, absent]
    default: present
  min:
    description:
      - Least capacity. Required for a target that is not registered yet, otherwise left alone when not given.
    type: int
  max:
    description:
      - Greatest capacity. Required for a target that is not registered yet, otherwise left alone when not given.
    type: int
  suspended:
    description:
      - Which activities rest. What is not given is left alone.
    type: dict
    suboptions:
      in:
        description:
          - Whether policies may not scale in.
        type: bool
      out:
        description:
          - Whether policies may not scale out.
        type: bool
      scheduled:
        description:
          - Whether scheduled scaling rests.
        type: bool
  policies:
    description:
      - Target tracking policies, by name. Policies of the target that are not named stay, unless O(purge_policies).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Name of the policy.
        type: str
        required: true
      metric:
        description:
          - Predefined metric, such as V(ECSServiceAverageCPUUtilization). It replaces a customized one.
        type: str
        required: true
      resource_label:
        description:
          - Balancer and target group, for the metric V(ALBRequestCountPerTarget).
        type: str
      target_value:
        description:
          - Value that the metric is kept at, in the metric's unit (percent for utilisation).
        type: float
        required: true
      scale_out_cooldown_s:
        description:
          - Seconds after scaling out before the next scaling out.
        type: int
      scale_in_cooldown_s:
        description:
          - Seconds after scaling in before the next scaling in.
        type: int
      disable_scale_in:
        description:
          - Whether this policy never scales in.
        type: bool
        default: false
  purge_policies:
    description:
      - Whether policies of the target that O(policies) does not name are deleted.
    type: bool
    default: false
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
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
- name: Scale the service with its load
  medzen.multiregion.app_autoscaling:
    region: eu-central-1
    resource_id: service/medzen-ehrbase-cluster-eu-central-1/ehrbase-service
    min: 2
    max: 6
    policies:
      - name: cpu
        metric: ECSServiceAverageCPUUtilization
        target_value: 70
        scale_out_cooldown_s: 60
        scale_in_cooldown_s: 300

- name: Freeze the number of tasks for the cutover
  medzen.multiregion.app_autoscaling:
    region: af-south-1
    resource_id: service/medzen-ehrbase-cluster-af-south-1/ehrbase-service
    suspended: {in: true, out: true, scheduled: true}
"""

RETURN = r"""
scalable_target:
  description: The scalable target in snake_case; in check mode as it would be.
  type: dict
  returned: when O(state=present)
  sample:
    max_capacity: 6
    min_capacity: 2
    resource_id: service/medzen-ehrbase-cluster-eu-central-1/ehrbase-service
    scalable_dimension: ecs:service:DesiredCount
    service_namespace: ecs
    suspended_state:
      dynamic_scaling_in_suspended: false
      dynamic_scaling_out_suspended: false
      scheduled_scaling_suspended: false
policies:
  description: The policies of the target in snake_case, in the order of their names.
  type: list
  elements: dict
  returned: when O(state=present)
unmanaged_policies:
  description: Names of policies of the target that O(policies) does not name and that stay.
  type: list
  elements: str
  returned: when O(state=present)
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, paginate, snake
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

GONE = ("ObjectNotFoundException",)
SUSPENDED = {
    "in": "DynamicScalingInSuspended",
    "out": "DynamicScalingOutSuspended",
    "scheduled": "ScheduledScalingSuspended",
}
CONFIGURATION = "TargetTrackingScalingPolicyConfiguration"
# A policy follows one metric: a predefined one, which is what the options name, or this.
OTHER_METRIC = "CustomizedMetricSpecification"
TARGET_SHOWN = ("MinCapacity", "MaxCapacity", "SuspendedState")


@describe("describe scalable target {key[ResourceId]}")
def describe_target(connection, key):
    targets = paginate(
        connection,
        "describe_scalable_targets",
        "ScalableTargets",
        ServiceNamespace=key["ServiceNamespace"],
        ResourceIds=[key["ResourceId"]],
        ScalableDimension=key["ScalableDimension"],
    )
    return targets[0] if targets else None


@describe("describe the scaling policies of {key[ResourceId]}")
def describe_policies(connection, key):
    policies = paginate(connection, "describe_scaling_policies", "ScalingPolicies", **key)
    return {policy["PolicyName"]: policy for policy in policies}


@describe("register scalable target {key[ResourceId]}")
def register_target(connection, key, request):
    connection.register_scalable_target(**key, **request, aws_retry=True)


@describe("put scaling policy {name} of {key[ResourceId]}")
def put_policy(connection, key, name, configuration):
    request = {"PolicyName": name, "PolicyType": "TargetTrackingScaling", CONFIGURATION: configuration}
    connection.put_scaling_policy(**key, **request, aws_retry=True)


@describe("delete scaling policy {name} of {key[ResourceId]}", missing=GONE)
def delete_policy(connection, key, name):
    connection.delete_scaling_policy(**key, PolicyName=name, aws_retry=True)


@describe("deregister scalable target {key[ResourceId]}", missing=GONE)
def deregister_target(connection, key):
    connection.deregister_scalable_target(**key, aws_retry=True)


def build_key(params):
    return {
        "ServiceNamespace": params["service_namespace"],
        "ResourceId": params["resource_id"],
        "ScalableDimension": params["scalable_dimension"],
    }


def build_suspended(suspended):
    """The activities that are named, as AWS names them."""
    given = suspended or {}
    return {key: given[option] for option, key in SUSPENDED.items() if given.get(option) is not None}


def build_target_drift(present, params):
    """What RegisterScalableTarget has to be sent, nothing when the target is as wanted."""
    limits = {"MinCapacity": params["min"], "MaxCapacity": params["max"]}
    drift = {key: value for key, value in limits.items() if value is not None and value != (present or {}).get(key)}
    now = {key: False for key in SUSPENDED.values()} | (present or {}).get("SuspendedState", {})
    suspended = {**now, **build_suspended(params["suspended"])}
    if suspended != now:
        drift["SuspendedState"] = suspended
    return drift


def build_configuration(policy):
    metric = {"PredefinedMetricType": policy["metric"]}
    if policy.get("resource_label"):
        metric["ResourceLabel"] = policy["resource_label"]
    configuration = {
        "PredefinedMetricSpecification": metric,
        "TargetValue": float(policy["target_value"]),
        "ScaleOutCooldown": policy.get("scale_out_cooldown_s"),
        "ScaleInCooldown": policy.get("scale_in_cooldown_s"),
        "DisableScaleIn": bool(policy.get("disable_scale_in")),
    }
    return {key: value for key, value in configuration.items() if value is not None}


def build_policy_drift(present, policies):
    """The configurations to put, by name. Only what the options name is compared."""
    drift = {}
    for policy in policies:
        wanted = build_configuration(policy)
        found = {"DisableScaleIn": False, **present.get(policy["name"], {}).get(CONFIGURATION, {})}
        if policy["name"] not in present or any(found.get(key) != value for key, value in wanted.items()):
            # What the options leave out keeps the value that it has.
            kept = found if policy["name"] in present else {}
            drift[policy["name"]] = {key: value for key, value in kept.items() if key != OTHER_METRIC} | wanted
    return drift


def check_names(policies):
    names = [policy["name"] for policy in policies]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Refused("A policy is named twice", found=", ".join(twice), expected="each policy once")


def check_kinds(present, policies):
    """A policy of another kind has the name: AWS would refuse to turn it into a target tracking one."""
    for policy in policies:
        kind = present.get(policy["name"], {}).get("PolicyType", "TargetTrackingScaling")
        if kind != "TargetTrackingScaling":
            raise Refused(
                f"Policy {policy['name']} is of another kind",
                found=kind,
                expected="TargetTrackingScaling",
                next_step="give this policy another name, or delete that one",
            )


def check_limits(present, params):
    """Both limits are needed once, and have to be in order."""
    least = params["min"] if params["min"] is not None else (present or {}).get("MinCapacity")
    most = params["max"] if params["max"] is not None else (present or {}).get("MaxCapacity")
    if least is None or most is None:
        raise Refused(
            f"Scalable target {params['resource_id']} is not registered",
            found=f"min {params['min']}, max {params['max']}",
            expected="min and max, to register it",
        )
    if least > most:
        raise Refused("The limits are the wrong way round", found=f"min {least}, max {most}", expected="min <= max")


def shown_policies(policies):
    return {name: snake(policy.get(CONFIGURATION, {})) for name, policy in sorted(policies.items())}


def diff_side(target, policies):
    if target is None:
        return {}
    return {
        **snake({key: target[key] for key in TARGET_SHOWN if key in target}),
        "policies": shown_policies(policies),
    }


def write(connection, key, planned):
    """Policies that go, the target, policies that come: a policy needs its target."""
    for name in planned["purge"]:
        delete_policy(connection, key, name)
    if planned["target"] or planned["register"]:
        register_target(connection, key, planned["target"])
    for name, configuration in planned["policies"].items():
        put_policy(connection, key, name, configuration)


def plan(target, policies, params):
    """What has to change, as values."""
    named = {policy["name"] for policy in params["policies"]}
    unnamed = sorted(set(policies) - named)
    return {
        "register": target is None,
        "target": build_target_drift(target, params),
        "policies": build_policy_drift(policies, params["policies"]),
        "purge": unnamed if params["purge_policies"] else [],
        "unmanaged": [] if params["purge_policies"] else unnamed,
    }


def build_after(key, target, policies, planned):
    after = {**key, **(target or {}), **planned["target"]}
    kept = {name: policy for name, policy in policies.items() if name not in planned["purge"]}
    put = {
        name: {
            **kept.get(name, {"PolicyName": name, "PolicyType": "TargetTrackingScaling"}),
            CONFIGURATION: configuration,
        }
        for name, configuration in planned["policies"].items()
    }
    return after, {**kept, **put}


def build_result(target, policies):
    return {"scalable_target": snake(target), "policies": [snake(policies[name]) for name in sorted(policies)]}


def ensure_present(module, connection, key):
    params = module.params
    target, policies = describe_target(connection, key), describe_policies(connection, key)
    check_names(params["policies"])
    check_kinds(policies, params["policies"])
    check_limits(target, params)
    planned = plan(target, policies, params)
    after = build_after(key, target, policies, planned)
    result = {
        "changed": any(planned[part] for part in ("register", "target", "policies", "purge")),
        "unmanaged_policies": planned["unmanaged"],
        "diff": {"before": diff_side(target, policies), "after": diff_side(*after)},
    }
    if module.check_mode or not result["changed"]:
        return {**result, **build_result(*after)}
    write(connection, key, planned)
    return {**result, **build_result(describe_target(connection, key), describe_policies(connection, key))}


def ensure_absent(module, connection, key):
    target, policies = describe_target(connection, key), describe_policies(connection, key)
    result = {"changed": target is not None, "diff": {"before": diff_side(target, policies), "after": {}}}
    if module.check_mode or target is None:
        return result
    deregister_target(connection, key)
    if describe_target(connection, key) is not None:
        raise MultiregionError(f"Scalable target {key['ResourceId']} is still listed after its removal", result)
    return result


def ensure(module):
    connection = client(module, "application-autoscaling")
    key = build_key(module.params)
    return (ensure_present if module.params["state"] == "present" else ensure_absent)(module, connection, key)


def main():
    policy = {
        "name": {"required": True},
        "metric": {"required": True},
        "resource_label": {},
        "target_value": {"type": "float", "required": True},
        "scale_out_cooldown_s": {"type": "int"},
        "scale_in_cooldown_s": {"type": "int"},
        "disable_scale_in": {"type": "bool", "default": False},
    }
    argument_spec = {
        "service_namespace": {"default": "ecs"},
        "resource_id": {"required": True},
        "scalable_dimension": {"default": "ecs:service:DesiredCount"},
        "state": {"choices": ["present", "absent"], "default": "present"},
        "min": {"type": "int"},
        "max": {"type": "int"},
        "suspended": {"type": "dict", "options": {option: {"type": "bool"} for option in SUSPENDED}},
        "policies": {"type": "list", "elements": "dict", "default": [], "options": policy},
        "purge_policies": {"type": "bool", "default": False},
    }
    run(AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
