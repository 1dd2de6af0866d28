# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation of an action plugin; the code is in plugins/action/option_values.py.

DOCUMENTATION = r"""
---
module: option_values
version_added: 1.0.0
short_description: Refuse a value that no role can use
description:
  - A role looks at its options when its turn comes, which is after others have built. A wrong value is found before.
  - Looked at is what an operator gave, by extra variables, in the inventory or in its C(group_vars) and C(host_vars),
    for the options of every role of this collection and for its C(multiregion_) variables.
  - Each value is compared with the argument spec of its role by Ansible's own validator, and with its kind, which says
    what a name, a region, a path or a number must look like. C(meta/option_kinds.yml) of the role names the kind.
  - A template in the inventory is evaluated as in the play. One that quotes what a role finds out later is left to
    the role. A template given with C(-e) is refused, and not evaluated by this task.
  - Text for a list or a dict, a number with a fraction for a text, and nothing at all are refused, although Ansible
    would convert or pass them over. Roles use a value as it was given.
  - Every fault is listed in one message, with where it was given, what was found, what was expected and what to do.
    What is made from a wrong value is not told again.
  - It runs in the controller, connects to nothing and reads no fact.
options:
  hosts:
    description:
      - The hosts whose variables are looked at. Without them, the host of the task.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: none
    details: It changes nothing.
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
author:
  - MedZen platform team (@medzen)
"""

EXAMPLES = r"""
- name: Refuse a wrong value before anything is changed
  medzen.multiregion.option_values:
    hosts: "{{ groups['regions'] }}"
"""

RETURN = r"""
gate:
  description: The verdict, with a condition for each fault of a value.
  type: dict
  returned: always
  sample:
    name: the options are of their types and kinds
    verdict: refuse
    conditions:
      - name: cutover_ttl_s
        verdict: refuse
        found: "'sixty', given with -e"
        expected: seconds, 1 to 172800
        next_step: "correct it: -e cutover_ttl_s=..."
"""
