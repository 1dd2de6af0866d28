#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: region_preflight_info
version_added: 1.0.0
short_description: Compare a plan for regions with the account, before anything is built
description:
  - Checks several regions at once, in parallel, and returns one list of checks with what was found, what was expected
    and what to do.
  - A check is C(ok), C(warn), C(refuse), or C(unknown) when it could not be made. The module itself does not fail for
    any of them; M(medzen.multiregion.gate) decides, and takes the list as it is.
  - Works on an empty account, where what the plan will make does not exist yet.
options:
  regions:
    description:
      - The regions that are to be built.
    type: list
    elements: str
    required: true
  account:
    description:
      - The account's number, 12 digits, as text.
    type: str
    required: true
  cidrs:
    description:
      - The planned CIDR of every region of the estate, as C({region, cidr}) pairs, C({eu-west-1, 10.0.0.0/16}), or with
        a dictionary that has the key C(cidr).
      - Networks that exist in any of these regions are compared as well.
    type: dict
    required: true
  workload:
    description:
      - Prefix of the workload's names and value of its tag C(Workload).
    type: str
    required: true
  image:
    description:
      - The container image. Without a version, or with C(latest), it is refused.
    type: str
    required: true
  engine_version:
    description:
      - Version of PostgreSQL.
    type: str
    required: true
  database_class:
    description:
      - Class of the database instance.
    type: str
    required: true
  multi_az:
    description:
      - Whether the database is to have a standby in another zone.
    type: bool
    default: true
  needs:
    description:
      - How much of each quota the workload uses in a region when it is complete. What is there already counts.
    type: dict
    default: {}
    suboptions:
      vpcs:
        description: VPCs.
        type: int
        default: 1
      elastic_ips:
        description: Elastic IP addresses.
        type: int
        default: 2
      nat_gateways:
        description: NAT gateways in one availability zone.
        type: int
        default: 1
      fargate_vcpus:
        description: Fargate vCPUs.
        type: float
        default: 4
      databases:
        description: Database instances.
        type: int
        default: 1
      database_storage_gb:
        description: GB of database storage.
        type: int
        default: 100
  source:
    description:
      - The database that the regions get their data from, and what runs in front of it. Without it, nothing is checked
        of either.
    type: dict
    suboptions:
      region:
        description: Its region.
        type: str
        required: true
      db_instance_identifier:
        description: Its identifier.
        type: str
        required: true
      task_definitions:
        description:
          - What the service in front of it runs, as family and revision; RV(ignore:task_definitions) of
            M(medzen.multiregion.production_path_info) tells.
          - The family is never guessed. Where none is named, and where one is not there, the checks of them are
            C(unknown).
        type: list
        elements: str
        default: []
  data_from:
    description:
      - By region, the region of the database that it takes its data from. A region that is not named takes it from
        O(source).
    type: dict
    default: {}
  node_name:
    description:
      - The value that C(SERVER_NODENAME) has in every region. Without it, task definitions are not compared.
      - A region that is still to be built may have no task definition yet.
    type: str
  authentication:
    description:
      - The planned C(SECURITY_AUTHTYPE). Without it, the existing task definition's is checked.
    type: str
    default: ""
notes:
  - Needs C(sts:GetCallerIdentity), C(ec2:DescribeRegions), C(ec2:DescribeVpcs), C(ec2:DescribeAddresses),
    C(ec2:DescribeNatGateways), C(servicequotas:GetServiceQuota), C(servicequotas:GetAWSDefaultServiceQuota),
    C(kms:DescribeKey), C(rds:DescribeOrderableDBInstanceOptions), C(rds:DescribeSourceRegions),
    C(rds:DescribeDBInstances), C(ecs:ListClusters), C(ecs:ListTasks), C(ecs:DescribeTasks) and
    C(ecs:DescribeTaskDefinition).
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
- name: Can Frankfurt and Ireland be built?
  medzen.multiregion.region_preflight_info:
    region: eu-central-1
    regions: [eu-central-1, eu-west-1]
    account: "123456789012"
    cidrs: {eu-west-1: 10.0.0.0/16, eu-central-1: 10.1.0.0/16, af-south-1: 10.2.0.0/16}
    workload: medzen-ehrbase
    image: ehrbase/ehrbase:2.31.0
    engine_version: "16.11"
    database_class: db.t3.medium
    node_name: ehr.medzenhealth.app
    source:
      region: af-south-1
      db_instance_identifier: medzen-ehrbase-db-af-south-1
      task_definitions: ["medzen-ehrbase-af-south-1:7"]
  register: preflight

- name: Refuse a plan that cannot work
  medzen.multiregion.gate:
    name: preflight
    checks: "{{ preflight.checks }}"
"""

RETURN = r"""
checks:
  description: The checks in a fixed order.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: What was checked.
      type: str
      sample: quota elastic_ips
    region:
      description: The region; empty when the check is about all.
      type: str
    verdict:
      description: C(ok), C(warn), C(refuse) or C(unknown).
      type: str
    found:
      description: What was found.
      type: str
    expected:
      description: What was expected.
      type: str
    next_step:
      description: What to do about it.
      type: str
verdict:
  description: The worst of the checks, of which C(refuse) is worse than C(unknown).
  returned: always
  type: str
  sample: ok
