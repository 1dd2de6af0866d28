# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: request_total
short_description: Add up what the metrics of request_metrics have counted
version_added: 1.0.0
author: MedZen platform team (@medzen)
description:
  - Takes the results of M(medzen.multiregion.cloudwatch_metric_info) in a loop over what
    P(medzen.multiregion.request_metrics#filter) gave.
  - A metric without a datapoint in 455 days is nobody's request, except where it is required. Then nothing is known.
options:
  _input:
    description: Results of the loop.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Refuse while somebody asks
  ansible.builtin.assert:
    that: (requests.results | medzen.multiregion.request_total).total == 0
"""

RETURN = r"""
_value:
  description: The C(total), V(null) when it is not known, and C(text) with each thing that was asked.
  type: dict
  sample:
    total: 12
    text: "9 RequestCount at load balancer medzen-ehrbase-alb-af-south-1, 3 Count at HTTP API medzen-chime"
"""

from ansible.errors import AnsibleFilterError


def request_total(results: list[dict]) -> dict:
    counted = [(result[result.get("ansible_loop_var", "item")], result) for result in results]
    if faults := [row["what"] for row, result in counted if "total" not in result]:
        told = ", ".join(faults)
        raise AnsibleFilterError(f"Found: no total of {told}. Expected: results of cloudwatch_metric_info.")
    unknown = [row["what"] for row, result in counted if result["total"] is None and row["required"]]
    if unknown:
        return {"total": None, "text": f"unknown: {', '.join(unknown)} never had a request"}
    asked = [(row, int(result["total"])) for row, result in counted if result["total"]]
    told = [f"{number} {row['metric']} at {row['what']}" for row, number in asked]
    return {"total": sum(number for _row, number in asked), "text": ", ".join(told) or "none"}


class FilterModule:
    def filters(self) -> dict:
        return {"request_total": request_total}
