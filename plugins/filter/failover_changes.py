# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: failover_changes
short_description: Build the changes for a failover pair, with geolocation above it where locations are given
version_added: 1.0.0
author: MedZen platform team (@medzen)
description:
  - Gives the option O(medzen.multiregion.route53_record_sets#module:changes) that makes one balancer take over from
    another.
  - Without locations the pair stands under the public name, and a pair under the failover name goes.
  - With locations the pair stands under the failover name, and the public name has a geolocation record for each
    location, an alias of the failover name. Route 53 allows one routing policy for a name and type.
  - Refuses locations in which the filter P(medzen.multiregion.location_problems#filter) finds a problem.
positional: locations
options:
  _input:
    description:
      - Public name C(record), C(failover_record), C(dr_record), and the two balancers C(primary) and C(secondary), each
        with C(dns_name), C(zone_id) and C(health_check_id).
    type: dict
    required: true
  locations:
    description: Locations, each with C(name) and one of C(continent), C(country) and C(default).
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Let the DR region take over, for each location by itself
  medzen.multiregion.route53_record_sets:
    zone: medzenhealth.app
    replace_names: true
    changes: "{{ tree | medzen.multiregion.failover_changes(locations) }}"
  vars:
    locations:
      - {name: africa, continent: AF}
      - {name: elsewhere, default: true}
"""

RETURN = r"""
_value:
  description: Changes.
  type: list
  elements: dict
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.medzen.multiregion.plugins.module_utils.failover_tree import (
    build_failover_changes,
    find_location_problems,
)


def failover_changes(tree: Mapping[str, Any], locations: Sequence[Mapping[str, Any]] = ()) -> list[dict]:
    if problems := find_location_problems(locations):
        raise AnsibleFilterError(f"The locations cannot be served. Found: {'; '.join(problems)}.")
    return build_failover_changes(tree, locations)


class FilterModule:
    def filters(self) -> dict:
        return {"failover_changes": failover_changes}