"""

import re

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import preflight
from ansible_collections.medzen.multiregion.plugins.module_utils import preflight_reads as reads
from ansible_collections.medzen.multiregion.plugins.module_utils.clients import Clients, in_parallel
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

NEEDS = {
    "vpcs": {"type": "int", "default": 1},
    "elastic_ips": {"type": "int", "default": 2},
    "nat_gateways": {"type": "int", "default": 1},
    "fargate_vcpus": {"type": "float", "default": 4},
    "databases": {"type": "int", "default": 1},
    "database_storage_gb": {"type": "int", "default": 100},
}
SPEC = {
    "regions": {"type": "list", "elements": "str", "required": True},
    "account": {"type": "str", "required": True},
    "cidrs": {"type": "dict", "required": True},
    "workload": {"type": "str", "required": True},
    "image": {"type": "str", "required": True},
    "engine_version": {"type": "str", "required": True},
    "database_class": {"type": "str", "required": True},
    "multi_az": {"type": "bool", "default": True},
    "needs": {"type": "dict", "default": {}, "options": NEEDS, "apply_defaults": True},
    "source": {
        "type": "dict",
        "options": {
            "region": {"type": "str", "required": True},
            "db_instance_identifier": {"type": "str", "required": True},
            "task_definitions": {"type": "list", "elements": "str", "default": []},
        },
    },
    "data_from": {"type": "dict", "default": {}},
    "node_name": {"type": "str"},
    "authentication": {"type": "str", "default": ""},
}


def check_plan(module):
    params = module.params
    if not re.fullmatch(r"[0-9]{12}", params["account"]):
        raise MultiregionError(f"Found: account {params['account']!r}. Expected: 12 digits, as text in quotes.")
    clients = Clients(module)
    statuses = reads.look(reads.read_regions, clients)
    known = [preflight.check_region(region, statuses) for region in params["regions"]]
    usable = [check.region for check in known if check.verdict == preflight.OK]
    planned = build_cidrs(params["cidrs"])
    networks = read_networks(clients, sorted({*planned, *usable}), statuses)
    checks = [preflight.check_image(params["image"]), *known]
    checks += check_source(clients, params) if params["source"] else []
    for found in in_parallel(lambda region: check_region(clients, params, region, planned, networks), usable):
        checks += found
    return {"changed": False, "checks": [check.as_dict() for check in checks], "verdict": preflight.worst(checks)}


def build_cidrs(cidrs):
    return {region: value.get("cidr") if isinstance(value, dict) else str(value) for region, value in cidrs.items()}


def read_networks(clients, regions, statuses):
    """Networks of all regions of the estate; one that is not enabled has none."""
    enabled = [
        one for one in regions if isinstance(statuses, preflight.Unknown) or statuses.get(one) in preflight.OPTED_IN
    ]
    found = in_parallel(lambda region: reads.look(reads.read_networks, clients, region), enabled)
    return dict(zip(enabled, found, strict=True))


def check_source(clients, params):
    source = params["source"]
    found = reads.look(reads.read_database, clients, source["region"], source["db_instance_identifier"])
    checks = [preflight.check_source(source["region"], found)]
    for definition in read_running(clients, source):
        checks += judge_definition(params, source["region"], definition, is_source=True)
    return checks


def read_running(clients, source):
    """What the source's service runs. It does run: a definition that is not there was looked for in the wrong place."""
    if not source["task_definitions"]:
        return [preflight.Unknown("no task definition is named that the service of the source runs")]
    found = [
        (name, reads.look(reads.read_definition, clients, source["region"], name))
        for name in source["task_definitions"]
    ]
    return [
        preflight.Unknown(f"task definition {name} is not there") if definition is None else definition
        for name, definition in found
    ]


def check_region(clients, params, region, planned, networks):
    """All checks of one region, one after the other; the regions run side by side."""
    size, version = params["database_class"], params["engine_version"]
    name = f"{params['workload']}-vpc-{region}"
    options = reads.look(reads.read_orderable, clients, region, version, size)
    key = reads.look(reads.read_key, clients, region, f"alias/{params['workload']}-{region}")
    return [
        preflight.check_account(region, reads.look(reads.read_account, clients, region), params["account"]),
        preflight.check_cidr(region, planned, networks, name),
        *(check_quota(clients, params, region, quota) for quota in preflight.QUOTAS),
        preflight.check_key(region, key),
        preflight.check_orderable(region, options, version, size, params["multi_az"]),
        *check_pair(clients, params, region),
        *(check_planned(clients, params, region) if region != (params["source"] or {}).get("region") else []),
    ]


def check_quota(clients, params, region, quota):
    usage = reads.look(reads.read_usage, clients, region, quota.need, params["workload"])
    if isinstance(usage, preflight.Unknown):
        return preflight.unknown(f"quota {quota.need}", region, usage)
    used, own = usage
    need = max(params["needs"][quota.need] - own, 0)
    limit = reads.look(reads.read_limit, clients, region, quota) if need else 0.0
    return preflight.check_quota(region, quota, limit, used, need)


def check_pair(clients, params, region):
    source = params["data_from"].get(region) or (params["source"] or {}).get("region")
    if not source or source == region:
        return []
    return [preflight.check_pair(region, source, reads.look(reads.read_sources, clients, region))]


def check_planned(clients, params, region):
    """A definition of an earlier run, or none yet: the family is the one that is made here."""
    family = f"{params['workload']}-{region}"
    return judge_definition(params, region, reads.look(reads.read_definition, clients, region, family))


def judge_definition(params, region, found, *, is_source=False):
    checks = [preflight.check_authentication(region, found, params["authentication"])]
    if params["node_name"]:
        checks.append(preflight.check_node_name(region, found, params["node_name"], is_source=is_source))
    return checks


def main():
    run(AnsibleAWSModule(argument_spec=SPEC, supports_check_mode=True), check_plan)


if __name__ == "__main__":
    main()
