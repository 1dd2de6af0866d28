# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: named_profiles
short_description: Choose the inference profile of one name in each region
version_added: 1.0.0
author: MedZen platform team (@medzen)
description:
  - Regions without a profile of their name are left out. Two of one name are refused, because nobody could say which
    one was judged.
positional: names
options:
  _input:
    description:
      - Profiles by region, as RV(medzen.multiregion.bedrock_inference_profile_info#module:inference_profiles).
    type: dict
    required: true
  names:
    description: The name that counts, by region.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: See where the assistant's requests go
  ansible.builtin.debug:
    msg: "{{ profiles | medzen.multiregion.named_profiles({'eu-central-1': 'medzen-ai-chat'}) }}"
  vars:
    profiles:
      eu-central-1: "{{ read.inference_profiles }}"
"""

RETURN = r"""
_value:
  description: The profile by region.
  type: dict
"""

from collections.abc import Mapping

from ansible.errors import AnsibleFilterError


def named_profiles(profiles: Mapping[str, list[dict]], names: Mapping[str, str]) -> dict[str, dict]:
    chosen = {}
    for region, found in profiles.items():
        fitting = [one for one in found if one["name"] == names.get(region)]
        if len(fitting) > 1:
            arns = ", ".join(sorted(one["arn"] for one in fitting))
            raise AnsibleFilterError(
                f"Found: {len(fitting)} inference profiles {names[region]} in {region}: {arns}. Expected: one. "
                "Next: delete those that nothing uses."
            )
        if fitting:
            chosen[region] = fitting[0]
    return chosen


class FilterModule:
    def filters(self) -> dict:
        return {"named_profiles": named_profiles}
