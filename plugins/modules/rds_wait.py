#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: rds_wait
version_added: 1.0.0
short_description: Wait until an RDS instance or snapshot has a state
description:
  - Waits until a database instance or a database snapshot has one of the wanted states, and shows how far it is.
  - Waits from the start of an independent piece of work can so be joined at its end.
  - It only reads. Operations used are C(rds:DescribeDBInstances) and C(rds:DescribeDBSnapshots), with the IAM
    permissions of the same names.
author:
  - MedZen platform team (@medzen)
options:
  resource:
    description:
      - What kind of resource to look at.
    type: str
    choices: [instance, snapshot]
    default: instance
  identifier:
    description:
      - Identifier of the instance or snapshot.
    type: str
    required: true
  states:
    description:
      - The states that end the wait, in the words of RDS, for example V(available) or V(backing-up).
      - V(absent) means that RDS answers that there is no such resource. A refused question is never taken for absence.
    type: list
    elements: str
    default: [available]
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - medzen.multiregion.wait
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
    details: In check mode the resource is looked at once, and nothing is waited for.
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: full
    details: There never is a change, so the diff is empty.
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Wait for the database that was started earlier
  medzen.multiregion.rds_wait:
    region: eu-central-1
    identifier: medzen-ehrbase-db-eu-central-1
    wait_timeout: 3600

- name: Wait until a snapshot is gone
  medzen.multiregion.rds_wait:
    region: af-south-1
    resource: snapshot
    identifier: medzen-ehrbase-db-af-south-1-move
    states: [absent]
"""

RETURN = r"""
reached:
  description: Whether the resource has one of the wanted states. V(false) only in check mode or with O(wait=false).
  type: bool
  returned: always
  sample: true
status:
  description: The state found, V(absent) if there is no such resource.
  type: str
  returned: always
  sample: available
instance:
  description: The instance as RDS describes it, in snake_case.
  type: dict
  returned: when O(resource=instance) and it exists
  sample: {"db_instance_identifier": "medzen-ehrbase-db-eu-central-1", "db_instance_status": "available"}
snapshot:
  description: The snapshot as RDS describes it, in snake_case.
  type: dict
  returned: when O(resource=snapshot) and it exists
  sample: {"db_snapshot_identifier": "move-2026-11-21", "percent_progress": 100, "status": "available"}
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import rds
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, snake
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import wait_arguments

ABSENT = "absent"


def found_state(resource, described):
    """The state in RDS's word; `absent` for a resource that is not there."""
    if described is None:
        return ABSENT
    return rds.status(described) if resource == "instance" else rds.snapshot_status(described)


def build_failed(resource, states):
    """Why waiting for these states is pointless: a broken resource that was not asked for as such."""
    reason = rds.failure_reason if resource == "instance" else rds.snapshot_failure_reason

    def failed(described):
        # On the way to absence a resource may pass through any state.
        if ABSENT in states:
            return None
        return reason(described)

    return failed


def wait_for(connection, params):
    look = rds.wait_instance if params["resource"] == "instance" else rds.wait_snapshot
    return look(
        connection,
        params["identifier"],
        lambda described: found_state(params["resource"], described) in params["states"],
        what=f"{params['resource']} {params['identifier']} to be {' or '.join(params['states'])}",
        timeout_s=params["wait_timeout"],
        poll_seconds=params["poll_seconds"],
        failed=build_failed(params["resource"], params["states"]),
    )


def build_result(params, described):
    state = found_state(params["resource"], described)
    result = {"changed": False, "status": state, "reached": state in params["states"], "diff": {}}
    if described is not None:
        result[params["resource"]] = snake(described)
    return result


def look_or_wait(module):
    connection = client(module, "rds")
    if module.check_mode or not module.params["wait"]:
        describe = rds.describe_instance if module.params["resource"] == "instance" else rds.describe_snapshot
        return build_result(module.params, describe(connection, module.params["identifier"]))
    return build_result(module.params, wait_for(connection, module.params))


def main():
    argument_spec = {
        "resource": {"choices": ["instance", "snapshot"], "default": "instance"},
        "identifier": {"required": True},
        "states": {"type": "list", "elements": "str", "default": ["available"]},
        **wait_arguments(),
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    run(module, look_or_wait)


if __name__ == "__main__":
    main()
