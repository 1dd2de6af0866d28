# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: composition_requests
short_description: The requests that write a composition for a patient who is nobody, and read it
version_added: 1.0.0
author: MedZen platform team (@medzen)
description:
  - What proves to a client's eyes that a record store keeps a record. The EHR is made when it is not there yet, and one
    that somebody else made serves as well.
  - A client that is given the composition's version in the answer reads just that one.
positional: ehr_id, content
options:
  _input:
    description: Path of the openEHR REST API, as V(/ehrbase/rest/openehr/v1).
    type: str
    required: true
  ehr_id:
    description: The EHR, a UUID of no patient.
    type: str
    required: true
  content:
    description: What the composition holds. It says which run wrote it.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Write a composition and read it
  medzen.multiregion.http_probe:
    url: https://ehr.example.org
    sequence: "{{ api_path | medzen.multiregion.composition_requests(ehr_id, {'name': 'smoke test'}) }}"
"""

RETURN = r"""
_value:
  description: >-
    The option O(medzen.multiregion.http_probe#module:sequence) with three requests. The second is registered as
    C(composition).
  type: list
  elements: dict
"""

import json
from collections.abc import Mapping
from typing import Any


def composition_requests(api: str, ehr_id: str, content: Mapping[str, Any]) -> list[dict[str, Any]]:
    ehr = f"{api}/ehr/{ehr_id}"
    return [
        # 409: it is there.
        {"name": "the test patient's EHR", "method": "PUT", "path": ehr, "expect_status": [201, 204, 409]},
        {
            "name": "composition",
            "method": "POST",
            "path": f"{ehr}/composition",
            "headers": {"Content-Type": "application/json"},
            "body": json.dumps(dict(content)),
            "expect_status": [201, 204],
        },
        {"name": "the same composition", "path": f"{ehr}/composition/{{composition.id}}"},
    ]


class FilterModule:
    def filters(self) -> dict:
        return {"composition_requests": composition_requests}
