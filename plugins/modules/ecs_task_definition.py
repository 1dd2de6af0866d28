#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ecs_task_definition
version_added: 1.0.0
short_description: Register a revision of an ECS task definition when it differs from the newest one
description:
  - Compares what is asked for with the newest active revision of the family, and only with that one. Registers another
    revision when anything differs.
  - Environment and secrets are compared by name, lists whose order means nothing without it. What ECS fills in by
    itself, such as the protocol of a port, is no difference.
  - A revision is made of the options alone. A setting that the newest revision has, and no option gives, is a
    difference.
  - Values of environment variables whose names tell of a secret are hidden in the diff and in what is returned. Such
    values belong into C(secrets).
  - Other tags alone make no revision; they are set on the newest one.
  - Operations used are C(ecs:DescribeTaskDefinition), C(ecs:RegisterTaskDefinition), C(ecs:ListTaskDefinitions),
    C(ecs:DeregisterTaskDefinition), C(ecs:TagResource) and C(ecs:UntagResource), with the IAM permissions of the same
    names; registering also needs C(iam:PassRole) for the roles.
author:
  - MedZen platform team (@medzen)
options:
  family:
    description:
      - Name of the family.
    type: str
    required: true
  state:
    description:
      - V(absent) deregisters all active revisions. Tasks and services that use one go on.
    type: str
    choices: [present, absent]
    default: present
  containers:
    description:
      - The containers, as C(containerDefinitions) of the API names them, such as C(portMappings) and
        C(logConfiguration). Each has a C(name) and an C(image).
      - Required when O(state=present).
    type: list
    elements: dict
  cpu:
    description:
      - CPU units of the task. Fargate needs it.
    type: str
  memory:
    description:
      - Memory of the task in MiB. Fargate needs it.
    type: str
  network_mode:
    description:
      - Network mode of the task.
    type: str
    choices: [awsvpc, bridge, host, none]
    default: awsvpc
  requires_compatibilities:
    description:
      - Launch types that the definition is checked for.
    type: list
    elements: str
    choices: [FARGATE, EC2, EXTERNAL]
    default: [FARGATE]
  execution_role_arn:
    description:
      - Role with which ECS pulls the image, reads secrets and writes logs.
    type: str
  task_role_arn:
    description:
      - Role of the program in the containers.
    type: str
  volumes:
    description:
      - The volumes, as the API names them.
    type: list
    elements: dict
    default: []
  runtime_platform:
    description:
      - C(cpuArchitecture) and C(operatingSystemFamily), as the API names them.
    type: dict
  allow_latest:
    description:
      - Whether an image may have the tag C(latest), or none. Every start of a task may then bring another version.
    type: bool
    default: false
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
- name: Describe the task
  medzen.multiregion.ecs_task_definition:
    region: eu-central-1
    family: medzen-ehrbase-eu-central-1
    cpu: "2048"
    memory: "4096"
    execution_role_arn: arn:aws:iam::123456789012:role/medzen-ecs-task-execution
    containers:
      - name: ehrbase
        image: ehrbase/ehrbase:2.31.0
        portMappings:
          - {containerPort: 8080}
        environment:
          - {name: SECURITY_AUTHTYPE, value: BASIC}
        secrets:
          - {name: DB_PASS, valueFrom: "{{ secret_arn }}"}
  register: definition

- name: Take the family out of use
  medzen.multiregion.ecs_task_definition:
    region: af-south-1
    family: medzen-ehrbase-af-south-1
    state: absent
"""

RETURN = r"""
arn:
  description: ARN of the newest active revision; V(null) in check mode when another one would be registered.
  type: str
  returned: when O(state=present)
  sample: arn:aws:ecs:eu-central-1:123456789012:task-definition/medzen-ehrbase-eu-central-1:3
revision:
  description: Its number; in check mode the next one when another would be registered.
  type: int
  returned: when O(state=present)
  sample: 3
task_definition:
  description: The revision as ECS describes it, in snake_case, its tags as a dict; in check mode as it would be.
  type: dict
  returned: when O(state=present)
drift:
  description: What differed from the newest active revision, a container's settings as C(container.setting).
  type: list
  elements: str
  returned: when O(state=present)
  sample: [ehrbase.environment]
deregistered:
  description: ARNs of the revisions that were taken out of use.
  type: list
  elements: str
  returned: when O(state=absent)
"""

from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import ecs
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils import task_definition as definitions
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, paginate, snake
from ansible_collections.medzen.multiregion.plugins.module_utils.creation import create_once, single_try_client
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

# A registration whose answer is lost is looked for and tried again so long.
REGISTER_SECONDS = 120
POLL_SECONDS = 1
# Their keys are the owner's own names.
OWN_KEYS = ("dockerLabels", "options", "driverOpts", "labels")


@describe("describe the newest revision of {family}", missing=("ClientException",), default=(None, {}))
def describe_newest(connection, family):
    """The newest active revision and its tags. ECS answers ClientException for a family that has none."""
    answer = connection.describe_task_definition(taskDefinition=family, include=["TAGS"], aws_retry=True)
    found = answer["taskDefinition"]
    if found.get("status", "ACTIVE") != "ACTIVE":
        return None, {}
    return found, tagging.from_boto(answer.get("tags"))


@describe("register a revision of {family}")
def register(once, family, request):
    """Through a client that sends every call once: each repetition would be another revision."""
    return once.register_task_definition(**request)["taskDefinition"]


@describe("list the active revisions of {family}")
def list_active(connection, family):
    parameters = {"familyPrefix": family, "status": "ACTIVE", "sort": "ASC"}
    return paginate(connection, "list_task_definitions", "taskDefinitionArns", **parameters)


@describe("deregister {arn}")
def deregister(connection, arn):
    connection.deregister_task_definition(taskDefinition=arn, aws_retry=True)


def shown(definition, tags):
    """A definition as it is returned, without secrets and with the owner's names as they are."""
    hidden = definitions.hide_described({key: value for key, value in definition.items() if key != "tags"})
    times = {key: snake(hidden[key]) for key in ("registeredAt", "deregisteredAt") if key in hidden}
    return {**snake_names({**hidden, **times}), "tags": tags}


