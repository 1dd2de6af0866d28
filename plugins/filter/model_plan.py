# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: model_plan
short_description: Turn the models of an assistant's regions into the plan that its preflight judges
version_added: 1.0.0
author: MedZen platform team (@medzen)
description:
  - Each region's model is asked there, and in the next region when it does not answer; the last region is followed by
    the first.
  - A region for which no model is named is left out; that there is one is a matter of whoever builds there.
positional: regions
options:
  _input:
    description: Model or inference profile by region.
    type: dict
    required: true
  regions:
    description: Regions in the order of the failover.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: The models of the primary and the DR region
  ansible.builtin.debug:
    msg: "{{ {'eu-central-1': 'a', 'eu-west-1': 'b'} | medzen.multiregion.model_plan(['eu-central-1', 'eu-west-1']) }}"
"""

RETURN = r"""
_value:
  description: >-
    The option O(medzen.multiregion.video_ai_preflight_info#module:models).
  type: list
  elements: dict
"""

from collections.abc import Iterable, Mapping


def model_plan(models: Mapping[str, str], regions: Iterable[str]) -> list[dict[str, str]]:
    named = [region for region in dict.fromkeys(regions) if models.get(region)]
    plan = []
    for region, following in zip(named, named[1:] + named[:1], strict=True):
        entry = {"model_id": str(models[region]), "region": str(region)}
        if following != region:
            entry |= {"failover_region": str(following), "failover_model_id": str(models[following])}
        plan.append(entry)
    return plan


class FilterModule:
    def filters(self) -> dict:
        return {"model_plan": model_plan}
