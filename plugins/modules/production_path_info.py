#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: production_path_info
version_added: 1.0.0
short_description: Find which region serves production, from the public name to the database
description:
  - Follows O(record) through DNS to the load balancer, its listeners and target groups, the ECS service that registers
    there, the task definitions that its tasks run, and the database that their C(DB_URL) names. While a rollout is
    under way or stuck that may be more than one task definition; different databases are then C(many).
  - Asks the resolvers what the name answers now and lists the zone's records, so that failover and geolocation trees
    are followed along every branch in use. A balancer counts only when AWS shows it in that region.
  - What cannot be looked at is C(unknown), and then no region is called production. Nor is one when branches in use end
    at different databases, be they in one region.
options:
  record:
    description:
      - The public name that clients use.
    type: str
    required: true
  zone:
    description:
      - The public hosted zone's name.
    type: str
    required: true
  regions:
    description:
      - Regions in which the database may be.
    type: list
    elements: str
    required: true
  inventory_expectation:
    description:
      - The region that the inventory says. It is compared with what was found.
    type: str
notes:
  - Needs C(route53:ListHostedZonesByName), C(route53:ListResourceRecordSets),
    C(elasticloadbalancing:DescribeLoadBalancers), C(elasticloadbalancing:DescribeListeners),
    C(elasticloadbalancing:DescribeRules), C(elasticloadbalancing:DescribeTargetHealth), C(ecs:ListClusters),
    C(ecs:ListServices), C(ecs:DescribeServices), C(ecs:DescribeTaskDefinition) and C(rds:DescribeDBInstances).
extends_documentation_fragment:
  - medzen.multiregion.postgresql.resolvers
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
- name: Where is production?
  medzen.multiregion.production_path_info:
    record: ehr.medzenhealth.app
    zone: medzenhealth.app
    regions: [af-south-1, eu-central-1, eu-west-1]
    inventory_expectation: af-south-1
  register: production
"""

RETURN = r"""
production_region:
  description: The region whose database takes production's writes; C(null) when that is not certain.
  returned: always
  type: str
  sample: af-south-1
regions_found:
  description: Regions of the databases that were reached.
  returned: always
  type: list
  elements: str
serving_regions:
  description: Regions of the balancers that were reached.
  returned: always
  type: list
  elements: str
locations:
  description:
    - Who serves clients of each location, where the name has geolocation records. Empty where it has none.
    - Of a failover pair below a location it is the side that answers at the moment.
  returned: always
  type: list
  elements: dict
  contains:
    location:
      description: The clients that the record is for; C(everywhere else) is the default location.
      type: str
      sample: continent AF
    targets:
      description: DNS names of the balancers that they are sent to.
      type: list
      elements: str
    regions:
      description: Regions of those balancers.
      type: list
      elements: str
      sample: [eu-central-1]
database:
  description: The production database; C(null) when that is not certain.
  returned: always
  type: dict
  contains:
    identifier:
      description: Its identifier.
      type: str
      sample: medzen-ehrbase-db-af-south-1
    arn:
      description: Its ARN.
      type: str
    region:
      description: Its region.
      type: str
    endpoint:
      description: Host name of its endpoint.
      type: str
    port:
      description: Port of its endpoint.
      type: int
    status:
      description: Its status.
      type: str
      sample: available
    is_replica:
      description: Whether it replicates from another.
      type: bool
    encrypted:
      description: Whether its storage is encrypted.
      type: bool
    kms_key_id:
      description: ARN of the key.
      type: str
    engine_version:
      description: Version of PostgreSQL.
      type: str
      sample: "16.11"
    instance_class:
      description: Its class.
      type: str
    multi_az:
      description: Whether it has a standby in another zone.
      type: bool
    backup_retention_days:
      description: Days that automated backups are kept.
      type: int
