#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: ecs_service
version_added: 1.0.0
short_description: Manage an ECS service, compare all of it, and follow its rollout to the end
description:
  - Creates, changes and deletes a service that ECS deploys by rolling update.
  - Compares everything it can set with what ECS runs, also the network, the load balancers and the circuit breaker.
    What an option does not give is left alone, and so is the desired count, which belongs to autoscaling.
  - Waits until the deployment is C(COMPLETED) and as many tasks run as are desired. A deployment that fails or is
    rolled back makes the task fail, with the last events of the service.
  - What ECS cannot change in place (launch type, scheduling strategy, deployment controller) is refused by name.
  - Deletion sets the desired count to 0, deletes the service and waits until ECS lists it as C(INACTIVE), which is when
    its name is free again.
  - Operations used are C(ecs:DescribeServices), C(ecs:DescribeTaskDefinition), C(ecs:CreateService),
    C(ecs:UpdateService), C(ecs:DeleteService), C(ecs:TagResource) and C(ecs:UntagResource), with the IAM permissions of
    the same names; creating also needs C(iam:PassRole) for the roles of the task definition.
author:
  - MedZen platform team (@medzen)
options:
  name:
    description:
      - Name of the service.
    type: str
    required: true
  cluster:
    description:
      - Name or ARN of its cluster.
    type: str
    required: true
  state:
    description:
      - Whether the service is to be there.
    type: str
    choices: [present, absent]
    default: present
  task_definition:
    description:
      - Family, family and revision, or ARN of the task definition. A family alone is its newest active revision.
      - Required when O(state=present).
    type: str
  desired_count:
    description:
      - How many tasks are to run. Not given leaves the number alone; a service that is made gets V(1).
    type: int
  launch_type:
    description:
      - Where tasks run. Cannot be changed.
    type: str
    choices: [FARGATE, EC2, EXTERNAL]
    default: FARGATE
  platform_version:
    description:
      - Platform version of Fargate, such as V(1.4.0) or V(LATEST).
    type: str
  network:
    description:
      - Network of the tasks, for the network mode C(awsvpc).
    type: dict
    suboptions:
      subnets:
        description:
          - Ids of the subnets. Their order does not matter.
        type: list
        elements: str
        required: true
      security_groups:
        description:
          - Ids of the security groups. Their order does not matter.
        type: list
        elements: str
        default: []
      assign_public_ip:
        description:
          - Whether tasks get a public address.
        type: bool
        default: false
  load_balancers:
    description:
      - Target groups that the tasks are registered in. An empty list takes them out of all.
    type: list
    elements: dict
    suboptions:
      target_group_arn:
        description:
          - ARN of the target group.
        type: str
        required: true
      container_name:
        description:
          - Container of the task definition that takes the traffic.
        type: str
        required: true
      container_port:
        description:
          - Port of that container.
        type: int
        required: true
  deployment:
    description:
      - How a rollout goes.
    type: dict
    suboptions:
      max_percent:
        description:
          - How many tasks may run during a rollout, in percent of the desired count.
        type: int
      min_percent:
        description:
          - How many tasks must stay healthy during a rollout, in percent of the desired count.
        type: int
      circuit_breaker:
        description:
          - Whether a rollout whose tasks do not become healthy is ended as failed.
          - V(false) takes O(deployment.rollback) off with it.
        type: bool
      rollback:
        description:
          - Whether a failed rollout goes back to the last one that was complete. Needs the circuit breaker.
        type: bool
  health_grace_s:
    description:
      - Seconds after a task's start for which failed health checks of the load balancer do not count.
    type: int
  enable_execute_command:
    description:
      - Whether C(ecs execute-command) works for new tasks.
    type: bool
  propagate_tags:
    description:
      - Where new tasks get their tags from.
    type: str
    choices: [NONE, SERVICE, TASK_DEFINITION]
  force_new_deployment:
    description:
      - Whether to start a rollout although nothing differs, for instance after a secret has changed. The task is then
        always changed.
    type: bool
    default: false
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amazon.aws.tags
  - medzen.multiregion.wait
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: partial
    details:
      - O(force_new_deployment) starts a rollout on every run.
