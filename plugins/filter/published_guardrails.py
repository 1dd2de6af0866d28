# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: published_guardrails
short_description: Tell which version of a guardrail an application is to pin in each region
version_added: 1.0.0
author: MedZen platform team (@medzen)
description:
  - Takes what M(medzen.multiregion.bedrock_guardrail_info) returns with C(all_versions) for each region, and gives the
    newest numbered version. A region whose guardrail has none is left out. The draft is never pinned.
positional: planned
options:
  _input:
    description: Guardrails of one name by region, as RV(medzen.multiregion.bedrock_guardrail_info#module:guardrails).
    type: dict
    required: true
  planned:
    description: Regions in which check mode would publish a version; its number, and maybe the id, is not known yet.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: See what production pins
  ansible.builtin.debug:
    msg: "{{ {'eu-central-1': read.guardrails} | medzen.multiregion.published_guardrails }}"
"""

RETURN = r"""
_value:
  description: By region C(id), C(version) and C(content_sha256), which is the same where guardrails do the same.
  type: dict
"""

from collections.abc import Iterable, Mapping
from typing import Any

UNKNOWN = "new"


def published_guardrails(guardrails: Mapping[str, list[dict]], planned: Iterable[str] = ()) -> dict[str, dict]:
    pins = {region: pin for region, found in guardrails.items() if (pin := find_pin(found))}
    for region in planned:
        known = (guardrails.get(region) or [{}])[0]
        pins[region] = {"id": known.get("guardrail_id", UNKNOWN), "version": UNKNOWN, "content_sha256": UNKNOWN}
    return pins


def find_pin(found: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The newest version that is ready; one that failed is none."""
    for guardrail in found:
        ready = [one for one in guardrail.get("versions") or [] if one["status"] != "FAILED"]
        if ready:
            newest = max(ready, key=lambda one: int(one["version"]))
            pinned = {"version": str(newest["version"]), "content_sha256": newest["content_sha256"]}
            return {"id": guardrail["guardrail_id"], **pinned}
    return None


class FilterModule:
    def filters(self) -> dict:
        return {"published_guardrails": published_guardrails}