def snake_names(value):
    """Names in snake_case, but those that are the owner's."""
    if isinstance(value, list):
        return [snake_names(item) for item in value]
    if isinstance(value, dict):
        return {snake_name(key): item if key in OWN_KEYS else snake_names(item) for key, item in value.items()}
    return value


def snake_name(name):
    return next(iter(camel_dict_to_snake_dict({name: None})))


def diff_side(definition, tags, other=None):
    return {**definitions.hide(definition, other), "tags": tags} if definition is not None else {}


def plan(found, tags, params):
    """What has to change, as values."""
    request = definitions.build_request(params)
    before = definitions.normalise(found) if found else None
    after = definitions.normalise(request)
    drift = definitions.find_changed(before, after)
    to_set, to_remove = tagging.diff_tags(tags, params["tags"], params["purge_tags"])
    kept = {key: value for key, value in tags.items() if key not in to_remove}
    return {
        "request": request,
        "drift": drift,
        "to_set": to_set,
        "to_remove": to_remove,
        "tags": {**kept, **to_set},
        "diff": {"before": diff_side(before, tags), "after": diff_side(after, {**kept, **to_set}, before)},
    }


def describe_planned(found, planned, params):
    """What check mode returns: the revision that would be the newest."""
    if not planned["drift"]:
        return returned(found, planned["tags"])
    revision = (found or {}).get("revision", 0) + 1
    expected = {**planned["request"], "family": params["family"], "revision": revision}
    return {"arn": None, "revision": revision, "task_definition": shown(expected, planned["tags"])}


def returned(definition, tags):
    return {
        "arn": definition["taskDefinitionArn"],
        "revision": definition["revision"],
        "task_definition": shown(definition, tags),
    }


def register_once(once, connection, found, planned, params):
    """The revision, registered once also when the answer is lost."""
    family, before = params["family"], (found or {}).get("revision", 0)
    tags = tagging.to_boto(planned["tags"], "key", "value")
    request = {**planned["request"], **({"tags": tags} if tags else {})}

    def find():
        newest, _tags = describe_newest(connection, family)
        return newest if newest and newest["revision"] > before and is_wanted(newest, planned["request"]) else None

    return create_once(
        lambda: register(once, family, request), find, f"a revision of {family}", REGISTER_SECONDS, POLL_SECONDS
    )


def is_wanted(definition, request):
    return not definitions.find_changed(definitions.normalise(definition), definitions.normalise(request))


def write(module, connection, found, planned):
    """Register or tag; the newest revision then."""
    if planned["drift"]:
        once = single_try_client(module, "ecs")
        return register_once(once, connection, found, planned, module.params)
    ecs.converge_tags(connection, found["taskDefinitionArn"], planned["to_set"], planned["to_remove"])
    return found


def ensure_present(module, connection):
    params = module.params
    definitions.check_containers(params["containers"])
    if not params["allow_latest"]:
        definitions.check_images(params["containers"])
    found, tags = describe_newest(connection, params["family"])
    planned = plan(found, tags, params)
    result = {
        "changed": any(planned[key] for key in ("drift", "to_set", "to_remove")),
        "drift": planned["drift"],
        "diff": planned["diff"],
    }
    if module.check_mode:
        return {**result, **describe_planned(found, planned, params)}
    newest = write(module, connection, found, planned) if result["changed"] else found
    return {**result, **returned(newest, planned["tags"])}


def ensure_absent(module, connection):
    arns = list_active(connection, module.params["family"])
    result = {
        "changed": bool(arns),
        "deregistered": arns,
        "diff": {"before": {"active": arns}, "after": {"active": []}},
    }
    if not module.check_mode:
        for arn in arns:
            deregister(connection, arn)
    return result


def ensure(module):
    connection = client(module, "ecs")
    return (ensure_present if module.params["state"] == "present" else ensure_absent)(module, connection)


def main():
    launch_types = ["FARGATE", "EC2", "EXTERNAL"]
    argument_spec = {
        "family": {"required": True},
        "state": {"choices": ["present", "absent"], "default": "present"},
        "containers": {"type": "list", "elements": "dict"},
        "cpu": {},
        "memory": {},
        "network_mode": {"choices": ["awsvpc", "bridge", "host", "none"], "default": "awsvpc"},
        "requires_compatibilities": {
            "type": "list",
            "elements": "str",
            "choices": launch_types,
            "default": ["FARGATE"],
        },
        "execution_role_arn": {},
        "task_role_arn": {},
        "volumes": {"type": "list", "elements": "dict", "default": []},
        "runtime_platform": {"type": "dict"},
        "allow_latest": {"type": "bool", "default": False},
        **tagging.ARGUMENTS,
    }
    module = AnsibleAWSModule(
        argument_spec=argument_spec,
        required_if=[("state", "present", ["containers"])],
        supports_check_mode=True,
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
