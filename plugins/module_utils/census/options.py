# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that census and teardown share: the same options give the same plan."""

from __future__ import annotations

from ansible_collections.medzen.multiregion.plugins.module_utils.census.plan import Rules
from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import KINDS, key
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError

PLAN_OPTIONS = {
    "workload": {"type": "str", "required": True},
    "name_prefixes": {"type": "list", "elements": "str", "default": []},
    "keep": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "kind": {"type": "str", "required": True},
            "id": {"type": "str"},
            "reason": {"type": "str", "required": True},
        },
    },
    "include": {"type": "list", "elements": "str", "default": []},
    "plan_items": {"type": "list", "elements": "str", "default": []},
}


def build_rules(params: dict) -> Rules:
    return Rules(
        workload=params["workload"],
        prefixes=tuple(params["name_prefixes"]),
        keep={keep_key(entry): entry["reason"] for entry in params["keep"]},
        include=frozenset(params["include"]),
        recorded=frozenset(params["plan_items"]),
    )


def keep_key(entry: dict) -> str:
    return key(entry["kind"], entry["id"]) if entry.get("id") else entry["kind"]


def check_kinds(names: list[str]) -> list[str]:
    wrong = sorted(set(names) - set(KINDS))
    if wrong:
        raise MultiregionError(f"Found: kinds {', '.join(wrong)}. Expected: some of {', '.join(sorted(KINDS))}.")
    return names
