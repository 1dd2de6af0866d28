# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: location_problems
short_description: Say why locations are no sound set of geolocation records
version_added: 1.0.0
author: MedZen platform team (@medzen)
description:
  - Each location needs a name and exactly one place, names and places may not repeat, and one location is the default.
    Without a default record Route 53 answers nothing to the rest of the world.
options:
  _input:
    description: Locations, each with C(name) and one of C(continent), C(country) and C(default).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Refuse locations that leave somebody without an answer
  ansible.builtin.assert:
    that: locations | medzen.multiregion.location_problems | length == 0
"""

RETURN = r"""
_value:
  description: A sentence for each problem; empty when the locations are sound, or when there are none.
  type: list
  elements: str
"""

from ansible_collections.medzen.multiregion.plugins.module_utils.failover_tree import find_location_problems


class FilterModule:
    def filters(self) -> dict:
        return {"location_problems": find_location_problems}
