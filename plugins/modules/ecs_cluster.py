#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: ecs_cluster
version_added: 1.0.0
short_description: Manage an ECS cluster with its Container Insights setting and tags
description:
  - Creates, changes and deletes a cluster for Fargate services.
  - A cluster that still has services is not deleted; the task names them.
  - Operations used are C(ecs:DescribeClusters), C(ecs:CreateCluster), C(ecs:UpdateCluster),
    C(ecs:TagResource), C(ecs:UntagResource), C(ecs:ListServices) and C(ecs:DeleteCluster), with the IAM permissions of
    the same names.
author:
  - MedZen platform team (@medzen)
options:
  name:
    description:
      - Name of the cluster.
    type: str
    required: true
  state:
    description:
      - Whether the cluster is to be there.
    type: str
    choices: [present, absent]
    default: present
  container_insights:
    description:
      - Whether CloudWatch Container Insights is on. Not given leaves it alone, or to the account's default when the
        cluster is created.
      - A cluster with C(enhanced) insights counts as on and is left as it is by V(true).
    type: bool
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
    support: full
"""

EXAMPLES = r"""
- name: Create the cluster of a region
  medzen.multiregion.ecs_cluster:
    region: eu-central-1
    name: medzen-ehrbase-cluster-eu-central-1
    container_insights: true
    tags:
      Workload: medzen-ehrbase

- name: Delete it
  medzen.multiregion.ecs_cluster:
    region: af-south-1
    name: medzen-ehrbase-cluster-af-south-1
    state: absent
"""

RETURN = r"""
cluster:
  description: The cluster as ECS describes it, in snake_case, its tags as a dict; in check mode as it would be.
  type: dict
  returned: when O(state=present)
  sample:
    cluster_arn: arn:aws:ecs:eu-central-1:123456789012:cluster/medzen-ehrbase-cluster-eu-central-1
    cluster_name: medzen-ehrbase-cluster-eu-central-1
    settings:
      - name: containerInsights
        value: enabled
    status: ACTIVE
    tags:
      Workload: medzen-ehrbase
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import ecs
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, snake
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import TimeLeft, wait_arguments, wait_until

INSIGHTS = "containerInsights"
LEAVING = ("DEPROVISIONING",)


@describe("create cluster {name}")
def create_cluster(connection, name, request):
    connection.create_cluster(clusterName=name, **request, aws_retry=True)


@describe("update the settings of cluster {name}")
def update_settings(connection, name, settings):
    connection.update_cluster(cluster=name, settings=settings, aws_retry=True)


@describe("delete cluster {name}", missing=ecs.NO_CLUSTER)
def delete_cluster(connection, name):
    connection.delete_cluster(cluster=name, aws_retry=True)


def build_settings(wanted, present):
    """The settings to write, none when they are as wanted. `present` is None for a cluster that is to be made."""
    if wanted is None or (present is not None and wanted == is_observed(present)):
        return []
    return [{"name": INSIGHTS, "value": "enabled" if wanted else "disabled"}]


def is_observed(settings):
    return any(item["name"] == INSIGHTS and item["value"] in ("enabled", "enhanced") for item in settings)


def merge_settings(present, changed):
    names = {item["name"] for item in changed}
    return [item for item in present if item["name"] not in names] + changed


def shown(cluster):
    return {**snake({key: value for key, value in cluster.items() if key != "tags"}), "tags": cluster["tags"]}


def diff_side(cluster):
    if cluster is None:
        return {}
    settings = {item["name"]: item["value"] for item in cluster.get("settings", [])}
    return {"settings": settings, "tags": cluster["tags"]}


def find_cluster(connection, name):
    """The cluster with its tags as a dict; None once it is INACTIVE, in which ECS keeps deleted ones."""
    cluster = ecs.describe_cluster(connection, name)
    if ecs.status_of(cluster) == "INACTIVE":
        return None
    return {**cluster, "tags": tagging.from_boto(cluster.get("tags"))}


def wait_for(connection, params, left, status, what):
    wait_until(
        lambda: ecs.describe_cluster(connection, params["name"]),
        lambda cluster: ecs.status_of(cluster) == status,
        f"cluster {params['name']} to {what}",
        left.seconds(),
        params["poll_seconds"],
        failed=lambda cluster: "its creation failed" if ecs.status_of(cluster) == "FAILED" else None,
    )


def write(connection, current, params, planned):
    if current is None:
        request = {"settings": planned["settings"], "tags": tagging.to_boto(params["tags"], "key", "value")}
        create_cluster(connection, params["name"], {key: value for key, value in request.items() if value})
        return
    if planned["settings"]:
        update_settings(connection, params["name"], planned["settings"])
    ecs.converge_tags(connection, current["clusterArn"], planned["to_set"], planned["to_remove"])


def plan(current, params):
    """What has to change, as values."""
    present = current or {"settings": None, "tags": {}}
    to_set, to_remove = tagging.diff_tags(present["tags"], params["tags"], params["purge_tags"])
    settings = build_settings(params["container_insights"], present.get("settings", []))
    return {"settings": settings, "to_set": to_set, "to_remove": to_remove}


def build_after(current, params, planned):
    present = current or {"clusterName": params["name"], "settings": [], "tags": {}}
    kept = {key: value for key, value in present["tags"].items() if key not in planned["to_remove"]}
    settings = merge_settings(present.get("settings", []), planned["settings"])
    return {**present, "settings": settings, "tags": {**kept, **planned["to_set"]}}


def ensure_present(module, connection):
    params, left = module.params, TimeLeft(module.params["wait_timeout"])
    current = find_cluster(connection, params["name"])
    leaving = ecs.status_of(current) in LEAVING
    if leaving and not module.check_mode:
        wait_for(connection, params, left, "INACTIVE", "be gone before it is made again")
    current = None if leaving else current
    planned = plan(current, params)
    after = build_after(current, params, planned)
    result = {
        "changed": current is None or any(planned.values()),
        "cluster": shown(after),
        "diff": {"before": diff_side(current), "after": diff_side(after)},
    }
    if module.check_mode:
        return result
    if result["changed"]:
        write(connection, current, params, planned)
    if params["wait"] and ecs.status_of(current) != "ACTIVE":
        wait_for(connection, params, left, "ACTIVE", "become active")
    return {**result, "cluster": shown(find_cluster(connection, params["name"]) or after)}


def ensure_absent(module, connection):
    params, left = module.params, TimeLeft(module.params["wait_timeout"])
    current = find_cluster(connection, params["name"])
    leaving = ecs.status_of(current) in LEAVING
    services = [] if current is None or leaving else ecs.list_services(connection, params["name"])
    if services:
        raise Refused(
            f"Cluster {params['name']} still has services",
            found=", ".join(sorted(arn.rsplit("/", 1)[-1] for arn in services)),
            expected="no services",
            next_step="delete them first",
        )
    result = {"changed": current is not None and not leaving, "diff": {"before": diff_side(current), "after": {}}}
    if module.check_mode or current is None:
        return result
    if not leaving:
        delete_cluster(connection, params["name"])
    if params["wait"]:
        wait_for(connection, params, left, "INACTIVE", "be gone")
    return result


def ensure(module):
    connection = client(module, "ecs")
    return (ensure_present if module.params["state"] == "present" else ensure_absent)(module, connection)


def main():
    argument_spec = {
        "name": {"required": True},
        "state": {"choices": ["present", "absent"], "default": "present"},
        "container_insights": {"type": "bool"},
        **tagging.ARGUMENTS,
        **wait_arguments(),
    }
    run(AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
