# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation of an action plugin; the code is in plugins/action/option_names.py.

DOCUMENTATION = r"""
---
module: option_names
version_added: 1.0.0
short_description: Refuse an option that no role reads, because its name is misspelt
description:
  - Ansible ignores a variable that nobody reads, so C(-e cutover_tl_s=1) would leave the TTL as it is and say nothing.
  - Looked at is what an operator gave, by extra variables, in the inventory or in its C(group_vars) and C(host_vars).
    Defaults and variables of roles, registered results and facts are not.
  - A name that begins with the name of a role of this collection must be an option of that role. One that begins with
    C(multiregion_) must be a variable of the collection's C(group_vars/all.yml) or be read by one of its roles.
    All other names are somebody else's, and are passed over, and so is a name that the value of another given variable
    quotes.
  - Every such name is listed in one message, with where it was given, where the options of the role are documented and
    the nearest name there is.
  - It runs in the controller, connects to nothing and reads no fact.
options:
  hosts:
    description:
      - The hosts whose variables are looked at. Without them, the host of the task.
    type: list
    elements: str
    default: []
  ignore:
    description:
      - Names that begin like an option of this collection and are something else.
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
- name: Refuse a misspelt option before anything is changed
  medzen.multiregion.option_names:
    hosts: "{{ groups['regions'] }}"

- name: Let another team keep its variable
  medzen.multiregion.option_names:
    ignore: [network_owner]
"""

RETURN = r"""
gate:
  description: The verdict, with a condition for each name that nothing reads.
  type: dict
  returned: always
  sample:
    name: every given option is one that a role reads
    verdict: refuse
    conditions:
      - name: cutover_tl_s
        verdict: refuse
        found: given with -e, and nothing reads it
        expected: "an option of the role cutover: see its README, or ansible-doc -t role medzen.multiregion.cutover"
        next_step: write cutover_ttl_s
"""
