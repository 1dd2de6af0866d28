# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: record_changes
short_description: Turn record sets into the changes that write them
version_added: 1.0.0
author: MedZen platform team (@medzen)
description:
  - Takes record sets as M(medzen.multiregion.route53_record_sets) and M(medzen.multiregion.production_path_info) return
    them and gives the option O(medzen.multiregion.route53_record_sets#module:changes) that brings them about.
options:
  _input:
    description: Record sets.
    type: list
    elements: dict
    required: true
  action:
    description: What becomes of them.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Give a name its previous records
  medzen.multiregion.route53_record_sets:
    zone: medzenhealth.app
    replace_names: true
    changes: "{{ previous_record_sets | medzen.multiregion.record_changes }}"
"""

RETURN = r"""
_value:
  description: Changes, in the order of the record sets.
  type: list
  elements: dict
"""


def record_changes(record_sets: list[dict], action: str = "present") -> list[dict]:
    return [{"action": action, "record": dict(record)} for record in record_sets]


class FilterModule:
    def filters(self) -> dict:
        return {"record_changes": record_changes}
