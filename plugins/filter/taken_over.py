# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: taken_over
short_description: Name what was there already and belonged to nobody or to somebody else
version_added: 1.0.0
author: MedZen platform team
description:
  - Takes results of modules of this collection that manage one thing each, and names those things that were there
    before without the tag C(Workload) of this workload, with the CloudFormation stack that made them where AWS tells.
  - A thing that was made by the task, or that had the tag already, is not named. Skipped results name nothing.
options:
  _input:
    description:
      - Results by the name of the returned value, as V(function), V(table), V(bucket) or V(api), each a list.
    type: dict
    required: true
  workload:
    description: Value of the tag C(Workload).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Say what was there already
  ansible.builtin.debug:
    msg: "{{ {'function': functions.results, 'table': [table]} | medzen.multiregion.taken_over('medzen-ehrbase') }}"
"""

RETURN = r"""
_value:
  description: What was taken over, in the order of the results.
  type: list
  elements: str
  sample: ["function medzen-meeting-manager (stack medzen-chime-sdk-eu-central-1)"]
"""

from ansible.errors import AnsibleFilterError

TAG, STACK = "Workload", "aws:cloudformation:stack-name"


def taken_over(results: dict[str, list[dict]], workload: str) -> list[str]:
    return [
        describe(kind, result[kind]["name"], tags_before(result))
        for kind, rows in results.items()
        for result in rows
        if is_done(kind, result) and tags_before(result) is not None and tags_before(result).get(TAG) != workload
    ]


def is_done(kind: str, result: dict) -> bool:
    """Whether the task ran and described the thing; a result of something else is a mistake of the playbook."""
    if result.get("skipped"):
        return False
    if kind not in result or "diff" not in result:
        raise AnsibleFilterError(f"Found: a result without {kind} or diff. Expected: one of a module that manages it.")
    return True


def tags_before(result: dict) -> dict[str, str] | None:
    """Tags that the thing had; None when there was none."""
    before = result["diff"]["before"]
    return (before.get("tags") or before.get("Tags") or {}) if "tags" in before or "Tags" in before else None


def describe(kind: str, name: str, tags: dict[str, str]) -> str:
    return f"{kind} {name} (stack {tags[STACK]})" if tags.get(STACK) else f"{kind} {name}"


class FilterModule:
    def filters(self) -> dict:
        return {"taken_over": taken_over}
