#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: route53_target_info
version_added: 1.0.0
short_description: Find the record sets that lead to a name, such as a balancer that is to be deleted
description:
  - Lists the record sets of type A, AAAA and CNAME that lead to one of O(targets) and to nothing else, as aliases or
    CNAMEs, directly or through other names of the zone.
  - Of a name that keeps another answer only the record sets that lead to a target are found, and the aliases of such a
    name are not.
  - A record with addresses is never found, because nobody can tell whose they are.
  - Operations used are C(route53:ListHostedZonesByName), C(route53:GetHostedZone) and
    C(route53:ListResourceRecordSets), with the IAM permissions of the same names.
author:
  - MedZen platform team (@medzen)
options:
  zone:
    description:
      - Name or id of the hosted zone.
    type: str
    required: true
  private_zone:
    description:
      - Whether O(zone) names a private hosted zone.
    type: bool
    default: false
  targets:
    description:
      - DNS names such as a load balancer's own. The prefix C(dualstack.) of an alias does not count.
    type: list
    elements: str
    required: true
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
seealso:
  - module: medzen.multiregion.route53_record_sets
  - plugin: medzen.multiregion.record_changes
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Find what still leads to the old balancer
  medzen.multiregion.route53_target_info:
    zone: medzenhealth.app
    targets: [medzen-ehrbase-alb-af-south-1-1234567890.af-south-1.elb.amazonaws.com]
  register: old

- name: Take it out of the zone
  medzen.multiregion.route53_record_sets:
    zone: medzenhealth.app
    changes: "{{ old.record_sets | medzen.multiregion.record_changes('absent') }}"
"""

RETURN = r"""
record_sets:
  description:
    - The record sets that lead to a target, each in the form of the option
      O(medzen.multiregion.route53_record_sets#module:changes[].record).
  type: list
  elements: dict
  returned: always
  sample:
    - name: ehr.medzenhealth.app
      type: A
      set_identifier: africa
      geo: {continent_code: AF}
      alias:
        dns_name: medzen-ehrbase-alb-af-south-1-1234567890.af-south-1.elb.amazonaws.com.
        zone_id: Z268VQBMOI5EKX
        evaluate_target_health: true
emptied:
  description: Names that have no other address record; without these record sets they have no answer.
  type: list
  elements: str
  returned: always
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import route53
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client
from ansible_collections.medzen.multiregion.plugins.module_utils.record_sets import build_record
from ansible_collections.medzen.multiregion.plugins.module_utils.record_targets import find_emptied, find_leading_to
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run


def find(module):
    connection = client(module, "route53")
    zone = route53.find_zone(connection, module.params["zone"], private=module.params["private_zone"])
    record_sets = route53.list_record_sets(connection, zone["Id"])
    found = find_leading_to(record_sets, module.params["targets"])
    return {
        "changed": False,
        "record_sets": [build_record(record_set) for record_set in found],
        "emptied": find_emptied(record_sets, found),
    }


def main():
    argument_spec = {
        "zone": {"required": True},
        "private_zone": {"type": "bool", "default": False},
        "targets": {"type": "list", "elements": "str", "required": True},
    }
    run(AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True), find)


if __name__ == "__main__":
    main()
