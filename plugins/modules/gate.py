# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation of an action plugin; the code is in plugins/action/gate.py.

DOCUMENTATION = r"""
---
module: gate
version_added: 1.0.0
short_description: Stop before an irreversible step unless every condition is known to hold
description:
  - Passes only when every condition is exactly true. False refuses, and so does unknown, which is C(null) or anything
    that is no boolean.
  - A refusal names all conditions that do not hold, with what was found, what was expected and what to do next.
  - The verdict and the evidence go into the run's report.
options:
  name:
    description:
      - What the gate guards, as C(cutover) or C(decommission).
    type: str
    required: true
  that:
    description:
      - The conditions. Either these or O(checks) must be given.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - What must hold, in a few words.
        type: str
      condition:
        description:
          - V(true), V(false), or V(null) for unknown.
        type: raw
        required: true
      found:
        description:
          - What was found.
        type: raw
      expected:
        description:
          - What was expected.
        type: raw
      next_step:
        description:
          - What to do about it.
        type: str
      planned_by:
        description:
          - The step of the same run that will make the condition hold. In check mode such a refusal is reported as
            planned and does not fail.
        type: str
      overridable:
        description:
          - Whether the override lifts this condition.
        type: bool
        default: true
  checks:
    description:
      - Checks as M(medzen.multiregion.region_preflight_info) returns them. C(ok) and C(warn) hold, C(refuse) and
        C(unknown) do not.
    type: list
    elements: dict
    default: []
  evidence:
    description:
      - Facts that the verdict rests on. They are written to the report, so they must hold no secret.
    type: dict
    default: {}
  override:
    description:
      - The text that a person typed to accept the exact consequence. Empty means that nothing was typed.
    type: str
  override_expected:
    description:
      - The text that must be typed, with the consequence in it, as C(lose 12 records). Without it there is no override.
    type: str
attributes:
  check_mode:
    description: Judges as in a real run; a refusal that an earlier step of the run would lift is reported as planned.
    support: full
  diff_mode:
    description: Changes nothing and has no diff.
    support: none
  idempotent:
    description: Changes nothing.
    support: full
author:
  - MedZen platform team (@medzen)
"""

EXAMPLES = r"""
- name: No acknowledged write may be lost
  medzen.multiregion.gate:
    name: cutover
    that:
      - name: the target has caught up
        condition: "{{ lag_bytes == 0 if lag_bytes is not none else none }}"
        found: "{{ lag_bytes }} bytes behind"
        expected: 0 bytes
        next_step: wait until the replica has replayed the fence
    evidence:
      fence_lsn: "{{ fence_lsn }}"
    override: "{{ accept_loss | default('') }}"
    override_expected: "lose {{ lost_records }} records"
"""

RETURN = r"""
gate:
  description: The verdict, with the conditions and the evidence.
  returned: always
  type: dict
  contains:
    name:
      description: What the gate guards.
      type: str
      sample: cutover
    verdict:
      description: C(pass), C(refuse), C(override), or C(planned) in check mode.
      type: str
      sample: pass
    conditions:
      description: Each condition with its own verdict, C(pass), C(refuse) or C(unknown).
      type: list
      elements: dict
    evidence:
      description: The facts that were given.
      type: dict
    override:
      description: What was typed.
      type: str
msg:
  description: The verdict in plain lines.
  returned: always
  type: str
"""