"""

EXAMPLES = r"""
- name: Run EHRbase
  medzen.multiregion.ecs_service:
    region: eu-central-1
    cluster: medzen-ehrbase-cluster-eu-central-1
    name: ehrbase-service
    task_definition: medzen-ehrbase-eu-central-1
    network:
      subnets: "{{ private_subnet_ids }}"
      security_groups: ["{{ security_group_id }}"]
    load_balancers:
      - target_group_arn: "{{ target_group.target_group_arn }}"
        container_name: ehrbase
        container_port: 8080
    deployment: {max_percent: 200, min_percent: 50, circuit_breaker: true, rollback: true}
    health_grace_s: 60
    wait_timeout: 900

- name: Scale the warm service up
  medzen.multiregion.ecs_service:
    region: eu-west-1
    cluster: medzen-ehrbase-cluster-eu-west-1
    name: ehrbase-service
    task_definition: medzen-ehrbase-eu-west-1
    desired_count: 2

- name: Delete the service of a region that is given up
  medzen.multiregion.ecs_service:
    region: af-south-1
    cluster: medzen-ehrbase-cluster-af-south-1
    name: ehrbase-service
    state: absent
"""

RETURN = r"""
service:
  description: The service as ECS describes it, in snake_case, its tags as a dict; in check mode as it would be.
  type: dict
  returned: when O(state=present)
  sample:
    desired_count: 2
    running_count: 2
    service_name: ehrbase-service
    status: ACTIVE
    task_definition: arn:aws:ecs:eu-central-1:123456789012:task-definition/medzen-ehrbase-eu-central-1:3
drift:
  description: Names of the settings that differed, as ECS names them.
  type: list
  elements: str
  returned: when O(state=present)
  sample: [taskDefinition, deploymentConfiguration]
steady:
  description: Whether the rollout was complete and all tasks ran when the task ended.
  type: bool
  returned: when O(state=present)