task_definitions:
  description:
    - The task definitions with a C(DB_URL) that production's services run, as family and revision, in
      RV(production_region). Empty when that is not certain.
  returned: always
  type: list
  elements: str
  sample: ["medzen-ehrbase-af-south-1:7"]
path:
  description: Each hop with its verdict (C(found), C(none), C(many), C(unknown)), what it led to, and its evidence.
  returned: always
  type: list
  elements: dict
problems:
  description: Why production is not certain, or is not as it should be.
  returned: always
  type: list
  elements: str
agrees:
  description: Whether the inventory is right; C(null) when production is not certain.
  returned: with O(inventory_expectation)
  type: bool
agreement:
  description: The comparison in a sentence.
  returned: with O(inventory_expectation)
  type: str
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import production_path as path
from ansible_collections.medzen.multiregion.plugins.module_utils.clients import Clients, in_parallel
from ansible_collections.medzen.multiregion.plugins.module_utils.production_reads import Reader
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run


def find_production(module):
    params = module.params
    reader = Reader(Clients(module), params["resolvers"])
    regions = list(dict.fromkeys(params["regions"]))
    with reader.reading_databases(regions):
        dns = find_targets(reader, params["record"], params["zone"])
        branches = in_parallel(lambda target: follow(reader, target, regions), dns.found)
    hops = [[dns], *(branch for branch, _database in branches)]
    result = path.conclude(params["record"], hops, [database for _branch, database in branches])
    return {
        "changed": False,
        **result,
        "path": [hop.as_dict() for branch in hops for hop in branch],
        "problems": [*result["problems"], *reader.faults],
        **path.compare(result["production_region"], params["inventory_expectation"]),
    }


def find_targets(reader, record, zone):
    """The DNS hop: what the zone says against what the resolvers answer."""
    records = reader.records(zone)
    if records is None:
        return path.Hop("dns", path.UNKNOWN, [], {"zone": zone}, f"the records of {zone} could not be listed")
    leaves = path.find_leaves(record, records)
    names = [name for leaf in leaves for name in ((leaf.target, leaf.name) if leaf.role else (leaf.target,))]
    return path.judge_dns(record, leaves, reader.addresses(record), reader.all_addresses(names))


def follow(reader, target, regions):
    """The hops from one target to its database, until one leads no further."""
    hops = [path.judge_balancer(target, reader.balancers(target))]
    if hops[-1].verdict != path.FOUND:
        return hops, None
    region = hops[-1].evidence["region"]
    groups = reader.target_groups(region, hops[-1].found[0])
    if groups is None:
        return [
            *hops,
            path.Hop("listeners", path.UNKNOWN, [], {}, f"the listeners of {target} could not be read"),
        ], None
    hops.append(path.judge_groups(groups, {arn: reader.health(region, arn) for arn in groups}))
    if hops[-1].verdict != path.FOUND:
        return hops, None
    return follow_services(reader, region, groups, regions, hops)


def follow_services(reader, region, groups, regions, hops):
    services = reader.services(region)
    hops.append(path.judge_services(groups, services, region))
    if hops[-1].verdict != path.FOUND:
        return hops, None
    own = [one for one in services if one["serviceArn"] in hops[-1].found]
    running = dict.fromkeys(arn for one in own for arn in path.running_definitions(one))
    hops.append(path.judge_definitions([reader.definition(region, arn) for arn in running]))
    if hops[-1].verdict != path.FOUND:
        return hops, None
    hop, database = path.judge_database(hops[-1].found[0], reader.databases(regions))
    return [*hops, hop], database


def main():
    spec = {
        "record": {"type": "str", "required": True},
        "zone": {"type": "str", "required": True},
        "regions": {"type": "list", "elements": "str", "required": True},
        "resolvers": {"type": "list", "elements": "str", "default": []},
        "inventory_expectation": {"type": "str"},
    }
    run(AnsibleAWSModule(argument_spec=spec, supports_check_mode=True), find_production)


if __name__ == "__main__":
    main()
