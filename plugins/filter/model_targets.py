# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: model_targets
short_description: Build the list of models that an assistant asks, one region after the other
version_added: 1.0.0
author: MedZen platform team (@medzen)
description:
  - The region itself comes first, then the others in their order, which is that of the failover.
  - A guardrail and an inference profile exist in one region only, so each target has those of its own.
  - A region without a published guardrail is left out. No patient is answered without one.
positional: regions, guardrails, profiles
options:
  _input:
    description: Model or inference profile by region.
    type: dict
    required: true
  regions:
    description: Regions in the order in which they are asked.
    type: list
    elements: str
    required: true
  guardrails:
    description: Guardrails by region, as P(medzen.multiregion.published_guardrails#filter) gives them.
    type: dict
    required: true
  profiles:
    description: ARNs of application inference profiles by region; where there is none the model itself is asked.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: What the function of eu-west-1 asks
  ansible.builtin.debug:
    msg: "{{ models | medzen.multiregion.model_targets(['eu-west-1', 'eu-central-1'], guardrails) }}"
  vars:
    models:
      eu-central-1: anthropic.claude-3-haiku-20240307-v1:0
      eu-west-1: anthropic.claude-3-haiku-20240307-v1:0
    guardrails:
      eu-central-1: {id: a1b2c3d4e5f6, version: "8"}
      eu-west-1: {id: b2c3d4e5f6a1, version: "3"}
"""

RETURN = r"""
_value:
  description: Targets, each with C(region), C(model) and C(guardrail), which has C(id) and C(version).
  type: list
  elements: dict
"""

from collections.abc import Iterable, Mapping


def model_targets(
    models: Mapping[str, str],
    regions: Iterable[str],
    guardrails: Mapping[str, Mapping],
    profiles: Mapping[str, str] | None = None,
) -> list[dict]:
    return [
        {
            "region": str(region),
            "model": str((profiles or {}).get(region) or models[region]),
            "guardrail": {key: str(guardrails[region][key]) for key in ("id", "version")},
        }
        for region in dict.fromkeys(regions)
        if region in guardrails and region in models
    ]


class FilterModule:
    def filters(self) -> dict:
        return {"model_targets": model_targets}