last_events:
  description: The newest events of the service, the newest first.
  type: list
  elements: str
  returned: when a rollout failed or was not complete in time
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import ecs
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, snake, token
from ansible_collections.medzen.multiregion.plugins.module_utils.ecs_settings import (
    SETTINGS,
    build_wanted,
    complete,
    find_drift,
    normalise_network,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import TimeLeft, wait_arguments, wait_until


def find_fixed_differences(service, params):
    """What differs and needs another service, as (name, found, expected)."""
    strategy = service.get("capacityProviderStrategy")
    launch_type = service.get("launchType") or f"capacity providers {strategy}"
    pairs = [
        ("launch type", launch_type, params["launch_type"]),
        ("scheduling strategy", service.get("schedulingStrategy", "REPLICA"), "REPLICA"),
        ("deployment controller", service.get("deploymentController", {}).get("type", "ECS"), "ECS"),
    ]
    return [pair for pair in pairs if pair[1] != pair[2]]


def check_fixed(service, params):
    differences = find_fixed_differences(service, params)
    if differences:
        raise Refused(
            f"Service {params['name']} differs in what ECS cannot change in place",
            found=", ".join(f"{name} {found}" for name, found, _expected in differences),
            expected=", ".join(f"{name} {expected}" for name, _found, expected in differences),
            next_step="delete the service, or create one with another name beside it",
        )


def check_deployment(deployment):
    if deployment and deployment.get("rollback") and not deployment.get("circuit_breaker"):
        raise Refused("Rollback needs the circuit breaker", found="rollback alone", expected="circuit_breaker: true")


def build_create_request(params, wanted):
    request = {
        "desiredCount": 1,
        **wanted,
        "launchType": params["launch_type"],
        "schedulingStrategy": "REPLICA",
        "clientToken": token("create", params["cluster"], params["name"]),
    }
    if params["tags"]:
        request["tags"] = tagging.to_boto(params["tags"], "key", "value")
    return request


def diff_side(service):
    if service is None:
        return {}
    present = {key: service[key] for key in SETTINGS if key in service}
    if "networkConfiguration" in present:
        present["networkConfiguration"] = normalise_network(present["networkConfiguration"])
    return {**snake(present), "tags": service["tags"]}


def shown(service):
    """The service as it is returned. The hundred events that ECS keeps are shown only on a failure."""
    plain = {key: value for key, value in service.items() if key not in ("tags", "events")}
    return {**snake(plain), "tags": service["tags"]}


def find_service(connection, params):
    """The service with its tags as a dict, None once it is INACTIVE or its cluster is gone."""
    service = ecs.describe_service(connection, params["cluster"], params["name"])
    if ecs.status_of(service) == "INACTIVE":
        return None
    return {**service, "tags": tagging.from_boto(service.get("tags"))}


def find_task_definition(module, connection):
    """ARN of the task definition; in check mode an earlier step may still have to register it."""
    name = module.params["task_definition"]
    found = ecs.describe_task_definition(connection, name)
    if found is None and not module.check_mode:
        raise Refused(
            f"There is no task definition {name} in {module.region}", next_step="register it, or name another one"
        )
    return found["taskDefinitionArn"] if found else name


def wait_rollout(connection, params, left, service):
    """Follow the primary deployment to its end; the service then."""
    rollout = ecs.Rollout(service)
    seen = {}

    def look():
        seen["service"] = ecs.describe_service(connection, params["cluster"], params["name"])
        return seen["service"]

    try:
        return wait_until(
            look,
            rollout.is_done,
            f"the rollout of service {params['name']}",
            left.seconds(),
            params["poll_seconds"],
            percent=ecs.rollout_percent,
            failed=rollout.failure,
            text=ecs.rollout_text,
        )
    except MultiregionError as error:
        raise with_events(error, seen.get("service")) from error


def with_events(error, service):
    """The error with the service's last events, in the text and in the result."""
    events = ecs.last_events(service)
    text = f"{error.message} Last events: {' | '.join(events)}" if events else error.message
    last_state = shown({**service, "tags": tagging.from_boto(service.get("tags"))}) if service else None
    return MultiregionError(text, {**error.result, "last_state": last_state, "last_events": events})


def wait_gone(connection, params, left):
    wait_until(
        lambda: ecs.describe_service(connection, params["cluster"], params["name"]),
        lambda service: ecs.status_of(service) == "INACTIVE",
        f"service {params['name']} to stop its tasks and be gone",
        left.seconds(),
        params["poll_seconds"],
        text=ecs.rollout_text,
    )


def plan(current, params, wanted):
    """What has to change, as values."""
    tags = current["tags"] if current else {}
    to_set, to_remove = tagging.diff_tags(tags, params["tags"], params["purge_tags"])
    drift = complete(wanted) if current is None else find_drift(current, wanted)
    kept = {key: value for key, value in tags.items() if key not in to_remove}
    blank = {"serviceName": params["name"], "desiredCount": 1}
    after = {**(current or blank), **drift, "tags": {**kept, **to_set}}
    return {"drift": drift, "to_set": to_set, "to_remove": to_remove, "after": after}


def write(connection, current, params, planned):
    """Create or update; the service as ECS answers, from which the rollout is followed."""
    cluster, name = params["cluster"], params["name"]
    if current is None:
        return ecs.create_service(connection, cluster, name, build_create_request(params, planned["drift"]))
    ecs.converge_tags(connection, current["serviceArn"], planned["to_set"], planned["to_remove"])
    request = dict(planned["drift"])
    if params["force_new_deployment"]:
        request["forceNewDeployment"] = True
    return ecs.update_service(connection, cluster, name, request) if request else current


def ensure_present(module, connection):
    params, left = module.params, TimeLeft(module.params["wait_timeout"])
    check_deployment(params["deployment"])
    current = find_service(connection, params)
    leaving = ecs.status_of(current) == "DRAINING"
    current = None if leaving else current
    if current is not None:
        check_fixed(current, params)
    planned = plan(current, params, build_wanted(params, find_task_definition(module, connection)))
    wanted = ("drift", "to_set", "to_remove")
    result = {
        "changed": current is None or params["force_new_deployment"] or any(planned[key] for key in wanted),
        "drift": sorted(planned["drift"]),
        "service": shown(planned["after"]),
        "steady": current is not None and ecs.is_steady(current),
        "diff": {"before": diff_side(current), "after": diff_side(planned["after"])},
    }
    if module.check_mode:
        return result
    if leaving:
        wait_gone(connection, params, left)
    return converge(connection, current, planned, left, params, result)


def converge(connection, current, planned, left, params, result):
    """Write what differs and follow the rollout, also one that is still under way from before."""
    service = write(connection, current, params, planned) if result["changed"] else current
    if params["wait"]:
        try:
            service = wait_rollout(connection, params, left, service)
        except MultiregionError as error:
            error.result.update(changed=result["changed"], diff=result["diff"], drift=result["drift"])
            raise
    service = find_service(connection, params) or {**service, "tags": planned["after"]["tags"]}
    return {**result, "service": shown(service), "steady": ecs.is_steady(service)}


def ensure_absent(module, connection):
    params, left = module.params, TimeLeft(module.params["wait_timeout"])
    current = find_service(connection, params)
    leaving = ecs.status_of(current) == "DRAINING"
    result = {"changed": current is not None and not leaving, "diff": {"before": diff_side(current), "after": {}}}
    if module.check_mode or current is None:
        return result
    if not leaving:
        if current.get("desiredCount"):
            ecs.update_service(connection, params["cluster"], params["name"], {"desiredCount": 0})
        ecs.delete_service(connection, params["cluster"], params["name"])
    if params["wait"]:
        wait_gone(connection, params, left)
    return result


def ensure(module):
    connection = client(module, "ecs")
    return (ensure_present if module.params["state"] == "present" else ensure_absent)(module, connection)


def build_argument_spec():
    network = {
        "subnets": {"type": "list", "elements": "str", "required": True},
        "security_groups": {"type": "list", "elements": "str", "default": []},
        "assign_public_ip": {"type": "bool", "default": False},
    }
    balancer = {
        "target_group_arn": {"required": True},
        "container_name": {"required": True},
        "container_port": {"type": "int", "required": True},
    }
    deployment = {
        "max_percent": {"type": "int"},
        "min_percent": {"type": "int"},
        "circuit_breaker": {"type": "bool"},
        "rollback": {"type": "bool"},
    }
    return {
        "name": {"required": True},
        "cluster": {"required": True},
        "state": {"choices": ["present", "absent"], "default": "present"},
        "task_definition": {},
        "desired_count": {"type": "int"},
        "launch_type": {"choices": ["FARGATE", "EC2", "EXTERNAL"], "default": "FARGATE"},
        "platform_version": {},
        "network": {"type": "dict", "options": network},
        "load_balancers": {"type": "list", "elements": "dict", "options": balancer},
        "deployment": {"type": "dict", "options": deployment},
        "health_grace_s": {"type": "int"},
        "enable_execute_command": {"type": "bool"},
        "propagate_tags": {"choices": ["NONE", "SERVICE", "TASK_DEFINITION"]},
        "force_new_deployment": {"type": "bool", "default": False},
        **tagging.ARGUMENTS,
        **wait_arguments(),
    }


def main():
    module = AnsibleAWSModule(
        argument_spec=build_argument_spec(),
        required_if=[("state", "present", ["task_definition"])],
        supports_check_mode=True,
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
